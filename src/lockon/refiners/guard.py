"""What keeps a refiner from doing harm: boxes that it cannot use, and outputs that are no boxes, leave the tracker's box as it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.errors import LockonError
from lockon.ops.boxes import xywh_to_xyxy, xyxy_to_xywh
from lockon.types import FloatArray, Frame, Result

LARGEST = 2.0  # frames: a box beyond it is no box of a tracker, and its crop would take memory without end


class RefinedBoxes(NamedTuple):
    """What a network predicts for n boxes, unchecked: sides may be negative.

    Attributes:
        boxes: (n, 4) x, y, w, h in frame pixels.
        scores: (n,) in 0..1; 0 or NaN for a box that must not count.
        masks: N masks (H, W) bool, or None.
    """

    boxes: FloatArray
    scores: FloatArray
    masks: Sequence[NDArray[np.bool_]] | None


# (k, 4) x, y, w, h boxes that can be used, and (k,) their numbers among all boxes, to what is predicted for them
Predict = Callable[[FloatArray, NDArray[np.intp]], RefinedBoxes]


def check_masks(*, mask: bool, masks: bool) -> None:
    """Check that a refiner that `masks` describes can make masks where `mask` asks for them.

    Raises:
        LockonError: Masks of a network that makes none; a `mask` that is neither True nor False.
    """
    if not isinstance(mask, bool | np.bool_):
        raise LockonError(f"mask is of type {type(mask).__name__}; expected True for masks that the refiner makes, or False for none")
    if mask and not masks:
        raise LockonError("masks asked of a refiner whose network makes none; leave the mask out, or take weights with a mask head")


def frame_sizes(frames: Sequence[Frame]) -> NDArray[np.intp]:
    """Return (n, 2) width and height of each frame."""
    return np.array([(frame.shape[1], frame.shape[0]) for frame in frames], dtype=np.intp).reshape(-1, 2)


def refine_guarded(frames: Sequence[Frame], boxes: FloatArray, predict: Predict, *, smallest: float, mask: bool) -> list[Result]:
    """Return the results of a refiner: `predict` sees the boxes that can be used, and its outputs count where they are boxes.

    Args:
        frames: N frames (H, W, 3), one per box.
        boxes: (n, 4) x, y, w, h.
        predict: The network.
        smallest: Side in pixels below which a box is not used.
        mask: The results have masks.
    """
    sizes = frame_sizes(frames)
    refined, scores = np.array(boxes, dtype=np.float64), np.zeros(len(boxes))
    masks = [np.zeros((height, width), dtype=bool) for width, height in sizes] if mask else None
    used = np.flatnonzero(is_valid(refined, sizes, smallest))
    if len(used):
        predicted = predict(refined[used], used)
        good = is_valid(predicted.boxes, sizes[used], smallest) & (predicted.scores > 0)
        refined[used[good]], scores[used[good]] = predicted.boxes[good], predicted.scores[good]
        if masks is not None and predicted.masks is not None:
            for number, made in zip(used, predicted.masks, strict=True):
                masks[number] = made  # made by a head of their own: a mask may be good where the box is not
    return [
        Result(box, float(score), "tracked" if score > 0 else "uncertain", None if masks is None else masks[number])
        for number, (box, score) in enumerate(zip(refined, scores, strict=True))
    ]


def is_valid(boxes_xywh: FloatArray, sizes: ArrayLike, smallest: float = 0.0) -> NDArray[np.bool_]:
    """Return (n,) whether a box is finite, has sides above 0 that make sense, and lies in its frame at least in part.

    Args:
        boxes_xywh: (n, 4) x, y, w, h.
        sizes: (2,) or (n, 2) width and height of the frames.
        smallest: Least side in pixels.
    """
    frames = np.asarray(sizes, dtype=np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        sides = boxes_xywh[:, 2:]
        visible = np.clip(xywh_to_xyxy(boxes_xywh), 0, np.concatenate([frames, frames], axis=-1))
        sound = np.isfinite(boxes_xywh).all(axis=1) & (visible[:, 2:] > visible[:, :2]).all(axis=1)
        return np.asarray(sound & (sides >= smallest).all(axis=1) & (sides <= LARGEST * frames).all(axis=1))


def clip_inside(boxes_xywh: FloatArray, sizes: ArrayLike, least: float) -> FloatArray:
    """Return boxes cut at the frame's border, of which at least `least` pixels per side stay in it.

    A box inside the frame stays as it is, however small. The rule of the published code (bbox_clip of its trackers).

    Args:
        boxes_xywh: (n, 4) x, y, w, h.
        sizes: (2,) or (n, 2) width and height of the frames.
        least: Pixels.
    """
    corners, frames = xywh_to_xyxy(boxes_xywh), np.asarray(sizes, dtype=np.float64)
    kept = np.minimum(least, frames)
    start = np.clip(corners[..., :2], 0, frames - kept)
    end = np.clip(corners[..., 2:], kept, frames)
    return xyxy_to_xywh(np.concatenate([start, end], axis=-1))


__all__ = ["Predict", "RefinedBoxes", "check_masks", "clip_inside", "frame_sizes", "is_valid", "refine_guarded"]
