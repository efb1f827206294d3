"""Metrics of the supervised protocol with resets (VOT2013 to VOT2019): EAO, accuracy, robustness, for one dataset."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lockon.bench.metrics import ResetRun, accuracy_robustness, expected_average_overlap, expected_overlap_curve, reset_run
from lockon.bench.protocols.table import protocol_text
from lockon.bench.report.latency import tracking_times
from lockon.bench.report.lengths import eao_note, range_of
from lockon.bench.report.model import LONGEST, Axis, Metric, SequenceScore
from lockon.bench.report.overlaps import answer_regions, truth_regions
from lockon.bench.store import Record
from lockon.errors import unknown_name
from lockon.ops.raster import RULES
from lockon.types import FloatArray

EXACT = "exact"
CONVENTIONS = (*RULES, EXACT)  # ways to count an overlap; all else is the same in them
BURNIN = 10  # frames after a start that do not count for accuracy
RELIABILITY = 30  # frames: S of the plot of accuracy and robustness
_METRICS = (
    Metric("EAO", "EAO", "expected average overlap", mean=False),
    Metric("A", "A", "accuracy: mean overlap while the target is followed", mean=False),  # over frames that differ between trackers
    Metric("R", "R", "robustness: failures per 100 frames", rising=False),
    Metric("failures", "failures", "number of failures, the mean over repetitions", rising=False, digits=1, mean=False),
)


@dataclass(frozen=True, slots=True)
class ResetScoring:
    """The reset protocol on one dataset.

    Attributes:
        dataset: Its name; decides the lengths that count for EAO.
        convention: How overlaps are counted, of `CONVENTIONS`; None for "pysot", as papers report since 2018.
        protocol: "reset", or "realtime" around it.
        given: The lengths instead of the dataset's.

    Raises:
        LockonError: Unknown convention, or lengths that are no range.
    """

    conventions: ClassVar[tuple[str, ...]] = CONVENTIONS
    per_dataset: ClassVar[bool] = True  # the lengths that count for EAO are the dataset's
    dataset: str
    given_convention: str | None = None
    protocol: str = "reset"
    given: tuple[int, int] | None = None
    headline = "EAO"
    detail = "A"
    metrics = _METRICS
    pooled = True

    @classmethod
    def make(cls, dataset: str, convention: str | None, protocol: str, lengths: tuple[int, int] | None) -> ResetScoring:
        """Return the scoring of a dataset."""
        return cls(dataset, convention, protocol, lengths)

    def __post_init__(self) -> None:
        if self.convention not in CONVENTIONS:
            raise unknown_name(f"convention of the protocol {self.protocol} on {self.dataset}", self.convention, CONVENTIONS)
        range_of(self.dataset, self.given)

    @property
    def convention(self) -> str:
        """How overlaps are counted."""
        return self.given_convention or "pysot"

    @property
    def lengths(self) -> tuple[int, int] | None:
        """First and last length that count for EAO; None where the dataset is none of the challenges'."""
        return range_of(self.dataset, self.given)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The expected overlap by length."""
        return (Axis.of_lengths(),)

    def score(self, records: Sequence[Record]) -> SequenceScore:
        """Score one sequence with its repetitions."""
        parts = tuple(self._score([record]) for record in records)
        return parts[0] if len(parts) == 1 else self._score(records, parts)

    def _score(self, records: Sequence[Record], parts: tuple[SequenceScore, ...] = ()) -> SequenceScore:
        runs = tuple(self._run(record) for record in records) if not parts else tuple(run for part in parts for run in part.runs)
        first = records[0]
        found = accuracy_robustness([list(runs)], BURNIN)
        return SequenceScore(
            sequence=first.sequence,
            dataset=first.dataset,
            frames=len(first.truth),
            values={"EAO": math.nan, "A": found.accuracy, "R": found.robustness, "failures": found.failures},
            curves={},
            times=np.concatenate([tracking_times(record) for record in records]),
            weights={"R": len(first.truth)},
            attributes=first.attributes,
            repetitions=parts,
            runs=runs,
        )

    def _run(self, record: Record) -> ResetRun:
        exact = self.convention == EXACT
        boxes, truth = answer_regions(record, exact=exact), truth_regions(record, exact=exact)
        events = np.zeros(0) if record.run.events is None else record.run.events  # `base_of` lets no others through
        return reset_run(boxes, events, truth, record.run.bounds, self.convention)

    def combine(self, scores: Sequence[SequenceScore]) -> dict[str, float]:
        """Combine all frames of all sequences; EAO comes from the curve."""
        runs = [list(part.runs) for part in scores]
        found = accuracy_robustness(runs, BURNIN)
        average = math.nan if self.lengths is None else expected_average_overlap(runs, *self.lengths)
        return {"EAO": average, "A": found.accuracy, "R": found.robustness, "failures": found.failures}

    def curves(self, scores: Sequence[SequenceScore]) -> dict[str, FloatArray]:
        """Return the expected overlap by length."""
        return {"expected_overlap": expected_overlap_curve([list(part.runs) for part in scores])[:LONGEST]}

    def notes(self) -> list[str]:
        """Say what counts."""
        counted = "exact overlap of polygons" if self.convention == EXACT else f"rasterised overlap, convention `{self.convention}`"
        return [
            f"{eao_note(self.dataset, self.lengths)} A: mean overlap without {BURNIN} frames after each start. R: failures per 100 frames. "
            f"Overlap: {counted}, within the picture.",
            f"Protocol: {protocol_text(self.protocol, 'reset')}.",
        ]

    @property
    def robustness_label(self) -> str:
        """Of the axis of a plot."""
        return f"reliability: chance to track {RELIABILITY} frames without a failure"

    @staticmethod
    def accuracy_robustness(values: Mapping[str, float]) -> tuple[float, float]:
        """Return the reliability exp(-S R / 100) and accuracy: a point of the plot."""
        return math.exp(-RELIABILITY * values["R"] / 100), values["A"]


__all__ = ["BURNIN", "CONVENTIONS", "EXACT", "RELIABILITY", "ResetScoring"]
