"""From a pair of views to the arrays a network trains on: jittered crops, augmentation, box in crop pixels.

`PairPipeline.sample(index)` is a pure function of (seed, index): training resumes exactly from its step number, in any
number of worker processes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator

from lockon.data import augment
from lockon.data.sampler import PairSampler, View
from lockon.errors import LockonError
from lockon.ops.boxes import xyxy_to_cxcywh
from lockon.ops.crop import Crop, mean_color
from lockon.types import FloatArray, Frame

MAX_REDRAWS = 50
_TEMPLATE, _SEARCH = "template", "search"


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """Crop geometry and augmentation strengths.

    Attributes:
        template_size, search_size: crop sides in pixels.
        template_factor, search_factor: crop side in units of the target's sqrt(w h).
        template_shift, search_shift: largest shift of the target from the crop's centre, as a fraction of the crop's side.
        near: chance that a search shift is small (Gaussian, a fifth of `search_shift`) as between neighbouring frames.
        template_scale, search_scale: standard deviation of the log of the crop's scale jitter (cut at twice that).
        aspect: standard deviation of the log of the crop's width to height.
        rotation: standard deviation of the rotation in degrees. flip: chance to mirror both crops.
        gray: chance that both crops lose their colour. color: strength of the colour jitter, 1 = the usual ranges.
        degrade: factor on the chances of blur, noise and compression in the search crop; a quarter of it for the template.
        occlusion: chance that part of the target in the search crop is covered.
        backdrop: chance that crops which reach outside their image are completed with another image.
    """

    template_size: int = 112
    search_size: int = 224
    template_factor: float = 1.875
    search_factor: float = 3.75
    template_shift: float = 0.03
    search_shift: float = 0.36
    near: float = 0.4
    template_scale: float = 0.04
    search_scale: float = 0.18
    aspect: float = 0.06
    rotation: float = 4.0
    flip: float = 0.5
    gray: float = 0.12
    color: float = 1.0
    degrade: float = 1.0
    occlusion: float = 0.12
    backdrop: float = 0.7


class PairPipeline:
    """Template and search crops of one object.

    Args:
        sampler: draws the views. config: geometry and strengths. seed: with the sample's index it fixes everything.
        backdrops: draws any image; crops that reach far outside their own image are completed with it, since a target that
            fills its picture would otherwise be learnt as "what is not the border colour".
    """

    def __init__(
        self, sampler: PairSampler, config: PipelineConfig, seed: int, backdrops: Callable[[Generator], Frame] | None = None
    ) -> None:
        self.sampler = sampler
        self.backdrops = backdrops
        self.config = config
        self.seed = seed

    def sample(self, index: int) -> dict[str, Any]:
        """Sample `index`.

        Returns:
            template (h, w, 3) and search (H, W, 3) uint8 RGB; box (4,) float32 xyxy in search-crop pixels; present () bool;
            redraws () int, how many degenerate draws were skipped; ids, the two views' names.

        Raises:
            LockonError: 50 draws in a row were degenerate: the data are not usable.
        """
        rng = np.random.default_rng((self.seed, index))
        c = self.config
        for redraws in range(MAX_REDRAWS):
            template_view, search_view, present = self.sampler.draw(rng)
            if min(_sides(template_view)) < 2 or min(_sides(search_view)) < 2:
                continue
            backdrop = self.backdrops(rng) if self.backdrops is not None and rng.random() < c.backdrop else None
            template, _ = self._crop(rng, template_view, _TEMPLATE, backdrop)
            search, box = self._crop(rng, search_view, _SEARCH, backdrop)
            if not np.isfinite(box).all() or min(box[2] - box[0], box[3] - box[1]) < 4:
                continue
            cover = self.backdrops(rng) if self.backdrops is not None else search_view.image
            template, search, box = self._appearance(rng, template, search, box, cover)
            return {
                "template": template,
                "search": search,
                "box": box.astype(np.float32),
                "present": np.asarray(present),
                "redraws": np.asarray(redraws),
                "ids": f"{template_view.id} -> {search_view.id}",
            }
        raise LockonError(f"{MAX_REDRAWS} degenerate pairs in a row at sample {index}; check the boxes with `lockon data check`")

    def _crop(self, rng: Generator, view: View, branch: str, backdrop: Frame | None) -> tuple[Frame, FloatArray]:
        """A jittered, slightly rotated crop of the view and its (4,) xyxy box in crop pixels."""
        crop = self._window(rng, view, branch)
        angle = math.radians(float(np.clip(rng.normal(0, self.config.rotation), -15, 15)))
        cos, sin = math.cos(angle), math.sin(angle)
        # rotate about the target's centre, in crop pixels; the extent of a rotated target is that of its inscribed ellipse
        box = crop.to_crop(view.box)
        center, (bw, bh) = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        half = np.array([math.hypot(bw * cos, bh * sin), math.hypot(bw * sin, bh * cos)]) / 2
        turn = np.array([[cos, -sin], [sin, cos]])
        spin = np.column_stack([turn, (center - 0.5) - turn @ (center - 0.5)])
        matrix = spin @ np.vstack([crop.matrix(), [0, 0, 1]])
        return _warp(view.image, matrix, crop, backdrop), np.concatenate([center - half, center + half])

    def _window(self, rng: Generator, view: View, branch: str) -> Crop:
        """The jittered window of one branch around the view's box."""
        c = self.config
        search = branch == _SEARCH
        size, factor = (c.search_size, c.search_factor) if search else (c.template_size, c.template_factor)
        shift, scale, aspect = (c.search_shift, c.search_scale, c.aspect) if search else (c.template_shift, c.template_scale, c.aspect / 3)
        cx, cy, w, h = xyxy_to_cxcywh(view.box)
        zoom = np.clip(rng.normal(0, scale), -2 * scale, 2 * scale)
        stretch = rng.normal(0, aspect) / 2
        side = max(factor * math.sqrt(w * h), 10.0) * math.exp(zoom) * np.exp(np.array([stretch, -stretch]))  # (2,)
        near = search and rng.random() < c.near
        offset = np.clip(rng.normal(0, shift / 5, 2), -shift, shift) if near else rng.uniform(-shift, shift, 2)
        return Crop(np.array([cx, cy]) + offset * side, side, size)

    def _appearance(self, rng: Generator, template: Frame, search: Frame, box: FloatArray, cover: Frame) -> tuple[Frame, Frame, FloatArray]:
        """Photometric changes, some shared by both crops (the video's look), and an occluder cut from `cover`."""
        c = self.config
        template, search = augment.jitter_pair(rng, template, search, c.color)
        if rng.random() < c.gray:
            template, search = augment.to_gray(template), augment.to_gray(search)
        if rng.random() < c.occlusion:
            search = augment.occlude(rng, search, box, cover)
        template = augment.degrade(rng, template, c.degrade / 4)
        search = augment.degrade(rng, search, c.degrade)
        if rng.random() < c.flip:
            width = search.shape[1]
            template, search = template[:, ::-1], search[:, ::-1]
            box = np.array([width - box[2], box[1], width - box[0], box[3]])
        return np.ascontiguousarray(template), np.ascontiguousarray(search), box


def _warp(image: Frame, matrix: FloatArray, crop: Crop, backdrop: Frame | None) -> Frame:
    """The image under a (2, 3) matrix; what lies outside it shows the backdrop, or the image's mean colour."""
    step = int(np.min(crop.side) / crop.size)
    if step >= 2:  # warpAffine has no area filter: large crops would alias
        small = cv2.resize(image, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
        rx, ry = image.shape[1] / small.shape[1], image.shape[0] / small.shape[0]
        matrix = matrix @ np.array([[rx, 0, rx / 2 - 0.5], [0, ry, ry / 2 - 0.5], [0, 0, 1]])
        image = small  # type: ignore[assignment]
    height, width = image.shape[:2]
    reach = np.abs(np.linalg.inv(matrix[:, :2])).sum(1) * crop.size / 2  # half extent of the crop in image pixels
    middle = np.linalg.solve(matrix[:, :2], np.full(2, crop.size / 2) - matrix[:, 2])
    inside = np.minimum(middle + reach, [width, height]) - np.maximum(middle - reach, 0)
    flat = backdrop is None or bool((inside > 1.7 * reach).all())  # at most 15 % of each side is outside
    if flat:
        border = mean_color(image).tolist()
        return cv2.warpAffine(image, matrix, (crop.size, crop.size), borderMode=cv2.BORDER_CONSTANT, borderValue=border)  # type: ignore[return-value]
    assert backdrop is not None
    canvas = cv2.resize(backdrop, (crop.size, crop.size), interpolation=cv2.INTER_AREA)
    return cv2.warpAffine(image, matrix, (crop.size, crop.size), dst=canvas, borderMode=cv2.BORDER_TRANSPARENT)  # type: ignore[return-value]


def _sides(view: View) -> tuple[float, float]:
    return float(view.box[2] - view.box[0]), float(view.box[3] - view.box[1])
