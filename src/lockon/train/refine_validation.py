"""Validation of a refiner while it is trained: boxes of real videos, made a little wrong, and refined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lockon.bench.metrics.masks import mask_overlap
from lockon.data.samples.refine import FACTOR, RefineDataConfig
from lockon.data.samples.views import is_trainable
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError
from lockon.models.refiner import RefinerModel
from lockon.ops.boxes import cxcywh_to_xyxy, iou_xyxy, xywh_to_cxcywh, xywh_to_xyxy
from lockon.ops.stretched_crop import StretchedCrop
from lockon.train.crops import as_images
from lockon.types import FloatArray, Frame

BATCH = 16


@dataclass(frozen=True, slots=True)
class _RefinementTest:
    """One frame: its video, the crops, the window, the truth (4,) xyxy in image pixels, and the (S, S) mask in the crop or None."""

    sequence: str
    template: Frame
    search: Frame
    crop: StretchedCrop
    truth: FloatArray
    mask: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True)
class _Overlap:
    """Of one frame: its video, the overlaps of refined and given box with the truth, and that of the masks, NaN where there is none."""

    sequence: str
    refined: float
    given: float
    mask: float


class RefineValidation:
    """Refines the truth of videos after jittering it: the reference is the first frame, the tests are spread over the rest.

    Args:
        sequences: The videos.
        config: Crops and jitter.
        frames: Of each video, at most.
        seed: Fixes the jitter.

    Raises:
        LockonError: No video has two boxes that can be used.
    """

    def __init__(self, sequences: Sequence[VideoSequence], config: RefineDataConfig, *, frames: int = 12, seed: int = 0) -> None:
        self.sequences = sequences
        self.config = config
        self.frames = frames
        self.seed = seed
        self._trials: list[_RefinementTest] = []

    def __call__(self, module: nn.Module) -> dict[str, float]:
        """Measure a `RefinerModel` in evaluation mode.

        Returns:
            "IoU": mean overlap of the refined boxes with the truth, "SR75": the share above 0.75, "given": mean overlap of the boxes
            before, all three the mean of all tests; and where the network and the videos have masks "J": mean overlap of the masks,
            cut at 0.5, within the crop.
        """
        return _figures(self._overlaps(module))

    def by_sequence(self, module: nn.Module) -> dict[str, dict[str, float]]:
        """Return the same metrics by video, of those that have tests."""
        overlaps = self._overlaps(module)
        names = dict.fromkeys(one.sequence for one in overlaps)
        return {name: _figures([one for one in overlaps if one.sequence == name]) for name in names}

    def _overlaps(self, module: nn.Module) -> list[_Overlap]:
        assert isinstance(module, RefinerModel)
        if not self._trials:
            self._trials = list(self._prepare())
            if not self._trials:
                raise LockonError("no validation video has two boxes of 6 pixels or more; check the data with `lockon data check`")
        parts = [self._trials[start : start + BATCH] for start in range(0, len(self._trials), BATCH)]
        return [one for trials in parts for one in _compare(trials, *self._refine(module, trials))]

    @torch.no_grad()
    def _refine(self, module: RefinerModel, trials: list[_RefinementTest]) -> tuple[FloatArray, list[NDArray[np.bool_]]]:
        """Return (n, 4) boxes in crop pixels and, where the network makes them, n masks (S, S)."""
        device = next(module.parameters()).device
        template, search = (
            as_images(torch.from_numpy(np.stack([getattr(trial, name) for trial in trials])), device) for name in ("template", "search")
        )
        prediction = module(module.encode(template), search)
        masks = [] if module.mask_head is None else list((module.mask(prediction.extras) > 0.5).cpu().numpy())
        return prediction.boxes[:, 0].double().cpu().numpy(), masks

    def _prepare(self) -> Iterator[_RefinementTest]:
        """Yield all tests, to be made once and kept: a few dozen megabytes."""
        for number, sequence in enumerate(self.sequences):
            rng = np.random.default_rng((self.seed, number))
            height, width = sequence.frames[0].shape[:2]
            good = np.array([is_trainable(box, width, height) for box in sequence.boxes])
            good &= True if sequence.visible is None else sequence.visible
            rows = np.flatnonzero(good)
            if len(rows) < 2:
                continue
            chosen = np.unique(rows[np.linspace(1, len(rows) - 1, min(self.frames, len(rows) - 1)).round().astype(int)])
            template = self._around(xywh_to_cxcywh(sequence.boxes[rows[0]])).extract(sequence.frames[rows[0]])
            for row in chosen.tolist():
                crop = self._around(self.config.search(rng, xywh_to_cxcywh(sequence.boxes[row])))
                mask = None if sequence.masks is None else crop.extract(sequence.masks[row].astype(np.uint8) * 255) > 127
                yield _RefinementTest(
                    sequence.name, template, crop.extract(sequence.frames[row]), crop, xywh_to_xyxy(sequence.boxes[row]), mask
                )

    def _around(self, box_cxcywh: FloatArray) -> StretchedCrop:
        """Return the crop as a refiner with official coordinates uses it: counted from the first pixel's centre, with exact windows."""
        middle = (self.config.size - 1) / 2 if self.config.official else None
        return StretchedCrop.around(box_cxcywh, FACTOR, self.config.size, middle=middle)


def _compare(trials: list[_RefinementTest], boxes: FloatArray, masks: list[NDArray[np.bool_]]) -> Iterator[_Overlap]:
    """Compare n tests with their (n, 4) boxes in crop pixels and, where the network makes them, n masks."""
    for index, (trial, box) in enumerate(zip(trials, boxes, strict=True)):
        known = bool(masks) and trial.mask is not None
        mask = float(mask_overlap([masks[index]], [trial.mask])[0]) if known else float("nan")
        refined, given = trial.crop.to_image(box), cxcywh_to_xyxy(trial.crop.boxes)
        yield _Overlap(trial.sequence, float(iou_xyxy(refined, trial.truth)), float(iou_xyxy(given, trial.truth)), mask)


def _figures(overlaps: Sequence[_Overlap]) -> dict[str, float]:
    refined = np.array([one.refined for one in overlaps])
    figures = {"IoU": refined.mean(), "SR75": (refined > 0.75).mean(), "given": np.mean([one.given for one in overlaps])}
    masks = np.array([one.mask for one in overlaps])
    if np.isfinite(masks).any():
        figures["J"] = np.nanmean(masks)
    return {name: float(value) for name, value in figures.items()}


__all__ = ["RefineValidation"]
