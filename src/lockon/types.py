"""The values that pass between the layers: `Prediction`, `Template`, `Targets`, `Result`.

Frozen dataclasses whose fields are NumPy arrays outside a network and torch tensors inside one; the shapes are the same.
Letters: B targets in the batch, N candidates per search crop, H W map size, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = Any  # numpy.ndarray or torch.Tensor: the core must not import torch to name its type
FloatArray = NDArray[np.floating[Any]]
Frame = NDArray[np.uint8]
State = Literal["tracked", "uncertain", "lost"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What every dense head returns for a batch of search crops.

    Attributes:
        logits: (B, N) foreground logit per candidate; for two-class heads the difference of the two logits.
        boxes: (B, N, 4) x1, y1, x2, y2 in search-crop pixels.
        quality: (B, N) logit of the predicted localization quality (IoU), or None.
        extras: Named further outputs of a head (masks, per-level maps), batch first.
    """

    logits: Array
    boxes: Array
    quality: Array | None = None
    extras: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Template:
    """What a model keeps of the first frame: feature arrays, batch first. Opaque to everything but its model."""

    features: tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Where the N candidates of a dense head lie in the search crop.

    Attributes:
        points: (N, 2) x, y in crop pixels: the points that boxes are predicted at, or the centres of the anchors.
        anchors: (N, 4) center x, center y, width, height in crop pixels, or None for heads that predict at points.
        stride: Distance of neighbouring points in crop pixels.
    """

    points: Array
    anchors: Array | None
    stride: float


BOUNDARY = -2.0  # label of a point that is in the target's box, but no positive


@dataclass(frozen=True, slots=True)
class Targets:
    """What an assigner makes of the ground truth for one batch of B targets and N candidates.

    Attributes:
        labels: (B, N) 1 positive, 0 negative, below 0 ignored. Of the ignored ones, `BOUNDARY` marks points in the target's box that are
            no positives but may learn a smaller label (SiamLA).
        boxes: (B, 4) x1, y1, x2, y2 ground truth in search-crop pixels.
        weights: (B, N) weight of each positive, or None for equal weights.
        present: (B,) bool, False for a negative pair (the target is not in the search crop).
        all_labels: (B, N) labels before the negatives of images with a target were sub-sampled, or None: `labels` has them all.
    """

    labels: Array
    boxes: Array
    weights: Array | None = None
    present: Array | None = None
    all_labels: Array | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One frame's answer, for one target or for n.

    Attributes:
        box: (4,) or (n, 4) float64 x, y, w, h: top-left corner, 0-based, in pixels of the given frame.
        score: Float or (n,) in [0, 1]; calibrated trackers estimate the chance that the box overlaps the target (IoU > 0.5).
        state: "tracked", "uncertain" or "lost", or a tuple of n of them. What box a "lost" target has is the
            tracker's policy (`StatePolicy.absent_score` for ours).
        mask: (H, W) or (n, H, W) bool in frame pixels, or None.
    """

    box: FloatArray
    score: float | FloatArray
    state: State | tuple[State, ...]
    mask: NDArray[np.bool_] | None = None

    def each(self) -> tuple[Result, ...]:
        """Return one single-target `Result` per target, also when there is only one."""
        if self.box.ndim == 1:
            return (self,)
        scores = np.asarray(self.score, dtype=np.float64)
        masks = [None] * len(self.box) if self.mask is None else list(self.mask)
        return tuple(
            Result(box, float(score), state, mask)  # type: ignore[arg-type]  # state is a tuple here
            for box, score, state, mask in zip(self.box, scores, self.state, masks, strict=True)
        )
