"""Hyper-parameter search of inference parameters on validation data."""

from lockon.bench.search.engine import SearchOptions, search
from lockon.bench.search.objective import METRICS, Objective
from lockon.bench.search.space import Parameter, default_space, parse_range, parse_vary, read_space
from lockon.bench.search.splits import check_splits
from lockon.bench.search.summary import CrossValidation, Fold, cross_validate
from lockon.bench.search.trials import SearchResult, Step, Trial

__all__ = [
    "METRICS",
    "CrossValidation",
    "Fold",
    "Objective",
    "Parameter",
    "SearchOptions",
    "SearchResult",
    "Step",
    "Trial",
    "check_splits",
    "cross_validate",
    "default_space",
    "parse_range",
    "parse_vary",
    "read_space",
    "search",
]
