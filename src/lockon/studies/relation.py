"""Whether two metrics rise together: alignment, which a part is made for, and overlap, which it is wanted for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lockon.bench.metrics import average_ranks, spearman
from lockon.studies.grid import BASE, Row
from lockon.studies.markdown import signed, spread, table
from lockon.studies.metrics import Name
from lockon.studies.spec import StudySpec
from lockon.studies.summary import Comparison, RowScores
from lockon.types import FloatArray

CAUSE: Name = "Spearman"
EFFECT: Name = "AO"
PERMUTATIONS = 10_000


@dataclass(frozen=True, slots=True)
class Correlation:
    """Rank correlation of two metrics over n runs, and how often chance alone gives one of that size; NaN where it has none."""

    value: float
    p_value: float
    runs: int

    def __str__(self) -> str:
        if np.isnan(self.value):
            return f"none that could be told, {self.runs} runs"
        return f"{self.value:+.2f} ({self.runs} runs, p {self.p_value:.2f})"


def rank_correlation(a: FloatArray, b: FloatArray, seed: int = 0) -> Correlation:
    """Spearman's correlation of (n,) and (n,) numbers, pairs with NaN left out; two-sided permutation test with random permutations."""
    known = np.isfinite(a) & np.isfinite(b)
    first, second = a[known], b[known]
    value = spearman(first, second)
    if np.isnan(value):
        return Correlation(value, float("nan"), len(first))
    ranks = [part - part.mean() for part in (average_ranks(first), average_ranks(second))]
    orders = np.random.default_rng(seed).permuted(np.tile(ranks[1], (PERMUTATIONS, 1)), axis=1)  # (P, n)
    products = np.abs(orders @ ranks[0])  # correlations but for a constant factor
    reached = int(np.count_nonzero(products >= abs(ranks[1] @ ranks[0]) * (1 - 1e-12)))
    return Correlation(value, (reached + 1) / (PERMUTATIONS + 1), len(first))


def relation(rows: Sequence[RowScores], comparisons: Sequence[Comparison], kind: StudySpec) -> str:
    """Per tracker in words, then row by row, as Markdown: does alignment rise, and does AO rise with it?"""
    against = {(item.row, item.name): item for item in comparisons if item.other.variant == BASE}
    lines, cells = [], [["tracker", kind.column, CAUSE, "change", "verdict", EFFECT, "change", "verdict"]]
    for tracker in dict.fromkeys(one.row.tracker for one in rows):
        own = [one for one in rows if one.row.tracker == tracker]
        lines.append(f"- {tracker}: {_in_words(own, against)}")
        cells += [_cells(one, against, kind) for one in own]
    told = "\n".join(lines)
    return (
        f"{told}\n\n{table(cells, left=2)}\n\np is a permutation test over runs. Runs of one row are not independent of each other, "
        "so that it flatters; a correlation over runs also says nothing of cause."
    )


def _in_words(rows: list[RowScores], against: dict[tuple[Row, Name], Comparison]) -> str:
    changed = [one for one in rows if (one.row, CAUSE) in against and (one.row, EFFECT) in against]
    changes = np.array([[against[one.row, name].sequences.interval.mean for name in (CAUSE, EFFECT)] for one in changed]).reshape(-1, 2)
    better = [sum(against[one.row, name].verdict == "better" for one in changed) for name in (CAUSE, EFFECT)]
    up = changes > 0
    runs = np.array([rows_of for one in rows for rows_of in zip(one.by_seed(CAUSE), one.by_seed(EFFECT), strict=True)])
    steps = [np.stack([against[one.row, name].by_seed for name in (CAUSE, EFFECT)], axis=1) for one in changed]
    text = f"Rank correlation of {CAUSE} and {EFFECT}: {rank_correlation(runs[:, 0], runs[:, 1])}"
    if not steps:
        return f"{text}. No row stands beside its baseline yet."
    moved = np.concatenate(steps)
    return (
        f"of {len(changed)} rows, {up[:, 0].sum()} have a higher {CAUSE} than the baseline ({better[0]} **better** by the rule above), "
        f"{up[:, 1].sum()} a higher {EFFECT} ({better[1]} **better**), {up.all(axis=1).sum()} both. {text}; of their differences from "
        f"the baseline's run of the same seed: {rank_correlation(moved[:, 0], moved[:, 1])}."
    )


def _cells(one: RowScores, against: dict[tuple[Row, Name], Comparison], kind: StudySpec) -> list[str]:
    cells = [one.row.tracker, kind.title_of(one.row)]
    for name in (CAUSE, EFFECT):
        item = against.get((one.row, name))
        change = ["", ""] if item is None else [signed(item.sequences.interval.mean, name), item.verdict]
        cells += [spread(one.by_seed(name), name), *change]
    return cells


__all__ = ["CAUSE", "EFFECT", "Correlation", "rank_correlation", "relation"]
