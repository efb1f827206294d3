"""Augmentation of the PySOT family (B. Li et al., SiamRPN++, CVPR 2019, and its public training code): from a patch to a crop.

Shift and scale of the window, colour, blur and mirroring, in this order. Coordinates are pixel indices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lockon._config_values import check_range
from lockon.data.samples.appearance import mirrored
from lockon.data.samples.patches import PATCH
from lockon.data.samples.pipeline import CroppedView, Draft
from lockon.data.samples.views import View
from lockon.types import FloatArray, Frame

# Colour offsets for R, G, B in grey levels: this matrix times three standard normal numbers.
COLOR_SPREAD = np.array(
    [
        [-0.55919361, 0.98062831, -0.41940627],
        [1.72091413, 0.19879334, -1.82968581],
        [4.64467907, 4.73710203, 4.88324118],
    ]
)
BLUR_SIZES = np.arange(5, 46, 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class PatchJitter:
    """Size and strengths of one of the two crops.

    Attributes:
        size: Side of the crop in pixels.
        shift: Largest shift of the window in patch pixels, each way.
        scale: Largest relative change of its width and of its height.
        blur: Chance of a blur.
        flip: Chance of mirroring.
        color: Chance of a colour offset.

    Raises:
        LockonError: A size over 511 or under 2.
    """

    size: int
    shift: float = 0.0
    scale: float = 0.0
    blur: float = 0.0
    flip: float = 0.0
    color: float = 0.0

    def __post_init__(self) -> None:
        check_range("size", self.size, 2, PATCH)


def crop_patches(rng: Generator, draft: Draft, *, roles: Mapping[str, PatchJitter], masks: tuple[str, ...] = ()) -> Draft:
    """Crop patches, role by role, and the masks of the roles `masks`: the one step of the family's samples."""
    crops = {
        role: tuple(jittered_crop(rng, view, roles[role], mask=role in masks) for view in views)
        for role, views in draft.views.roles.items()
    }
    return replace(draft, crops=crops)


def jittered_crop(rng: Generator, view: View, jitter: PatchJitter, *, mask: bool = False) -> CroppedView:
    """Crop a patch's middle with everything that `jitter` says.

    Colour offsets may leave 0 to 255; the result is rounded and cut to that range (the family's own code trains on the floats).

    Args:
        rng: Everything that is random comes from it.
        view: A (P, P, 3) uint8 RGB patch with its box in pixel indices.
        jitter: Size and strengths.
        mask: Whether the mask is cropped as well, where there is one.
    """
    size = jitter.size
    window, factors = draw_window(rng, view.image.shape[0], jitter)
    box = (view.box - np.tile(window[:2], 2)) / np.tile(factors, 2)
    crop = resample(view.image, window, size)
    coverage = view.coverage() if mask else None
    covered = None if coverage is None else resample(coverage, window, size) > 127
    offset = color_offset(rng) if jitter.color > rng.random() else np.zeros(3, np.float32)
    if jitter.blur > rng.random():
        crop = as_pixels(cross_blur(rng, crop - offset))
    elif offset.any():
        table = as_pixels(np.arange(256, dtype=np.float32)[:, None] - offset)  # (256, 3)
        crop = cv2.LUT(crop, table[None])  # type: ignore[assignment]  # the same pixels ten times as fast
    cropped = CroppedView(np.ascontiguousarray(crop), box, covered, indices=True)
    return mirrored(cropped) if jitter.flip > rng.random() else cropped


def draw_window(rng: Generator, patch_size: int, jitter: PatchJitter) -> tuple[FloatArray, FloatArray]:
    """Return the jittered window: (4,) x1, y1, x2, y2 in pixel indices of the patch, inside it; and (2,) its scale in x and y.

    Without jitter it is the middle `size` pixels: from 128 to 382 for 255 of 511.
    """
    size = jitter.size
    factors = np.ones(2)
    if jitter.scale:
        factors = np.minimum(1 + rng.uniform(-jitter.scale, jitter.scale, 2), patch_size / (size - 1))
    half = (size - 1) / 2 * factors
    low, high = patch_size // 2 - half, patch_size // 2 + half
    if jitter.shift:
        shift = np.maximum(-low, np.minimum(patch_size - 1 - high, rng.uniform(-jitter.shift, jitter.shift, 2)))
        low, high = low + shift, high + shift
    return np.concatenate([low, high]), factors


def resample(patch: Frame, window: FloatArray, size: int) -> Frame:
    """Return (size, size, 3) pixels of a window, or (size, size) of a mask; outside the patch is black.

    The window's corners are on the centres of the first and the last pixel.
    """
    factors = (size - 1) / (window[2:] - window[:2])
    matrix = np.column_stack([np.diag(factors), -factors * window[:2]])
    return cv2.warpAffine(patch, matrix, (size, size), borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0))  # type: ignore[return-value]


def color_offset(rng: Generator) -> NDArray[np.float32]:
    """Return the (3,) offset that is subtracted from R, G, B."""
    return (COLOR_SPREAD @ rng.standard_normal(3)).astype(np.float32)


def cross_blur(rng: Generator, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Blur along a cross of odd size 5 to 45: a share a of the weight on its upright bar, 1 - a on the level one.

    Each bar is a box filter, so the two are many times faster than one kernel of 45 x 45.
    """
    size = int(rng.choice(BLUR_SIZES))
    upright = rng.random()
    return cv2.addWeighted(cv2.blur(image, (1, size)), upright, cv2.blur(image, (size, 1)), 1 - upright, 0)  # type: ignore[return-value]


def as_pixels(values: NDArray[np.float32]) -> Frame:
    """Return values rounded and cut to 0..255 as uint8."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


__all__ = ["COLOR_SPREAD", "PatchJitter", "color_offset", "crop_patches", "cross_blur", "draw_window", "jittered_crop", "resample"]
