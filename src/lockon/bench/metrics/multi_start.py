"""Metrics of the multi-start protocol (VOT2020 and later): a run from each anchor frame to an end of the video, never reset.

Kristan et al., The Eighth Visual Object Tracking VOT2020 Challenge Results, ECCV Workshops 2020, section 2.1. A run fails where the
overlap is at most 0.1 in ten frames in a row; it then counts up to the first of these. The metrics agree with
votchallenge/toolkit 0.9 (``vot/analysis/multistart.py``), which has three peculiarities:

- The frame of the start has no overlap of its own: it counts as a frame with 0, for accuracy and for the ten frames in a row.
- Frames without a target are no failures.
- In the expected overlap a failed run goes on beyond the end of its video; from there on its sum is divided by i - 1, not by i.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lockon.bench.metrics.frame_scores import BoolArray
from lockon.bench.metrics.reset import EAO_RANGES, add_stretch
from lockon.errors import LockonError
from lockon.types import FloatArray

THRESHOLD, GRACE = 0.1, 10


@dataclass(frozen=True, slots=True)
class MultiStart:
    """All runs of a tracker on one sequence.

    Attributes:
        frames: Length of the sequence.
        overlaps: (T,) per run, from its anchor on in the order of tracking; NaN counts as 0. The first one is ignored.
        present: (T,) bool per run, whether the target is there; None when it always is.
    """

    frames: int
    overlaps: Sequence[ArrayLike]
    present: Sequence[ArrayLike] | None = None


@dataclass(frozen=True, slots=True)
class MultiStartScores:
    """Metrics of `multi_start_scores`; accuracy and robustness in [0, 1].

    Attributes:
        accuracy: Mean overlap before failures, by frames tracked.
        robustness: Fraction of frames before failures, by sequence length.
        eao: Mean of `curve` from `low` to `high` - 1.
        curve: (high,) mean overlap to expect in the first i frames after the start.
        sequences: (S, 2) accuracy and robustness of each sequence.
    """

    accuracy: float
    robustness: float
    eao: float
    curve: FloatArray
    sequences: FloatArray


def frames_before_failure(overlaps: ArrayLike, present: ArrayLike | None = None, threshold: float = THRESHOLD, grace: int = GRACE) -> int:
    """Count the frames before the first of `grace` in a row with a target and an overlap of at most `threshold`; all without a failure."""
    values, there = _run(overlaps, present)
    low = np.concatenate([[0], np.cumsum((values <= threshold) & there)])
    whole = low[grace:] - low[: len(low) - grace] == grace if len(values) >= grace else np.zeros(1, dtype=np.bool_)
    return int(np.argmax(whole)) if whole.any() else len(values)


def multi_start_scores(
    sequences: Sequence[MultiStart],
    low: int = EAO_RANGES["VOT2020"][0],
    high: int = EAO_RANGES["VOT2020"][1],
    threshold: float = THRESHOLD,
    grace: int = GRACE,
) -> MultiStartScores:
    """Compute accuracy, robustness and expected average overlap over sequences.

    Args:
        sequences: The runs of each.
        low: First length over which the expected overlap is averaged; 115 for VOT2020.
        high: End of these lengths; 755 for VOT2020.
        threshold: Overlap up to which a frame is lost.
        grace: Lost frames in a row that make a failure.

    Raises:
        LockonError: No sequence, a sequence without runs, arrays that do not belong together, or lengths that are no range.
    """
    if not sequences or not all(len(sequence.overlaps) for sequence in sequences):
        raise LockonError(f"{len(sequences)} sequences, of which some may have no runs; give one or more, each with a run per anchor")
    if not 1 <= low < high or grace < 1:
        raise LockonError(f"lengths from {low} to {high} and a grace of {grace}; expected 1 <= low < high and 1 frame or more")
    total, weights = np.zeros(high), np.zeros(high)
    rows = []  # accuracy, robustness, frames tracked, frames of the sequence
    for sequence in sequences:
        overlap, tracked, length = 0.0, 0, 0
        for number, overlaps in enumerate(sequence.overlaps):
            present = None if sequence.present is None else sequence.present[number]
            values, _ = _run(overlaps, present)
            before = frames_before_failure(overlaps, present, threshold, grace)
            overlap, tracked, length = overlap + values[:before].sum(), tracked + before, length + len(values)
            reach = high if before < len(values) else min(len(values), high)
            counts = np.arange(1, reach)
            counts[len(values) - 1 :] -= 1  # as in the toolkit
            add_stretch(total, weights, values[:before], np.maximum(counts, 1))
        rows.append((overlap / tracked if tracked else 0.0, tracked / length, tracked, sequence.frames))
    table = np.array(rows)
    tracked_frames = table[:, 2].sum()
    curve = np.divide(total, weights, out=np.zeros(high), where=weights > 0)
    return MultiStartScores(
        accuracy=float(np.average(table[:, 0], weights=table[:, 2])) if tracked_frames else 0.0,
        robustness=float(np.average(table[:, 1], weights=table[:, 3])),
        eao=float(curve[low:].mean()),
        curve=curve,
        sequences=table[:, :2],
    )


def _run(overlaps: ArrayLike, present: ArrayLike | None) -> tuple[FloatArray, BoolArray]:
    values: FloatArray = np.nan_to_num(np.array(overlaps, dtype=np.float64))
    there: BoolArray = np.ones(len(values), dtype=np.bool_) if present is None else np.asarray(present, dtype=np.bool_)
    if values.ndim != 1 or not len(values) or there.shape != values.shape:
        raise LockonError(f"overlaps of shape {values.shape} and flags of shape {there.shape}; expected (T,) both, T of 1 or more")
    values[0] = 0.0
    return values, there


__all__ = ["MultiStart", "MultiStartScores", "frames_before_failure", "multi_start_scores"]
