"""The steps that take crops from views: their place, their pixels and masks, and the images that fill or cover them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from lockon.data.samples.pipeline import CroppedView, Draft
from lockon.data.samples.placement import Placement
from lockon.types import Frame

Images = Callable[[Generator], Frame]
"""Draws any image."""
MIN_VIEW_SIDE = 2.0  # image pixels: targets with a shorter side are drawn again
MIN_CROP_SIDE = 4.0  # the same in crop pixels


def only_present(rng: Generator, draft: Draft) -> Draft | None:
    """Have negative samples drawn again."""
    return draft if draft.views.present else None


@dataclass(frozen=True, slots=True)
class Place:
    """Gives the crops of all roles their place; targets that are too small in their image or crop are drawn again.

    Attributes:
        roles: How the crops of each role are placed.
        checked: Roles whose target must have 4 crop pixels a side.
    """

    roles: Mapping[str, Placement]
    checked: tuple[str, ...]

    def __call__(self, rng: Generator, draft: Draft) -> Draft | None:
        """Place the crops, role by role."""
        if any(min(view.sides) < MIN_VIEW_SIDE for view in draft.views):
            return None
        placed = {role: tuple(self.roles[role](rng, view) for view in views) for role, views in draft.views.roles.items()}
        for role in self.checked:
            for crop in placed[role]:
                if not np.isfinite(crop.box).all() or min(crop.box[2:] - crop.box[:2]) < MIN_CROP_SIDE:
                    return None
        return replace(draft, placed=placed)


@dataclass(frozen=True, slots=True)
class Extract:
    """Takes the pixels of crops that have their place.

    Attributes:
        masks: Roles whose masks are taken as well.
    """

    masks: tuple[str, ...] = ()

    def __call__(self, rng: Generator, draft: Draft) -> Draft:
        """Cut out the crops."""
        crops: dict[str, tuple[CroppedView, ...]] = {}
        for role, views in draft.views.roles.items():
            made = []
            for view, place in zip(views, draft.placed[role], strict=True):
                coverage = view.coverage() if role in self.masks else None
                mask = None if coverage is None else place.extract_mask(coverage)
                made.append(CroppedView(place.extract(view.image, draft.backdrop), place.box, mask, place.indices))
            crops[role] = tuple(made)
        return replace(draft, crops=crops)


@dataclass(frozen=True, slots=True)
class PickBackdrop:
    """Draws an image that completes crops which reach outside of their own.

    Attributes:
        images: Where it is from.
        chance: From 0 to 1.
    """

    images: Images
    chance: float

    def __call__(self, rng: Generator, draft: Draft) -> Draft:
        """Draw the backdrop."""
        return replace(draft, backdrop=self.images(rng)) if rng.random() < self.chance else draft


@dataclass(frozen=True, slots=True)
class PickCover:
    """Draws an image that `Occlude` takes covers from.

    Attributes:
        images: Where it is from; None takes the search view's own image.
    """

    images: Images | None

    def __call__(self, rng: Generator, draft: Draft) -> Draft:
        """Draw the cover."""
        own = draft.views.roles[draft.views.searched][0].image
        return replace(draft, cover=own if self.images is None else self.images(rng))


def clip_boxes(rng: Generator, draft: Draft) -> Draft:
    """Clip the boxes to their crops."""
    return change_crops(draft, lambda crop, _: replace(crop, box=np.clip(crop.box, 0, crop.pixels.shape[1])))


def change_crops(draft: Draft, change: Callable[[CroppedView, bool], CroppedView]) -> Draft:
    """Apply `change(crop, whether it is of the first role)` to all crops, role by role."""
    first = next(iter(draft.crops))
    return replace(draft, crops={role: tuple(change(crop, role == first) for crop in crops) for role, crops in draft.crops.items()})


__all__ = ["Extract", "Images", "PickBackdrop", "PickCover", "Place", "change_crops", "clip_boxes", "only_present"]
