"""The cosine-window localizer of the Siamese trackers, for any head that decodes to boxes.

Score map, times a penalty on sudden changes of size and shape, blended with a Hann window around the last position; the
box of the best candidate, its size smoothed over time. SiamRPN (Li et al., CVPR 2018, Sec. 4.4); the formulas are those of
PySOT's inference. SiamCAR's finer location is an option. Batched over targets; NumPy only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lockon.errors import LockonError
from lockon.localizers.coarse_to_fine import CoarseToFine, Location, locate
from lockon.localizers.penalty import change_penalty
from lockon.ops.boxes import cxcywh_to_xyxy, iou_xyxy, xyxy_to_cxcywh
from lockon.ops.crop import Crop
from lockon.ops.windows import hann
from lockon.types import FloatArray, Prediction


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowConfig:
    """How the best candidate is chosen.

    Attributes:
        window: weight of the Hann window against the score, 0..1.
        penalty: strength of the penalty on changes of size and aspect ratio; 0 turns it off.
        smoothing: how fast the size follows the prediction, 0..1; 1 takes it at once.
        quality: exponent on the predicted quality where the head predicts one; 0 leaves it out.
        quality_scale: "sigmoid" makes a probability of the quality's logit; "minmax" stretches the logits of a map to 0..1, as
            SiamCAR's released code does with centre-ness. A flat map counts as 1 everywhere.
        top: boxes of `top` candidates are averaged; 1 takes the best alone.
        top_rule: which ones, and how. "near": of the highest scores those that overlap the best box well, weighted by their scores.
            "ranked": the highest after penalty and window, with equal weights (SiamLA, Eq. 12, where `top` is 3).
        anchors: candidates per grid point; N = anchors * S * S, one map after the other.
        zero_border: the Hann window is zero on the map's border, as PySOT's, so that no candidate there wins on its score alone.
        location: "candidate" takes the best candidate's box. "coarse-to-fine" is SiamCAR's: the best place between candidates.
            The size follows the foreground probability there, and is that of the `top` boxes where `top` is above 1.
        refine: the geometry and the published oddities of "coarse-to-fine".

    Raises:
        LockonError: "coarse-to-fine" with several anchors.
    """

    window: float = 0.3
    penalty: float = 0.04
    smoothing: float = 0.7
    quality: float = 1.0
    quality_scale: Literal["sigmoid", "minmax"] = "sigmoid"
    top: int = 1
    top_rule: Literal["near", "ranked"] = "near"
    anchors: int = 1
    zero_border: bool = False
    location: Literal["candidate", "coarse-to-fine"] = "candidate"
    refine: CoarseToFine = field(default_factory=CoarseToFine)

    def __post_init__(self) -> None:
        if self.location == "coarse-to-fine" and self.anchors != 1:
            raise LockonError(
                f"location=coarse-to-fine needs one candidate per point, this network has anchors={self.anchors}; "
                "leave localizer.location=candidate"
            )


class Localization(NamedTuple):
    """What the localizer chose for each of B targets.

    Attributes:
        boxes: (B, 4) cx, cy, w, h in image pixels, the size smoothed.
        logits: (B,) log-odds of the chosen candidates' scores, before penalty and window; within +-20.7.
        best: (B,) number of the chosen candidate among the N of the prediction.
        scores: (B, N) score of every candidate in [0, 1], before penalty and window.
    """

    boxes: FloatArray
    logits: FloatArray
    best: NDArray[np.intp]
    scores: FloatArray


def _sigmoid(x: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))))


def _stretch(values: FloatArray) -> FloatArray:
    """Each row of (B, N) to 0..1; 1 where all its values are the same."""
    low = values.min(axis=1, keepdims=True)
    spread = values.max(axis=1, keepdims=True) - low
    stretched: FloatArray = np.divide(values - low, spread, out=np.ones_like(values), where=spread > 0)
    return stretched


class WindowLocalizer:
    """Chooses the best candidate of every target, see the module docstring. Holds only constants.

    Args:
        config: how the best candidate is chosen.
    """

    def __init__(self, config: WindowConfig) -> None:
        self.config = config
        self._windows: dict[int, FloatArray] = {}

    def __call__(self, prediction: Prediction, crop: Crop, boxes_cxcywh: FloatArray) -> Localization:
        """Choose one box per target.

        Args:
            prediction: NumPy arrays, N candidates on a square grid.
            crop: the B search windows.
            boxes_cxcywh: (B, 4) last boxes in image pixels.

        Returns:
            The new boxes. A candidate's score is sigmoid(logit), times the predicted quality where there is one.

        Raises:
            LockonError: N is no `anchors` times a square.
        """
        c = self.config
        foreground = _sigmoid(np.asarray(prediction.logits, dtype=np.float64))  # (B, N)
        score = self._score(prediction, foreground)  # (B, N)
        candidates = xyxy_to_cxcywh(crop.expand().to_image(prediction.boxes))  # (B, N, 4) image pixels
        penalty = change_penalty(candidates[..., 2:], boxes_cxcywh[:, None, 2:], c.penalty)  # (B, N)
        plain = penalty * score
        ranked = plain * (1 - c.window) + self._window(score.shape[1]) * c.window
        rows = np.arange(len(score))
        if c.location == "candidate":
            best = ranked.argmax(axis=1)  # (B,)
            chosen = candidates[rows, best] if c.top == 1 else self._average(candidates, score, ranked, best)
            trust = penalty[rows, best] * score[rows, best]  # (B,)
        else:
            place = locate(c.refine, ranked, plain, foreground, prediction.boxes)
            best = place.cells
            chosen = self._box_at(place, crop)
            if c.top > 1:
                chosen[:, 2:] = self._average(candidates, score, ranked, best)[:, 2:]
            trust = self._trust(place, chosen, crop, boxes_cxcywh)
        rate = trust * c.smoothing if c.smoothing < 1 else np.ones(len(best))
        size = boxes_cxcywh[:, 2:] + rate[:, None] * (chosen[:, 2:] - boxes_cxcywh[:, 2:])
        chosen_score = np.clip(score[rows, best], 1e-9, 1 - 1e-9)
        new = np.concatenate([chosen[:, :2], size], axis=1)
        return Localization(new, np.log(chosen_score / (1 - chosen_score)), best, score)

    def _score(self, prediction: Prediction, foreground: FloatArray) -> FloatArray:
        if prediction.quality is None or not self.config.quality:
            return foreground
        quality = np.asarray(prediction.quality, dtype=np.float64)  # (B, N) logits
        scaled = _sigmoid(quality) if self.config.quality_scale == "sigmoid" else _stretch(quality)
        return np.asarray(foreground * scaled**self.config.quality)

    def _box_at(self, place: Location, crop: Crop) -> FloatArray:
        """(B, 4) cx, cy, w, h in image pixels."""
        corners = cxcywh_to_xyxy(np.concatenate([place.centers, place.sizes], axis=1))
        return xyxy_to_cxcywh(crop.to_image(corners))

    def _trust(self, place: Location, chosen: FloatArray, crop: Crop, last: FloatArray) -> FloatArray:
        """(B,) how fast the sizes may follow, before the smoothing: foreground probability times penalty."""
        before = last[:, 2:] * crop.scale if self.config.refine.mixed_units else last[:, 2:]
        return np.asarray(place.foreground * change_penalty(chosen[:, 2:], before, self.config.penalty))

    def _window(self, count: int) -> FloatArray:
        """(N,) weights, the same for every anchor of a point."""
        if count not in self._windows:
            side = map_side(count, self.config.anchors)
            self._windows[count] = np.tile(hann(side, self.config.zero_border), self.config.anchors)
        return self._windows[count]

    def _average(self, candidates: FloatArray, score: FloatArray, ranked: FloatArray, best: NDArray[np.intp]) -> FloatArray:
        """(B, 4) cx, cy, w, h: mean of `top` of the candidates (B, N, 4), by `top_rule`."""
        rows = np.arange(len(best))[:, None]
        if self.config.top_rule == "ranked":
            return np.asarray(candidates[rows, self._highest(ranked)].mean(axis=1))
        top = self._highest(score)  # (B, top)
        boxes = cxcywh_to_xyxy(candidates[rows, top])  # (B, top, 4)
        center = cxcywh_to_xyxy(candidates[rows[:, 0], best])[:, None]  # (B, 1, 4)
        weight = score[rows, top] * (iou_xyxy(boxes, center) > 0.6)  # (B, top)
        total = weight.sum(1, keepdims=True)
        mean = (boxes * weight[..., None]).sum(1) / np.maximum(total, 1e-9)
        return xyxy_to_cxcywh(np.where(total > 0, mean, center[:, 0]))

    def _highest(self, values: FloatArray) -> NDArray[np.intp]:
        """(B, top) numbers of the largest of (B, N) values, in no order."""
        top = self.config.top
        return np.asarray(np.argpartition(-values, min(top, values.shape[1] - 1), axis=1)[:, :top])


def map_side(count: int, anchors: int) -> int:
    """Points per side of the square map that `count` candidates with `anchors` per point lie on.

    >>> map_side(3125, 5)
    25

    Raises:
        LockonError: they do not fill a square.
    """
    side: int = round((count / anchors) ** 0.5)
    if side * side * anchors != count:
        raise LockonError(f"{count} candidates are not {anchors} per point of a square map; set localizer.anchors to the network's anchors")
    return side
