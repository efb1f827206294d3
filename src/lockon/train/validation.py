"""Validation by real tracking: every sequence at once, one batched forward pass per time step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockon.bench.metrics import average_overlap, success_rate
from lockon.data.sequence import VideoSequence, first_annotated
from lockon.driver import Episode, Request, drive_together
from lockon.session import SteppedTracker
from lockon.types import FloatArray


def track_batched(tracker: SteppedTracker[Any], sequences: Sequence[VideoSequence]) -> list[FloatArray]:
    """Track each sequence from its first annotated frame; equal to tracking them one by one up to rounding.

    Returns:
        Per sequence the (T, 4) boxes x, y, w, h; the first row that is not NaN is the given box.

    Raises:
        LockonError: A sequence without a box to start on, or whatever the tracker or the frames raise.
    """
    found: dict[int, FloatArray] = {}
    for number, boxes in drive_together(tracker, map(_boxes, sequences), max(len(sequences), 1)):
        if isinstance(boxes, Exception):
            raise boxes
        found[number] = boxes
    return [found[number] for number in range(len(sequences))]


def _boxes(sequence: VideoSequence) -> Episode[FloatArray]:
    """Track from the first annotated frame to the last; return the boxes, NaN before."""
    start = first_annotated(sequence)
    rows = np.full((len(sequence), 4), np.nan)
    for index in range(start, len(sequence)):
        output = yield Request(partial(sequence.frames.__getitem__, index), sequence.boxes[start] if index == start else None)
        rows[index] = output.box
    return rows


def judged(boxes: FloatArray, sequence: VideoSequence) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Return (T, 4) boxes and truth from the first annotated frame on, and where the truth is known."""
    start = first_annotated(sequence)
    truth = sequence.boxes[start:]
    return boxes[start:], truth, np.asarray(np.isfinite(truth).all(1))


def overlap_metrics(boxes: Sequence[FloatArray], sequences: Sequence[VideoSequence]) -> dict[str, float]:
    """Return AO, SR50 and SR75, mean over sequences; the first annotated frame and frames without annotation are left out."""
    rows = []
    for found, sequence in zip(boxes, sequences, strict=True):
        tracked, truth, known = judged(found, sequence)
        rates = [success_rate(tracked, truth, threshold, visible=known) for threshold in (0.5, 0.75)]
        rows.append((average_overlap(tracked, truth, visible=known), *rates))
    return dict(zip(("AO", "SR50", "SR75"), np.mean(rows, axis=0).tolist(), strict=True))
