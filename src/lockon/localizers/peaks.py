"""Peaks of a response map: where the target is, and whether a second peak makes that doubtful; parts of a tracker that learns online.

Bhat et al., Learning Discriminative Model Prediction for Tracking, ICCV 2019 (DiMP), and Danelljan et al., ATOM, CVPR 2019, decide so; the
rules are those of the published code. Maps are square, and displacement 0 is at cell ``S // 2``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lockon._config_values import check_range
from lockon.localizers.verdict import Verdict
from lockon.types import FloatArray

NOWHERE = -1  # cell of a second peak that was not looked for


class Peaks(NamedTuple):
    """What was found on B response maps.

    Attributes:
        displacements: (B, 2) x, y from the middle of the map, in cells.
        scores: (B,) response there.
        verdicts: One per map.
        cells: (B, 2) row and column of the largest response.
        second: (B,) largest response outside its neighbourhood; NaN where it was not looked for.
        second_cells: (B, 2) row and column of that, `NOWHERE` likewise.
    """

    displacements: FloatArray
    scores: FloatArray
    verdicts: tuple[Verdict, ...]
    cells: NDArray[np.intp]
    second: FloatArray
    second_cells: NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, slots=True)
class LargestPeak:
    """The largest response is the target, always."""

    def __call__(self, responses: FloatArray, target_cells: FloatArray, previous: FloatArray) -> Peaks:
        """Return the peaks of (B, S, S) responses; the rest is not looked at, see `SecondPeak`."""
        cells, scores = _largest(responses)
        nowhere = np.full_like(cells, NOWHERE)
        normal: Verdict = "normal"
        return Peaks(_displacements(cells, responses), scores, (normal,) * len(scores), cells, np.full(len(scores), np.nan), nowhere)


@dataclass(frozen=True, kw_only=True, slots=True)
class SecondPeak:
    """The largest response is the target unless a second one is nearly as large and nearer to where the target was.

    Below `not_found` nothing is the target. A second peak above `distractor` of the first makes the answer doubtful: of the two the one
    that is near to the last position, if only one is, is taken as the target and the other as a hard negative; otherwise the first is
    followed, "uncertain". A second peak above `hard_negative` of the first, and above `not_found`, is a hard negative.

    Attributes:
        not_found: Response below which the target counts as not found, -1000..1000.
        distractor: Share of the first peak from which a second one is a distractor, 0..1000.
        hard_negative: Share of the first peak from which a second one is a hard negative, 0..1000.
        neighborhood: Sides of the window around the first peak that is left out, over those of the target, 0..100.
        displacement: How far a target may move, as a share of half the map's side, 0..100.
        from_middle: A move is counted from the middle of the map (ATOM), not from the last position.

    Raises:
        LockonError: A value outside its range.
    """

    not_found: float = 0.25
    distractor: float = 0.8
    hard_negative: float = 0.5
    neighborhood: float = 2.2
    displacement: float = 0.8
    from_middle: bool = False

    def __post_init__(self) -> None:
        check_range("not_found", self.not_found, -1000, 1000)
        for name in ("distractor", "hard_negative"):
            check_range(name, getattr(self, name), 0, 1000)
        for name in ("neighborhood", "displacement"):
            check_range(name, getattr(self, name), 0, 100)

    def __call__(self, responses: FloatArray, target_cells: FloatArray, previous: FloatArray) -> Peaks:
        """Return the peaks of B response maps.

        Args:
            responses: (B, S, S), finite.
            target_cells: (B, 2) width and height of the targets, in cells.
            previous: (B, 2) x, y of the last positions from the middle of the map, in cells.
        """
        cells, scores = _largest(responses)
        masked = np.where(self._near(cells, target_cells, responses.shape[-1]), -np.inf, responses)
        other_cells, others = _largest(masked)
        first, second = _displacements(cells, responses), _displacements(other_cells, responses)
        previous = np.zeros_like(previous) if self.from_middle else previous
        reach = self.displacement * responses.shape[-1] / 2
        far, other_far = (np.linalg.norm(place - previous, axis=1) > reach for place in (first, second))  # (B,)
        doubtful = others > self.distractor * scores
        swapped = doubtful & far & ~other_far & (scores >= self.not_found)
        rows = zip(scores, others, doubtful, far, other_far, strict=True)
        verdicts = tuple(self._verdict(*row) for row in rows)
        looked = scores >= self.not_found
        return Peaks(
            np.where(swapped[:, None], second, first),
            np.where(swapped, others, scores),
            verdicts,
            cells,
            np.where(looked, others, np.nan),
            np.where(looked[:, None], other_cells, NOWHERE),
        )

    def _verdict(self, score: float, other: float, doubtful: bool, far: bool, other_far: bool) -> Verdict:
        if score < self.not_found:
            return "not_found"
        if doubtful:
            return "hard_negative" if far != other_far else "uncertain"
        return "hard_negative" if other > self.hard_negative * score and other > self.not_found else "normal"

    def _near(self, cells: NDArray[np.intp], target_cells: FloatArray, side: int) -> NDArray[np.bool_]:
        """Return (B, S, S), True in the window around the first peak; its edges are rounded half to even."""
        half = self.neighborhood * target_cells[:, ::-1] / 2  # (B, 2) rows, columns
        low, high = np.round(cells - half), np.round(cells + half + 1)  # (B, 2)
        steps = np.arange(side)
        rows, columns = ((steps >= low[:, i, None]) & (steps < high[:, i, None]) for i in (0, 1))  # (B, S) each
        return np.asarray(rows[:, :, None] & columns[:, None, :])


Localization = SecondPeak | LargestPeak


def _largest(responses: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
    """Return the (B, 2) row and column of the largest of (B, S, S) responses, the first of equal ones, and (B,) its value."""
    flat = responses.reshape(len(responses), -1)
    best = flat.argmax(axis=1)
    cells = np.stack(np.divmod(best, responses.shape[-1]), axis=-1)
    return cells, np.take_along_axis(flat, best[:, None], axis=1)[:, 0]


def _displacements(cells: NDArray[np.intp], responses: FloatArray) -> FloatArray:
    return np.asarray(cells[:, ::-1] - responses.shape[-1] // 2, dtype=np.float64)


__all__ = ["LargestPeak", "Peaks", "SecondPeak"]
