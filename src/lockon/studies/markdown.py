"""Numbers and tables as a study's page shows them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lockon.studies.metrics import METRICS, Name
from lockon.types import FloatArray


def spread(values: FloatArray, name: Name) -> str:
    """Mean and standard deviation of a metric over seeds: "0.646 ± 0.015"; nothing where it has none."""
    if np.isnan(values).all():
        return ""
    digits = METRICS[name].digits
    deviation = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{deviation}"


def signed(value: float, name: Name) -> str:
    """A difference of a metric: "+0.012"."""
    return f"{value:+.{METRICS[name].digits}f}"


def table(cells: Sequence[Sequence[str]], left: int) -> str:
    """A table, heads first, of which the first `left` columns are texts and the others numbers."""
    rule = ["---"] * left + ["--:"] * (len(cells[0]) - left)
    return "\n".join(f"| {' | '.join(line)} |" for line in (cells[0], rule, *cells[1:]))


__all__ = ["signed", "spread", "table"]
