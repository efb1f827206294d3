"""Metrics of the multi-start protocol (VOT2020 and later): EAO, accuracy, robustness, for one dataset; masks where there are some."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lockon.bench.metrics import MultiStart, MultiStartScores, multi_start_scores
from lockon.bench.report.model import Metric, SequenceScore
from lockon.bench.report.overlaps import region_overlaps
from lockon.bench.report.vot import VotScoring
from lockon.bench.store import Record
from lockon.types import FloatArray


@dataclass(frozen=True, slots=True)
class AnchorsScoring(VotScoring):
    """The anchors protocol on one dataset."""

    base = "anchors"
    conventions = ("vot-toolkit",)
    metrics = (
        Metric("EAO", "EAO", "expected average overlap", mean=False),
        Metric("A", "A", "accuracy: mean overlap before failures", mean=False),  # over frames that differ between trackers
        Metric("R", "R", "robustness: fraction of frames before failures"),
    )
    robustness_label = "robustness: fraction of frames before failures"
    protocol: str = "anchors"

    def rounds(self, records: Sequence[Record]) -> list[list[Record]]:
        """Return the runs from all anchors of each repetition."""
        numbers = sorted({record.repetition for record in records})
        return [[record for record in records if record.repetition == number] for number in numbers]

    def score_once(self, records: Sequence[Record]) -> SequenceScore:
        """Score the runs from all anchors."""
        frames = max(int(record.frames.max()) + 1 for record in records)
        present = [np.ones(len(record.truth), dtype=np.bool_) if record.visible is None else record.visible for record in records]
        run = MultiStart(frames, [region_overlaps(record) for record in records], present)
        accuracy, robustness = (float(value) for value in multi_start_scores([run]).sequences[0])
        return SequenceScore.of(records, {"EAO": math.nan, "A": accuracy, "R": robustness}, {"R": frames}, frames=frames, runs=(run,))

    def combine(self, scores: Sequence[SequenceScore]) -> dict[str, float]:
        """Combine all runs; the mean over repetitions."""
        found = self._scores(scores)
        eao = [math.nan if self.lengths is None else one.eao for one in found]
        columns = {"EAO": eao, "A": [one.accuracy for one in found], "R": [one.robustness for one in found]}
        return {key: float(np.mean(values)) for key, values in columns.items()}

    def curves(self, scores: Sequence[SequenceScore]) -> dict[str, FloatArray]:
        """Return the expected overlap by length."""
        longest = max(len(overlaps) for part in scores for run in part.runs for overlaps in run.overlaps)
        return {"expected_overlap": np.mean([one.curve[1:longest] for one in self._scores(scores)], axis=0)}

    def _scores(self, scores: Sequence[SequenceScore]) -> list[MultiStartScores]:
        """Return the metrics of each repetition; a sequence with fewer of them gives what it has."""
        low, high = self.lengths or (1, max(run.frames for part in scores for run in part.runs) + 1)
        count = max(len(part.runs) for part in scores)
        return [multi_start_scores([part.runs[k % len(part.runs)] for part in scores], low, high) for k in range(count)]

    @property
    def counted(self) -> str:
        """All frames before failures."""
        return (
            f"A: mean overlap before failures. R: fraction of frames before failures. Convention `{self.convention}`; "
            "overlap of masks where the dataset has masks, else exact overlap of polygons or boxes."
        )

    def accuracy_robustness(self, values: Mapping[str, float]) -> tuple[float, float]:
        """Return a tracker's point of the plot."""
        return values["R"], values["A"]


__all__ = ["AnchorsScoring"]
