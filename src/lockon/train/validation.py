"""Validation by real tracking: every sequence at once, in lockstep, one batched forward pass per time step."""

from __future__ import annotations

from collections.abc import Sequence as Items

import numpy as np

from lockon.bench.metrics import average_overlap, success_rate
from lockon.data.sequence import Sequence
from lockon.ops.boxes import cxcywh_to_xywh
from lockon.tracker import NetworkTracker
from lockon.types import FloatArray


def track_in_lockstep(tracker: NetworkTracker, sequences: Items[Sequence]) -> list[FloatArray]:
    """Tracks each sequence from its first frame; equal to tracking them one by one up to rounding.

    Returns:
        per sequence the (T, 4) boxes x, y, w, h; row 0 is the given first box.
    """
    targets = [tracker.start(sequence.frames[0], sequence.boxes[0])[0] for sequence in sequences]
    boxes = [[sequence.boxes[0]] for sequence in sequences]
    for time in range(1, max(len(sequence) for sequence in sequences)):
        running = [index for index, sequence in enumerate(sequences) if time < len(sequence)]
        frames = [sequences[index].frames[time] for index in running]
        for index, target in zip(running, tracker.step(frames, [targets[index] for index in running]), strict=True):
            targets[index] = target
            boxes[index].append(cxcywh_to_xywh(target.box))
    return [np.stack(rows) for rows in boxes]


def overlap_metrics(boxes: Items[FloatArray], sequences: Items[Sequence]) -> dict[str, float]:
    """AO, SR50 and SR75, mean over sequences; the first frame and frames without annotation are left out."""
    rows = []
    for found, sequence in zip(boxes, sequences, strict=True):
        known = np.isfinite(sequence.boxes).all(1)
        rates = [success_rate(found, sequence.boxes, threshold, visible=known) for threshold in (0.5, 0.75)]
        rows.append((average_overlap(found, sequence.boxes, visible=known), *rates))
    return dict(zip(("AO", "SR50", "SR75"), np.mean(rows, axis=0).tolist(), strict=True))
