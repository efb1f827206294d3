"""Metrics of the supervised protocol with resets: accuracy, robustness, expected average overlap (VOT2015 to VOT2019).

Kristan et al., The Visual Object Tracking VOT2015 challenge results, section 2, and VOT2019, section 2.3. A tracker that loses
its target (overlap 0) is started again five frames later. The metrics agree with the PySOT toolkit (STVIR/pysot
``toolkit/evaluation/ar_benchmark.py``, ``eao_benchmark.py``), which most papers since 2018 report from.

`runs` is a list with one item per sequence: a `ResetRun`, a tuple (overlaps, failures), or, where a tracker ran several times, a
list of these. A tuple's starts are taken to be frame 0 and five frames after each failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.bench.metrics.frame_scores import Bounds
from lockon.errors import LockonError
from lockon.ops.regions import polygon_iou, raster_overlap
from lockon.types import FloatArray

SKIP = 5  # frames between a failure and the next start
TRACKED, STARTED, FAILED, SKIPPED = range(4)  # what happened in a frame
# Lengths between which the expected overlap is averaged: where the density of sequence lengths is above half (VOT2015, 2.3).
EAO_RANGES = {"VOT2016": (108, 371), "VOT2018": (100, 356), "VOT2019": (46, 291), "VOT2020": (115, 755)}


@dataclass(frozen=True, slots=True)
class ResetRun:
    """A run of a tracker over one sequence.

    Attributes:
        overlaps: (T,) in [0, 1], NaN in frames where it was started, had failed or was not run.
        failures: (F,) frames in which it failed, rising.
        starts: (K,) frames in which it was started.
        eao_overlaps: (T,) the overlaps for expected average overlap where these are bounded otherwise, or None.
    """

    overlaps: FloatArray
    failures: NDArray[np.int64]
    starts: NDArray[np.int64]
    eao_overlaps: FloatArray | None = None


Repetition: TypeAlias = "ResetRun | tuple[ArrayLike, ArrayLike]"
Runs: TypeAlias = "Sequence[Repetition | list[Repetition]]"


@dataclass(frozen=True, slots=True)
class AccuracyRobustness:
    """Metrics of `accuracy_robustness`.

    Attributes:
        accuracy: Mean overlap while the target is followed, in [0, 1]; NaN if there is no such frame.
        robustness: Failures per 100 frames.
        failures: Number of failures, the mean over repetitions.
    """

    accuracy: float
    robustness: float
    failures: float


def reset_run(boxes: ArrayLike, events: ArrayLike, truth: ArrayLike, bounds: Bounds | None = None, rule: str = "pysot") -> ResetRun:
    """Compare a stored trajectory with its ground truth.

    Args:
        boxes: (T, 4) x, y, w, h, or (T, 2 N) corners; anything in frames that are not tracked.
        events: (T,) what happened: 0 tracked, 1 started, 2 failed, 3 skipped.
        truth: (T, 4) boxes or (T, 8) corners.
        bounds: (width, height) of the pictures. As in the PySOT toolkit, overlaps for accuracy are bounded to it, those for expected
            average overlap to one pixel less.
        rule: Counting of overlaps, see `lockon.ops.raster`; "exact" for the exact overlap of polygons.

    Raises:
        LockonError: Arrays that do not belong together, or other events.
    """
    codes, pred, gt = np.asarray(events), np.asarray(boxes, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if codes.ndim != 1 or not len(codes) == len(pred) == len(gt):
        raise LockonError(f"{len(pred)} boxes, {codes.shape} events and {len(gt)} frames of truth; give one row per frame in each")
    if not np.isin(codes, (TRACKED, STARTED, FAILED, SKIPPED)).all():
        raise LockonError(f"events {np.unique(codes).tolist()}; expected 0 tracked, 1 started, 2 failed, 3 skipped")
    tracked = codes == TRACKED

    def overlaps(limits: Bounds | None) -> FloatArray:
        result = np.full(len(codes), np.nan)
        pair = pred[tracked], gt[tracked]
        result[tracked] = polygon_iou(*pair, limits) if rule == "exact" else raster_overlap(*pair, limits, rule)
        return result

    return ResetRun(
        overlaps(bounds),
        np.flatnonzero(codes == FAILED),
        np.flatnonzero(codes == STARTED),
        None if bounds is None else overlaps((bounds[0] - 1, bounds[1] - 1)),
    )


def frame_overlaps(runs: Repetition | list[Repetition], burnin: int = 10) -> FloatArray:
    """Compute the (T,) overlaps of one sequence, the mean over repetitions; NaN where none counts.

    Args:
        runs: One item of a list of runs.
        burnin: The first so many frames from each start on do not count, as a tracker is helped by its start.
    """
    parts = _repetitions(runs)
    overlaps = np.array([run.overlaps for run in parts])  # (R, T)
    for row, run in zip(overlaps, parts, strict=True):
        early = (run.starts[:, None] + np.arange(burnin)).ravel()
        row[early[early < len(row)]] = np.nan
    count = np.sum(~np.isnan(overlaps), axis=0)
    mean: FloatArray = np.divide(np.nansum(overlaps, axis=0), count, out=np.full(overlaps.shape[1], np.nan), where=count > 0)
    return mean


def accuracy_robustness(runs: Runs, burnin: int = 10, tags: Sequence[ArrayLike] | None = None) -> AccuracyRobustness:
    """Compute accuracy over all frames of all sequences, and failures; for one sequence give a list of that one.

    Args:
        runs: One item per sequence, see the head of this module.
        burnin: Frames after each start that do not count for accuracy.
        tags: (T,) bool per sequence: only these frames, and failures in them, count.

    Raises:
        LockonError: No sequence, or arrays that do not belong together.
    """
    groups = _groups(runs, tags)
    flags = _flags(groups, tags)
    overlaps = np.concatenate([frame_overlaps(list(group), burnin)[frames] for group, frames in zip(groups, flags, strict=True)])
    failures = sum(
        float(np.mean([np.count_nonzero(frames[run.failures]) for run in group])) for group, frames in zip(groups, flags, strict=True)
    )
    known = overlaps[~np.isnan(overlaps)]
    accuracy = float(known.mean()) if len(known) else float("nan")
    return AccuracyRobustness(accuracy, 100 * failures / len(overlaps) if len(overlaps) else float("nan"), failures)


def expected_overlap_curve(runs: Runs, tags: Sequence[ArrayLike] | None = None) -> FloatArray:
    """Compute the (L,) mean overlap expected over the first i frames after the start, for i of 0 (which is 1) to the longest sequence.

    Every stretch from a start on is one sample. A stretch that ends in a failure goes on with overlap 0 for ever; one that ends
    with its sequence counts up to there. Lengths that no stretch reaches are 0.

    Args:
        runs: One item per sequence; repetitions share its weight.
        tags: (T,) bool per sequence: stretches are weighted by the fraction of their frames that have the tag.

    Raises:
        LockonError: No sequence, or arrays that do not belong together.
    """
    groups = _groups(runs, tags)
    longest = max(len(run.overlaps) for group in groups for run in group)
    total, weights = np.zeros(longest), np.zeros(longest)
    for group, flags in zip(groups, _flags(groups, tags), strict=True):
        for run in group:
            for first, last, failed in _stretches(run):
                weight = float(np.mean(flags[first:last])) / len(group) if last > first else 0.0
                values = np.nan_to_num((run.overlaps if run.eao_overlaps is None else run.eao_overlaps)[first:last])
                add_stretch(total, weights, values, np.arange(1, longest if failed else len(values)), weight)
    curve = np.divide(total, weights, out=np.zeros(longest), where=weights > 0)
    curve[0] = 1.0
    return curve


def add_stretch(total: FloatArray, weights: FloatArray, values: FloatArray, counts: NDArray[np.int64], weight: float = 1.0) -> None:
    """Add the mean overlaps of a stretch in its first 1, 2, ... frames to a curve.

    Args:
        total: (L,) sums of the curve, changed in place.
        weights: (L,) weights of the curve, changed in place.
        values: Overlaps of the stretch; what lies beyond them is 0.
        counts: (K,) by what the sums are divided for frame 1, 2, ... K after the start.
        weight: Of the stretch.
    """
    reach = len(counts) + 1
    padded = np.zeros(max(reach, len(values)))
    padded[: len(values)] = values
    total[1:reach] += weight * np.cumsum(padded[1:reach]) / counts
    weights[1:reach] += weight


def expected_average_overlap(runs: Runs, low: int, high: int, tags: Sequence[ArrayLike] | None = None) -> float:
    """Compute the mean of `expected_overlap_curve` over lengths of `low` to `high` frames, the frame of the start included.

    `EAO_RANGES` has the lengths of the challenges. NaN if all sequences are shorter than `low`.

    Args:
        runs: One item per sequence.
        low: First length.
        high: Last length, included.
        tags: (T,) bool per sequence, as for `expected_overlap_curve`.

    Raises:
        LockonError: Lengths that are no range, no sequence, or arrays that do not belong together.
    """
    if not 1 <= low <= high:
        raise LockonError(f"lengths from {low} to {high}; expected 1 <= low <= high, for example 100 to 356 for VOT2018")
    part = expected_overlap_curve(runs, tags)[low - 1 : high]
    return float(part.mean()) if len(part) else float("nan")


def _stretches(run: ResetRun) -> list[tuple[int, int, bool]]:
    """Return first frame, end, and whether it failed, of each stretch; a failure too late for another start is none."""
    frames = len(run.overlaps)
    points = [0, *(int(failure) + SKIP for failure in run.failures if failure + SKIP <= frames)]
    parts = [(first, min(after + 1, frames), True) for first, after in pairwise(points)]
    return [*parts, (points[-1], frames, False)]


def _groups(runs: Runs, tags: Sequence[ArrayLike] | None) -> list[list[ResetRun]]:
    groups = [_repetitions(item) for item in runs]
    if not groups:
        raise LockonError("no runs; give one item per sequence: a ResetRun, (overlaps, failures), or a list of repetitions")
    if tags is not None and len(tags) != len(groups):
        raise LockonError(f"{len(tags)} arrays of tags for {len(groups)} sequences; give one per sequence")
    return groups


def _flags(groups: list[list[ResetRun]], tags: Sequence[ArrayLike] | None) -> list[NDArray[np.bool_]]:
    """Return the (T,) frames that count, per sequence."""
    lengths = [len(group[0].overlaps) for group in groups]
    flags = [np.ones(length, dtype=np.bool_) for length in lengths] if tags is None else [np.asarray(tag, dtype=np.bool_) for tag in tags]
    for flag, length in zip(flags, lengths, strict=True):
        if flag.shape != (length,):
            raise LockonError(f"tags of shape {flag.shape} for a sequence of {length} frames; give one per frame")
    return flags


def _repetitions(item: Repetition | list[Repetition]) -> list[ResetRun]:
    parts = [_run(part) for part in (item if isinstance(item, list) else [item])]
    if not parts or len({len(part.overlaps) for part in parts}) != 1:
        raise LockonError(f"repetitions of {[len(part.overlaps) for part in parts]} frames; expected one or more of the same length")
    return parts


def _run(part: Repetition) -> ResetRun:
    if isinstance(part, ResetRun):
        return part
    if not isinstance(part, tuple) or len(part) != 2:
        raise LockonError(f"a run of type {type(part).__name__}; expected a ResetRun or a tuple (overlaps, failures)")
    overlaps, failures = np.asarray(part[0], dtype=np.float64), np.asarray(part[1], dtype=np.int64).reshape(-1)
    if overlaps.ndim != 1 or not len(overlaps) or (failures < 0).any() or (failures >= len(overlaps)).any():
        raise LockonError(
            f"overlaps of shape {overlaps.shape} with failures in frames {failures.tolist()}; expected (T,) and frames below T"
        )
    failures = np.sort(failures)
    starts = np.concatenate([[0], failures + SKIP])
    return ResetRun(overlaps, failures, starts[starts < len(overlaps)])


__all__ = [
    "EAO_RANGES",
    "AccuracyRobustness",
    "ResetRun",
    "accuracy_robustness",
    "expected_average_overlap",
    "expected_overlap_curve",
    "frame_overlaps",
    "reset_run",
]
