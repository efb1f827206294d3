"""Figures of a study: every run's scores, a row's mean and spread over seeds, and paired differences between rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lockon.bench.metrics import PairedDifference, paired_difference
from lockon.bench.report.one_pass import OnePass
from lockon.bench.report.reset import Reset
from lockon.bench.store import Record, Store
from lockon.errors import LockonError
from lockon.ops.boxes import iou_xywh
from lockon.studies.grid import BASE, VARIANTS, Row
from lockon.types import FloatArray

LOST = 0.1  # IoU up to which a target counts as lost in one pass
Name = Literal["AUC", "AO", "lost", "R"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a run: what it is, whether higher is better, and the digits that are shown."""

    text: str
    rising: bool = True
    digits: int = 3


FIGURES: dict[Name, Figure] = {
    "AUC": Figure("area under the success curve (PySOT's convention), mean over sequences"),
    "AO": Figure("average overlap: mean IoU without the first frame, mean over sequences"),
    "lost": Figure(f"percentage of frames with an IoU of at most {LOST}, mean over sequences", rising=False, digits=1),
    "R": Figure("robustness: failures (no overlap) per 100 frames with a new start after each", rising=False, digits=2),
}
_LABEL = re.compile(r"(?P<tracker>.+)\.(?P<variant>[a-z0-9-]+)\.s(?P<seed>\d+)")


@dataclass(frozen=True, slots=True)
class RowScores:
    """One row with its K seeds on S sequences.

    Attributes:
        row: which. seeds: rising.
        values: (K, S) per figure. weights: (S,) per figure: of the mean over sequences.
    """

    row: Row
    seeds: tuple[int, ...]
    values: Mapping[Name, FloatArray]
    weights: Mapping[Name, FloatArray]

    def by_seed(self, name: Name) -> FloatArray:
        """(K,) the figure of each seed over all sequences."""
        return np.asarray(np.average(self.values[name], axis=1, weights=self.weights[name]))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A row less another one of the same tracker, on equal sequences, and seeds that both have.

    Attributes:
        row, other: first and second. name: the figure.
        by_seed: (K,) differences, seed by seed.
        sequences: of the means over seeds: interval over sequences and test.
    """

    row: Row
    other: Row
    name: Name
    by_seed: FloatArray
    sequences: PairedDifference

    @property
    def verdict(self) -> Literal["better", "worse", "not told apart"]:
        """A difference counts where all seeds agree in its sign and the 95 % interval over sequences excludes 0."""
        sign = 1 if FIGURES[self.name].rising else -1
        ends = sorted((sign * self.sequences.interval.low, sign * self.sequences.interval.high))
        if (sign * self.by_seed > 0).all() and ends[0] > 0:
            return "better"
        if (sign * self.by_seed < 0).all() and ends[1] < 0:
            return "worse"
        return "not told apart"


def read_scores(store: Store) -> tuple[list[RowScores], list[str]]:
    """Scores of all finished runs in a folder of results, rows in the order of the grid; and names of the sequences.

    A run that lacks a sequence that others have is left out: figures of different sequences do not compare.

    Raises:
        LockonError: no finished run.
    """
    found: dict[tuple[str, str], dict[int, dict[str, dict[Name, tuple[float, float]]]]] = {}
    for label in store.trackers():
        match = _LABEL.fullmatch(label)
        if match is None or match["variant"] not in VARIANTS:
            continue
        scores = _run_scores(store, label)
        found.setdefault((match["tracker"], match["variant"]), {})[int(match["seed"])] = scores
    names = sorted({name for seeds in found.values() for scores in seeds.values() for name in scores})
    order = list(VARIANTS)
    rows = []
    for (tracker, variant), seeds in sorted(found.items(), key=lambda item: (item[0][0], order.index(item[0][1]))):
        whole = {seed: scores for seed, scores in sorted(seeds.items()) if set(scores) == set(names)}
        if whole:
            rows.append(_row(Row(tracker, variant), whole, names))
    if not rows:
        raise LockonError(f"{store.folder} holds no finished run of a study; run it first without --report")
    return rows, names


def _run_scores(store: Store, label: str) -> dict[str, dict[Name, tuple[float, float]]]:
    """Per sequence that was tracked under both protocols: value and weight of each figure."""
    rule = OnePass("pysot")
    resets = {record.sequence: record for record in store.records(label, "reset")}
    scores: dict[str, dict[Name, tuple[float, float]]] = {}
    for record in store.records(label):
        if record.sequence in resets:
            values = rule.score([record]).values
            one: dict[Name, tuple[float, float]] = {"AUC": (values["AUC"], 1), "AO": (values["AO"], 1), "lost": (_lost(record), 1)}
            scores[record.sequence] = one | {"R": _robustness(resets[record.sequence])}
    return scores


def _lost(record: Record) -> float:
    """Percentage of the annotated frames after the start in which the box has (almost) left the target."""
    frames = slice(record.run.start + 1, None)
    truth = record.truth[frames]
    known = np.isfinite(truth).all(axis=1)
    overlaps = iou_xywh(record.run.boxes[frames][known], truth[known])
    return 100 * float(np.mean(overlaps <= LOST))


def _robustness(record: Record) -> tuple[float, float]:
    """Failures per 100 frames, and the number of frames, by which sequences are weighted."""
    return Reset(record.dataset).score([record]).values["R"], float(len(record.truth))


def _row(row: Row, seeds: Mapping[int, dict[str, dict[Name, tuple[float, float]]]], names: list[str]) -> RowScores:
    table = {figure: np.array([[scores[name][figure] for name in names] for scores in seeds.values()]) for figure in FIGURES}  # (K, S, 2)
    values = {figure: array[..., 0] for figure, array in table.items()}
    return RowScores(row, tuple(seeds), values, {figure: array[0, :, 1] for figure, array in table.items()})


def compare(rows: list[RowScores]) -> list[Comparison]:
    """Each row with the baseline of its tracker, and with the variant that it extends; per figure."""
    by_row = {one.row: one for one in rows}
    found = []
    for one in rows:
        for variant in dict.fromkeys((BASE, VARIANTS[one.row.variant].against)):
            other = by_row.get(Row(one.row.tracker, variant))
            if other is not None and other is not one:
                found += [item for name in FIGURES if (item := _difference(one, other, name)) is not None]
    return found


def _difference(one: RowScores, other: RowScores, name: Name) -> Comparison | None:
    common = [seed for seed in one.seeds if seed in other.seeds]
    if not common:
        return None
    first, second = (row.values[name][[row.seeds.index(seed) for seed in common]] for row in (one, other))  # (K, S)
    weights = one.weights[name]
    by_seed = np.average(first - second, axis=1, weights=weights)
    paired = paired_difference(first.mean(0), second.mean(0), weights=weights)
    return Comparison(one.row, other.row, name, np.asarray(by_seed), paired)


__all__ = ["FIGURES", "LOST", "Comparison", "Figure", "Name", "RowScores", "compare", "read_scores"]
