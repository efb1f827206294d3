"""What a refiner changes in a tracker's results: which boxes it is asked for, what is reported, where the tracker goes on.

Yan et al., Alpha-Refine, CVPR 2021, Sec. 3.1. How the published scripts differ per benchmark is in the options.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lockon._config_values import check_range
from lockon.localizers.masks import MAX_AREA, mask_box
from lockon.refiners.guard import check_masks, clip_inside, frame_sizes, is_valid
from lockon.types import FloatArray, Frame, Result


@dataclass(frozen=True, kw_only=True, slots=True)
class RefineConfig:
    """What a refiner changes in a tracker's results.

    Attributes:
        box: Which box is reported. "refiner": the refiner's. "mask": the upright rectangle around the largest connected part of its mask,
            else the tracker's. "base": the tracker's, for masks alone.
        mask: Results have the refiner's masks.
        mask_area: Pixels² from which on a part of the mask makes a box.
        write_back: The tracker goes on from the reported box, cut at the frame's border, if it can be moved.
        clip: Boxes are reported cut at the frame's border.
        clip_base: The refiner searches around the tracker's box cut at the frame's border.
        min_size: Pixels per side that a cut box has in the frame at least.
        lost: Boxes of a "lost" target are refined, too. Their position is a guess, and the refiner may find something else there.
        official_start: Start boxes lie half a pixel to the right and below, as the published scripts give them to tracker and refiner.

    Raises:
        LockonError: A `min_size` of 0 or below, or above 10,000; a negative `mask_area`; a `mask` that is neither True nor False.
    """

    box: Literal["refiner", "mask", "base"] = "refiner"
    mask: bool = False
    mask_area: float = 100.0
    write_back: bool = True
    clip: bool = True
    clip_base: bool = False
    min_size: float = 10.0
    lost: bool = False
    official_start: bool = False

    def __post_init__(self) -> None:
        check_masks(mask=self.mask, masks=True)
        check_range("min_size", self.min_size, 0, 10_000, above=True)
        check_range("mask_area", self.mask_area, 0, MAX_AREA)

    @property
    def needs_masks(self) -> bool:
        """Whether the refiner must make masks."""
        return self.mask or self.box == "mask"


class Refined(NamedTuple):
    """What refinement makes of one target's result.

    Attributes:
        result: What is reported.
        box: (4,) x, y, w, h that the tracker goes on from; None where no box was refined.
    """

    result: Result
    box: FloatArray | None


def refine_results(
    config: RefineConfig, frames: Sequence[Frame], results: Sequence[Result], refine: Callable[[FloatArray], Sequence[Result]]
) -> list[Refined]:
    """Ask a refiner about n targets, and return what is reported of them and the boxes that the tracker goes on from.

    Args:
        config: The rules.
        frames: N frames (H, W, 3).
        results: Of the tracker.
        refine: The refiner: (n, 4) boxes to search around to n results. Rows are NaN, which refiners leave alone, where it must not
            search; it is not called where that is so for all of them.
    """
    sizes = frame_sizes(frames)
    asked = _boxes_to_refine(config, sizes, results)
    refined = None if np.isnan(asked).all() else refine(asked)
    boxes, masks = _refined_boxes(config, asked, refined)
    changed = is_valid(boxes, sizes)
    inside = clip_inside(np.where(changed[:, None], boxes, 0.0), sizes, config.min_size)
    made = []
    for i, result in enumerate(results):
        mask = result.mask
        if config.mask and refined is None:
            mask = np.zeros((sizes[i][1], sizes[i][0]), dtype=bool)
        elif config.mask and masks[i] is not None:
            mask = masks[i]
        box = (inside if config.clip else boxes)[i] if changed[i] else np.asarray(result.box, dtype=np.float64)
        made.append(Refined(Result(box, result.score, result.state, mask), inside[i] if changed[i] else None))
    return made


def _boxes_to_refine(config: RefineConfig, sizes: NDArray[np.intp], results: Sequence[Result]) -> FloatArray:
    """Return the boxes (n, 4) that the refiner searches around, given the frames' sizes (n, 2); NaN where it must not search."""
    rows = np.stack([np.asarray(result.box, dtype=np.float64) for result in results])  # (n, 4)
    present = np.array([result.state != "lost" for result in results])
    asked = np.where((is_valid(rows, sizes) & (config.lost | present))[:, None], rows, np.nan)
    return clip_inside(asked, sizes, config.min_size) if config.clip_base else asked


def _refined_boxes(
    config: RefineConfig, asked: FloatArray, refined: Sequence[Result] | None
) -> tuple[FloatArray, list[NDArray[np.bool_] | None]]:
    """Return (n, 4) boxes by the configured rule, NaN where there is none, and the refiner's masks."""
    if refined is None:
        return np.full_like(asked, np.nan), [None] * len(asked)
    masks = [None if result.mask is None else np.asarray(result.mask, dtype=bool) for result in refined]
    if config.box == "base":
        return asked, masks
    if config.box == "mask":
        around = [None if mask is None else mask_box(mask, config.mask_area) for mask in masks]
        return np.stack([np.full(4, np.nan) if box is None else box for box in around]), masks
    boxes = np.stack([np.asarray(result.box, dtype=np.float64) for result in refined])
    return np.where((boxes != asked).any(axis=1, keepdims=True), boxes, np.nan), masks  # a box that came back was not refined


__all__ = ["RefineConfig", "Refined", "refine_results"]
