"""Training samples of a refiner: a reference crop, a search crop around a box that is a little wrong, and where the target is in it.

Yan et al., Alpha-Refine, CVPR 2021 (arXiv 2012.06815), Sec. 3.4; where its published code differs from the paper, an option says so.
A sample is a pure function of seed and index.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lockon.data import augment
from lockon.data.pipeline import MAX_REDRAWS
from lockon.data.sampler import View
from lockon.errors import LockonError
from lockon.ops.boxes import xyxy_to_cxcywh
from lockon.ops.stretched_crop import OfficialStretchedCrop, StretchedCrop
from lockon.types import FloatArray, Frame

Offset = Literal["code", "paper"]
Backdrops = Callable[[Generator], Frame]
FACTOR = 2.0  # sides of a crop over those of the box
SMALLEST = 4.0  # crop pixels: targets with a shorter side are drawn again


class Views(Protocol):
    """Draws pairs of views, as `PairSampler` does."""

    def draw(self, rng: Generator) -> tuple[View, View, bool]:
        """Reference view, search view, and whether both show one target; a refiner is not trained on other pairs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RefineDataConfig:
    """Crops, jitter and augmentation; the defaults are those of the published training.

    Attributes:
        size: side of both crops in pixels.
        official: whole pixels and shifted coordinates of the published code, see `StretchedCrop`.
        scale: standard deviation of the logarithm of each side's jitter (Eq. 2). offset: range of the centre's jitter (Eq. 3).
        offset_range: "code": `offset` times the root of the jittered box's area; "paper": of the crop's area, which is twice that.
        reference_scale, reference_offset: the same for the reference crop, always by "code".
        masks: whether samples have the target's mask.
        gray: chance that both crops lose their colour. brightness: largest relative change, drawn for each crop.
        color: strength of further colour jitter, 1 = the usual ranges of `lockon.data.pipeline`. degrade: factor on the chances of
            blur, noise and compression in the search crop; a quarter of it for the reference.
        occlusion: chance that part of the target in the search crop is covered. flip: chance to mirror both crops.
        backdrop: chance that crops which reach outside their image are completed with another one instead of black.

    Raises:
        LockonError: a number out of its range.
    """

    size: int = 256
    official: bool = True
    scale: float = 0.25
    offset: float = 0.25
    offset_range: Offset = "code"
    reference_scale: float = 0.0
    reference_offset: float = 0.0
    masks: bool = True
    gray: float = 0.05
    brightness: float = 0.2
    color: float = 0.0
    degrade: float = 0.0
    occlusion: float = 0.0
    flip: float = 0.0
    backdrop: float = 0.0

    def __post_init__(self) -> None:
        if self.size < 16:
            raise LockonError(f"size={self.size} given, expected at least 16 pixels, for example size=256")
        for name in ("scale", "offset", "reference_scale", "reference_offset", "color", "degrade"):
            if not 0 <= getattr(self, name) < np.inf:
                raise LockonError(f"{name}={getattr(self, name)} given, expected a number from 0 on")
        for name in ("gray", "brightness", "occlusion", "flip", "backdrop"):
            if not 0 <= getattr(self, name) <= 1:
                raise LockonError(f"{name}={getattr(self, name)} given, expected a number from 0 to 1")

    @property
    def tracker_parameters(self) -> dict[str, dict[str, bool]]:
        """What weights that were trained so say in their header: official boxes count from the first pixel's centre."""
        return {"crop": {"pixel_centers": True}} if self.official else {}


class RefinePipeline:
    """Reference and search crops of one target.

    Args:
        sampler: draws the views. config: jitter and augmentation. seed: with the sample's index it fixes everything.
        backdrops: draws any image; needed for `config.backdrop`, and to cover targets with.
        notes: what was left out on reading the data, for the user.
    """

    def __init__(
        self, sampler: Views, config: RefineDataConfig, seed: int, backdrops: Backdrops | None = None, notes: tuple[str, ...] = ()
    ) -> None:
        self.sampler = sampler
        self.config = config
        self.seed = seed
        self.backdrops = backdrops
        self.notes = notes

    def sample(self, index: int) -> dict[str, Any]:
        """Sample `index`.

        Returns:
            template and search (S, S, 3) uint8 RGB crops; template_box and box (4,) float32 x1, y1, x2, y2 of the target in them, in
            crop pixels, clipped to 0 .. S; ids, the two views' names. The given box is always the middle half of the search crop. With
            masks: mask (S, S) bool of the target in the search crop, and has_mask () bool; nothing is in the mask of a target without.

        Raises:
            LockonError: 50 draws in a row were degenerate: the data are not usable.
        """
        rng = np.random.default_rng((self.seed, index))
        c = self.config
        kind = OfficialStretchedCrop if c.official else StretchedCrop
        for _ in range(MAX_REDRAWS):
            reference, view, present = self.sampler.draw(rng)
            if not present or min(*_sides(reference.box), *_sides(view.box)) < 2:
                continue
            around = jittered(rng, xyxy_to_cxcywh(reference.box), c.reference_scale, c.reference_offset, "code")
            first = kind.around(around, FACTOR, c.size)
            around = jittered(rng, xyxy_to_cxcywh(view.box), c.scale, c.offset, c.offset_range)
            second = kind.around(around, FACTOR, c.size)
            boxes = np.clip([first.to_crop(reference.box), second.to_crop(view.box)], 0, c.size)  # (2, 4)
            if not np.isfinite(boxes).all() or min(*_sides(boxes[0]), *_sides(boxes[1])) < SMALLEST:
                continue
            backdrop = self.backdrops(rng) if self.backdrops is not None and c.backdrop > rng.random() else None
            crops = _extract(first, reference.image, backdrop), _extract(second, view.image, backdrop)
            mask = _mask(second, view) if c.masks else None
            sample = self._appearance(rng, crops, boxes, mask)
            return {**sample, "ids": f"{reference.id} -> {view.id}"}
        raise LockonError(f"{MAX_REDRAWS} degenerate pairs in a row at sample {index}; check the boxes with `lockon data check`")

    def _appearance(self, rng: Generator, crops: tuple[Frame, Frame], boxes: FloatArray, mask: NDArray[np.bool_] | None) -> dict[str, Any]:
        """Photometric changes, an occluder, mirroring; and the arrays by name."""
        c = self.config
        template, search = (augment.brighten(rng, crop, c.brightness) if c.brightness else crop for crop in crops)
        if c.color:
            template, search = augment.jitter_pair(rng, template, search, c.color)
        if c.gray > rng.random():
            template, search = augment.to_gray(template), augment.to_gray(search)
        if self.backdrops is not None and c.occlusion > rng.random():
            covered = augment.occlude(rng, search, boxes[1], self.backdrops(rng))
            if mask is not None:
                mask = mask & (covered == search).all(axis=2)  # what covers the target is not the target
            search = covered
        if c.degrade:
            template, search = augment.degrade(rng, template, c.degrade / 4), augment.degrade(rng, search, c.degrade)
        if c.flip > rng.random():
            template, search = template[:, ::-1], search[:, ::-1]
            mask = None if mask is None else mask[:, ::-1]
            width = c.size - 1 if c.official else c.size  # official boxes count from the first pixel's centre
            boxes = np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], axis=1)
        boxes = np.clip(boxes, 0, c.size).astype(np.float32)
        sample = {"template": np.ascontiguousarray(template), "search": np.ascontiguousarray(search)}
        sample |= {"template_box": boxes[0], "box": boxes[1]}
        if c.masks:
            sample["mask"] = np.zeros((c.size, c.size), np.bool_) if mask is None else np.ascontiguousarray(mask)
            sample["has_mask"] = np.asarray(mask is not None)
        return sample


def jittered(rng: Generator, box_cxcywh: FloatArray, scale: float, offset: float, offset_range: Offset) -> FloatArray:
    """A box a little wrong in size and place (Eq. 2-4).

    Args:
        box_cxcywh: (4,) of the target. scale, offset, offset_range: as in `RefineDataConfig`.

    Returns:
        (4,) cx, cy, w, h: w, h times e to normal numbers; the centre moved by uniform numbers.
    """
    size = box_cxcywh[2:] * np.exp(scale * rng.standard_normal(2))
    largest = offset * np.sqrt(size[0] * size[1]) * (FACTOR if offset_range == "paper" else 1.0)
    return np.concatenate([box_cxcywh[:2] + (rng.random(2) - 0.5) * largest, size])


def _extract(crop: StretchedCrop, image: Frame, backdrop: Frame | None) -> Frame:
    """The crop's pixels; what lies outside the image is black, or shows the backdrop."""
    pixels = crop.extract(image)
    x1, y1, x2, y2 = crop.windows()
    if backdrop is None or (min(x1, y1) >= 0 and x2 <= image.shape[1] and y2 <= image.shape[0]):
        return pixels
    inside = crop.extract(np.full(image.shape[:2], 255, np.uint8)) > 127
    canvas = cv2.resize(backdrop, (crop.size, crop.size), interpolation=cv2.INTER_AREA)
    return np.where(inside[..., None], pixels, canvas).astype(np.uint8)


def _mask(crop: StretchedCrop, view: View) -> NDArray[np.bool_] | None:
    """The (S, S) mask in the crop; None where the view has none."""
    mask = None if view.mask is None else view.mask()
    if mask is None:
        return None
    if mask.shape != view.image.shape[:2]:
        raise LockonError(f"{view.id}: a mask of {mask.shape} for an image of {view.image.shape[:2]}; mend the annotation")
    return crop.extract(mask.astype(np.uint8) * 255) > 127


def _sides(box_xyxy: FloatArray) -> tuple[float, float]:
    return float(box_xyxy[2] - box_xyxy[0]), float(box_xyxy[3] - box_xyxy[1])


__all__ = ["RefineDataConfig", "RefinePipeline", "Views", "jittered"]
