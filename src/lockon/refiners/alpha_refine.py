"""`AlphaRefiner`: Alpha-Refine's network on the crop around each box, one forward pass for all targets.

Yan et al., CVPR 2021 (arXiv 2012.06815). The look of a target is encoded once, from the frame it was given on; a tracker's box is then the
middle half of a stretched crop, in which the network finds the exact box, and a mask where one is wanted.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon._config_values import check_range
from lockon.errors import LockonWarning
from lockon.ops.boxes import xywh_to_cxcywh, xyxy_to_xywh
from lockon.ops.crop_rules import OfficialStretchedRule, StretchedRule
from lockon.ops.stretched_crop import StretchedCrop
from lockon.refiners.guard import RefinedBoxes
from lockon.refiners.protocol import RefinerSession
from lockon.start_rules import ClippedStart, UnclippedStart
from lockon.tracker import Model, split, stacked
from lockon.types import FloatArray, Frame, Prediction, Template


@dataclass(frozen=True, kw_only=True, slots=True)
class RefinerConfig:
    """How a refiner's network is used.

    Attributes:
        crop: Which window of a frame is seen: at sub-pixel positions, or the published code to the pixel.
        start: How the boxes of the first frame are taken.
        mask_threshold: Pixels with a probability above it are the target, 0..1.
        confidence: Boxes that the network is less sure of come back unrefined, 0..1; for heads that have a confidence.
        smallest: Boxes with a side below it, in pixels (0..10,000), come back unrefined: there is nothing to see.

    Raises:
        LockonError: A value outside its range.
    """

    crop: StretchedRule | OfficialStretchedRule = field(default_factory=StretchedRule)
    start: ClippedStart | UnclippedStart = field(default_factory=ClippedStart)
    mask_threshold: float = 0.5
    confidence: float = 0.0
    smallest: float = 1.0

    def __post_init__(self) -> None:
        for name in ("mask_threshold", "confidence"):
            check_range(name, getattr(self, name), 0, 1)
        check_range("smallest", self.smallest, 0, 10_000)


class AlphaRefiner(RefinerSession[Template]):
    """A `Refiner` around Alpha-Refine's network, or any other that gives one candidate per crop.

    Args:
        model: The network: `TorchModel` or `DeployedModel`.
        config: How it is used.

    Attributes:
        masks: Whether the network makes masks.
    """

    def __init__(self, model: Model, config: RefinerConfig | None = None) -> None:
        self.model = model
        self.config = config or RefinerConfig()
        super().__init__(masks=bool(getattr(model, "mask_inputs", ())), smallest=self.config.smallest)

    def start(self, frame: Frame, boxes: ArrayLike) -> list[Template]:
        """Encode one target (4,) or n (n, 4), x, y, w, h in pixels, all in one pass, see `SteppedRefiner.start`.

        Raises:
            LockonError: A box that is malformed, empty or outside the frame.
        """
        height, width = frame.shape[:2]
        rows = self.config.start(boxes, width, height)  # (n, 4) cx, cy, w, h
        crops = self.config.crop(rows, self.model.template_size)
        return split(self.model.encode(np.stack([crops[i].extract(frame) for i in range(len(rows))])), len(rows))

    def predict(self, frames: Sequence[Frame], references: Sequence[Template], boxes: FloatArray, *, mask: bool = False) -> RefinedBoxes:
        """Return what one forward pass predicts, see `RefinerSession.predict`; boxes below the configured confidence have a score of 0."""
        crops = self.config.crop(xywh_to_cxcywh(boxes), self.model.search_size)
        images = np.stack([crops[i].extract(frame) for i, frame in enumerate(frames)])
        prediction = self.model(stacked(references), images)
        with np.errstate(all="ignore"):  # boxes that are no numbers
            corners = crops.to_image(np.asarray(prediction.boxes, dtype=np.float64)[:, 0])  # (n, 4)
        scores = _scores(prediction)
        if not (np.isfinite(corners).all() and np.isfinite(scores).all()):
            text = "the refiner's answer is not finite, so the tracker's boxes stay; its weights are broken or the precision is too low"
            warnings.warn(text, LockonWarning, stacklevel=4)
        scores = np.where(scores >= self.config.confidence, scores, 0)
        return RefinedBoxes(xyxy_to_xywh(corners), scores, self._masks(prediction, crops, frames) if mask else None)

    def _masks(self, prediction: Prediction, crops: StretchedCrop, frames: Sequence[Frame]) -> list[NDArray[np.bool_]]:
        model: Any = self.model  # one with masks has `mask`
        patches = model.mask(prediction, np.zeros(len(crops.boxes), dtype=np.int64))  # (n, P, P)
        return [
            crops[i].paste(patch, (frame.shape[1], frame.shape[0])) > self.config.mask_threshold
            for i, (patch, frame) in enumerate(zip(patches, frames, strict=True))
        ]


def _scores(prediction: Prediction) -> FloatArray:
    """Return (n,) probabilities of the only candidates; a head without a confidence gives logits of exactly 0, and counts as sure."""
    logits = np.asarray(prediction.logits, dtype=np.float64)[:, 0]
    return np.where(logits == 0, 1.0, 1 / (1 + np.exp(-np.clip(logits, -60, 60))))


__all__ = ["AlphaRefiner", "RefinerConfig"]
