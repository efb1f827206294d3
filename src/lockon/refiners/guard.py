"""What keeps a refiner from doing harm: boxes that it cannot use, and answers that are no boxes, leave the tracker's box as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.errors import LockonError
from lockon.ops.boxes import clip_xyxy, xywh_to_xyxy, xyxy_to_xywh
from lockon.types import FloatArray, Frame, Result, State

LARGEST = 2.0  # frames: a box beyond it is no box of a tracker, and its crop would take memory without end


class RefinedBoxes(NamedTuple):
    """What a network says of n boxes, as it is: sides may be negative.

    Attributes:
        boxes: (n, 4) x, y, w, h in frame pixels. scores: (n,) in 0..1; 0 or NaN for a box that shall not count.
        masks: (n, H, W) bool, or None.
    """

    boxes: FloatArray
    scores: FloatArray
    masks: NDArray[np.bool_] | None


# (k, 4) x, y, w, h boxes that can be used, and (k,) the numbers of their targets, to what is found there
Predict = Callable[[FloatArray, NDArray[np.intp]], RefinedBoxes]


def check_ready(count: int, *, mask: bool, masks: bool) -> None:
    """Whether a refiner of `count` targets can refine, with a mask if one is asked of it.

    Raises:
        LockonError: before `init`, or masks of a network that makes none.
    """
    if not count:
        raise LockonError("refine() before init(); call refiner.init(frame, (x, y, w, h)) on the first frame")
    if mask and not masks:
        raise LockonError("masks asked of a refiner whose network makes none; leave the mask out, or take weights with a mask head")


def refine_guarded(frame: Frame, box: ArrayLike, count: int, predict: Predict, *, smallest: float, mask: bool) -> Result:
    """The result of a refiner: `predict` sees the boxes that can be used, and its answers count where they are boxes.

    Args:
        frame: (H, W, 3). box: (4,) or (n, 4) x, y, w, h. count: of the targets that the refiner knows.
        look: the network. smallest: side in pixels below which a box is not used. mask: the result has masks.

    Raises:
        LockonError: not one box per target.
    """
    height, width = frame.shape[:2]
    given = np.array(box, dtype=np.float64)
    refined = np.atleast_2d(given)
    if refined.shape != (count, 4):
        raise LockonError(f"boxes of shape {given.shape} to refine, but init() was given {count}; give one box per target")
    scores = np.zeros(count)
    masks = np.zeros((count, height, width), dtype=bool) if mask else None
    targets = np.flatnonzero(is_valid(refined, width, height, smallest))
    if len(targets):
        found = predict(refined[targets], targets)
        good = is_valid(found.boxes, width, height, smallest) & (found.scores > 0)
        refined[targets[good]], scores[targets[good]] = found.boxes[good], found.scores[good]
        if masks is not None and found.masks is not None:
            masks[targets] = found.masks  # made by a head of their own: a mask may be good where the box is not
    states: tuple[State, ...] = tuple("tracked" if score > 0 else "uncertain" for score in scores)
    if given.ndim == 1:
        return Result(refined[0], float(scores[0]), states[0], None if masks is None else masks[0])
    return Result(refined, scores, states, masks)


def is_valid(boxes_xywh: FloatArray, width: int, height: int, smallest: float = 0.0) -> NDArray[np.bool_]:
    """(n,) whether a box (n, 4) is finite, has sides above 0 that make sense, and lies in the frame at least in part."""
    with np.errstate(invalid="ignore", over="ignore"):
        sides = boxes_xywh[:, 2:]
        visible = clip_xyxy(xywh_to_xyxy(boxes_xywh), width, height)
        sound = np.isfinite(boxes_xywh).all(axis=1) & (visible[:, 2:] > visible[:, :2]).all(axis=1)
        return np.asarray(sound & (sides >= smallest).all(axis=1) & (sides <= LARGEST * np.array([width, height])).all(axis=1))


def clip_inside(boxes_xywh: FloatArray, width: int, height: int, least: float) -> FloatArray:
    """(..., 4) boxes cut at the frame's border, of which at least `least` pixels per side stay in it.

    A box inside the frame stays as it is, however small. The rule of the published code (bbox_clip of its trackers).
    """
    x1, y1, x2, y2 = np.moveaxis(xywh_to_xyxy(boxes_xywh), -1, 0)
    across, down = min(least, width), min(least, height)
    left, top = np.clip(x1, 0, width - across), np.clip(y1, 0, height - down)
    right, bottom = np.clip(x2, across, width), np.clip(y2, down, height)
    return xyxy_to_xywh(np.stack([left, top, right, bottom], axis=-1))


__all__ = ["Predict", "RefinedBoxes", "check_ready", "clip_inside", "is_valid", "refine_guarded"]
