"""The steps that change the pixels of crops: colours, blur, noise, covers, mirroring; and `Appearance`, their strengths.

The first role of a sample shows what the target looks like: it is changed less than the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.random import Generator

from lockon._config_values import check_range
from lockon.data.samples import augment
from lockon.data.samples.crop_steps import Images, change_crops, change_pixels
from lockon.data.samples.pipeline import CroppedView, Draft, SampleStep
from lockon.errors import LockonError
from lockon.types import Frame


@dataclass(frozen=True, kw_only=True, slots=True)
class Appearance:
    """Strengths of what changes the pixels of crops.

    Attributes:
        backdrop: Chance that crops which reach outside their image are completed with another image.
        brightness: Largest relative change of brightness, drawn for each crop.
        color: Strength of the colour jitter; 1 has the usual ranges.
        gray: Chance that all crops of a sample lose their colour.
        occlusion: Chance that part of the target in a search crop is covered.
        degrade: Factor on the chances of blur, noise and compression in search crops; a quarter of it for the first role.
        flip: Chance that all crops of a sample are mirrored.

    Raises:
        LockonError: A number out of its range.
    """

    backdrop: float = 0.0
    brightness: float = 0.0
    color: float = 0.0
    gray: float = 0.0
    occlusion: float = 0.0
    degrade: float = 0.0
    flip: float = 0.0

    def __post_init__(self) -> None:
        for name in ("color", "degrade"):
            check_range(name, getattr(self, name), 0)
        for name in ("backdrop", "brightness", "gray", "occlusion", "flip"):
            check_range(name, getattr(self, name), 0, 1)


def appearance_steps(config: Appearance, *, covers: Images | None = None, covered: bool = True) -> list[SampleStep]:
    """Return the steps that change crops; a backdrop is no such step (`pick_backdrop`).

    Args:
        config: Their strengths.
        covers: Draws an image to cover a target with, where the draft has none.
        covered: Whether targets are covered at all.
    """
    steps: list[SampleStep] = []
    if config.brightness:
        steps.append(partial(brighten, strength=config.brightness))
    if config.color:
        steps.append(partial(jitter_color, strength=config.color))
    steps.append(partial(gray, chance=config.gray))
    if covered:
        steps.append(partial(occlude, chance=config.occlusion, images=covers))
    if config.degrade:
        steps.append(partial(degrade, strength=config.degrade))
    return [*steps, partial(mirror, chance=config.flip)]


def brighten(rng: Generator, draft: Draft, *, strength: float) -> Draft:
    """Change the brightness of each crop by at most `strength`, relatively."""
    return change_pixels(draft, lambda pixels, _: augment.brighten(rng, pixels, strength))


def jitter_color(rng: Generator, draft: Draft, *, strength: float) -> Draft:
    """Change brightness, contrast, saturation and hue of each crop; those of the first role less, and not their hue."""
    few = {"brightness": 0.08 * strength, "contrast": 0.15 * strength, "saturation": 0.3 * strength, "hue": 0}
    many = {"brightness": 0.12 * strength, "contrast": 0.25 * strength, "saturation": 0.4 * strength, "hue": 8 * strength}
    return change_pixels(draft, lambda pixels, first: augment.jitter_color(rng, pixels, **(few if first else many)))


def gray(rng: Generator, draft: Draft, *, chance: float) -> Draft:
    """Take the colour from all crops, by one draw."""
    return change_pixels(draft, lambda pixels, _: augment.to_gray(pixels)) if chance > rng.random() else draft


def occlude(rng: Generator, draft: Draft, *, chance: float, images: Images | None = None) -> Draft:
    """Cover part of the target in the searched crops, by a chance from 0 to 1; what covers a target is not in its mask.

    Raises:
        LockonError: Neither the draft nor `images` have an image to cover with.
    """
    if not chance > rng.random():
        return draft
    cover = draft.cover if images is None else images(rng)
    if cover is None:
        raise LockonError("there is no image to cover targets with: `pick_cover` has to come before `occlude`")
    role = draft.views.searched
    return replace(draft, crops={**draft.crops, role: tuple(_occlude(rng, crop, cover) for crop in draft.crops[role])})


def _occlude(rng: Generator, crop: CroppedView, cover: Frame) -> CroppedView:
    covered = augment.occlude(rng, crop.pixels, crop.box, cover)
    mask = None if crop.mask is None else crop.mask & (covered == crop.pixels).all(axis=2)
    return replace(crop, pixels=covered, mask=mask)


def degrade(rng: Generator, draft: Draft, *, strength: float) -> Draft:
    """Blur, shrink and compress each crop and add noise; those of the first role with a quarter of the chances."""
    return change_pixels(draft, lambda pixels, first: augment.degrade(rng, pixels, strength / 4 if first else strength))


def mirror(rng: Generator, draft: Draft, *, chance: float) -> Draft:
    """Mirror all crops, by one draw."""
    return change_crops(draft, lambda crop, _: mirrored(crop)) if chance > rng.random() else draft


def mirror_each(rng: Generator, draft: Draft, *, chance: float) -> Draft:
    """Mirror each crop by a draw of its own, as OSTrack's training does: in fractions of the crop, so that x becomes size - x.

    Boxes that count from the first pixel's centre land one pixel aside of the exact mirror image; the published code has it so.
    """

    def change(crop: CroppedView, _: bool) -> CroppedView:
        if not chance > rng.random():
            return crop
        return replace(mirrored(replace(crop, indices=False)), indices=crop.indices)

    return change_crops(draft, change)


def mirrored(crop: CroppedView) -> CroppedView:
    """Return a crop with its box and mask, left and right exchanged."""
    x1, y1, x2, y2 = crop.box
    width = crop.pixels.shape[1] - crop.indices  # coordinates from the first pixel's centre end one pixel earlier
    mask = None if crop.mask is None else np.ascontiguousarray(crop.mask[:, ::-1])
    return replace(crop, pixels=np.ascontiguousarray(crop.pixels[:, ::-1]), box=np.array([width - x2, y1, width - x1, y2]), mask=mask)


__all__ = ["Appearance", "appearance_steps", "brighten", "degrade", "gray", "jitter_color", "mirror", "mirror_each", "mirrored", "occlude"]
