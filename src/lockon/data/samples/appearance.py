"""The steps that change the pixels of crops: colours, blur, noise, covers, mirroring; and `Appearance`, their strengths.

The first role of a sample shows what the target looks like: it is changed less than the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from lockon.data.samples import augment
from lockon.data.samples.crop_steps import Images, change_crops
from lockon.data.samples.pipeline import CroppedView, Draft, Step
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
            if not 0 <= getattr(self, name) < np.inf:
                raise LockonError(f"{name}={getattr(self, name)} given, expected a number from 0 on")
        for name in ("backdrop", "brightness", "gray", "occlusion", "flip"):
            if not 0 <= getattr(self, name) <= 1:
                raise LockonError(f"{name}={getattr(self, name)} given, expected a number from 0 to 1")


def appearance_steps(config: Appearance, occlude: Occlude | None) -> list[Step]:
    """Return the steps that change crops; a backdrop is no such step (`PickBackdrop`).

    Args:
        config: Their strengths.
        occlude: Covers targets; None leaves them free.
    """
    steps: list[Step] = []
    if config.brightness:
        steps.append(Brighten(config.brightness))
    if config.color:
        steps.append(JitterColor(config.color))
    steps.append(Gray(config.gray))
    if occlude is not None:
        steps.append(occlude)
    if config.degrade:
        steps.append(Degrade(config.degrade))
    return [*steps, Mirror(config.flip)]


@dataclass(frozen=True, slots=True)
class Brighten:
    """Changes the brightness of each crop.

    Attributes:
        strength: Largest relative change.
    """

    strength: float

    def __call__(self, rng: Generator, draft: Draft) -> Draft:
        """Draw a factor per crop."""
        return change_crops(draft, lambda crop, _: replace(crop, pixels=augment.brighten(rng, crop.pixels, self.strength)))


@dataclass(frozen=True, slots=True)
class JitterColor:
    """Changes brightness, contrast, saturation and hue of each crop; those of the first role less, and not their hue.

    Attributes:
        strength: Factor on the usual ranges.
    """

    strength: float

    def __call__(self, rng: Generator, draft: Draft) -> Draft:
        """Draw the changes of each crop."""
        s = self.strength
        few = {"brightness": 0.08 * s, "contrast": 0.15 * s, "saturation": 0.3 * s, "hue": 0}
        many = {"brightness": 0.12 * s, "contrast": 0.25 * s, "saturation": 0.4 * s, "hue": 8 * s}
        return change_crops(
            draft, lambda crop, first: replace(crop, pixels=augment.jitter_color(rng, crop.pixels, **(few if first else many)))
        )


@dataclass(frozen=True, slots=True)
class Gray:
    """Takes the colour from all crops, by one draw.

    Attributes:
        chance: From 0 to 1.
    """

    chance: float

    def __call__(self, rng: Generator, draft: Draft) -> Draft:
        """Draw whether the sample is grey."""
        if not self.chance > rng.random():
            return draft
        return change_crops(draft, lambda crop, _: replace(crop, pixels=augment.to_gray(crop.pixels)))


@dataclass(frozen=True, slots=True)
class Occlude:
    """Covers part of the target in the searched crops; what covers a target is not in its mask.

    Attributes:
        chance: From 0 to 1.
        images: Where covers are from if the draft has none.
    """

    chance: float
    images: Images | None = None

    def __call__(self, rng: Generator, draft: Draft) -> Draft:
        """Draw whether the target is covered, and where."""
        if not self.chance > rng.random():
            return draft
        cover = draft.cover if self.images is None else self.images(rng)
        if cover is None:
            raise LockonError("there is no image to cover targets with: `PickCover` has to come before `Occlude`")
        role = draft.views.searched
        return replace(draft, crops={**draft.crops, role: tuple(_occlude(rng, crop, cover) for crop in draft.crops[role])})


def _occlude(rng: Generator, crop: CroppedView, cover: Frame) -> CroppedView:
    covered = augment.occlude(rng, crop.pixels, crop.box, cover)
    mask = None if crop.mask is None else crop.mask & (covered == crop.pixels).all(axis=2)
    return replace(crop, pixels=covered, mask=mask)


@dataclass(frozen=True, slots=True)
class Degrade:
    """Blurs, shrinks, and compresses each crop and adds noise.

    Attributes:
        strength: Factor on the usual chances; a quarter of it for the first role.
    """

    strength: float

    def __call__(self, rng: Generator, draft: Draft) -> Draft:
        """Draw the changes of each crop."""
        s = self.strength
        return change_crops(draft, lambda crop, first: replace(crop, pixels=augment.degrade(rng, crop.pixels, s / 4 if first else s)))


@dataclass(frozen=True, slots=True)
class Mirror:
    """Mirrors all crops, by one draw.

    Attributes:
        chance: From 0 to 1.
    """

    chance: float

    def __call__(self, rng: Generator, draft: Draft) -> Draft:
        """Draw whether the sample is mirrored."""
        return change_crops(draft, lambda crop, _: mirrored(crop)) if self.chance > rng.random() else draft


def mirrored(crop: CroppedView) -> CroppedView:
    """Return a crop with its box and mask, left and right exchanged."""
    x1, y1, x2, y2 = crop.box
    width = crop.pixels.shape[1] - crop.indices  # coordinates from the first pixel's centre end one pixel earlier
    mask = None if crop.mask is None else np.ascontiguousarray(crop.mask[:, ::-1])
    return replace(crop, pixels=np.ascontiguousarray(crop.pixels[:, ::-1]), box=np.array([width - x2, y1, width - x1, y2]), mask=mask)


__all__ = ["Appearance", "Brighten", "Degrade", "Gray", "JitterColor", "Mirror", "Occlude", "appearance_steps", "mirrored"]
