"""The cosine-window localizer of the Siamese trackers, for any head that decodes to boxes.

Score map, times a penalty on sudden changes of size and shape, blended with a Hann window around the last position; the
box of the best candidate, its size smoothed over time. SiamRPN (Li et al., CVPR 2018, Sec. 4.4); the formulas are those of
PySOT's inference. Batched over targets; NumPy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lockon.errors import LockonError
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
        quality: exponent on the predicted IoU where the head predicts one.
        top: boxes of the best `top` candidates near the best one are averaged by their scores; 1 takes the best alone.
        anchors: candidates per grid point; N = anchors * S * S, one map after the other.
        zero_border: the Hann window is zero on the map's border, as PySOT's, so that no candidate there wins on its score alone.
    """

    window: float = 0.3
    penalty: float = 0.04
    smoothing: float = 0.7
    quality: float = 1.0
    top: int = 1
    anchors: int = 1
    zero_border: bool = False


class Choice(NamedTuple):
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


def _change(ratio: FloatArray) -> FloatArray:
    return np.asarray(np.maximum(ratio, 1 / ratio))


def _padded_size(w: FloatArray, h: FloatArray) -> FloatArray:
    pad = (w + h) / 2
    return np.asarray(np.sqrt((w + pad) * (h + pad)))


class WindowLocalizer:
    """Chooses the best candidate of every target, see the module docstring. Holds only constants.

    Args:
        config: how the best candidate is chosen.
    """

    def __init__(self, config: WindowConfig) -> None:
        self.config = config
        self._windows: dict[int, FloatArray] = {}

    def __call__(self, prediction: Prediction, crop: Crop, boxes_cxcywh: FloatArray) -> Choice:
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
        score = self._score(prediction)  # (B, N)
        candidates = xyxy_to_cxcywh(crop.expand().to_image(prediction.boxes))  # (B, N, 4) image pixels
        penalty = self._penalty(candidates, boxes_cxcywh)  # (B, N)
        ranked = penalty * score * (1 - c.window) + self._window(score.shape[1]) * c.window
        best = ranked.argmax(axis=1)  # (B,)
        rows = np.arange(len(best))
        chosen = candidates[rows, best] if c.top == 1 else self._vote(candidates, score, best)
        rate = (penalty[rows, best] * score[rows, best] * c.smoothing) if c.smoothing < 1 else np.ones(len(best))
        size = boxes_cxcywh[:, 2:] + rate[:, None] * (chosen[:, 2:] - boxes_cxcywh[:, 2:])
        chosen_score = np.clip(score[rows, best], 1e-9, 1 - 1e-9)
        new = np.concatenate([chosen[:, :2], size], axis=1)
        return Choice(new, np.log(chosen_score / (1 - chosen_score)), best, score)

    def _score(self, prediction: Prediction) -> FloatArray:
        score = _sigmoid(np.asarray(prediction.logits, dtype=np.float64))  # (B, N)
        if prediction.quality is not None and self.config.quality:
            score = score * _sigmoid(np.asarray(prediction.quality, dtype=np.float64)) ** self.config.quality
        return score

    def _penalty(self, candidates: FloatArray, last: FloatArray) -> FloatArray:
        """(B, N) factor in (0, 1], 1 for a candidate (B, N, 4) of the size and shape of the last box (B, 4)."""
        w, h = np.maximum(candidates[..., 2], 1e-3), np.maximum(candidates[..., 3], 1e-3)
        last_w, last_h = last[:, None, 2], last[:, None, 3]  # (B, 1)
        size_change = _change(_padded_size(w, h) / _padded_size(last_w, last_h))
        shape_change = _change((last_w / last_h) / (w / h))
        return np.asarray(np.exp((1 - size_change * shape_change) * self.config.penalty))

    def _window(self, count: int) -> FloatArray:
        """(N,) weights, the same for every anchor of a point."""
        if count not in self._windows:
            side = map_side(count, self.config.anchors)
            self._windows[count] = np.tile(hann(side, self.config.zero_border), self.config.anchors)
        return self._windows[count]

    def _vote(self, candidates: FloatArray, score: FloatArray, best: NDArray[np.intp]) -> FloatArray:
        """Mean of the `top` highest-scoring candidates that overlap the best one well, weighted by their scores."""
        rows = np.arange(len(best))[:, None]
        top = np.argpartition(-score, min(self.config.top, score.shape[1] - 1), axis=1)[:, : self.config.top]  # (B, top)
        boxes = cxcywh_to_xyxy(candidates[rows, top])  # (B, top, 4)
        center = cxcywh_to_xyxy(candidates[rows[:, 0], best])[:, None]  # (B, 1, 4)
        weight = score[rows, top] * (iou_xyxy(boxes, center) > 0.6)  # (B, top)
        total = weight.sum(1, keepdims=True)
        mean = (boxes * weight[..., None]).sum(1) / np.maximum(total, 1e-9)
        return xyxy_to_cxcywh(np.where(total > 0, mean, center[:, 0]))


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
