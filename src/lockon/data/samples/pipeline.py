"""From drawn views to the arrays that a network trains on: one pipeline for every kind of sample.

A draw decides which frames make a sample, steps crop and change them one after the other. `SamplePipeline.sample(index)` is a pure function
of (seed, index): training resumes exactly from its step number, in any number of worker processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lockon.data.samples.placement import PlacedCrop, TurnedCrop
from lockon.data.samples.views import Draw, Views
from lockon.errors import LockonError
from lockon.types import FloatArray, Frame

MAX_REDRAWS = 50


@dataclass(frozen=True, slots=True)
class CroppedView:
    """The crop of one view.

    Attributes:
        pixels: (S, S, 3) uint8 RGB.
        box: (4,) xyxy of the target in crop pixels.
        mask: (S, S) bool of the target, or None where there is none.
        indices: Whether the box counts from the centre of the first pixel instead of its corner.
    """

    pixels: Frame
    box: FloatArray
    mask: NDArray[np.bool_] | None = None
    indices: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A sample in the making, as it goes from step to step.

    Attributes:
        views: What was drawn.
        placed: The windows by role, once they have their place.
        crops: The crops by role, once they have pixels.
        backdrop: An image that fills what lies outside of an image, or None.
        cover: An image to cover targets with, or None.
        more: Further arrays of the sample by name, such as labels.
    """

    views: Views
    placed: Mapping[str, tuple[TurnedCrop | PlacedCrop, ...]] = field(default_factory=dict)
    crops: Mapping[str, tuple[CroppedView, ...]] = field(default_factory=dict)
    backdrop: Frame | None = None
    cover: Frame | None = None
    more: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class SampleStep(Protocol):
    """Does one thing to a sample."""

    def __call__(self, rng: Generator, draft: Draft) -> Draft | None:
        """Return the changed draft, or None where it is of no use and another one has to be drawn."""


@dataclass(frozen=True, slots=True)
class RoleArrays:
    """Which arrays of a role are in a sample; the pixels have the name of the role.

    Attributes:
        role: Name of the role.
        box: Name of the target's box; empty leaves it out.
        mask: Name of the target's mask, beside which there is "has_" + `mask`; empty leaves it out.
        stacked: Arrays have a first axis, the number of views, also where it is 1.
    """

    role: str
    box: str = ""
    mask: str = ""
    stacked: bool = False


class Pipeline(Protocol):
    """Makes samples by index: a pure function of the index and of the pipeline's own seed."""

    def sample(self, index: int) -> dict[str, Any]:
        """Return arrays of equal shape and type for every index, and `ids`, a text that names the sample in error reports."""


class SamplePipeline:
    """Samples by index, endless.

    Args:
        draw: Decides which frames make a sample.
        steps: What is done to them, in this order; the draft must have crops in the end.
        arrays: What a sample has of each role.
        seed: With the sample's index it fixes everything.
        notes: What was left out on reading the data, for the user.
    """

    def __init__(
        self, draw: Draw, steps: Sequence[SampleStep], *, arrays: Sequence[RoleArrays], seed: int, notes: Sequence[str] = ()
    ) -> None:
        self.draw = draw
        self.steps = tuple(steps)
        self.arrays = tuple(arrays)
        self.seed = seed
        self.notes = tuple(notes)

    def sample(self, index: int) -> dict[str, Any]:
        """Make sample `index`.

        Returns:
            For every role its crops, (S, S, 3) uint8 RGB. Where `arrays` names them: the target's box (4,) float32 xyxy in crop pixels;
            its mask (S, S) bool, empty for a target without, and whether it has one () bool. A role of several views has all of
            these stacked, with a first axis of their number. What the steps added, by name. present () bool: whether all roles show
            one object; redraws () int: how many draws before were of no use; ids: the names of the views.

        Raises:
            LockonError: 50 draws in a row were of no use, or an image is missing or broken.
        """
        rng = np.random.default_rng((self.seed, index))
        for redraws in range(MAX_REDRAWS):
            draft = self._make(rng, self.draw.draw(rng, index))
            if draft is not None:
                found = {"present": np.asarray(draft.views.present), "redraws": np.asarray(redraws)}
                return {**self._arrays(draft), **found, "ids": draft.views.ids}
        raise LockonError(f"{MAX_REDRAWS} degenerate draws in a row at sample {index}; check the boxes with `lockon data check`")

    def _make(self, rng: Generator, views: Views) -> Draft | None:
        draft: Draft | None = Draft(views)
        for step in self.steps:
            if draft is None:
                return None
            draft = step(rng, draft)
        return draft

    def _arrays(self, draft: Draft) -> dict[str, Any]:
        sample = {item.role: _join([crop.pixels for crop in draft.crops[item.role]], item.stacked) for item in self.arrays}
        for item in self.arrays:
            crops = draft.crops[item.role]
            if item.box:
                sample[item.box] = _join([crop.box.astype(np.float32) for crop in crops], item.stacked)
            if item.mask:
                masks = [np.zeros(crop.pixels.shape[:2], np.bool_) if crop.mask is None else crop.mask for crop in crops]
                sample[item.mask] = _join(masks, item.stacked)
                sample[f"has_{item.mask}"] = _join([np.asarray(crop.mask is not None) for crop in crops], item.stacked)
        return {**sample, **draft.more}


def _join(arrays: Sequence[NDArray[Any]], stacked: bool) -> NDArray[Any]:
    """Return the only array unless it must be `stacked`, or all of them stacked; contiguous."""
    return np.asarray(arrays[0], order="C") if len(arrays) == 1 and not stacked else np.stack(arrays)


__all__ = ["MAX_REDRAWS", "CroppedView", "Draft", "Pipeline", "RoleArrays", "SamplePipeline", "SampleStep"]
