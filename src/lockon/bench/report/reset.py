"""Metrics of the supervised protocol with resets (VOT2013 to VOT2019): EAO, accuracy, robustness, for one dataset."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lockon.bench.metrics import ResetRun, accuracy_robustness, expected_average_overlap, expected_overlap_curve, reset_run
from lockon.bench.metrics.reset import Runs
from lockon.bench.report.model import Metric, SequenceScore
from lockon.bench.report.overlaps import answer_regions, truth_regions
from lockon.bench.report.vot import LONGEST, VotScoring
from lockon.bench.store import Record
from lockon.ops.raster import RULES
from lockon.types import FloatArray

EXACT = "exact"
BURNIN = 10  # frames after a start that do not count for accuracy
RELIABILITY = 30  # frames: S of the plot of accuracy and robustness


@dataclass(frozen=True, slots=True)
class ResetScoring(VotScoring):
    """The reset protocol on one dataset; a convention is a way to count an overlap: "pysot", as papers report since 2018, or others."""

    base = "reset"
    conventions = (*RULES, EXACT)
    metrics = (
        Metric("EAO", "EAO", "expected average overlap", mean=False),
        Metric("A", "A", "accuracy: mean overlap while the target is followed", mean=False),  # over frames that differ between trackers
        Metric("R", "R", "robustness: failures per 100 frames", rising=False),
        Metric("failures", "failures", "number of failures, the mean over repetitions", rising=False, digits=1, mean=False),
    )
    robustness_label = f"reliability: chance to track {RELIABILITY} frames without a failure"
    protocol: str = "reset"

    def score_once(self, records: Sequence[Record]) -> SequenceScore:
        """Score one run."""
        runs, frames = tuple(self._run(record) for record in records), len(records[0].truth)
        return SequenceScore.of(records, _values([list(runs)]), {"R": frames}, frames=frames, runs=runs)

    def over_repetitions(self, parts: Sequence[SequenceScore]) -> dict[str, float]:
        """Combine the frames of all repetitions."""
        return _values([[run for part in parts for run in part.runs]])

    def _run(self, record: Record) -> ResetRun:
        exact = self.convention == EXACT
        boxes, truth = answer_regions(record, exact=exact), truth_regions(record, exact=exact)
        events = np.zeros(0) if record.run.events is None else record.run.events  # `base_of` lets no others through
        return reset_run(boxes, events, truth, record.run.bounds, self.convention)

    def combine(self, scores: Sequence[SequenceScore]) -> dict[str, float]:
        """Combine all frames of all sequences; EAO comes from the curve."""
        runs = [list(part.runs) for part in scores]
        return _values(runs) | ({} if self.lengths is None else {"EAO": expected_average_overlap(runs, *self.lengths)})

    def curves(self, scores: Sequence[SequenceScore]) -> dict[str, FloatArray]:
        """Return the expected overlap by length."""
        return {"expected_overlap": expected_overlap_curve([list(part.runs) for part in scores])[:LONGEST]}

    @property
    def counted(self) -> str:
        """All frames but those after starts."""
        overlap = "exact overlap of polygons" if self.convention == EXACT else f"rasterised overlap, convention `{self.convention}`"
        return (
            f"A: mean overlap without {BURNIN} frames after each start. R: failures per 100 frames. Overlap: {overlap}, within the picture."
        )

    def accuracy_robustness(self, values: Mapping[str, float]) -> tuple[float, float]:
        """Return the reliability exp(-S R / 100) and accuracy: a point of the plot."""
        return math.exp(-RELIABILITY * values["R"] / 100), values["A"]


def _values(runs: Runs) -> dict[str, float]:
    """Return the metrics of sequences, which have runs of several repetitions each; EAO takes lengths."""
    found = accuracy_robustness(runs, BURNIN)
    return {"EAO": math.nan, "A": found.accuracy, "R": found.robustness, "failures": found.failures}


__all__ = ["BURNIN", "EXACT", "RELIABILITY", "ResetScoring"]
