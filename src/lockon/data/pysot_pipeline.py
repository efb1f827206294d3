"""Training samples of the PySOT family: pairs from annotated tracks, 511-pixel patches, jittered crops of 127 and 255 pixels.

The counterpart of `lockon.data.pipeline.PairPipeline` for SiamRPN++, SiamBAN, SiamPW and their kin: the same samples, drawn and
augmented as their papers' code does it. Patches come from PySOT's 511-pixel files or are cut from whole images on the fly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockon.data.augment import to_gray
from lockon.data.pysot_augment import Jitter, jittered_crop
from lockon.data.pysot_crop import PATCH, box_in_patch, cut_patch
from lockon.data.pysot_sampler import Draw, PysotSampler, SetUse
from lockon.data.sampler import ImageCache
from lockon.data.tracks import TrackSet, TrackView
from lockon.errors import LockonError
from lockon.types import Frame


@dataclass(frozen=True, kw_only=True, slots=True)
class PysotDataConfig:
    """Crop sizes, augmentation and pair sampling; the defaults are those of every published configuration of the family.

    Attributes:
        template_size, search_size: sides of the crops in pixels, both at the template's scale (127 pixels show the target's context).
        template, search: augmentation of each crop.
        negative: chance of a negative pair. gray: chance that both crops lose their colour.
        masks: whether samples have the object's mask in the search crop.
        sets: how the datasets are used; one that is not named here is used as `SetUse(name)`.

    Raises:
        LockonError: a size over 511 or under 2, a chance outside 0 to 1.
    """

    template_size: int = 127
    search_size: int = 255
    template: Jitter = field(default_factory=lambda: Jitter(shift=4, scale=0.05, color=1.0))
    search: Jitter = field(default_factory=lambda: Jitter(shift=64, scale=0.18, blur=0.2, color=1.0))
    negative: float = 0.2
    gray: float = 0.0
    masks: bool = False
    sets: tuple[SetUse, ...] = ()

    def __post_init__(self) -> None:
        for name in ("template_size", "search_size"):
            if not 2 <= getattr(self, name) <= PATCH:
                raise LockonError(f"{name} {getattr(self, name)}; expected 2 to {PATCH} pixels")
        for name in ("negative", "gray"):
            if not 0 <= getattr(self, name) <= 1:
                raise LockonError(f"{name} {getattr(self, name)}; expected a chance from 0 to 1")


class PysotPipeline:
    """Pairs of crops by index: endless, and a pure function of seed and index.

    Args:
        sets: the datasets. config: all the numbers. seed: with the sample's index it fixes everything.
        cache: keeps decoded images; worth its memory only where the images are few.

    Raises:
        LockonError: as `PysotSampler`.
    """

    def __init__(self, sets: Sequence[TrackSet], config: PysotDataConfig, seed: int, cache: ImageCache | None = None) -> None:
        self.config = config
        self.seed = seed
        self.cache = cache
        self.sampler = PysotSampler(sets, config.sets, negative=config.negative, seed=seed)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out on reading the data, for the user."""
        return tuple(note for tracks in self.sampler.sets for note in tracks.notes)

    def sample(self, index: int) -> dict[str, Any]:
        """Sample `index`.

        Returns:
            template (127, 127, 3) and search (255, 255, 3) uint8 RGB; box (4,) float32 xyxy in pixel indices of the search crop (the
            middle of 255 pixels is 127), of the object that is in the middle of the search patch, the wrong one in a negative pair;
            present () bool; ids, the two views' names. With masks: mask (255, 255) bool, and has_mask () bool, False where the object
            has none or is the wrong one; nothing is in the mask then.

        Raises:
            LockonError: an image is missing or broken.
        """
        rng = np.random.default_rng((self.seed, index))
        config = self.config
        gray = config.gray > rng.random()
        draw = self.sampler.draw(index, rng)
        views = self._view(draw.template_set, draw.template_row), self._view(draw.search_set, draw.search_row)
        patches = [_patch(view) for view in views]
        if gray:
            patches = [to_gray(patch) for patch in patches]
        boxes = [box_in_patch(*(view.box[2:] - view.box[:2])) for view in views]
        mask = self._mask(draw, views[1]) if config.masks else None
        template = jittered_crop(rng, patches[0], boxes[0], config.template_size, config.template)
        search = jittered_crop(rng, patches[1], boxes[1], config.search_size, config.search, mask=mask)
        sample = {
            "template": template.pixels,
            "search": search.pixels,
            "box": search.box.astype(np.float32),
            "present": np.asarray(draw.present),
            "ids": f"{views[0].id} -> {views[1].id}",
        }
        if config.masks:
            sample["mask"] = np.zeros(search.pixels.shape[:2], bool) if search.mask is None else search.mask
            sample["has_mask"] = np.asarray(mask is not None)
        return sample

    def _mask(self, draw: Draw, view: TrackView) -> NDArray[np.uint8] | None:
        """The (511, 511) mask of the search view's patch, 255 is the object; None in a negative pair, or where there is none."""
        mask = self.sampler.sets[draw.search_set].mask(draw.search_row) if draw.present else None
        if mask is None:
            return None
        if mask.shape != view.image.shape[:2]:
            raise LockonError(f"{view.id}: a mask of {mask.shape} for an image of {view.image.shape[:2]}; mend the annotation")
        white = mask.astype(np.uint8) * 255
        return white if view.cropped else cut_patch(white, view.box)

    def _view(self, number: int, row: int) -> TrackView:
        tracks, cache = self.sampler.sets[number], self.cache
        if cache is None:
            return tracks.view(row)

        def read(video: str, track: str, frame: int) -> Frame:
            key = f"{tracks.name}/{video}/{frame}.{track if tracks.cropped else ''}"
            return cache.get(key, lambda: tracks.read(video, track, frame))

        return tracks.view(row, read)


def _patch(view: TrackView) -> Frame:
    """The (511, 511, 3) patch of a view."""
    if not view.cropped:
        return cut_patch(view.image, view.box)
    if view.image.shape != (PATCH, PATCH, 3):
        height, width = view.image.shape[:2]
        raise LockonError(f"{view.id} is a patch of {width}x{height} pixels, expected {PATCH}x{PATCH}; cut it again: lockon data crop511")
    return view.image


__all__ = ["PysotDataConfig", "PysotPipeline"]
