"""Candidates by hand, for tests of the parts of a localizer."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lockon.localizers.ranked import Ranked
from lockon.ops.boxes import cxcywh_to_xyxy
from lockon.ops.crop import Crop


def ranked(
    candidates: ArrayLike,
    scores: ArrayLike,
    *,
    values: ArrayLike | None = None,
    penalty: ArrayLike | None = None,
    quality: ArrayLike | None = None,
) -> Ranked:
    """Candidates (B, N, 4) cx, cy, w, h with their scores; crop pixels are image pixels, and they rank by their scores unless told."""
    boxes, numbers = np.asarray(candidates, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    count = len(boxes)
    penalties = np.ones_like(numbers) if penalty is None else np.asarray(penalty, dtype=np.float64)
    return Ranked(
        candidates=boxes,
        boxes=cxcywh_to_xyxy(boxes),
        foreground=numbers,
        scores=numbers,
        quality=None if quality is None else np.asarray(quality, dtype=np.float64),
        penalized=numbers * penalties,
        values=numbers if values is None else np.asarray(values, dtype=np.float64),
        crops=Crop(np.full((count, 2), 50.0), np.full(count, 100.0), 100),
        previous=np.tile([50.0, 50, 20, 20], (count, 1)),
        penalty_k=0.0,
    )
