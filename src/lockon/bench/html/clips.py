"""What the viewer of the HTML report shows of one run on one video: boxes, overlaps and scores per frame, packed small."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockon.bench.report.overlaps import frame_overlaps
from lockon.bench.store import Record

STEPS_PER_PIXEL = 4
NO_NUMBER = -32768  # int16 for NaN
NO_PART = 255  # uint8 for NaN; fractions are 0 .. 254

Key = tuple[str, str, str, int]  # protocol, dataset, sequence, anchor (-1 for none)


def clip_key(record: Record) -> Key:
    """Return the key that runs of several trackers have in common."""
    return record.protocol, record.dataset, record.sequence, -1 if record.anchor is None else record.anchor


def pack_clip(records: Mapping[str, Record], stride: int = 1) -> dict[str, Any]:
    """Pack runs of several trackers on one video from one start.

    Args:
        records: By label.
        stride: Every so many frames are kept.

    Returns:
        JSON values. Boxes are base64 of little-endian int16, `STEPS_PER_PIXEL` per pixel, `NO_NUMBER` for none; overlaps and scores
        of uint8, 254 for 1, `NO_PART` for none. ``frames`` are numbers of video frames.
    """
    first = next(iter(records.values()))
    rows = slice(None, None, stride)
    absent = [] if first.visible is None else np.flatnonzero(~first.visible[rows]).tolist()
    return {
        "protocol": first.protocol,
        "dataset": first.dataset,
        "sequence": first.sequence,
        "anchor": first.anchor,
        "video": f"{first.dataset}/{first.sequence}",
        "size": list(first.run.frame_size),
        "steps": len(first.truth[rows]),
        "stride": stride,
        "first": int(first.frames[0]),
        "step": stride * (-1 if first.backward else 1),
        "truth": pack_numbers(first.truth[rows]),
        "polygons": None if first.polygons is None else pack_numbers(first.polygons[rows]),
        "absent": absent,
        "runs": {label: _pack_run(record, rows) for label, record in records.items()},
    }


def _pack_run(record: Record, rows: slice) -> dict[str, Any]:
    run = record.run
    packed = {
        "boxes": pack_numbers(run.boxes[rows]),
        "iou": pack_parts(frame_overlaps(record)[rows]),
        "score": pack_parts(run.scores[rows]),
    }
    if run.events is not None:
        packed["events"] = base64.b64encode(run.events[rows].astype(np.uint8).tobytes()).decode()
    return packed


def pack_numbers(values: NDArray[Any]) -> str:
    """Pack (T, K) numbers in pixels as base64 text."""
    limited = np.clip(np.round(np.asarray(values, dtype=np.float64) * STEPS_PER_PIXEL), NO_NUMBER + 1, 32767)
    whole = np.where(np.isfinite(values), limited, NO_NUMBER)
    return base64.b64encode(whole.astype("<i2").tobytes()).decode()


def pack_parts(values: Sequence[float] | NDArray[Any]) -> str:
    """Pack (T,) fractions as base64 text."""
    array = np.asarray(values, dtype=np.float64)
    whole = np.where(np.isfinite(array), np.round(np.clip(array, 0, 1) * 254), NO_PART)
    return base64.b64encode(whole.astype(np.uint8).tobytes()).decode()


__all__ = ["NO_NUMBER", "NO_PART", "STEPS_PER_PIXEL", "Key", "clip_key", "pack_clip", "pack_numbers", "pack_parts"]
