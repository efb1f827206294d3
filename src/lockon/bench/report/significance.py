"""How far metrics can be trusted: bootstrap intervals over sequences, and whether two trackers differ by more than chance.

Sequences are drawn, not frames: frames of one video are no independent samples. Metrics that are means over sequences go through
`lockon.bench.metrics.statistics`; the others (EAO, number of failures) are computed again from each draw of sequences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lockon.bench.metrics import bootstrap_interval, paired_difference
from lockon.bench.report.model import Metric, Report, SequenceScore, TrackerScore
from lockon.errors import LockonError, unknown_name
from lockon.types import FloatArray

LEVEL = 0.95
DRAWS = 500  # of metrics that are no means


@dataclass(frozen=True, slots=True)
class Intervals:
    """Confidence intervals of all metrics: tracker -> metric -> (low, high); and how they were made, in half a sentence."""

    of: Mapping[str, Mapping[str, tuple[float, float]]]
    meaning: str


@dataclass(frozen=True, slots=True)
class SignificantDifference:
    """One metric of two trackers over the sequences that both have.

    Attributes:
        first: Value of the first tracker.
        second: Value of the second tracker.
        difference: First - second.
        low: Lower end of its confidence interval.
        high: Upper end of it.
        p: How likely a difference as large is by chance.
        wins: Sequences on which the first is better.
        ties: Sequences on which both are equal.
        losses: Sequences on which the first is worse.
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Two trackers, metric by metric, on `sequences` sequences; how it was made, in a sentence."""

    a: str
    b: str
    sequences: int
    metrics: Mapping[str, SignificantDifference]
    meaning: str


def intervals(report: Report, seed: int = 0) -> Intervals:
    """Return the 95% bootstrap interval of each metric of each tracker; (NaN, NaN) where a metric has no value."""
    found = {item.label: _of_tracker(report, item, seed) for item in report.trackers}
    return Intervals(found, f"{LEVEL:.0%} confidence interval, bootstrap over sequences")


def _of_tracker(report: Report, item: TrackerScore, seed: int) -> dict[str, tuple[float, float]]:
    others = [metric for metric in report.metrics if not metric.mean]
    drawn = _drawn(report, [item.sequences], seed)[0] if others else {}
    found = {}
    for metric in report.metrics:
        if not np.isfinite(item.values[metric.key]):
            found[metric.key] = (float("nan"), float("nan"))
        elif metric.mean:
            values, weights = _values(report, item.sequences, metric)
            one = bootstrap_interval(values, weights=weights, level=LEVEL, seed=seed)
            found[metric.key] = (one.low, one.high)
        else:
            found[metric.key] = _between(drawn[metric.key])
    return found


def compare(report: Report, a: str, b: str, seed: int = 0) -> PairedComparison:
    """Compare two trackers on the sequences that both have: paired differences and sign-flip permutation tests.

    Raises:
        LockonError: A tracker that the report does not have, twice the same, or no common sequence.
    """
    known = {item.label: item for item in report.trackers}
    for label in (a, b):
        if label not in known:
            raise unknown_name("tracker in this report", label, known)
    if a == b:
        raise LockonError(f"--compare {a} {b} names one tracker twice; name two")
    ours = {(part.dataset, part.sequence): part for part in known[a].sequences}
    theirs = {(part.dataset, part.sequence): part for part in known[b].sequences}
    common = sorted(set(ours) & set(theirs))
    if not common:
        raise LockonError(f"{a} and {b} have no sequence in common; run both on the same data")
    pair = [ours[key] for key in common], [theirs[key] for key in common]
    values = report.scoring.combine(pair[0]), report.scoring.combine(pair[1])
    known_metrics = [metric for metric in report.metrics if all(np.isfinite(side[metric.key]) for side in values)]
    metrics = {metric.key: _paired(report, metric, pair, values, seed) for metric in known_metrics if metric.mean}
    if any(not metric.mean for metric in known_metrics):
        metrics |= _redrawn(report, [metric for metric in known_metrics if not metric.mean], pair, values, seed)
    meaning = (
        f"{len(common)} sequences that both have. In brackets: {LEVEL:.0%} confidence interval, bootstrap over sequences; bold: it "
        "does not hold 0. p: sign-flip permutation test over sequences, two-sided."
    )
    return PairedComparison(a, b, len(common), {metric.key: metrics[metric.key] for metric in known_metrics}, meaning)


Pair = tuple[Sequence[SequenceScore], Sequence[SequenceScore]]
Sides = tuple[Mapping[str, float], Mapping[str, float]]


def _paired(report: Report, metric: Metric, pair: Pair, values: Sides, seed: int) -> SignificantDifference:
    (first, weights), (second, _) = (_values(report, side, metric) for side in pair)
    found = paired_difference(first, second, weights=weights, level=LEVEL, seed=seed)
    ahead, behind = (found.better, found.worse) if metric.rising else (found.worse, found.better)
    one, other = values[0][metric.key], values[1][metric.key]
    low, high, ties = found.interval.low, found.interval.high, found.sequences - ahead - behind
    return SignificantDifference(one, other, one - other, low, high, found.p_value, ahead, ties, behind)


def _redrawn(report: Report, metrics: Sequence[Metric], pair: Pair, values: Sides, seed: int) -> dict[str, SignificantDifference]:
    """Test metrics that are no means: with draws of sequences, and with the two trackers' sequences exchanged at random."""
    drawn, exchanged = _drawn(report, pair, seed), _exchanged(report, pair, seed)
    found = {}
    for metric in metrics:
        key = metric.key
        one, other = values[0][key], values[1][key]
        low, high = _between(drawn[0][key] - drawn[1][key])
        reached = np.count_nonzero(np.abs(exchanged[0][key] - exchanged[1][key]) >= abs(one - other) - 1e-12)
        ahead = [_sign(metric, ours.values[key] - theirs.values[key]) for ours, theirs in zip(*pair, strict=True)]
        counts = (ahead.count(1), ahead.count(0), ahead.count(-1))
        found[key] = SignificantDifference(one, other, one - other, low, high, float((reached + 1) / (DRAWS + 1)), *counts)
    return found


def _sign(metric: Metric, difference: float) -> int | None:
    """Return 1 where the first is better, -1 where the second is; None for a sequence that has no value of its own."""
    return None if np.isnan(difference) else int(np.sign(difference if metric.rising else -difference))


def _values(report: Report, scores: Sequence[SequenceScore], metric: Metric) -> tuple[FloatArray, FloatArray | None]:
    """Return the (S,) values and (S,) frames of each sequence; None where sequences count alike."""
    values = np.array([part.values[metric.key] for part in scores])
    weights = np.array([part.weights[metric.key] for part in scores], dtype=np.float64)
    values = np.where(weights > 0, values, np.nan)
    return values, weights if report.scoring.pooled else None


def _drawn(report: Report, sides: Sequence[Sequence[SequenceScore]], seed: int) -> list[dict[str, FloatArray]]:
    """Return the (DRAWS,) values of each metric, from sequences drawn with replacement, the same ones for each side."""
    rng, count = np.random.default_rng(seed), len(sides[0])
    rounds = [rng.integers(0, count, count) for _ in range(DRAWS)]
    return [_collected(report, [[side[index] for index in draw] for draw in rounds]) for side in sides]


def _exchanged(report: Report, pair: Pair, seed: int) -> list[dict[str, FloatArray]]:
    """Return the (DRAWS,) values of each metric, each sequence going to the first or the second side by chance."""
    rng = np.random.default_rng(seed)
    rounds = [rng.integers(0, 2, len(pair[0])) for _ in range(DRAWS)]
    both = [[[pair[(side + flip) % 2][index] for index, flip in enumerate(flips)] for flips in rounds] for side in (0, 1)]
    return [_collected(report, side) for side in both]


def _collected(report: Report, rounds: Sequence[Sequence[SequenceScore]]) -> dict[str, FloatArray]:
    found = [report.scoring.combine(scores) for scores in rounds]
    return {metric.key: np.array([values[metric.key] for values in found]) for metric in report.metrics}


def _between(values: FloatArray) -> tuple[float, float]:
    tail = 50 * (1 - LEVEL)
    low, high = np.nanpercentile(values, [tail, 100 - tail])
    return float(low), float(high)


__all__ = ["DRAWS", "LEVEL", "Intervals", "PairedComparison", "SignificantDifference", "compare", "intervals"]
