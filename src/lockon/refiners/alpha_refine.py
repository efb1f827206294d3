"""`AlphaRefiner`: Alpha-Refine's network on the crop around each box, one forward pass for all targets.

Yan et al., CVPR 2021 (arXiv 2012.06815). The look of a target is encoded once, from the frame it was given on; a tracker's box is then the
middle half of a stretched crop, in which the network finds the exact box, and a mask where one is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.errors import LockonError
from lockon.ops.boxes import check_boxes, xywh_to_cxcywh, xyxy_to_xywh
from lockon.ops.pixels import to_rgb
from lockon.ops.stretched_crop import StretchedCrop
from lockon.refiners.guard import RefinedBoxes, check_ready, refine_guarded
from lockon.tracker import Model
from lockon.types import FloatArray, Frame, Prediction, Result, Template


@dataclass(frozen=True, kw_only=True, slots=True)
class RefinerConfig:
    """How a refiner's network is used.

    Attributes:
        factor: sides of the crop over those of the box.
        conventions: "continuous" keeps sub-pixel positions. "official" is the published code to the pixel: crops of whole pixels, and its
            maps between them and the frame.
        pixel_centers: the network counts crop pixels from the centre of the first one, as the published weights do, not from its corner.
        mask_threshold: pixels with a probability above it are the target, 0..1.
        confidence: boxes that the network is less sure of come back unrefined, 0..1; for heads that have a confidence.
        smallest: boxes with a side below it, in pixels, come back unrefined: there is nothing to see.

    Raises:
        LockonError: a factor that is not above 1; a threshold or a confidence outside 0..1.
    """

    factor: float = 2.0
    conventions: Literal["continuous", "official"] = "continuous"
    pixel_centers: bool = False
    mask_threshold: float = 0.5
    confidence: float = 0.0
    smallest: float = 1.0

    def __post_init__(self) -> None:
        if not 1 < self.factor <= 8:
            raise LockonError(f"factor={self.factor:g} given, expected a crop larger than the box, up to 8 times, for example factor=2")
        for name in ("mask_threshold", "confidence"):
            if not 0 <= getattr(self, name) <= 1:
                raise LockonError(f"{name}={getattr(self, name):g} given, expected a probability in 0..1, for example {name}=0.5")

    def crop(self, boxes_xywh: FloatArray, size: int) -> StretchedCrop:
        """The crops of `size` pixels around (n, 4) boxes, by these rules."""
        middle = (size - 1) / 2 if self.pixel_centers else None
        boxes = xywh_to_cxcywh(boxes_xywh)
        return StretchedCrop.around(boxes, self.factor, size, middle=middle, official=self.conventions == "official")


class AlphaRefiner:
    """A `Refiner` around Alpha-Refine's network, or any other that gives one candidate per crop.

    Args:
        model: the network: `TorchModel`, `OnnxModel` or `OpenVinoModel`. config: how it is used.

    Attributes:
        masks: whether the network makes masks.
    """

    def __init__(self, model: Model, config: RefinerConfig | None = None) -> None:
        self.model = model
        self.config = config or RefinerConfig()
        self.masks = bool(getattr(model, "extras", ()))
        self._template = Template(())
        self._count = 0

    def init(self, frame: Frame, box: ArrayLike) -> None:
        """Encode one target (4,) or n (n, 4), x, y, w, h in pixels, all in one pass.

        Raises:
            LockonError: a box that is malformed, empty or outside the frame.
        """
        frame = to_rgb(frame)
        height, width = frame.shape[:2]
        boxes = np.atleast_2d(check_boxes(box, width, height, clip=self.config.conventions == "continuous"))
        crops = self.config.crop(boxes, self.model.template_size)
        self._template = self.model.encode(np.stack([crops[i].extract(frame) for i in range(len(boxes))]))
        self._count = len(boxes)

    def refine(self, frame: Frame, box: ArrayLike, *, mask: bool = False) -> Result:
        """As `Refiner.refine`: boxes that are not finite, too small, far too large or outside the frame come back as they are.

        Raises:
            LockonError: before `init`, another number of boxes than it was given, or masks of a network that makes none.
        """
        check_ready(self._count, mask=mask, masks=self.masks)
        frame = to_rgb(frame)

        def predict(boxes: FloatArray, targets: NDArray[np.intp]) -> RefinedBoxes:
            found = self.predict(frame, boxes, targets, mask=mask)
            return found._replace(scores=np.where(found.scores >= self.config.confidence, found.scores, 0))

        return refine_guarded(frame, box, self._count, predict, smallest=self.config.smallest, mask=mask)

    def predict(self, frame: Frame, boxes: FloatArray, targets: NDArray[np.intp], *, mask: bool = False) -> RefinedBoxes:
        """One forward pass, and what comes out of it, unchecked.

        Args:
            frame: (H, W, 3) uint8 RGB. boxes: (n, 4) x, y, w, h, finite, around which to look.
            targets: (n,) numbers of the targets that the boxes are of. mask: make masks, too.
        """
        crops = self.config.crop(boxes, self.model.search_size)
        template = Template(tuple(feature[targets] for feature in self._template.features))
        prediction = self.model(template, np.stack([crops[i].extract(frame) for i in range(len(boxes))]))
        found = crops.to_image(np.asarray(prediction.boxes, dtype=np.float64)[:, 0])  # (n, 4)
        return RefinedBoxes(xyxy_to_xywh(found), _scores(prediction), self._masks(prediction, crops, frame) if mask else None)

    def _masks(self, prediction: Prediction, crops: StretchedCrop, frame: Frame) -> NDArray[np.bool_]:
        model: Any = self.model  # one with masks has `mask`
        patches = model.mask(prediction, np.zeros(len(crops.boxes), dtype=np.int64))  # (n, P, P)
        size = (frame.shape[1], frame.shape[0])
        return np.stack([crops[i].paste(patch, size) > self.config.mask_threshold for i, patch in enumerate(patches)])


def _scores(prediction: Prediction) -> FloatArray:
    """(n,) probabilities of the only candidates; a head without a confidence gives logits of exactly 0, and counts as sure."""
    logits = np.asarray(prediction.logits, dtype=np.float64)[:, 0]
    return np.where(logits == 0, 1.0, 1 / (1 + np.exp(-np.clip(logits, -60, 60))))


__all__ = ["AlphaRefiner", "RefinerConfig"]
