"""The steps that take crops from views: their place, their pixels and masks, and the images that fill or cover them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

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


def place(rng: Generator, draft: Draft, *, roles: Mapping[str, Placement], checked: tuple[str, ...]) -> Draft | None:
    """Give the crops their place, role by role; targets that are too small in their image or crop are drawn again.

    Args:
        rng: Everything that is random comes from it.
        draft: The sample.
        roles: How the crops of each role are placed.
        checked: Roles whose targets must have 4 crop pixels a side.
    """
    if any(min(view.sides) < MIN_VIEW_SIDE for view in draft.views):
        return None
    placed = {role: tuple(roles[role](rng, view) for view in views) for role, views in draft.views.roles.items()}
    for crop in (crop for role in checked for crop in placed[role]):
        if not np.isfinite(crop.box).all() or min(crop.box[2:] - crop.box[:2]) < MIN_CROP_SIDE:
            return None
    return replace(draft, placed=placed)


def extract(rng: Generator, draft: Draft, *, masks: tuple[str, ...] = ()) -> Draft:
    """Take the pixels of crops that have their place, and the masks of the roles `masks`."""
    crops: dict[str, list[CroppedView]] = {role: [] for role in draft.views.roles}
    for role, views in draft.views.roles.items():
        for view, crop in zip(views, draft.placed[role], strict=True):
            coverage = view.coverage() if role in masks else None
            mask = None if coverage is None else crop.extract_mask(coverage)
            crops[role].append(CroppedView(crop.extract(view.image, draft.backdrop), crop.box, mask, crop.indices))
    return replace(draft, crops={role: tuple(made) for role, made in crops.items()})


def pick_backdrop(rng: Generator, draft: Draft, *, images: Images, chance: float) -> Draft:
    """Draw an image that completes crops which reach outside of their own, by a chance from 0 to 1."""
    return replace(draft, backdrop=images(rng)) if rng.random() < chance else draft


def pick_cover(rng: Generator, draft: Draft, *, images: Images | None) -> Draft:
    """Draw an image to cover targets with, or take the search view's own."""
    own = draft.views.roles[draft.views.searched][0].image
    return replace(draft, cover=own if images is None else images(rng))


def clip_boxes(rng: Generator, draft: Draft) -> Draft:
    """Clip the boxes to their crops."""
    return change_crops(draft, lambda crop, _: replace(crop, box=np.clip(crop.box, 0, crop.pixels.shape[1])))


def change_crops(draft: Draft, change: Callable[[CroppedView, bool], CroppedView]) -> Draft:
    """Apply `change(crop, whether it is of the first role)` to all crops, role by role."""
    first = next(iter(draft.crops))
    return replace(draft, crops={role: tuple(change(crop, role == first) for crop in crops) for role, crops in draft.crops.items()})


def change_pixels(draft: Draft, change: Callable[[Frame, bool], Frame]) -> Draft:
    """Apply `change(pixels, whether they are of the first role)` to all crops, role by role."""
    return change_crops(draft, lambda crop, first: replace(crop, pixels=change(crop.pixels, first)))


__all__ = ["Images", "change_crops", "change_pixels", "clip_boxes", "extract", "only_present", "pick_backdrop", "pick_cover", "place"]
