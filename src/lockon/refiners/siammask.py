"""`SiamMaskRefiner`: SiamMask's network as a refiner, which searches around the box that it is given and never follows by itself.

Wang et al., CVPR 2019 (arXiv 1812.05050); as refiner in Table 7 of Alpha-Refine (Yan et al., CVPR 2021). Its mask gives the box, or its own
box does. Any other network that tracks can be used so, too: with its own box.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.errors import LockonError
from lockon.localizers.masks import mask_box
from lockon.ops.boxes import cxcywh_to_xywh, xywh_to_cxcywh
from lockon.ops.pixels import to_rgb
from lockon.refiners.guard import RefinedBoxes, check_ready, refine_guarded
from lockon.tracker import NetworkTracker, Target
from lockon.types import FloatArray, Frame, Result


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchConfig:
    """How a tracker's network refines.

    Attributes:
        box: "mask": the upright rectangle around the largest connected part of the mask; "own": the box of the network's own head.
        mask_area: pixels² from which on a part of the mask makes a box; where none does, the tracker's box stays.
        smallest: boxes with a side below it, in pixels, come back unrefined.
    """

    box: Literal["mask", "own"] = "mask"
    mask_area: float = 100.0
    smallest: float = 1.0


class SiamMaskRefiner:
    """A `Refiner` around the network of a tracker.

    Args:
        tracker: it is asked for one step from each box; its own targets stay as they are. config: what becomes the box.

    Attributes:
        masks: whether the network makes masks.

    Raises:
        LockonError: boxes from masks of a tracker that makes none.
    """

    def __init__(self, tracker: NetworkTracker, config: SearchConfig | None = None) -> None:
        self.tracker = tracker
        self.config = config or SearchConfig()
        self.masks = tracker.config.mask is not None and hasattr(tracker.model, "mask")
        self._targets: list[Target] = []
        if self.config.box == "mask" and not self.masks:
            raise LockonError("boxes from masks asked of a network that makes none; give box=own, or a network with masks")

    def init(self, frame: Frame, box: ArrayLike) -> None:
        """Encode one target (4,) or n (n, 4), x, y, w, h in pixels, all in one pass.

        Raises:
            LockonError: as `NetworkTracker.init`.
        """
        self._targets = self.tracker.start(frame, box)

    def refine(self, frame: Frame, box: ArrayLike, *, mask: bool = False) -> Result:
        """As `Refiner.refine`; the score is that of the network's candidate.

        Raises:
            LockonError: before `init`, another number of boxes than it was given, masks of a network that makes none, or a frame of
                another size than the first one.
        """
        check_ready(len(self._targets), mask=mask, masks=self.masks)
        frame = to_rgb(frame)

        def predict(boxes: FloatArray, targets: NDArray[np.intp]) -> RefinedBoxes:
            return self._search_around(frame, boxes, targets)

        return refine_guarded(frame, box, len(self._targets), predict, smallest=self.config.smallest, mask=mask)

    def _search_around(self, frame: Frame, boxes: FloatArray, targets: NDArray[np.intp]) -> RefinedBoxes:
        placed = [replace(self._targets[number], box=box) for number, box in zip(targets, xywh_to_cxcywh(boxes), strict=True)]
        moved = self.tracker.step([frame] * len(placed), placed)
        scores = np.array([target.score for target in moved])
        masks = np.stack([target.mask for target in moved if target.mask is not None]) if self.masks else None
        if self.config.box == "own" or masks is None:
            return RefinedBoxes(cxcywh_to_xywh(np.stack([target.box for target in moved])), scores, masks)
        around = [mask_box(one, self.config.mask_area) for one in masks]
        found = np.stack([box if rectangle is None else rectangle for box, rectangle in zip(boxes, around, strict=True)])
        return RefinedBoxes(found, np.where([one is None for one in around], 0.0, scores), masks)


__all__ = ["SearchConfig", "SiamMaskRefiner"]
