"""`Scoring`: how a protocol makes metrics from results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from lockon.bench.report.model import Axis, Metric, SequenceScore
from lockon.bench.store import Record
from lockon.types import FloatArray


class Scoring(ABC):
    """How a protocol makes metrics from results; the classes are in `one_pass`, `reset` and `anchors` of this package.

    Attributes:
        conventions: Names of the conventions that there are, the usual one first.
        per_dataset: Whether metrics belong to one dataset, so that there is a report for each.
        metrics: The columns, the one that trackers are ranked by first.
        headline: Key of the metric that stands for all where there is room for one.
        detail: Key of the metric that is shown for single sequences.
        robustness_label: What the first coordinate of `accuracy_robustness` is; empty for protocols without.
        protocol: Name of `lockon bench run --protocol`.
    """

    __slots__ = ()
    conventions: ClassVar[tuple[str, ...]]
    per_dataset: ClassVar[bool] = False
    metrics: ClassVar[tuple[Metric, ...]]
    headline: ClassVar[str]
    detail: ClassVar[str]
    robustness_label: ClassVar[str] = ""
    protocol: str

    @property
    @abstractmethod
    def convention(self) -> str:
        """Name of the convention that the metrics follow."""

    @property
    @abstractmethod
    def axes(self) -> tuple[Axis, ...]:
        """The curves."""

    @property
    def lengths(self) -> tuple[int, int] | None:
        """First and last sequence length that count for EAO; None for other protocols."""
        return None

    @property
    def pooled(self) -> bool:
        """Whether the frames of all sequences are pooled; otherwise the mean over sequences is taken."""
        return True

    def score(self, records: Sequence[Record]) -> SequenceScore:
        """Score all results of one tracker on one sequence: the mean over repetitions."""
        parts = tuple(map(self.score_once, self.rounds(records)))
        if len(parts) == 1:
            return parts[0]
        return replace(
            parts[0],
            values=self.over_repetitions(parts),
            curves={key: np.mean([part.curves[key] for part in parts], axis=0) for key in parts[0].curves},
            times=np.concatenate([part.times for part in parts]),
            repetitions=parts,
            runs=tuple(run for part in parts for run in part.runs),
        )

    def rounds(self, records: Sequence[Record]) -> list[list[Record]]:
        """Return the records of each repetition."""
        return [[record] for record in records]

    def over_repetitions(self, parts: Sequence[SequenceScore]) -> dict[str, float]:
        """Combine the metrics of several repetitions of one sequence."""
        return {key: float(np.mean([part.values[key] for part in parts])) for key in parts[0].values}

    @abstractmethod
    def score_once(self, records: Sequence[Record]) -> SequenceScore:
        """Score one repetition: its run, or its runs from several anchors."""

    @abstractmethod
    def combine(self, scores: Sequence[SequenceScore]) -> dict[str, float]:
        """Combine the metrics of several sequences."""

    @abstractmethod
    def curves(self, scores: Sequence[SequenceScore]) -> dict[str, FloatArray]:
        """Combine the curves of several sequences."""

    def accuracy_robustness(self, values: Mapping[str, float]) -> tuple[float, float]:
        """Return a tracker's point, robustness first; more is better in both. NaN for protocols without."""
        return float("nan"), float("nan")

    @abstractmethod
    def notes(self) -> list[str]:
        """Return sentences that say what the metrics mean."""


__all__ = ["Scoring"]
