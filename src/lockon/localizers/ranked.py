"""`Ranked`: the candidates of B targets with all that the parts of a localizer know of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lockon.ops.crop import Crop
from lockon.types import FloatArray


class Ranked(NamedTuple):
    """N candidates of each of B targets.

    Attributes:
        candidates: (B, N, 4) cx, cy, w, h in image pixels.
        boxes: (B, N, 4) x1, y1, x2, y2 in crop pixels.
        foreground: (B, N) foreground probabilities; fused ones may leave 0..1, see `lockon.localizers.score.DualModalScore`.
        scores: (B, N) scores, before penalty and window.
        quality: (B, N) probabilities that the predicted qualities' logits stand for; None for heads without.
        penalized: (B, N) scores after the penalty on changes of size and shape.
        values: (B, N) what they are ranked by, after penalty and window.
        crops: The B search windows.
        previous: (B, 4) last boxes, cx, cy, w, h in image pixels.
        penalty_k: Strength of the penalty.
        anchors: Candidates per point of the square map; N = anchors * S * S, one map after the other.
    """

    candidates: FloatArray
    boxes: FloatArray
    foreground: FloatArray
    scores: FloatArray
    quality: FloatArray | None
    penalized: FloatArray
    values: FloatArray
    crops: Crop
    previous: FloatArray
    penalty_k: float
    anchors: int = 1


class Placed(NamedTuple):
    """The box of each of B targets, before its size is smoothed over time.

    Attributes:
        best: (B,) number of the chosen candidate.
        boxes: (B, 4) cx, cy, w, h in image pixels.
        trust: (B,) how fast the size may follow the box; below 0 counts as 0.
    """

    best: NDArray[np.intp]
    boxes: FloatArray
    trust: FloatArray


__all__ = ["Placed", "Ranked"]
