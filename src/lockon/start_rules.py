"""How a user's start box becomes the first state of a target: rules that are passed to a tracker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lockon._config_values import check_range
from lockon.ops.boxes import check_boxes, xywh_to_cxcywh
from lockon.types import FloatArray


@dataclass(frozen=True, kw_only=True, slots=True)
class ClippedStart:
    """Boxes are clipped to the frame; the centre is x + w / 2."""

    def __call__(self, boxes: ArrayLike, width: int, height: int) -> FloatArray:
        """Return (n, 4) cx, cy, w, h of boxes (4,) or (n, 4) x, y, w, h.

        Raises:
            LockonError: A box that is malformed, empty or outside the frame. A box partly outside is clipped with a warning.
        """
        return xywh_to_cxcywh(np.atleast_2d(check_boxes(boxes, width, height)))


@dataclass(frozen=True, kw_only=True, slots=True)
class UnclippedStart:
    """Boxes are taken as they are, moved by `shift`: official trackers do not clip.

    Attributes:
        shift: Pixels added to the centre; -0.5 is the centre x + (w - 1) / 2 of PySOT's tracker, 0 that of its test script; -100..100.
    """

    shift: float = 0.0

    def __post_init__(self) -> None:
        check_range("shift", self.shift, -100, 100)

    def __call__(self, boxes: ArrayLike, width: int, height: int) -> FloatArray:
        """Return (n, 4) cx, cy, w, h of boxes (4,) or (n, 4) x, y, w, h.

        Raises:
            LockonError: A box that is malformed, empty or outside the frame.
        """
        rows = xywh_to_cxcywh(np.atleast_2d(check_boxes(boxes, width, height, clip=False)))
        rows[:, :2] += self.shift
        return rows


__all__ = ["ClippedStart", "UnclippedStart"]
