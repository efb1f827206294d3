"""Regions of a record and their overlap, frame by frame."""

from __future__ import annotations

import numpy as np

from lockon.bench.metrics import mask_overlap
from lockon.bench.protocols.trajectory import STARTED
from lockon.bench.store import Record
from lockon.data.vot_rle import decode_vot_mask, parse_vot_mask
from lockon.ops.boxes import iou_xywh
from lockon.ops.regions import box_to_polygon, polygon_iou
from lockon.types import FloatArray


def regions(boxes: FloatArray, *, exact: bool = False) -> FloatArray:
    """Return the (T, 4) boxes as they are, or as (T, 8) corners where overlaps are exact."""
    return box_to_polygon(boxes) if exact else boxes


def answer_regions(record: Record, *, exact: bool = False) -> FloatArray:
    """Return the (T, 4) boxes of the tracker, or (T, 8) corners where it gave some or overlaps are exact."""
    corners = record.run.polygons
    if corners is None:
        return regions(record.run.boxes, exact=exact)
    return np.where(np.isfinite(corners), corners, box_to_polygon(record.run.boxes))


def truth_regions(record: Record, *, exact: bool = False) -> FloatArray:
    """Return the (T, 8) polygons of the ground truth, or (T, 4) boxes where it has none; NaN where the target is absent."""
    truth = regions(record.truth, exact=exact) if record.polygons is None else record.polygons
    return truth if record.visible is None else np.where(record.visible[:, None], truth, np.nan)


def region_overlaps(record: Record) -> FloatArray:
    """Return the (T,) exact overlap of the tracker's region with the truth: of masks, polygons or boxes, whichever the truth is.

    NaN where a side is missing. Masks that are both empty, of a target that is absent, have an overlap of 1.
    """
    if record.truth_masks is not None and record.run.masks is not None:
        return _mask_overlaps(record)
    if record.polygons is not None:
        return polygon_iou(answer_regions(record, exact=True), record.polygons)
    known = np.isfinite(record.run.boxes).all(axis=1) & np.isfinite(record.truth).all(axis=1)
    return np.where(known, iou_xywh(record.run.boxes, record.truth), np.nan)


def frame_overlaps(record: Record) -> FloatArray:
    """Return the (T,) `region_overlaps` as they are shown over time.

    They are 0 where the tracker gave nothing, NaN where there is no target, before the start, and while the tracker was not run.
    """
    found = region_overlaps(record)
    known = np.isfinite(truth_regions(record)).all(axis=1) & (np.arange(len(found)) >= record.run.start)
    if record.run.events is not None:
        known &= record.run.events <= STARTED
    return np.where(known, np.nan_to_num(found), np.nan)


def _mask_overlaps(record: Record) -> FloatArray:
    """Return the (T,) overlap of the masks, one frame at a time: those of a whole video may not fit into the memory."""
    size, overlaps = record.run.bounds or _extent(record), np.full(len(record.truth), np.nan)
    for row, (answer, truth) in enumerate(zip(record.run.masks or (), record.truth_masks or (), strict=True)):
        if truth is not None:
            pred = None if answer is None else decode_vot_mask(answer, size)
            overlaps[row] = mask_overlap([pred], [decode_vot_mask(truth, size)])[0]
    return overlaps


def _extent(record: Record) -> tuple[int, int]:
    """Return the (width, height) that holds all masks of a record, for results read without the size of the frames."""
    masks = [parse_vot_mask(text) for text in (*(record.run.masks or ()), *(record.truth_masks or ())) if text is not None]
    return max((mask.x + mask.width for mask in masks), default=1), max((mask.y + mask.height for mask in masks), default=1)


__all__ = ["answer_regions", "frame_overlaps", "region_overlaps", "regions", "truth_regions"]
