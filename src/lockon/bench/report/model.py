"""What a report is made of: metrics (columns), curves, and one score per tracker and per sequence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from lockon.bench.metrics import latency_percentiles
from lockon.bench.protocols.trajectory import STARTED
from lockon.bench.store import Record
from lockon.data.completeness import Completeness
from lockon.errors import unknown_name
from lockon.types import FloatArray

if TYPE_CHECKING:
    from lockon.bench.report.scoring import Scoring

LATENCIES = ("mean", "p50", "p95", "p99")


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
    """

    key: str
    title: str
    x: str
    y: str
    metric: str
    values: FloatArray


def tracking_times(record: Record) -> FloatArray:
    """Return the (N,) seconds of the frames that were tracked: not those that the tracker was started on, nor those that it never saw."""
    times = np.array(record.run.times, dtype=np.float64)
    times[record.run.start] = np.nan
    if record.run.events is not None:
        times[record.run.events == STARTED] = np.nan
    return times[np.isfinite(times)]


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

    @classmethod
    def of(
        cls,
        records: Sequence[Record],
        values: Mapping[str, float],
        weights: Mapping[str, int],
        *,
        frames: int,
        curves: Mapping[str, FloatArray] = MappingProxyType({}),
        runs: tuple[Any, ...] = (),
    ) -> SequenceScore:
        """Return the score of the runs of one repetition, one or several, with what their records say."""
        first, times = records[0], np.concatenate([tracking_times(record) for record in records])
        return cls(first.sequence, first.dataset, frames, values, curves, times, weights, first.attributes, runs=runs)

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

    @property
    def latency(self) -> dict[str, float]:
        """Milliseconds per frame by `LATENCIES`; NaN where no time was kept."""
        times = self.times
        found = latency_percentiles(times * 1000, (50, 95, 99)) if len(times) else {}
        return {key: found.get(key, float("nan")) for key in LATENCIES}


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

    def ranked(self, key: str) -> tuple[TrackerScore, ...]:
        """Return the trackers by one of their metrics, the best first, NaN last."""
        sign = -1 if self.metric(key).rising else 1
        return tuple(sorted(self.trackers, key=lambda item: (math.isnan(item.values[key]), sign * np.nan_to_num(item.values[key]))))

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
    def sequences(self) -> dict[tuple[str, str], dict[str, SequenceScore]]:
        """Scores by dataset and name of each sequence, in alphabetical order, and by the labels of the trackers that have it."""
        names = sorted({(part.dataset, part.sequence) for item in self.trackers for part in item.sequences})
        scores: dict[tuple[str, str], dict[str, SequenceScore]] = {name: {} for name in names}
        for item in self.trackers:
            for part in item.sequences:
                scores[part.dataset, part.sequence][item.label] = part
        return scores

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets, in alphabetical order."""
        return tuple(sorted({part.dataset for item in self.trackers for part in item.sequences}))

    @property
    def title(self) -> str:
        """The datasets, protocol and convention in one line."""
        return f"{', '.join(self.datasets)}: {self.protocol}, convention {self.convention}"


__all__ = ["LATENCIES", "Axis", "Coverage", "Metric", "Report", "SequenceScore", "TrackerScore"]
