"""Correlations: Pearson's, Spearman's by average ranks, and how far they are from chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lockon.errors import LockonError
from lockon.types import FloatArray

_FEWEST = 3  # pairs that a correlation takes: two always lie on a line


def average_ranks(values: ArrayLike) -> FloatArray:
    """Return the (N,) ranks from 1 of N finite numbers; equal numbers share the mean of their ranks.

    >>> average_ranks([10, 30, 10, 20]).tolist()
    [1.5, 4.0, 1.5, 3.0]
    """
    _, inverse, ties = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True, return_counts=True)
    last = np.cumsum(ties)
    return np.asarray((last - (ties - 1) / 2)[inverse], dtype=np.float64)


def pearson(a: ArrayLike, b: ArrayLike) -> float:
    """Compute Pearson's linear correlation of N pairs, in [-1, 1]; NaN for fewer than three pairs, or where one side is constant.

    Args:
        a: (N,) numbers; a pair with NaN in either is left out.
        b: (N,) numbers in the same order.

    Raises:
        LockonError: Different shapes.

    >>> round(pearson([1, 2, 3, 4], [1, 3, 2, 4]), 6)
    0.8
    """
    first, second = _pairs(a, b)
    if len(first) < _FEWEST or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    first, second = first - first.mean(), second - second.mean()
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.clip(first @ second / length, -1, 1)) if length > 0 else float("nan")  # differences that vanish when squared


def spearman(a: ArrayLike, b: ArrayLike) -> float:
    """Compute Spearman's rank correlation: Pearson's of the ranks, equal values sharing a rank (Spearman, 1904).

    Args:
        a: (N,) numbers; a pair with NaN in either is left out.
        b: (N,) numbers in the same order.

    >>> round(spearman([1, 2, 3, 4], [1, 8, 27, 64]), 6)
    1.0
    """
    first, second = _pairs(a, b)
    return pearson(average_ranks(first), average_ranks(second))


@dataclass(frozen=True, slots=True)
class Correlation:
    """Rank correlation of n pairs, and how often chance alone gives one of that size.

    Attributes:
        value: Spearman's; NaN where it has none.
        p_value: Of a two-sided permutation test; NaN where `value` is.
        pairs: Number of pairs, n.
    """

    value: float
    p_value: float
    pairs: int


def rank_correlation(a: ArrayLike, b: ArrayLike, *, samples: int = 10_000, seed: int = 0) -> Correlation:
    """Return Spearman's correlation of (n,) and (n,) numbers, pairs with NaN left out, with a two-sided permutation test.

    Args:
        a: First numbers.
        b: Second numbers.
        samples: Number of random permutations.
        seed: Of the random permutations.

    Raises:
        LockonError: Different shapes.
    """
    first, second = _pairs(a, b)
    value = spearman(first, second)
    if np.isnan(value):
        return Correlation(value, float("nan"), len(first))
    ranks = [part - part.mean() for part in (average_ranks(first), average_ranks(second))]
    orders = np.random.default_rng(seed).permuted(np.tile(ranks[1], (samples, 1)), axis=1)  # (P, n)
    products = np.abs(orders @ ranks[0])  # correlations but for a constant factor
    reached = int(np.count_nonzero(products >= abs(ranks[1] @ ranks[0]) * (1 - 1e-12)))
    return Correlation(value, (reached + 1) / (samples + 1), len(first))


def _pairs(a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the pairs without NaN."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise LockonError(f"values of shapes {first.shape} and {second.shape} to correlate; expected two rows (N,) in the same order")
    known = ~(np.isnan(first) | np.isnan(second))
    return first[known], second[known]


__all__ = ["Correlation", "average_ranks", "pearson", "rank_correlation", "spearman"]
