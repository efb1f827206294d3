"""Hyper-parameter search of inference parameters on validation data."""

from lockon.bench.search.engine import BestTrial, search
from lockon.bench.search.folds import CrossValidation, Fold, cross_validate
from lockon.bench.search.objective import METRICS, Objective
from lockon.bench.search.ranges import default_space, parse_range, parse_vary, read_space
from lockon.bench.search.space import Parameter
from lockon.bench.search.splits import check_splits
from lockon.bench.search.trials import Trial
from lockon.bench.search.work import Step

__all__ = [
    "METRICS",
    "BestTrial",
    "CrossValidation",
    "Fold",
    "Objective",
    "Parameter",
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
