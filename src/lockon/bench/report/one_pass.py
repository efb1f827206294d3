"""Metrics of one-pass runs, in real time or not: AO, success rates, success AUC, precision, normalised precision.

A sequence begins with the frame that the tracker was started on. AUC, P20 and NP follow the convention. AO, SR50 and SR75
are GOT-10k's: the first frame and absent frames do not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lockon.bench.metrics import (
    CONVENTIONS,
    NORMALIZED_THRESHOLDS,
    PRECISION_THRESHOLDS,
    one_pass_scores,
    over_sequences,
    success_thresholds,
)
from lockon.bench.metrics.conventions import get_convention
from lockon.bench.protocols.table import protocol_text
from lockon.bench.report.model import Axis, Metric, SequenceScore
from lockon.bench.report.scoring import Scoring
from lockon.bench.store import Record
from lockon.types import FloatArray

KEYS = ("AO", "SR50", "SR75", "AUC", "P20", "NP")
METRICS = (
    Metric("AO", "AO", "average overlap: mean IoU"),
    Metric("SR50", "SR0.5", "success rate: fraction of frames with an IoU above 0.5"),
    Metric("SR75", "SR0.75", "success rate: fraction of frames with an IoU above 0.75"),
    Metric("AUC", "AUC", "area under the success curve"),
    Metric("P20", "P20", "precision: fraction of frames whose centre is at most 20 pixels off"),
    Metric("NP", "NP", "normalised precision at 0.2"),
)
_OVERLAP = ("AO", "SR50", "SR75")


@dataclass(frozen=True, slots=True)
class OnePassScoring(Scoring):
    """One-pass evaluation under a named convention.

    With "got10k" all metrics come from the frames of all sequences pooled, boxes clipped to the picture for AO, SR and AUC;
    with the others they are means over sequences, without clipping.
    """

    conventions = tuple(CONVENTIONS)
    metrics = METRICS
    headline = "AUC"
    detail = "AO"
    convention: str = "pysot"
    protocol: str = "one-pass"

    def __post_init__(self) -> None:
        get_convention(self.convention)  # an unknown name is an error now, before files are read

    @property
    def pooled(self) -> bool:
        """As the convention says."""
        return get_convention(self.convention).pooled

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The three plots of the OTB papers."""
        pixels, sizes = PRECISION_THRESHOLDS, NORMALIZED_THRESHOLDS
        return (
            Axis("success", "Success", "overlap threshold", "success rate", "AUC", success_thresholds(self.convention)),
            Axis("precision", "Precision", "location error threshold (pixels)", "precision", "P20", pixels),
            Axis("normalized_precision", "Normalised precision", "normalised location error threshold", "precision", "NP", sizes),
        )

    def score_once(self, records: Sequence[Record]) -> SequenceScore:
        """Score one run; a sequence begins where it is first annotated: its "first frame" in every convention."""
        (record,) = records
        start = record.run.start
        visible = None if record.visible is None else record.visible[start:]
        bounds = record.run.bounds if self.convention == "got10k" else None
        found = one_pass_scores(record.run.boxes[start:], record.truth[start:], self.convention, visible, bounds)
        overlaps = (found.average_overlap, found.success_rate_50, found.success_rate_75)
        return SequenceScore.of(
            records,
            dict(zip(KEYS, (*overlaps, found.auc, found.precision_20, found.normalized_20), strict=True)),
            {name: found.counted_overlap if name in _OVERLAP else found.counted for name in KEYS},
            frames=len(record.truth),
            curves={"success": found.success, "precision": found.precision, "normalized_precision": found.normalized},
        )

    def combine(self, scores: Sequence[SequenceScore]) -> dict[str, float]:
        """Average over sequences or over all frames."""
        return {name: float(self._over([part.values[name] for part in scores], scores, name)) for name in KEYS}

    def curves(self, scores: Sequence[SequenceScore]) -> dict[str, FloatArray]:
        """Average over sequences or over all frames."""
        return {axis.key: self._over([part.curves[axis.key] for part in scores], scores, axis.metric) for axis in self.axes}

    def _over(self, values: Sequence[Any], scores: Sequence[SequenceScore], name: str) -> Any:
        return over_sequences(values, [part.weights[name] for part in scores], self.convention)

    def notes(self) -> list[str]:
        """Say what counts, and how it is averaged."""
        clipped = ", boxes clipped to the picture" if self.pooled else ""
        counted = f"AO, SR0.5 and SR0.75: first and absent frames excluded{clipped}"
        return [
            f"AUC, P20 and NP: convention `{self.convention}`; {counted}. All: {AVERAGE[self.pooled]}.",
            f"Protocol: {protocol_text(self.protocol, 'one-pass')}.",
        ]


AVERAGE: Mapping[bool, str] = {True: "frames of all sequences pooled", False: "mean over sequences"}

__all__ = ["AVERAGE", "KEYS", "METRICS", "OnePassScoring"]
