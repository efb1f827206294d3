"""Whether two metrics rise together: alignment, which a part is made for, and overlap, which it is wanted for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lockon.bench.metrics.correlation import rank_correlation
from lockon.bench.tables.markdown import text_table
from lockon.bench.tables.model import mean_spread, signed
from lockon.studies.metrics import METRICS
from lockon.studies.spec import BASE, Row, StudySpec
from lockon.studies.summary import Comparison, RowScores
from lockon.types import FloatArray

CAUSE, EFFECT = "Spearman", "AO"
Against = Mapping[tuple[Row, str], Comparison]  # with the baseline, by row and metric


def relation(rows: Sequence[RowScores], comparisons: Sequence[Comparison], kind: StudySpec) -> str:
    """Say per tracker in words, then row by row, as Markdown: does alignment rise, and does AO rise with it?"""
    against = {(item.row, item.name): item for item in comparisons if item.other.variant == BASE}
    trackers = dict.fromkeys(one.row.tracker for one in rows)
    lines = [f"- {tracker}: {_in_words([one for one in rows if one.row.tracker == tracker], against)}" for tracker in trackers]
    body = [[one.row.tracker, kind.title_of(one.row), *_cells(one, CAUSE, against), *_cells(one, EFFECT, against)] for one in rows]
    table = text_table(["tracker", kind.column, CAUSE, "change", "verdict", EFFECT, "change", "verdict"], body, left=2)
    return (
        "\n".join(lines) + f"\n\n{table}\n\np is a permutation test over runs. Runs of one row are not independent of each other, "
        "so that it flatters; a correlation over runs also says nothing of cause."
    )


def _in_words(rows: list[RowScores], against: Against) -> str:
    runs = [np.concatenate([one.by_seed(name) for one in rows]) for name in (CAUSE, EFFECT)]
    text = f"Rank correlation of {CAUSE} and {EFFECT}: {_correlation(*runs)}"
    changed = [one.row for one in rows if (one.row, CAUSE) in against and (one.row, EFFECT) in against]
    if not changed:
        return f"{text}. No row stands beside its baseline yet."
    causes, effects = ([against[row, name] for row in changed] for name in (CAUSE, EFFECT))
    up = np.array([[item.sequences.interval.mean > 0 for item in items] for items in (causes, effects)])
    better = [sum(item.verdict == "better" for item in items) for items in (causes, effects)]
    moved = [np.concatenate([item.by_seed for item in items]) for items in (causes, effects)]
    return (
        f"of {len(changed)} rows, {up[0].sum()} have a higher {CAUSE} than the baseline ({better[0]} **better** by the rule above), "
        f"{up[1].sum()} a higher {EFFECT} ({better[1]} **better**), {up.all(axis=0).sum()} both. {text}; of their differences from "
        f"the baseline's run of the same seed: {_correlation(*moved)}."
    )


def _correlation(first: FloatArray, second: FloatArray) -> str:
    found = rank_correlation(first, second)
    if np.isnan(found.value):
        return f"none that could be told, {found.pairs} runs"
    return f"{found.value:+.2f} ({found.pairs} runs, p {found.p_value:.2f})"


def _cells(one: RowScores, name: str, against: Against) -> list[str]:
    item, digits = against.get((one.row, name)), METRICS[name].digits
    change = ["", ""] if item is None else [signed(item.sequences.interval.mean, digits), item.verdict]
    return [mean_spread(one.by_seed(name), digits), *change]


__all__ = ["CAUSE", "EFFECT", "relation"]
