"""Whether two metrics rise together: alignment, which a part is made for, and overlap, which it is wanted for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lockon.bench.metrics.correlation import Correlation, rank_correlation
from lockon.bench.tables.markdown import markdown
from lockon.bench.tables.model import Table, mean_spread, signed
from lockon.studies.grid import BASE, Row
from lockon.studies.metrics import METRICS, Name
from lockon.studies.spec import StudySpec
from lockon.studies.summary import Comparison, RowScores

CAUSE: Name = "Spearman"
EFFECT: Name = "AO"


def relation(rows: Sequence[RowScores], comparisons: Sequence[Comparison], kind: StudySpec) -> str:
    """Say per tracker in words, then row by row, as Markdown: does alignment rise, and does AO rise with it?"""
    against = {(item.row, item.name): item for item in comparisons if item.other.variant == BASE}
    lines: list[str] = []
    cells: list[list[str]] = []
    for tracker in dict.fromkeys(one.row.tracker for one in rows):
        own = [one for one in rows if one.row.tracker == tracker]
        lines.append(f"- {tracker}: {_in_words(own, against)}")
        cells += [_cells(one, against, kind) for one in own]
    head = ["tracker", kind.column, CAUSE, "change", "verdict", EFFECT, "change", "verdict"]
    told, grid = "\n".join(lines), markdown([Table.of_texts(head, cells, left=2)]).strip()
    return (
        f"{told}\n\n{grid}\n\np is a permutation test over runs. Runs of one row are not independent of each other, "
        "so that it flatters; a correlation over runs also says nothing of cause."
    )


def _in_words(rows: list[RowScores], against: dict[tuple[Row, Name], Comparison]) -> str:
    changed = [one for one in rows if (one.row, CAUSE) in against and (one.row, EFFECT) in against]
    changes = np.array([[against[one.row, name].sequences.interval.mean for name in (CAUSE, EFFECT)] for one in changed]).reshape(-1, 2)
    better = [sum(against[one.row, name].verdict == "better" for one in changed) for name in (CAUSE, EFFECT)]
    up = changes > 0
    runs = np.array([rows_of for one in rows for rows_of in zip(one.by_seed(CAUSE), one.by_seed(EFFECT), strict=True)])
    steps = [np.stack([against[one.row, name].by_seed for name in (CAUSE, EFFECT)], axis=1) for one in changed]
    text = f"Rank correlation of {CAUSE} and {EFFECT}: {_words(rank_correlation(runs[:, 0], runs[:, 1]))}"
    if not steps:
        return f"{text}. No row stands beside its baseline yet."
    moved = np.concatenate(steps)
    return (
        f"of {len(changed)} rows, {up[:, 0].sum()} have a higher {CAUSE} than the baseline ({better[0]} **better** by the rule above), "
        f"{up[:, 1].sum()} a higher {EFFECT} ({better[1]} **better**), {up.all(axis=1).sum()} both. {text}; of their differences from "
        f"the baseline's run of the same seed: {_words(rank_correlation(moved[:, 0], moved[:, 1]))}."
    )


def _words(found: Correlation) -> str:
    if np.isnan(found.value):
        return f"none that could be told, {found.pairs} runs"
    return f"{found.value:+.2f} ({found.pairs} runs, p {found.p_value:.2f})"


def _cells(one: RowScores, against: dict[tuple[Row, Name], Comparison], kind: StudySpec) -> list[str]:
    cells = [one.row.tracker, kind.title_of(one.row)]
    for name in (CAUSE, EFFECT):
        item = against.get((one.row, name))
        change = ["", ""] if item is None else [signed(item.sequences.interval.mean, METRICS[name].digits), item.verdict]
        cells += [mean_spread(one.by_seed(name), METRICS[name].digits), *change]
    return cells


__all__ = ["CAUSE", "EFFECT", "relation"]
