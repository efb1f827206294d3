"""`Refiner`: all that the rest of the library needs of a refiner; `SteppedRefiner`: one whose references are values.

A reference is what a refiner keeps of a target's look, an immutable value. So the boxes of many videos can be refined together, and
`RefinerSession` writes `init` and `refine` once around it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon._one_thread import OneThread, exclusive
from lockon.errors import LockonError
from lockon.ops.boxes import box_array
from lockon.ops.pixels import FrameConversion
from lockon.refiners.guard import RefinedBoxes, check_masks, refine_guarded
from lockon.session import joined
from lockon.types import FloatArray, Frame, Result

R = TypeVar("R")


@runtime_checkable
class Refiner(Protocol):
    """Anything with these two methods is a refiner. It never fails because of a box: one that it cannot use comes back as it is."""

    def init(self, frame: Frame, box: ArrayLike) -> None:
        """Learn the look of the target or targets.

        Args:
            frame: (H, W, 3) uint8 RGB.
            box: One box (4,) or n boxes (n, 4), x, y, w, h in pixels.
        """

    def refine(self, frame: Frame, box: ArrayLike, *, mask: bool = False) -> Result:
        """Refine the boxes of the same targets in another frame, where a tracker says they are.

        Args:
            frame: (H, W, 3) uint8 RGB.
            box: The tracker's (4,) or (n, 4) boxes, as many as at the start.
            mask: Make masks, too.

        Returns:
            Boxes of the given shape, in pixels; state "uncertain" and score 0 where a box came back as it was. `Result.mask` (H, W) or
            (n, H, W) where masks were asked for and the refiner makes them.
        """


@runtime_checkable
class SteppedRefiner(Protocol[R]):
    """A refiner without a memory of its own: references are passed in.

    Attributes:
        masks: Whether it can make masks.
    """

    masks: bool

    def start(self, frame: Frame, boxes: ArrayLike) -> list[R]:
        """Return one reference per box (4,) or (n, 4) x, y, w, h on `frame` (H, W, 3) uint8 RGB.

        Raises:
            LockonError: A box that is malformed, empty or outside the frame.
        """

    def refine_batch(self, frames: Sequence[Frame], references: Sequence[R], boxes: FloatArray, *, mask: bool = False) -> list[Result]:
        """Refine n boxes of any videos.

        Args:
            frames: One (H, W, 3) uint8 RGB frame per box; the same array may occur several times.
            references: What `start` returned, one per box.
            boxes: (n, 4) x, y, w, h in pixels; rows that cannot be used, NaN among them, come back as they are.
            mask: Make masks, too.
        """


class RefinerSession(OneThread, ABC, Generic[R]):
    """A refiner around one forward pass: keeps the references of the targets of one video, and guards what is predicted.

    Args:
        masks: Whether the network makes masks.
        smallest: Boxes with a side below it, in pixels, come back unrefined.
    """

    def __init__(self, *, masks: bool, smallest: float) -> None:
        self.masks = masks
        self._smallest = smallest
        self._references: tuple[R, ...] = ()
        self._conversion = FrameConversion()

    @abstractmethod
    def start(self, frame: Frame, boxes: ArrayLike) -> list[R]:
        """Return one reference per box, see `SteppedRefiner.start`."""

    @abstractmethod
    def predict(self, frames: Sequence[Frame], references: Sequence[R], boxes: FloatArray, *, mask: bool = False) -> RefinedBoxes:
        """Return what one forward pass predicts, unchecked.

        Args:
            frames: N frames (H, W, 3) uint8 RGB, one per box.
            references: Of the targets that the boxes are of.
            boxes: (n, 4) x, y, w, h around which to search, finite and in their frames at least in part.
            mask: Make masks, too.
        """

    def refine_batch(self, frames: Sequence[Frame], references: Sequence[R], boxes: FloatArray, *, mask: bool = False) -> list[Result]:
        """Refine n boxes of any videos in one pass, see `SteppedRefiner.refine_batch`.

        Boxes that are not finite, too small, far too large or outside the frame come back as they are.

        Raises:
            LockonError: Masks of a network that makes none.
        """
        check_masks(mask=mask, masks=self.masks)

        def predict(usable: FloatArray, numbers: NDArray[np.intp]) -> RefinedBoxes:
            return self.predict([frames[i] for i in numbers], [references[i] for i in numbers], usable, mask=mask)

        return refine_guarded(frames, boxes, predict, smallest=self._smallest, mask=mask)

    @exclusive
    def init(self, frame: Frame, box: ArrayLike) -> None:
        """Learn the look of one target (4,) or n targets (n, 4), x, y, w, h in pixels.

        Raises:
            LockonError: A box that is malformed, empty or outside the frame.
        """
        conversion = FrameConversion()
        self._references = tuple(self.start(conversion(frame), box_array(box)))
        self._conversion = conversion

    @exclusive
    def refine(self, frame: Frame, box: ArrayLike, *, mask: bool = False) -> Result:
        """Refine the boxes of the targets, see `Refiner.refine`.

        Raises:
            LockonError: Called before `init`, with another number of boxes than it was given, or for masks that the network does not make.
        """
        if not self._references:
            raise LockonError("refine() before init(); call refiner.init(frame, (x, y, w, h)) on the first frame")
        count, boxes = len(self._references), box_array(box)
        rows = np.atleast_2d(boxes)
        if rows.shape != (count, 4):
            raise LockonError(f"boxes of shape {boxes.shape} to refine, but init() was given {count}; give one box per target")
        return joined(self.refine_batch([self._conversion(frame)] * count, self._references, rows, mask=mask), single=boxes.ndim == 1)


__all__ = ["Refiner", "RefinerSession", "SteppedRefiner"]
