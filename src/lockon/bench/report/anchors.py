"""Metrics of the multi-start protocol (VOT2020 and later): EAO, accuracy, robustness, for one dataset; masks where there are some."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from lockon.bench.metrics import MultiStart, MultiStartScores, multi_start_scores
from lockon.bench.protocols.table import protocol_text
from lockon.bench.report.latency import tracking_times
from lockon.bench.report.lengths import eao_note, range_of
from lockon.bench.report.model import Axis, Metric, SequenceScore
from lockon.bench.report.overlaps import region_overlaps
from lockon.bench.store import Record
from lockon.errors import unknown_name
from lockon.types import FloatArray

CONVENTION = "vot-toolkit"
_METRICS = (
    Metric("EAO", "EAO", "expected average overlap", mean=False),
    Metric("A", "A", "accuracy: mean overlap before failures", mean=False),  # over frames that differ between trackers
    Metric("R", "R", "robustness: fraction of frames before failures"),
)


@dataclass(frozen=True, slots=True)
class AnchorsScoring:
    """The anchors protocol on one dataset.

    Attributes:
        dataset: Its name; decides the lengths that count for EAO.
        given_convention: None or "vot-toolkit": there is no other.
        protocol: "anchors", or "realtime" around it.
        given: The lengths instead of the dataset's.

    Raises:
        LockonError: Unknown convention, or lengths that are no range.
    """

    conventions: ClassVar[tuple[str, ...]] = (CONVENTION,)
    per_dataset: ClassVar[bool] = True  # the lengths that count for EAO are the dataset's
    dataset: str
    given_convention: str | None = None
    protocol: str = "anchors"
    given: tuple[int, int] | None = None
    headline = "EAO"
    detail = "A"
    metrics = _METRICS
    pooled = True
    convention = CONVENTION
    robustness_label = "robustness: fraction of frames before failures"

    @classmethod
    def make(cls, dataset: str, convention: str | None, protocol: str, lengths: tuple[int, int] | None) -> AnchorsScoring:
        """Return the scoring of a dataset."""
        return cls(dataset, convention, protocol, lengths)

    def __post_init__(self) -> None:
        if self.given_convention not in (None, CONVENTION):
            raise unknown_name(f"convention of the protocol {self.protocol} on {self.dataset}", str(self.given_convention), [CONVENTION])
        range_of(self.dataset, self.given)

    @property
    def lengths(self) -> tuple[int, int] | None:
        """First and last length that count for EAO; None where the dataset is none of the challenges'."""
        return range_of(self.dataset, self.given)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The expected overlap by length."""
        return (Axis.of_lengths(),)

    def score(self, records: Sequence[Record]) -> SequenceScore:
        """Score one sequence: the runs from all anchors, of all repetitions."""
        rounds = sorted({record.repetition for record in records})
        parts = tuple(self._score([record for record in records if record.repetition == number]) for number in rounds)
        if len(parts) == 1:
            return parts[0]
        return replace(
            parts[0],
            values={key: float(np.mean([part.values[key] for part in parts])) for key in parts[0].values},
            times=np.concatenate([part.times for part in parts]),
            repetitions=parts,
            runs=tuple(run for part in parts for run in part.runs),
        )

    def _score(self, records: Sequence[Record]) -> SequenceScore:
        frames = max(int(record.frames.max()) + 1 for record in records)
        present = [np.ones(len(record.truth), dtype=np.bool_) if record.visible is None else record.visible for record in records]
        run = MultiStart(frames, [region_overlaps(record) for record in records], present)
        accuracy, robustness = (float(value) for value in multi_start_scores([run]).sequences[0])
        return SequenceScore(
            sequence=records[0].sequence,
            dataset=records[0].dataset,
            frames=frames,
            values={"EAO": math.nan, "A": accuracy, "R": robustness},
            curves={},
            times=np.concatenate([tracking_times(record) for record in records]),
            weights={"R": frames},
            attributes=records[0].attributes,
            runs=(run,),
        )

    def combine(self, scores: Sequence[SequenceScore]) -> dict[str, float]:
        """Combine all runs; the mean over repetitions."""
        found = self._rounds(scores)
        eao = [math.nan if self.lengths is None else one.eao for one in found]
        columns = {"EAO": eao, "A": [one.accuracy for one in found], "R": [one.robustness for one in found]}
        return {key: float(np.mean(values)) for key, values in columns.items()}

    def curves(self, scores: Sequence[SequenceScore]) -> dict[str, FloatArray]:
        """Return the expected overlap by length."""
        longest = max(len(overlaps) for part in scores for run in part.runs for overlaps in run.overlaps)
        return {"expected_overlap": np.mean([one.curve[1:longest] for one in self._rounds(scores)], axis=0)}

    def _rounds(self, scores: Sequence[SequenceScore]) -> list[MultiStartScores]:
        """Return the metrics of each repetition; a sequence with fewer of them gives what it has."""
        low, high = self.lengths or (1, max(run.frames for part in scores for run in part.runs) + 1)
        count = max(len(part.runs) for part in scores)
        return [multi_start_scores([part.runs[k % len(part.runs)] for part in scores], low, high) for k in range(count)]

    def notes(self) -> list[str]:
        """Say what counts."""
        return [
            f"{eao_note(self.dataset, self.lengths)} A: mean overlap before failures. R: fraction of frames before failures. "
            f"Convention `{CONVENTION}`; overlap of masks where the dataset has masks, else exact overlap of polygons or boxes.",
            f"Protocol: {protocol_text(self.protocol, 'anchors')}.",
        ]

    @staticmethod
    def accuracy_robustness(values: Mapping[str, float]) -> tuple[float, float]:
        """Return a tracker's point of the plot."""
        return values["R"], values["A"]


__all__ = ["CONVENTION", "AnchorsScoring"]
