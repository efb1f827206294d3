"""`RefinedTracker`: a refiner behind any tracker, which makes a tracker again.

Yan et al., Alpha-Refine, CVPR 2021, Sec. 3.1: the base tracker finds the target, the refiner its exact box, and the refined box goes back
into the base tracker where that can be moved. How the published scripts differ per benchmark is in the options.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.driver import as_result
from lockon.errors import LockonError, LockonWarning
from lockon.localizers.masks import mask_box
from lockon.ops.pixels import to_rgb
from lockon.refiners.guard import clip_inside, is_valid
from lockon.refiners.protocol import Refiner
from lockon.tracker import Tracker
from lockon.types import FloatArray, Frame, Result


@dataclass(frozen=True, kw_only=True, slots=True)
class RefineConfig:
    """What a refiner changes in a tracker's results.

    Attributes:
        box: which box is reported. "refiner": the refiner's. "mask": the upright rectangle around the largest connected part of its mask,
            else the tracker's. "base": the tracker's, for masks alone.
        mask: results have the refiner's masks.
        mask_area: pixels² from which on a part of the mask makes a box.
        write_back: the tracker goes on from the reported box, cut at the frame's border, if it can be moved.
        clip: boxes are reported cut at the frame's border.
        clip_base: the refiner looks around the tracker's box cut at the frame's border.
        min_size: pixels per side that a cut box has in the frame at least.
        lost: boxes of a "lost" target are refined, too. The place is a guess then, and what the refiner finds there something else.
        official_start: start boxes lie half a pixel to the right and below, as the published scripts give them to tracker and refiner.

    Raises:
        LockonError: a `min_size` of 0 or below.
    """

    box: Literal["refiner", "mask", "base"] = "refiner"
    mask: bool = False
    mask_area: float = 100.0
    write_back: bool = True
    clip: bool = True
    clip_base: bool = False
    min_size: float = 10.0
    lost: bool = False
    official_start: bool = False

    def __post_init__(self) -> None:
        if not self.min_size > 0:
            raise LockonError(f"min_size={self.min_size:g} given, expected pixels above 0, for example min_size=10")

    @property
    def needs_masks(self) -> bool:
        """Whether the refiner must make masks."""
        return self.mask or self.box == "mask"


class RefinedTracker:
    """Any tracker with a refiner behind it. Score and state are the tracker's.

    Args:
        tracker: ours, OpenCV's, or anybody's with `init` and `track`; one with ``move(boxes)`` goes on from refined boxes.
        refiner: `AlphaRefiner`, `SiamMaskRefiner`, or anybody's with `init` and `refine`.
        config: what is refined.

    Raises:
        LockonError: masks are asked of a refiner that says it makes none.
    """

    def __init__(self, tracker: Tracker, refiner: Refiner, config: RefineConfig | None = None) -> None:
        self.tracker = tracker
        self.refiner = refiner
        self.config = config or RefineConfig()
        self._warned = False
        if self.config.needs_masks and not getattr(refiner, "masks", True):
            raise LockonError("masks asked of a refiner whose network makes none; leave the mask out, or take weights with a mask head")

    @property
    def move(self) -> Callable[[ArrayLike], None]:
        """The tracker's own `move`; an AttributeError where it has none, as if this were not here."""
        tracker: Any = self.tracker
        moves: Callable[[ArrayLike], None] = tracker.move
        return moves

    def init(self, frame: Frame, box: ArrayLike) -> None:
        """Start tracker and refiner on `frame` with one box (4,) or n boxes (n, 4), x, y, w, h in pixels.

        Raises:
            LockonError: what either of them raises.
        """
        frame = to_rgb(frame)
        if self.config.official_start:
            box = np.add(box, (0.5, 0.5, 0.0, 0.0))
        self.tracker.init(frame, box)
        self.refiner.init(frame, box)

    def track(self, frame: Frame) -> Result:
        """The tracker's result with refined boxes; where the refiner finds none the tracker's box stays, to the last bit.

        Raises:
            LockonError: what the tracker raises, or an answer of it that is no box.
        """
        frame = to_rgb(frame)
        height, width = frame.shape[:2]
        base = as_result(self.tracker.track(frame))
        rows = np.atleast_2d(np.asarray(base.box, dtype=np.float64))  # (n, 4)
        wanted = is_valid(rows, width, height) & (self.config.lost | _found(base))
        found, masks = self._refined(frame, base, rows, wanted)
        changed = is_valid(found, width, height)
        inside = clip_inside(np.where(changed[:, None], found, 0.0), width, height, self.config.min_size)
        if self.config.write_back and changed.any():
            self._write_back(np.where(changed[:, None], inside, np.nan), single=base.box.ndim == 1)
        boxes = np.where(changed[:, None], inside if self.config.clip else found, rows)
        single = base.box.ndim == 1
        mask = base.mask if masks is None or not self.config.mask else masks[0] if single else masks
        return Result(boxes[0] if single else boxes, base.score, base.state, mask)

    def _refined(
        self, frame: Frame, base: Result, rows: FloatArray, wanted: NDArray[np.bool_]
    ) -> tuple[FloatArray, NDArray[np.bool_] | None]:
        """(n, 4) boxes by the configured rule, NaN where there is none, and (n, H, W) masks where they are needed.

        wanted: (n,) which of the tracker's boxes `rows` (n, 4) are looked at; a refiner leaves boxes of NaN alone.
        """
        c = self.config
        height, width = frame.shape[:2]
        needs = c.needs_masks
        looked = np.where(wanted[:, None], rows, np.nan)
        if c.clip_base:
            looked = clip_inside(looked, width, height, c.min_size)
        if not wanted.any():
            return looked, np.zeros((len(rows), height, width), dtype=bool) if needs else None
        answer = self.refiner.refine(frame, looked[0] if base.box.ndim == 1 else looked, mask=needs)
        masks = None if answer.mask is None else np.asarray(answer.mask, dtype=bool).reshape(len(rows), height, width)
        if c.box == "base":
            return looked, masks
        if c.box == "mask":
            around = [None] * len(rows) if masks is None else [mask_box(one, c.mask_area) for one in masks]
            return np.stack([np.full(4, np.nan) if one is None else one for one in around]), masks
        boxes = np.atleast_2d(np.asarray(answer.box, dtype=np.float64))
        return np.where((boxes != looked).any(axis=1, keepdims=True), boxes, np.nan), masks  # one that came back was not refined

    def _write_back(self, boxes: FloatArray, *, single: bool) -> None:
        move = getattr(self.tracker, "move", None)
        if move is not None:
            move(boxes[0] if single else boxes)
        elif not self._warned:
            self._warned = True
            name = type(self.tracker).__name__
            text = f"{name} has no move(boxes), so it goes on from its own boxes; silence this with refine.write_back=false"
            warnings.warn(text, LockonWarning, stacklevel=3)


def _found(result: Result) -> NDArray[np.bool_]:
    """(n,) whether the target is not "lost"."""
    return np.array([one.state != "lost" for one in result.each()])


__all__ = ["RefineConfig", "RefinedTracker"]
