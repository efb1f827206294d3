"""Metrics of a study: every run's scores, a row's mean and spread over seeds, and paired differences between rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from lockon.bench.metrics import PairedDifference, paired_difference
from lockon.bench.report.one_pass import OnePassScoring
from lockon.bench.report.reset import ResetScoring
from lockon.bench.store import Record, Store
from lockon.errors import LockonError
from lockon.ops.boxes import iou_xywh
from lockon.studies.alignment import alignment_file, read_alignment
from lockon.studies.grid import BASE, Row
from lockon.studies.measured import measured_runs, read_measured, refinement_file
from lockon.studies.metrics import ALIGNMENT, LOST, METRICS, Name
from lockon.studies.spec import StudySpec
from lockon.types import FloatArray

_LABEL = re.compile(r"(?P<tracker>.+)\.(?P<variant>[a-z0-9-]+)\.s(?P<seed>\d+)")
Scores = dict[str, dict[Name, tuple[float, float]]]  # by sequence and metric: value, and weight in the mean over sequences


@dataclass(frozen=True, slots=True)
class RowScores:
    """One row with its K seeds on S sequences.

    Attributes:
        row: Which.
        seeds: Rising.
        values: (K, S) per metric; NaN where a sequence has none.
        weights: (S,) per metric: of the mean over sequences.
    """

    row: Row
    seeds: tuple[int, ...]
    values: Mapping[Name, FloatArray]
    weights: Mapping[Name, FloatArray]

    def by_seed(self, name: Name) -> FloatArray:
        """Return the metric of each seed (K,) over all sequences that have it."""
        return mean_over_sequences(self.values[name], self.weights[name])


def mean_over_sequences(values: ArrayLike, weights: ArrayLike) -> FloatArray:
    """Return the (K,) weighted means of (K, S) values, NaN left out; NaN where there is nothing else."""
    table = np.asarray(values, dtype=np.float64)
    known = np.where(np.isfinite(table), np.asarray(weights, dtype=np.float64), 0.0)  # (K, S)
    total = known.sum(axis=1)
    sums = (np.nan_to_num(table) * known).sum(axis=1)
    return np.asarray(np.divide(sums, total, out=np.full(len(total), np.nan), where=total > 0))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A row less another one of the same tracker, on equal sequences, and seeds that both have.

    Attributes:
        row: The first.
        other: The second, which is subtracted.
        name: The metric.
        by_seed: (K,) differences, seed by seed.
        sequences: Of the means over seeds: interval over sequences and test.
    """

    row: Row
    other: Row
    name: Name
    by_seed: FloatArray
    sequences: PairedDifference

    @property
    def verdict(self) -> Literal["better", "worse", "not told apart"]:
        """A difference counts where all seeds agree in its sign and the 95 % interval over sequences excludes 0."""
        sign = 1 if METRICS[self.name].rising else -1
        ends = sorted((sign * self.sequences.interval.low, sign * self.sequences.interval.high))
        if (sign * self.by_seed > 0).all() and ends[0] > 0:
            return "better"
        if (sign * self.by_seed < 0).all() and ends[1] < 0:
            return "worse"
        return "not told apart"


def read_scores(out: Path, kind: StudySpec) -> tuple[list[RowScores], list[str]]:
    """Read the scores of all finished runs of the study in `out`, rows in the order of the grid; and names of the sequences.

    A run that lacks a sequence that others have is left out: metrics of different sequences do not compare.

    Raises:
        LockonError: No finished run, or a damaged file.
    """
    store = Store(out / "bench")
    found: dict[tuple[str, str], dict[int, Scores]] = {}
    labels = measured_runs(out) if kind.bases else store.trackers()
    for label in labels:
        match = _LABEL.fullmatch(label)
        if match is None or match["variant"] not in kind.variants:
            continue
        scores = _refiner_scores(out, label, kind) if kind.bases else _run_scores(store, label, kind)
        found.setdefault((match["tracker"], match["variant"]), {})[int(match["seed"])] = scores
    names = sorted({name for seeds in found.values() for scores in seeds.values() for name in scores})
    order = list(kind.variants)
    rows = []
    for (tracker, variant), seeds in sorted(found.items(), key=lambda item: (item[0][0], order.index(item[0][1]))):
        whole = {seed: scores for seed, scores in sorted(seeds.items()) if scores and set(scores) == set(names)}
        if whole:
            rows.append(_row(Row(tracker, variant), whole, names, kind.metrics))
    if not rows:
        raise LockonError(f"{out} holds no finished run of a study; run it first without --report")
    return rows, names


def _run_scores(store: Store, label: str, kind: StudySpec) -> Scores:
    """Return value and weight of each metric per sequence of which everything is known that the study counts."""
    rule = OnePassScoring("pysot")
    resets = {record.sequence: record for record in store.records(label, "reset")}
    measured = read_alignment(alignment_file(store.folder.parent, label))
    scores: Scores = {}
    for record in store.records(label):
        name = record.sequence
        if name not in resets or (name not in measured and set(kind.metrics) & set(ALIGNMENT)):
            continue
        values = rule.score([record]).values
        one: dict[Name, tuple[float, float]] = {"AUC": (values["AUC"], 1), "AO": (values["AO"], 1), "lost": (_lost(record), 1)}
        one["R"] = _robustness(resets[name])
        one |= {metric: (value, 1.0) for metric, value in measured.get(name, {}).items()}
        scores[name] = {metric: one[metric] for metric in kind.metrics}
    return scores


def _refiner_scores(out: Path, label: str, kind: StudySpec) -> Scores:
    """Return the metrics of a refiner per sequence."""
    measured = read_measured(refinement_file(out, label), {name: name for name in kind.metrics})
    return {sequence: {name: (value, 1.0) for name, value in values.items()} for sequence, values in measured.items()}


def _lost(record: Record) -> float:
    """Return the percentage of the annotated frames after the start in which the box has (almost) left the target."""
    frames = slice(record.run.start + 1, None)
    truth = record.truth[frames]
    known = np.isfinite(truth).all(axis=1)
    overlaps = iou_xywh(record.run.boxes[frames][known], truth[known])
    return 100 * float(np.mean(overlaps <= LOST))


def _robustness(record: Record) -> tuple[float, float]:
    """Return the failures per 100 frames, and the number of frames, by which sequences are weighted."""
    return ResetScoring(record.dataset).score([record]).values["R"], float(len(record.truth))


def _row(row: Row, seeds: Mapping[int, Scores], names: list[str], metrics: Sequence[Name]) -> RowScores:
    table = {metric: np.array([[scores[name][metric] for name in names] for scores in seeds.values()]) for metric in metrics}  # (K, S, 2)
    values = {metric: array[..., 0] for metric, array in table.items()}
    return RowScores(row, tuple(seeds), values, {metric: array[0, :, 1] for metric, array in table.items()})


def compare_rows(rows: Sequence[RowScores], kind: StudySpec) -> list[Comparison]:
    """Compare each row with the baseline of its tracker, and with the variant that it extends; per metric."""
    by_row = {one.row: one for one in rows}
    found = []
    for one in rows:
        for variant in dict.fromkeys((BASE, kind.variants[one.row.variant].against)):
            other = by_row.get(Row(one.row.tracker, variant))
            if other is not None and other is not one:
                found += [item for name in kind.metrics if (item := _difference(one, other, name)) is not None]
    return found


def _difference(one: RowScores, other: RowScores, name: Name) -> Comparison | None:
    common = [seed for seed in one.seeds if seed in other.seeds]
    if not common:
        return None
    first, second = (row.values[name][[row.seeds.index(seed) for seed in common]] for row in (one, other))  # (K, S)
    weights = np.where(np.isfinite(first - second).all(axis=0), one.weights[name], 0.0)  # sequences that have the metric with every seed
    if not weights.any():
        return None
    paired = paired_difference(first.mean(0), second.mean(0), weights=weights)
    return Comparison(one.row, other.row, name, mean_over_sequences(first - second, weights), paired)


__all__ = ["Comparison", "RowScores", "compare_rows", "mean_over_sequences", "read_scores"]
