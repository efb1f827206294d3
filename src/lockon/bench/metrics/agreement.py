"""Agreement of the scores of boxes with their overlaps: correlations, and the overlap that the score's choice costs.

As SiamLA, Fig. 12 (Learning Localization-aware Target Confidence for Siamese Visual Tracking), which plots confidence against IoU.
The paper does not state which boxes its coefficients are of, so there are two of each kind: over boxes on the target, which is the
question, and over all of them, where telling the target from background counts most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from lockon.bench.metrics.correlation import pearson, spearman
from lockon.types import FloatArray


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of scores with overlaps; NaN where there is nothing to compare.

    Attributes:
        pearson: Pearson's correlation over the pairs with an IoU above the threshold.
        spearman: Spearman's correlation over the same pairs.
        pearson_all: Pearson's correlation over all pairs, background included.
        spearman_all: Spearman's correlation over all pairs.
        ranking: Mean over frames of Spearman's correlation within the frame, above the threshold: is the better of two boxes of one
            frame the one with the higher score? NaN for tracker outputs, of which a frame has one.
        chosen: Mean IoU of the candidate with the highest score (before window and penalty), or of the outputs.
        best: Mean IoU of the best candidate of each frame; NaN for outputs.
    """

    pearson: float
    spearman: float
    pearson_all: float
    spearman_all: float
    ranking: float
    chosen: float
    best: float

    @property
    def gap(self) -> float:
        """The mean IoU that a perfect score, which always selects the best box, would add."""
        return self.best - self.chosen

    def values(self) -> dict[str, float]:
        """Return all metrics by name, the gap included."""
        return {item.name: float(getattr(self, item.name)) for item in fields(self)} | {"gap": self.gap}


METRICS = (*(item.name for item in fields(Agreement)), "gap")


def frame_metrics(scores: FloatArray, overlaps: FloatArray, above: float) -> FloatArray:
    """Return (F, 3) of each frame: IoU of the highest-scoring candidate, best IoU, and Spearman's correlation above the threshold.

    Args:
        scores: (F, N) scores of N candidates on F frames; F may be 0.
        overlaps: (F, N) IoU of the same candidates.
        above: IoU threshold.
    """
    if not len(scores):
        return np.zeros((0, 3))
    chosen = np.take_along_axis(overlaps, scores.argmax(axis=1)[:, None], axis=1)[:, 0]  # (F,)
    within = [spearman(row[good], truth[good]) for row, truth, good in zip(scores, overlaps, overlaps > above, strict=True)]
    return np.stack([chosen, overlaps.max(axis=1), np.array(within)], axis=1)


def agreement(scores: FloatArray, overlaps: FloatArray, frames: FloatArray, above: float) -> Agreement:
    """Compute the metrics of pairs (K,) of any number of frames.

    Args:
        scores: (K,) scores.
        overlaps: (K,) IoU.
        frames: (F, 3) rows of `frame_metrics`.
        above: IoU threshold.
    """
    good = overlaps > above
    chosen, best, ranking = (_mean(column) for column in frames.T)
    return Agreement(
        pearson=pearson(scores[good], overlaps[good]),
        spearman=spearman(scores[good], overlaps[good]),
        pearson_all=pearson(scores, overlaps),
        spearman_all=spearman(scores, overlaps),
        ranking=ranking,
        chosen=chosen,
        best=best,
    )


def _mean(values: FloatArray) -> float:
    """Return the mean of the known values; NaN where there are none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


__all__ = ["METRICS", "Agreement", "agreement", "frame_metrics"]
