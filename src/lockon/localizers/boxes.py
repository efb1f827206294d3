"""Box rules: how the box is made of the ranked candidates, for any dense head; parts of a localizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lockon._config_values import check_range
from lockon.localizers.ranked import Ranked
from lockon.ops.boxes import cxcywh_to_xyxy, iou_xyxy, xyxy_to_cxcywh
from lockon.types import FloatArray


class BoxRule(Protocol):
    """A function from ranked candidates to boxes."""

    def __call__(self, ranked: Ranked, best: NDArray[np.intp]) -> FloatArray:
        """Return (B, 4) cx, cy, w, h in image pixels, given the number (B,) of the best candidate of each target."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Best:
    """The box of the best candidate."""

    def __call__(self, ranked: Ranked, best: NDArray[np.intp]) -> FloatArray:
        """Return the (B, 4) best boxes."""
        return np.asarray(ranked.candidates[np.arange(len(best)), best])


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanNear:
    """The mean of those of the `top` highest scores that overlap the best box well, weighted by their scores.

    Attributes:
        top: Candidates that may count.
        overlap: IoU with the best box above which they do.
    """

    top: int = 3
    overlap: float = 0.6

    def __post_init__(self) -> None:
        check_range("top", self.top, 1, 100_000)
        check_range("overlap", self.overlap, 0, 1)

    def __call__(self, ranked: Ranked, best: NDArray[np.intp]) -> FloatArray:
        """Return the (B, 4) means of corners; the best box where nothing counts."""
        rows = np.arange(len(best))[:, None]
        top = _highest(ranked.scores, self.top)  # (B, top)
        boxes = cxcywh_to_xyxy(ranked.candidates[rows, top])  # (B, top, 4)
        center = cxcywh_to_xyxy(ranked.candidates[rows[:, 0], best])[:, None]  # (B, 1, 4)
        weight = ranked.scores[rows, top] * (iou_xyxy(boxes, center) > self.overlap)  # (B, top)
        total = weight.sum(1, keepdims=True)
        mean = (boxes * weight[..., None]).sum(1) / np.maximum(total, 1e-9)
        return xyxy_to_cxcywh(np.where(total > 0, mean, center[:, 0]))


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanRanked:
    """The mean of the `top` candidates that rank highest, with equal weights (SiamLA, Eq. 12, where `top` is 3).

    Attributes:
        top: Candidates that count.
    """

    top: int = 3

    def __post_init__(self) -> None:
        check_range("top", self.top, 1, 100_000)

    def __call__(self, ranked: Ranked, best: NDArray[np.intp]) -> FloatArray:
        """Return the (B, 4) means of cx, cy, w, h."""
        rows = np.arange(len(best))[:, None]
        return np.asarray(ranked.candidates[rows, _highest(ranked.values, self.top)].mean(axis=1))


def _highest(values: FloatArray, top: int) -> NDArray[np.intp]:
    """Return the (B, top) numbers of the largest of (B, N) values, in no order."""
    return np.asarray(np.argpartition(-values, min(top, values.shape[1] - 1), axis=1)[:, :top])


__all__ = ["Best", "BoxRule", "MeanNear", "MeanRanked"]
