"""Metrics of a study: every run's scores, a row's mean and spread over seeds, and paired differences between rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
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
from lockon.studies.measured import measured_file, read_measured
from lockon.studies.metrics import ALIGNMENT, LOST, METRICS, RESET
from lockon.studies.spec import BASE, Row, StudySpec
from lockon.types import FloatArray

_LABEL = re.compile(r"(?P<tracker>.+)\.(?P<variant>[a-z0-9-]+)\.s(?P<seed>\d+)")
Scores = dict[str, dict[str, float]]  # by sequence and metric; and "frames", by which sequences are weighted in R


@dataclass(frozen=True, slots=True)
class RowScores:
    """One row with its K seeds on S sequences.

    Attributes:
        row: Which.
        seeds: Rising.
        values: (K, S) per metric; NaN where a sequence has none.
        frames: (S,) of each sequence.
    """

    row: Row
    seeds: tuple[int, ...]
    values: Mapping[str, FloatArray]
    frames: FloatArray

    def weights(self, name: str) -> FloatArray:
        """Return the (S,) weights of a metric's mean over sequences."""
        return self.frames if name in RESET else np.ones(len(self.frames))

    def by_seed(self, name: str) -> FloatArray:
        """Return the metric of each seed (K,) over all sequences that have it."""
        return mean_over_sequences(self.values[name], self.weights(name))


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
    name: str
    by_seed: FloatArray
    sequences: PairedDifference

    @property
    def verdict(self) -> Literal["better", "worse", "not told apart"]:
        """A difference counts where all seeds agree in its sign and the 95 % interval over sequences excludes 0."""
        sign = 1 if METRICS[self.name].rising else -1
        changes = sign * np.array([*self.by_seed, self.sequences.interval.low, self.sequences.interval.high])
        return "better" if (changes > 0).all() else "worse" if (changes < 0).all() else "not told apart"


def read_scores(out: Path, kind: StudySpec) -> tuple[list[RowScores], list[str]]:
    """Read the scores of all finished runs of the study in `out`, rows in the order of the grid; and names of the sequences.

    A run that lacks a sequence that others have is left out: metrics of different sequences do not compare.

    Raises:
        LockonError: No finished run, or a damaged file.
    """
    found: dict[Row, dict[int, Scores]] = {}
    for label in [path.name for path in (out / "runs").glob("*")] if kind.bases else Store(out / "bench").trackers():
        match = _LABEL.fullmatch(label)
        if match is not None and match["variant"] in kind.variants:
            scores = _run_scores(out, label, kind)
            found.setdefault(Row(match["tracker"], match["variant"]), {})[int(match["seed"])] = scores
    names = sorted({name for seeds in found.values() for scores in seeds.values() for name in scores})
    order = list(kind.variants)
    rows = []
    for row in sorted(found, key=lambda row: (row.tracker, order.index(row.variant))):
        whole = {seed: [scores[name] for name in names] for seed, scores in sorted(found[row].items()) if scores.keys() == set(names)}
        if names and whole:
            values = {metric: np.array([[one[metric] for one in run] for run in whole.values()]) for metric in kind.metrics}
            frames = np.array([one["frames"] for one in next(iter(whole.values()))])
            rows.append(RowScores(row, tuple(whole), values, frames))
    if not rows:
        raise LockonError(f"{out} holds no finished run of a study; run it first without --report")
    return rows, names


def _run_scores(out: Path, label: str, kind: StudySpec) -> Scores:
    """Return each metric per sequence of which everything is known that the study counts."""
    if kind.bases:
        measured = read_measured(measured_file(out, label), {name: name for name in kind.metrics})
        return {name: {**values, "frames": 1.0} for name, values in measured.items()}
    store, rule = Store(out / "bench"), OnePassScoring("pysot")
    counted = [name for name in RESET if name in kind.metrics]
    resets = {record.sequence: record for record in store.records(label, "reset")} if counted else {}
    aligned = bool(set(kind.metrics) & set(ALIGNMENT))
    measured = read_measured(measured_file(out, label), ALIGNMENT) if aligned else {}
    scores: Scores = {}
    for record in store.records(label):
        name = record.sequence
        if (name in resets or not counted) and (name in measured or not aligned):
            one = {**rule.score([record]).values, "lost": _lost(record), "frames": float(len(record.truth))}
            if counted:
                reset = ResetScoring(record.dataset).score([resets[name]]).values
                one |= {metric: reset[metric] for metric in counted}
            scores[name] = {**one, **measured.get(name, {})}
    return scores


def _lost(record: Record) -> float:
    """Return the percentage of the annotated frames after the start in which the box has (almost) left the target."""
    frames = slice(record.run.start + 1, None)
    truth = record.truth[frames]
    known = np.isfinite(truth).all(axis=1)
    return 100 * float(np.mean(iou_xywh(record.run.boxes[frames][known], truth[known]) <= LOST))


def compare_rows(rows: Sequence[RowScores], kind: StudySpec) -> list[Comparison]:
    """Compare each row with the baseline of its tracker, and with the variant that it extends; per metric."""
    by_row = {one.row: one for one in rows}
    found: list[Comparison] = []
    for one in rows:
        for variant in dict.fromkeys((BASE, kind.variants[one.row.variant].against)):
            other = by_row.get(Row(one.row.tracker, variant))
            if other is not None and other is not one:
                found += _differences(one, other, kind)
    return found


def _differences(one: RowScores, other: RowScores, kind: StudySpec) -> Iterator[Comparison]:
    common = [seed for seed in one.seeds if seed in other.seeds]
    for name in kind.metrics if common else ():
        first, second = (row.values[name][[row.seeds.index(seed) for seed in common]] for row in (one, other))  # (K, S)
        weights = np.where(np.isfinite(first - second).all(axis=0), one.weights(name), 0.0)  # sequences that have it with every seed
        if weights.any():
            paired = paired_difference(first.mean(0), second.mean(0), weights=weights)
            yield Comparison(one.row, other.row, name, mean_over_sequences(first - second, weights), paired)


__all__ = ["Comparison", "RowScores", "compare_rows", "mean_over_sequences", "read_scores"]
