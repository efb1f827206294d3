"""What a report is made of: metrics (columns), curves, and one score per tracker and per sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from lockon.bench.store import Record
from lockon.data.completeness import Completeness
from lockon.errors import unknown_name
from lockon.types import FloatArray

LONGEST = 20_000  # frames of the longest sequence that curves by length are kept for


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of a protocol.

    Attributes:
        key: Its name in JSON and CSV.
        title: The head of its column.
        meaning: Half a line for a legend.
        rising: Whether more is better.
        digits: After the point.
        mean: Whether it is a mean of the sequences' own values, weighted by `SequenceScore.weights` where frames are pooled.
    """

    key: str
    title: str
    meaning: str
    rising: bool = True
    digits: int = 3
    mean: bool = True


@dataclass(frozen=True, slots=True)
class Axis:
    """One kind of curve.

    Attributes:
        key: Of the curve in `TrackerScore.curves`.
        title: Of its plot.
        x: Label of the horizontal axis.
        y: Label of the vertical axis.
        metric: Key of the metric that a legend shows.
        values: (K,) of x; a shorter curve belongs to the first of them.
        log: Whether x is drawn logarithmically.
    """

    key: str
    title: str
    x: str
    y: str
    metric: str
    values: FloatArray

    @classmethod
    def of_lengths(cls) -> Axis:
        """Return the expected overlap by sequence length, for 1, 2, ... frames."""
        lengths = np.arange(1, LONGEST + 1, dtype=np.float64)
        return cls("expected_overlap", "Expected overlap", "sequence length (frames)", "expected overlap", "EAO", lengths)


@dataclass(frozen=True, slots=True)
class SequenceScore:
    """One tracker on one sequence, all repetitions together.

    Attributes:
        sequence: Its name.
        dataset: Name of its dataset.
        frames: Length, the frames before the start included.
        values: Metric by `Metric.key`; NaN where nothing counts.
        curves: By `Axis.key`.
        times: (N,) seconds of each tracked frame of all repetitions, without the frames that a tracker was started on.
        weights: Frames that each metric is made of, by `Metric.key`.
        attributes: Of the sequence, such as "occlusion".
        repetitions: One score per repetition where there are several, else empty.
        runs: What the protocol's metrics over several sequences are made of.
    """

    sequence: str
    dataset: str
    frames: int
    values: Mapping[str, float]
    curves: Mapping[str, FloatArray]
    times: FloatArray
    weights: Mapping[str, int]
    attributes: tuple[str, ...] = ()
    repetitions: tuple[SequenceScore, ...] = ()
    runs: tuple[Any, ...] = ()

    @property
    def tracked_frames(self) -> int:
        """Number of frames that the tracker answered."""
        return len(self.times)

    @property
    def seconds(self) -> float:
        """Time that the tracker took for them."""
        return float(self.times.sum())

    @property
    def fps(self) -> float:
        """Frames per second of `track`, without decoding and without the first frame; NaN where no time was kept."""
        return self.tracked_frames / self.seconds if self.seconds > 0 else float("nan")


class Scoring(Protocol):
    """How a protocol makes metrics from results; the classes are in `one_pass`, `reset` and `anchors` of this package."""

    @property
    def protocol(self) -> str:
        """Name of `lockon bench run --protocol`."""

    @property
    def convention(self) -> str:
        """Name of the convention that the metrics follow."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The columns, the one that trackers are ranked by first."""

    @property
    def headline(self) -> str:
        """Key of the metric that stands for all where there is room for one."""

    @property
    def detail(self) -> str:
        """Key of the metric that is shown for single sequences."""

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The curves."""

    @property
    def lengths(self) -> tuple[int, int] | None:
        """First and last sequence length that count for EAO; None for other protocols."""

    @property
    def robustness_label(self) -> str:
        """What the first coordinate of `accuracy_robustness` is; empty for protocols without."""

    @property
    def pooled(self) -> bool:
        """Whether the frames of all sequences are pooled; otherwise the mean over sequences is taken."""

    def score(self, records: Sequence[Record]) -> SequenceScore:
        """Score all results of one tracker on one sequence: repetitions, or runs from several anchors."""

    def combine(self, scores: Sequence[SequenceScore]) -> dict[str, float]:
        """Combine the metrics of several sequences."""

    def curves(self, scores: Sequence[SequenceScore]) -> dict[str, FloatArray]:
        """Combine the curves of several sequences."""

    def accuracy_robustness(self, values: Mapping[str, float]) -> tuple[float, float]:
        """Return a tracker's point, robustness first; more is better in both. NaN for protocols without."""

    def notes(self) -> list[str]:
        """Return sentences that say what the metrics mean."""


@dataclass(frozen=True, slots=True)
class TrackerScore:
    """One tracker on all its sequences.

    Attributes:
        label: Its name.
        values: Metrics, averaged as the convention does.
        curves: Averaged likewise.
        size: Bytes of the weight files, 0 without a network.
        sequences: The parts.
        missing: Names of sequences that other trackers of the report have and this one has not.
        setups: Machine and threads that it ran with.
        repetitions: The most that a sequence has.
        spread: Standard deviation of each metric over them, empty with fewer than two.
    """

    label: str
    values: Mapping[str, float]
    curves: Mapping[str, FloatArray]
    size: int
    sequences: tuple[SequenceScore, ...]
    missing: tuple[str, ...] = ()
    setups: tuple[str, ...] = ()
    repetitions: int = 1
    spread: Mapping[str, float] = field(default_factory=dict)

    @property
    def times(self) -> FloatArray:
        """(N,) seconds of each tracked frame."""
        return np.concatenate([part.times for part in self.sequences])

    @property
    def fps(self) -> float:
        """Frames per second over the frames of all sequences; NaN where no time was kept."""
        seconds = sum(part.seconds for part in self.sequences)
        return sum(part.tracked_frames for part in self.sequences) / seconds if seconds > 0 else float("nan")


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a dataset the results are of.

    Attributes:
        there: Sequences that any tracker of the report has, against the list of the benchmark.
        resized: Names of those whose images have another size than the list says.
    """

    there: Completeness
    resized: tuple[str, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether the metrics are of something else than the whole benchmark."""
        return self.there.complete is False or bool(self.resized)


@dataclass(frozen=True, slots=True)
class Report:
    """Trackers, the best first, and how their metrics were made.

    Attributes:
        trackers: By falling (or rising, where less is better) first metric.
        scoring: Protocol and convention.
        coverage: One entry per dataset.
        notes: What else a reader has to know.
    """

    trackers: tuple[TrackerScore, ...]
    scoring: Scoring
    coverage: tuple[Coverage, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def protocol(self) -> str:
        """Name of the protocol."""
        return self.scoring.protocol

    @property
    def convention(self) -> str:
        """Name of the convention."""
        return self.scoring.convention

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The columns."""
        return self.scoring.metrics

    @property
    def headline(self) -> Metric:
        """The metric that stands for all where there is room for one."""
        return self.metric(self.scoring.headline)

    def metric(self, key: str) -> Metric:
        """Return the metric of a key.

        Raises:
            LockonError: The protocol has no such metric.
        """
        for metric in self.metrics:
            if metric.key == key:
                return metric
        raise unknown_name(f"metric of the protocol {self.protocol}", key, [metric.key for metric in self.metrics])

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets, in alphabetical order."""
        return tuple(sorted({part.dataset for item in self.trackers for part in item.sequences}))


__all__ = ["Axis", "Coverage", "Metric", "Report", "Scoring", "SequenceScore", "TrackerScore"]
