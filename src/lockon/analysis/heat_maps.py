"""Heat maps of the two modalities of a tracker: of the candidates that it learnt offline, and of the filter that it learns online.

DuML (Zhou et al., Higher Performance Visual Tracking with Dual-Modal Localization, Fig. 5) shows them side by side: the online one attends
to the target alone, the offline one also to similar objects but with a sharper peak. A map with several anchors at a point has the highest
of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from lockon.analysis.searched import SearchedFrame, by_point
from lockon.localizers.score import ONLINE, sigmoid
from lockon.types import FloatArray

OFFLINE, FUSED, SCORE = "offline", "fused", "score"
MAPS = (OFFLINE, ONLINE, FUSED, SCORE)


def heat_maps(searched: SearchedFrame) -> dict[str, FloatArray]:
    """Return the (s, s) maps of one frame by name: "offline", and of trackers with both modalities "online" and "fused".

    Offline values are foreground probabilities, online ones responses as they are, fused ones those that the localizer made of both
    (Eq. 1). Of a tracker that shows no candidates it is its score map, "score".
    """
    if searched.seen is None:
        return {SCORE: searched.scores}
    prediction, ranked = searched.seen.prediction, searched.seen.localization.ranked
    maps = {OFFLINE: by_point(sigmoid(np.asarray(prediction.logits[0], dtype=np.float64)), ranked.anchors)}
    if ONLINE in prediction.extras:
        online = np.asarray(prediction.extras[ONLINE][0], dtype=np.float64)
        maps[ONLINE] = by_point(online, online.size * ranked.anchors // ranked.foreground.shape[1])
        maps[FUSED] = by_point(ranked.foreground[0], ranked.anchors)
    return maps


def distraction(searched: SearchedFrame, values: FloatArray) -> float:
    """Return the highest value of a map (s, s) beside the true box, divided by the highest in it.

    Above 1 the peak lies beside the target. NaN without a true box, where no point lies on one side, or where no value in it is above 0.
    """
    if searched.truth is None:
        return math.nan
    x, y = searched.points(len(values))
    left, top, right, bottom = searched.truth
    inside = ((y >= top) & (y <= bottom))[:, None] & ((x >= left) & (x <= right))  # (s, s)
    if not inside.any() or inside.all() or not values[inside].max() > 0:
        return math.nan
    return float(values[~inside].max() / values[inside].max())


def frame_row(searched: SearchedFrame, maps: Mapping[str, FloatArray]) -> dict[str, Any]:
    """Return a row of a table: sequence, frame, IoU of the answer, and of each map its peak and `distraction`."""
    row: dict[str, Any] = {"sequence": searched.sequence, "frame": searched.frame, "iou": searched.iou}
    for name, values in maps.items():
        row |= {f"{name}_peak": float(values.max()), f"{name}_distraction": distraction(searched, values)}
    return row


__all__ = ["FUSED", "MAPS", "OFFLINE", "ONLINE", "SCORE", "distraction", "frame_row", "heat_maps"]
