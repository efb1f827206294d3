"""`SiamMaskRefiner`: SiamMask's network as a refiner, which searches around the box that it is given and never follows by itself.

Wang et al., CVPR 2019 (arXiv 1812.05050); as refiner in Table 7 of Alpha-Refine (Yan et al., CVPR 2021). Its mask gives the box, or its own
box does. Any other network that tracks can be used so, too: with its own box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from lockon._config_values import check_range
from lockon.errors import LockonError
from lockon.localizers.masks import MAX_AREA, mask_box
from lockon.ops.boxes import cxcywh_to_xywh, xywh_to_cxcywh
from lockon.refiners.guard import RefinedBoxes
from lockon.refiners.protocol import RefinerSession
from lockon.target import Target
from lockon.tracker import NetworkTracker
from lockon.types import FloatArray, Frame


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchConfig:
    """How a tracker's network refines.

    Attributes:
        box: "mask": the upright rectangle around the largest connected part of the mask; "own": the box of the network's own head.
        mask_area: Pixels² from which on a part of the mask makes a box; where none does, the tracker's box stays.
        smallest: Boxes with a side below it, in pixels (0..10,000), come back unrefined.

    Raises:
        LockonError: A negative area, or a value outside its range.
    """

    box: Literal["mask", "own"] = "mask"
    mask_area: float = 100.0
    smallest: float = 1.0

    def __post_init__(self) -> None:
        check_range("mask_area", self.mask_area, 0, MAX_AREA)
        check_range("smallest", self.smallest, 0, 10_000)


class SiamMaskRefiner(RefinerSession[Target]):
    """A `Refiner` around the network of a tracker.

    Args:
        tracker: It is asked for one step from each box.
        config: What becomes the box.

    Attributes:
        masks: Whether the network makes masks.

    Raises:
        LockonError: Boxes from masks of a tracker that makes none.
    """

    def __init__(self, tracker: NetworkTracker, config: SearchConfig | None = None) -> None:
        self.tracker = tracker
        self.config = config or SearchConfig()
        super().__init__(masks=tracker.makes_masks, smallest=self.config.smallest)
        if self.config.box == "mask" and not self.masks:
            raise LockonError("boxes from masks asked of a network that makes none; give box=own, or a network with masks")

    def start(self, frame: Frame, boxes: ArrayLike) -> list[Target]:
        """Encode one target (4,) or n (n, 4), x, y, w, h in pixels, all in one pass, see `SteppedRefiner.start`.

        Raises:
            LockonError: As `NetworkTracker.start`.
        """
        return self.tracker.start(frame, boxes)

    def predict(self, frames: Sequence[Frame], references: Sequence[Target], boxes: FloatArray, *, mask: bool = False) -> RefinedBoxes:
        """Return what one step predicts, see `RefinerSession.predict`; scores are those of the network's candidates.

        Raises:
            LockonError: A frame of another size than the first one of its target.
        """
        placed = [replace(target, box=box) for target, box in zip(references, xywh_to_cxcywh(boxes), strict=True)]
        moved = self.tracker.step(frames, placed)
        scores = np.array([target.score for target in moved])
        masks = [target.mask for target in moved if target.mask is not None] if self.masks else None
        if self.config.box == "own" or masks is None:
            return RefinedBoxes(cxcywh_to_xywh(np.stack([target.box for target in moved])), scores, masks)
        around = [mask_box(mask, self.config.mask_area) for mask in masks]
        refined = np.stack([box if rectangle is None else rectangle for box, rectangle in zip(boxes, around, strict=True)])
        return RefinedBoxes(refined, np.where([rectangle is None for rectangle in around], 0.0, scores), masks)


__all__ = ["SearchConfig", "SiamMaskRefiner"]
