"""`DenseLocalizer`: from a network's candidates to one box and one score per target, for any head that decodes to boxes.

Five parts in a row, each a value that can be exchanged: score -> rank -> place -> box rule -> verdict; then the size is smoothed over
time. Batched over targets; NumPy only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lockon._config_values import check_range
from lockon.errors import LockonError
from lockon.localizers.boxes import Best, MeanNear, MeanRanked
from lockon.localizers.place import Argmax, CoarseToFine
from lockon.localizers.rank import Blend, Product, change_penalty
from lockon.localizers.ranked import Ranked
from lockon.localizers.score import DualModalScore, SigmoidScore, StretchedScore, sigmoid
from lockon.localizers.verdict import AlwaysNormal, Verdict
from lockon.localizers.vote import ScoreVote
from lockon.ops.boxes import xyxy_to_cxcywh
from lockon.ops.crop import Crop
from lockon.types import FloatArray, Prediction


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalizerConfig:
    """The parts of a localizer.

    Attributes:
        score: The candidates' scores.
        rank: Penalty and window.
        place: Which candidate, or which place between candidates.
        boxes: How the box is made of the candidates.
        verdict: Whether it is the target.
        size_lr: How fast the size follows the prediction, 0..1; 1 takes it at once.
        anchors: Candidates per grid point; N = anchors * S * S, one map after the other.

    Raises:
        LockonError: "coarse-to-fine" with several anchors.
    """

    score: SigmoidScore | StretchedScore | DualModalScore = field(default_factory=SigmoidScore)
    rank: Blend | Product = field(default_factory=Blend)
    place: Argmax | CoarseToFine = field(default_factory=Argmax)
    boxes: Best | MeanNear | MeanRanked | ScoreVote = field(default_factory=Best)
    verdict: AlwaysNormal = field(default_factory=AlwaysNormal)
    size_lr: float = 0.7
    anchors: int = 1

    def __post_init__(self) -> None:
        check_range("size_lr", self.size_lr, 0, 1)
        check_range("anchors", self.anchors, 1, 1000)
        if isinstance(self.place, CoarseToFine) and self.anchors != 1:
            raise LockonError(
                f"place=coarse-to-fine needs one candidate per point, this network has anchors={self.anchors}; leave localizer.place=argmax"
            )


class Localization(NamedTuple):
    """What the localizer chose for each of B targets.

    Attributes:
        boxes: (B, 4) cx, cy, w, h in image pixels, the size smoothed.
        logits: (B,) log-odds of the chosen candidates' scores, before penalty and window; within +-20.7.
        best: (B,) number of the chosen candidate among the N of the prediction.
        scores: (B, N) score of every candidate in [0, 1], before penalty and window.
        verdicts: B verdicts, see `lockon.localizers.verdict`.
        ranked: The candidates that it chose from.
    """

    boxes: FloatArray
    logits: FloatArray
    best: NDArray[np.intp]
    scores: FloatArray
    verdicts: tuple[Verdict, ...]
    ranked: Ranked


class DenseLocalizer:
    """Chooses the best candidate of every target, see the module docstring. Holds only constants.

    Args:
        config: The parts.
    """

    def __init__(self, config: LocalizerConfig) -> None:
        self.config = config

    def __call__(self, prediction: Prediction, crops: Crop, previous: FloatArray) -> Localization:
        """Choose one box per target.

        Args:
            prediction: NumPy arrays, N candidates on a square grid.
            crops: The B search windows.
            previous: (B, 4) last boxes, cx, cy, w, h in image pixels.

        Raises:
            LockonError: N is no `anchors` times a square.
        """
        c = self.config
        ranked = self._ranked(prediction, crops, previous)
        placed = c.place(ranked, c.boxes)
        rate = np.clip(placed.trust * c.size_lr, 0, 1) if c.size_lr < 1 else np.ones(len(placed.best))
        size = previous[:, 2:] + rate[:, None] * (placed.boxes[:, 2:] - previous[:, 2:])
        chosen = np.clip(ranked.scores[np.arange(len(placed.best)), placed.best], 1e-9, 1 - 1e-9)
        return Localization(
            boxes=np.concatenate([placed.boxes[:, :2], size], axis=1),
            logits=np.log(chosen / (1 - chosen)),
            best=placed.best,
            scores=np.clip(ranked.scores, 0, 1),
            verdicts=c.verdict(ranked, placed),
            ranked=ranked,
        )

    def _ranked(self, prediction: Prediction, crops: Crop, previous: FloatArray) -> Ranked:
        c = self.config
        foreground, scores = c.score(prediction)  # (B, N) each
        candidates = xyxy_to_cxcywh(crops.expand().to_image(prediction.boxes))  # (B, N, 4) image pixels
        penalized = change_penalty(candidates[..., 2:], previous[:, None, 2:], c.rank.penalty_k) * scores  # (B, N)
        return Ranked(
            candidates=candidates,
            boxes=prediction.boxes,
            foreground=foreground,
            scores=scores,
            quality=None if prediction.quality is None else sigmoid(np.asarray(prediction.quality, dtype=np.float64)),
            penalized=penalized,
            values=c.rank(penalized, c.anchors),
            crops=crops,
            previous=previous,
            penalty_k=c.rank.penalty_k,
            anchors=c.anchors,
        )


__all__ = ["DenseLocalizer", "Localization", "LocalizerConfig"]
