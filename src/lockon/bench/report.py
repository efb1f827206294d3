"""Stored results to figures: one score per tracker and per sequence, under a named convention."""

from __future__ import annotations

from collections.abc import Sequence as Items
from dataclasses import dataclass
from typing import Any

import numpy as np

from lockon.bench import metrics
from lockon.bench.metrics.conventions import get_convention
from lockon.bench.store import Record, Store
from lockon.errors import LockonError, unknown_name
from lockon.types import FloatArray

METRICS = ("AO", "SR50", "SR75", "AUC", "P20", "NP")


@dataclass(frozen=True, slots=True)
class Curves:
    """Values of the success, precision and normalised precision curves at the convention's thresholds."""

    success: FloatArray
    precision: FloatArray
    normalized: FloatArray


@dataclass(frozen=True, slots=True)
class SequenceScore:
    """One tracker on one sequence.

    Attributes:
        sequence, dataset: names. frames: length, the frames before the start included.
        values: figure by name of `METRICS`, fractions.
        fps: frames per second of `track`, without decoding and without the first frame.
        tracked_frames, seconds: what `fps` is made of.
        counted, counted_overlap: frames that AUC, P20, NP and AO, SR divide by.
    """

    sequence: str
    dataset: str
    frames: int
    values: dict[str, float]
    curves: Curves
    fps: float
    tracked_frames: int
    seconds: float
    counted: int
    counted_overlap: int


@dataclass(frozen=True, slots=True)
class TrackerScore:
    """One tracker on all its sequences.

    Attributes:
        label: its name. values, curves: averaged as the convention does. fps: over the frames of all sequences.
        size: bytes of the weight files, 0 without a network. sequences: the parts.
        missing: names of sequences that other trackers of the report have and this one has not.
        setups: machine and threads that it ran with.
    """

    label: str
    values: dict[str, float]
    curves: Curves
    fps: float
    size: int
    sequences: tuple[SequenceScore, ...]
    missing: tuple[str, ...]
    setups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Trackers by falling AO, and the name of the convention that made the figures."""

    convention: str
    trackers: tuple[TrackerScore, ...]


def evaluate(store: Store, convention: str = "pysot", trackers: Items[str] | None = None) -> Report:
    """Score the results of a folder.

    A sequence begins with the frame that the tracker was started on. AUC, P20 and NP follow `convention`. AO, SR50 and
    SR75 are GOT-10k's: the first frame and absent frames do not count. With "got10k" all figures come from the frames of all
    sequences pooled, boxes clipped to the picture for AO, SR and AUC; with the others they are means over sequences, without clipping.

    Args:
        store: a folder of results. convention: see `lockon.bench.metrics`. trackers: labels to score, default all.

    Raises:
        LockonError: no results, unknown convention or tracker.
    """
    get_convention(convention)
    known = store.trackers()
    for label in trackers or ():
        if label not in known:
            raise unknown_name("tracker in these results", label, known)
    parts: dict[str, tuple[list[SequenceScore], tuple[str, ...]]] = {}
    for label in trackers or known:
        records = store.records(label)
        if records:
            parts[label] = ([_score(record, convention) for record in records], tuple(sorted({_setup(record) for record in records})))
    if not parts:
        raise LockonError(
            f"{store.folder} has no finished sequence of {', '.join(trackers or known)}; run the same `lockon bench run` again"
        )
    every = {(part.dataset, part.sequence) for scores, _ in parts.values() for part in scores}
    scored = [
        _combine(label, scores, setups, every=every, size=int(store.describe(label).get("size", 0)), convention=convention)
        for label, (scores, setups) in parts.items()
    ]
    return Report(convention, tuple(sorted(scored, key=lambda item: (-np.nan_to_num(item.values["AO"]), item.label))))


def _score(record: Record, convention: str) -> SequenceScore:
    start = record.run.start  # a sequence begins where it is first annotated: its "first frame" in every convention
    pred, gt = record.run.boxes[start:], record.truth[start:]
    visible = None if record.visible is None else record.visible[start:]
    bounds = record.run.frame_size if convention == "got10k" else None
    curves = Curves(
        metrics.success_curve(pred, gt, convention, visible, bounds),
        metrics.precision_curve(pred, gt, convention, visible),
        metrics.normalized_precision_curve(pred, gt, convention, visible),
    )
    values = {
        "AO": metrics.average_overlap(pred, gt, "got10k", visible, bounds),
        "SR50": metrics.success_rate(pred, gt, 0.5, "got10k", visible, bounds),
        "SR75": metrics.success_rate(pred, gt, 0.75, "got10k", visible, bounds),
        "AUC": float(np.mean(curves.success)),
        "P20": metrics.precision(pred, gt, 20, convention, visible),
        "NP": metrics.normalized_precision(pred, gt, 0.2, convention, visible),
    }
    times = record.run.times[record.run.start + 1 :]
    seconds = float(times.sum())
    return SequenceScore(
        record.sequence,
        record.dataset,
        len(record.truth),
        values,
        curves,
        len(times) / seconds if seconds > 0 else float("nan"),
        len(times),
        seconds,
        metrics.counted_frames(gt, convention, visible),
        metrics.counted_frames(gt, "got10k", visible),
    )


def _combine(
    label: str, scores: list[SequenceScore], setups: tuple[str, ...], *, every: set[tuple[str, str]], size: int, convention: str
) -> TrackerScore:
    counted, overlap = [part.counted for part in scores], [part.counted_overlap for part in scores]

    def mean(name: str) -> float:
        frames = overlap if name in ("AO", "SR50", "SR75") else counted
        return float(metrics.over_sequences([part.values[name] for part in scores], frames, convention))

    def curve(name: str) -> Any:
        return metrics.over_sequences([getattr(part.curves, name) for part in scores], counted, convention)

    seconds = sum(part.seconds for part in scores)
    missing = every - {(part.dataset, part.sequence) for part in scores}
    return TrackerScore(
        label,
        {name: mean(name) for name in METRICS},
        Curves(curve("success"), curve("precision"), curve("normalized")),
        sum(part.tracked_frames for part in scores) / seconds if seconds > 0 else float("nan"),
        size,
        tuple(scores),
        tuple(sorted(name for _, name in missing)),
        setups,
    )


def _setup(record: Record) -> str:
    machine = record.setup.get("machine", {})
    threads, workers = record.setup.get("threads"), record.setup.get("workers")
    many = f", {workers} processes side by side" if isinstance(workers, int) and workers > 1 else ""
    return f"{machine.get('processor', 'unknown processor')}, {threads} thread{'' if threads == 1 else 's'} per tracker{many}"


__all__ = ["METRICS", "Curves", "Report", "SequenceScore", "TrackerScore", "evaluate"]
