"""Statistics of metrics: bootstrap intervals, paired tests of two trackers, means by attribute, percentiles of times.

Sequences are the samples, as frames of one video are not independent. Efron and Tibshirani, An Introduction to the Bootstrap,
1993, section 13.3 (percentile intervals) and 15.2 (permutation tests).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lockon.errors import LockonError
from lockon.types import FloatArray

_EXACT = 16  # differences up to which all 2 ** n patterns of signs are tried
_BLOCK = 4_000_000  # numbers in the largest temporary array


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over sequences and the interval that holds it; all in the unit of the values.

    Attributes:
        mean: The mean.
        low: Lower end of the interval.
        high: Upper end of the interval.
        level: Share of such intervals that hold the mean, in (0, 1).
    """

    mean: float
    low: float
    high: float
    level: float


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The difference of two trackers on the same sequences.

    Attributes:
        interval: The mean difference, first less second, with its interval.
        p_value: Probability of a difference of this size, of either sign, if the two trackers were equal.
        exact: Whether all patterns of signs were tried, or a random sample of them.
        sequences: Number of sequences compared.
        better: Number of sequences in which the first is ahead.
        worse: Number of sequences in which the second is ahead.
    """

    interval: Interval
    p_value: float
    exact: bool
    sequences: int
    better: int
    worse: int


def bootstrap_interval(
    values: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95, samples: int = 10_000, seed: int = 0
) -> Interval:
    """Compute the percentile interval of the mean over sequences, which are drawn with replacement.

    Args:
        values: (S,) one metric per sequence; NaN is left out.
        weights: (S,) frames of each sequence where the convention pools frames, or None for equal weights.
        level: Share of the intervals that hold the mean, in (0, 1).
        samples: Number of draws.
        seed: Seed of the draws; the same seed gives the same interval.

    Raises:
        LockonError: No value, other shapes, or numbers out of range.
    """
    numbers, shares = _samples(values, weights)
    low, high = _interval(numbers, shares, level, samples, seed)
    return Interval(float(np.average(numbers, weights=shares)), low, high, level)


def paired_difference(
    a: ArrayLike, b: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95, samples: int = 10_000, seed: int = 0
) -> PairedDifference:
    """Test whether tracker a is better than b on the same sequences: mean difference, its interval, and a sign-flip permutation test.

    Up to 16 sequences that differ, the test tries every pattern of signs; beyond, `samples` random ones.

    Args:
        a: (S,) one metric per sequence of the first tracker; a sequence with NaN in either is left out.
        b: (S,) the same of the second tracker, in the same order.
        weights: (S,) as for `bootstrap_interval`.
        level: As for `bootstrap_interval`.
        samples: Number of draws.
        seed: Seed of the draws.

    Raises:
        LockonError: Different numbers of sequences, no common one, or numbers out of range.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise LockonError(
            f"metrics of shapes {first.shape} and {second.shape}; give the same sequences of both trackers, in the same order"
        )
    difference, shares = _samples(first - second, weights)
    low, high = _interval(difference, shares, level, samples, seed)
    weighted = difference * shares
    moving = weighted[difference != 0]  # a difference of 0 is the same with either sign
    exact = len(moving) <= _EXACT
    if exact:
        sums = np.zeros(1)
        for part in moving:  # all patterns: each difference doubles their number
            sums = np.concatenate([sums + part, sums - part])
        reached = _as_far(sums, weighted) / len(sums)
    else:
        rng = np.random.default_rng(seed)
        rows = max(1, _BLOCK // len(moving))
        count = 0
        for start in range(0, samples, rows):
            signs = rng.integers(0, 2, (min(rows, samples - start), len(moving))) * 2 - 1
            count += _as_far(signs @ moving, weighted)
        reached = (count + 1) / (samples + 1)  # the pattern that was seen is one of them
    interval = Interval(float(np.average(difference, weights=shares)), low, high, level)
    return PairedDifference(
        interval, float(reached), exact, len(difference), int(np.count_nonzero(difference > 0)), int(np.count_nonzero(difference < 0))
    )


def by_attribute(values: ArrayLike, attributes: Sequence[Iterable[str]], weights: ArrayLike | None = None) -> dict[str, float]:
    """Compute the mean of a metric over the sequences that have an attribute, by the attribute's name in alphabetical order.

    Args:
        values: (S,) one metric per sequence; NaN is left out.
        attributes: Names of each sequence.
        weights: (S,) frames of each sequence where the convention pools frames, or None.

    Raises:
        LockonError: Different numbers of values, attributes and weights.
    """
    numbers = np.asarray(values, dtype=np.float64)
    shares = np.ones(len(numbers)) if weights is None else np.asarray(weights, dtype=np.float64)
    if numbers.shape != (len(attributes),) or shares.shape != numbers.shape:
        raise LockonError(f"metrics of shape {numbers.shape} and attributes of {len(attributes)} sequences; give one of each per sequence")
    names = [frozenset(each) for each in attributes]
    means = {}
    for name in sorted(frozenset().union(*names)):
        chosen = np.array([name in each for each in names]) & ~np.isnan(numbers) & (shares > 0)
        means[name] = float(np.average(numbers[chosen], weights=shares[chosen])) if chosen.any() else float("nan")
    return means


def latency_percentiles(times: ArrayLike, percentiles: Sequence[float] = (50, 90, 95, 99)) -> dict[str, float]:
    """Compute mean, percentiles and maximum of the time per frame, in the unit of `times`: keys "mean", "p50", .., "max".

    Percentiles are linear between neighbouring times. Leave the frame of the start out before: it is no tracking.

    Args:
        times: (T,) times of one or many sequences; NaN is left out.
        percentiles: In [0, 100].

    Raises:
        LockonError: No time, or a percentile out of range.
    """
    known = np.asarray(times, dtype=np.float64).ravel()
    known = known[~np.isnan(known)]
    if not len(known):
        raise LockonError("no times; give the seconds of one frame or more")
    if not all(0 <= percentile <= 100 for percentile in percentiles):
        raise LockonError(f"percentiles {list(percentiles)}; expected numbers from 0 to 100")
    values = np.percentile(known, list(percentiles))
    named = {f"p{percentile:g}": float(value) for percentile, value in zip(percentiles, values, strict=True)}
    return {"mean": float(known.mean()), **named, "max": float(known.max())}


def _samples(values: ArrayLike, weights: ArrayLike | None) -> tuple[FloatArray, FloatArray]:
    numbers = np.asarray(values, dtype=np.float64)
    shares = np.ones(numbers.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    if numbers.ndim != 1 or shares.shape != numbers.shape:
        raise LockonError(f"metrics of shape {numbers.shape} and weights of shape {shares.shape}; expected (S,) one per sequence")
    known = ~np.isnan(numbers) & (shares > 0)
    if not known.any():
        raise LockonError(f"none of {len(numbers)} sequences has a metric and a weight above 0; give one or more")
    return numbers[known], shares[known]


def _interval(numbers: FloatArray, shares: FloatArray, level: float, samples: int, seed: int) -> tuple[float, float]:
    if not 0 < level < 1 or samples < 1:
        raise LockonError(f"level={level:g}, samples={samples}; expected a level between 0 and 1, such as 0.95, and 1 sample or more")
    rng, count = np.random.default_rng(seed), len(numbers)
    rows = max(1, _BLOCK // count)
    means = []
    for start in range(0, samples, rows):
        drawn = rng.multinomial(count, np.full(count, 1 / count), size=min(rows, samples - start))  # how often each was drawn
        means.append(drawn @ (numbers * shares) / (drawn @ shares))
    tail = 50 * (1 - level)
    low, high = np.percentile(np.concatenate(means), [tail, 100 - tail])
    return float(low), float(high)


def _as_far(sums: FloatArray, weighted: FloatArray) -> int:
    """Count the sums that are as far from 0 as that of the differences, up to rounding."""
    return int(np.count_nonzero(np.abs(sums) >= abs(weighted.sum()) - 1e-12 * np.abs(weighted).sum()))


__all__ = [
    "Interval",
    "PairedDifference",
    "bootstrap_interval",
    "by_attribute",
    "latency_percentiles",
    "paired_difference",
]
