"""`Refiner`: all that the rest of the library needs of a refiner."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from numpy.typing import ArrayLike

from lockon.types import Frame, Result


@runtime_checkable
class Refiner(Protocol):
    """Anything with these two methods is a refiner. It never fails for the sake of a box: one that it cannot use comes back as it is."""

    def init(self, frame: Frame, box: ArrayLike) -> None:
        """Learn the look of the target(s): `frame` (H, W, 3) uint8 RGB, one box (4,) or n boxes (n, 4), x, y, w, h in pixels."""

    def refine(self, frame: Frame, box: ArrayLike, *, mask: bool = False) -> Result:
        """The same target(s) in another frame, where a tracker says they are.

        Args:
            frame: (H, W, 3) uint8 RGB. box: the tracker's (4,) or (n, 4), as many as at the start. mask: make masks, too.

        Returns:
            Boxes of the shape given, in pixels; state "uncertain" and score 0 where a box came back as it was. `Result.mask` (H, W) or
            (n, H, W) where masks were asked for and the refiner makes them.
        """
