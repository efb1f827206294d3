"""L1 loss on anchor codes: SiamRPN++ (Li et al., CVPR 2019, arXiv 1812.11703), plain, where SiamRPN had smooth L1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lockon.ops.torch.boxes import encode_deltas
from lockon.train.losses.base import Loss, LossInput


@dataclass(frozen=True, kw_only=True)
class DeltaL1(Loss):
    """Absolute error of the anchor codes; for heads with anchors."""

    reads: ClassVar[tuple[str, ...]] = ("deltas",)

    def __call__(self, x: LossInput) -> Tensor:
        """Compute `delta_l1`."""
        assert x.candidates.anchors is not None  # heads that make codes have what they are codes of
        return delta_l1(x.prediction.extras["deltas"], x.candidates.anchors, x.targets.boxes, x.targets.labels)


def delta_l1(deltas: Tensor, anchors: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
    """Compute the absolute error of the four anchor codes: summed, averaged over the positives of an image, then over all images.

    Args:
        deltas: (B, N, 4) predicted dx, dy, dw, dh.
        anchors: (N, 4) center x, center y, width, height.
        boxes: (B, 4) x1, y1, x2, y2.
        labels: (B, N) above 0 positive.

    Returns:
        Scalar; an image without positives adds 0 and counts.
    """
    image, candidate = (labels > 0).nonzero(as_tuple=True)  # (P,) each
    error = (deltas[image, candidate] - encode_deltas(anchors[candidate], boxes[image])).abs().sum(-1)  # (P,)
    share = 1 / (labels > 0).sum(1).clamp(min=1)  # (B,)
    return (error * share[image]).sum() / len(labels)


__all__ = ["DeltaL1", "delta_l1"]
