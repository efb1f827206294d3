"""How far figures can be trusted: bootstrap intervals over sequences, and whether two trackers differ by more than chance.

Sequences are drawn, not frames: frames of one video are no independent samples. Figures that are means over sequences go through
`lockon.bench.metrics.statistics`; the others (EAO, number of failures) are computed again from each draw of sequences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lockon.bench import metrics
from lockon.bench.report.model import Metric, Report, SequenceScore, TrackerScore
from lockon.errors import LockonError, unknown_name
from lockon.types import FloatArray

LEVEL = 0.95
DRAWS = 500  # of figures that are no means


@dataclass(frozen=True, slots=True)
class Intervals:
    """Confidence intervals of all figures: tracker -> figure -> (low, high); and how they were made, in half a sentence."""

    of: Mapping[str, Mapping[str, tuple[float, float]]]
    meaning: str


@dataclass(frozen=True, slots=True)
class SignificantDifference:
    """One figure of two trackers over the sequences that both have.

    Attributes:
        first, second: values. difference: first - second. low, high: its confidence interval.
        p: how likely a difference as large is by chance. wins, ties, losses: sequences on which the first is better, equal, worse.
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
    """Two trackers, figure by figure, on `sequences` sequences; how it was made, in a sentence."""

    a: str
    b: str
    sequences: int
    figures: Mapping[str, SignificantDifference]
    meaning: str


def intervals(report: Report, seed: int = 0) -> Intervals:
    """The 95% bootstrap interval of each figure of each tracker; (NaN, NaN) where a figure has no value."""
    found = {item.label: _of_tracker(report, item, seed) for item in report.trackers}
    return Intervals(found, f"{LEVEL:.0%} confidence interval, bootstrap over sequences")


def _of_tracker(report: Report, item: TrackerScore, seed: int) -> dict[str, tuple[float, float]]:
    others = [figure for figure in report.figures if not figure.mean]
    drawn = _drawn(report, [item.sequences], seed)[0] if others else {}
    found = {}
    for figure in report.figures:
        if not np.isfinite(item.values[figure.key]):
            found[figure.key] = (float("nan"), float("nan"))
        elif figure.mean:
            values, weights = _values(report, item.sequences, figure)
            one = metrics.bootstrap_interval(values, weights=weights, level=LEVEL, seed=seed)
            found[figure.key] = (one.low, one.high)
        else:
            found[figure.key] = _between(drawn[figure.key])
    return found


def compare(report: Report, a: str, b: str, seed: int = 0) -> PairedComparison:
    """Two trackers on the sequences that both have: paired differences and sign-flip permutation tests.

    Raises:
        LockonError: a tracker that the report does not have, twice the same, or no common sequence.
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
    known_figures = [figure for figure in report.figures if all(np.isfinite(side[figure.key]) for side in values)]
    figures = {figure.key: _paired(report, figure, pair, values, seed) for figure in known_figures if figure.mean}
    if any(not figure.mean for figure in known_figures):
        figures |= _redrawn(report, [figure for figure in known_figures if not figure.mean], pair, values, seed)
    meaning = (
        f"{len(common)} sequences that both have. In brackets: {LEVEL:.0%} confidence interval, bootstrap over sequences; bold: it "
        "does not hold 0. p: sign-flip permutation test over sequences, two-sided."
    )
    return PairedComparison(a, b, len(common), {figure.key: figures[figure.key] for figure in known_figures}, meaning)


Pair = tuple[Sequence[SequenceScore], Sequence[SequenceScore]]
Sides = tuple[Mapping[str, float], Mapping[str, float]]


def _paired(report: Report, figure: Metric, pair: Pair, values: Sides, seed: int) -> SignificantDifference:
    (first, weights), (second, _) = (_values(report, side, figure) for side in pair)
    found = metrics.paired_difference(first, second, weights=weights, level=LEVEL, seed=seed)
    ahead, behind = (found.better, found.worse) if figure.rising else (found.worse, found.better)
    key = figure.key
    return SignificantDifference(
        first=values[0][key],
        second=values[1][key],
        difference=values[0][key] - values[1][key],
        low=found.interval.low,
        high=found.interval.high,
        p=found.p_value,
        wins=ahead,
        ties=found.sequences - ahead - behind,
        losses=behind,
    )


def _redrawn(report: Report, figures: Sequence[Metric], pair: Pair, values: Sides, seed: int) -> dict[str, SignificantDifference]:
    """Figures that are no means: from draws of sequences, and with the two trackers' sequences exchanged at random."""
    drawn = _drawn(report, pair, seed)
    exchanged = _exchanged(report, pair, seed)
    found = {}
    for figure in figures:
        key = figure.key
        difference = values[0][key] - values[1][key]
        low, high = _between(drawn[0][key] - drawn[1][key])
        reached = np.count_nonzero(np.abs(exchanged[0][key] - exchanged[1][key]) >= abs(difference) - 1e-12)
        ahead = [_sign(figure, one.values[key] - other.values[key]) for one, other in zip(*pair, strict=True)]
        counts = (ahead.count(1), ahead.count(0), ahead.count(-1))
        found[key] = SignificantDifference(
            values[0][key], values[1][key], difference, low, high, float((reached + 1) / (DRAWS + 1)), *counts
        )
    return found


def _sign(figure: Metric, difference: float) -> int | None:
    """1 where the first is better, -1 where the second is; None for a sequence that has no value of its own."""
    return None if np.isnan(difference) else int(np.sign(difference if figure.rising else -difference))


def _values(report: Report, scores: Sequence[SequenceScore], figure: Metric) -> tuple[FloatArray, FloatArray | None]:
    """(S,) values and (S,) frames of each sequence; None where sequences count alike."""
    values = np.array([part.values[figure.key] for part in scores])
    weights = np.array([part.weights[figure.key] for part in scores], dtype=np.float64)
    values = np.where(weights > 0, values, np.nan)
    return values, weights if report.scoring.pooled else None


def _drawn(report: Report, sides: Sequence[Sequence[SequenceScore]], seed: int) -> list[dict[str, FloatArray]]:
    """(DRAWS,) values of each figure, from sequences drawn with replacement, the same ones for each side."""
    rng, count = np.random.default_rng(seed), len(sides[0])
    rounds = [rng.integers(0, count, count) for _ in range(DRAWS)]
    return [_collected(report, [[side[index] for index in draw] for draw in rounds]) for side in sides]


def _exchanged(report: Report, pair: Pair, seed: int) -> list[dict[str, FloatArray]]:
    """(DRAWS,) values of each figure, each sequence going to the first or the second side by chance."""
    rng = np.random.default_rng(seed)
    rounds = [rng.integers(0, 2, len(pair[0])) for _ in range(DRAWS)]
    both = [[[pair[(side + flip) % 2][index] for index, flip in enumerate(flips)] for flips in rounds] for side in (0, 1)]
    return [_collected(report, side) for side in both]


def _collected(report: Report, rounds: Sequence[Sequence[SequenceScore]]) -> dict[str, FloatArray]:
    found = [report.scoring.combine(scores) for scores in rounds]
    return {figure.key: np.array([values[figure.key] for values in found]) for figure in report.figures}


def _between(values: FloatArray) -> tuple[float, float]:
    tail = 50 * (1 - LEVEL)
    low, high = np.nanpercentile(values, [tail, 100 - tail])
    return float(low), float(high)


__all__ = ["DRAWS", "LEVEL", "Intervals", "PairedComparison", "SignificantDifference", "compare", "intervals"]
