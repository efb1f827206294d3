"""`StoredBoxes`: results that any tracker left, as a tracker, so that a refiner can stand behind them."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import ArrayLike

from lockon.types import Frame, Result


class StoredBoxes:
    """Reports what is stored of the frame `number`; the caller sets that number.

    Args:
        results: By number of the frame, at least one; all of as many targets.

    Attributes:
        first: Number of the first frame.
        last: Number of the last frame.
        number: Number of the frame that is next.
    """

    def __init__(self, results: Mapping[int, Result]) -> None:
        self._results = dict(results)
        self.first, self.last = min(self._results), max(self._results)
        self.number = self.first

    def __contains__(self, number: int) -> bool:
        return number in self._results

    def present(self, start: int) -> list[int]:
        """Return the numbers of the frames from `start` on where some target is not lost."""
        return [number for number, result in self._results.items() if number >= start and any(one.state != "lost" for one in result.each())]

    def init(self, frame: Frame, box: ArrayLike) -> None:
        """Do nothing: all is known."""

    def track(self, frame: Frame) -> Result:
        """Return what is stored of the frame `number`."""
        return self._results[self.number]


__all__ = ["StoredBoxes"]
