"""L1 loss on anchor codes: SiamRPN++ (Li et al., CVPR 2019, arXiv 1812.11703), plain, where SiamRPN had smooth L1."""

from __future__ import annotations

from torch import Tensor

from lockon.ops.torch.boxes import encode_deltas


def delta_l1(deltas: Tensor, anchors: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
    """Absolute error of the four anchor codes: summed, averaged over the positives of an image, then over all images.

    Args:
        deltas: (B, N, 4) predicted dx, dy, dw, dh. anchors: (N, 4) cx, cy, w, h. boxes: (B, 4) xyxy. labels: (B, N) above 0 positive.

    Returns:
        Scalar; an image without positives adds 0 and counts.
    """
    image, candidate = (labels > 0).nonzero(as_tuple=True)  # (P,) each
    error = (deltas[image, candidate] - encode_deltas(anchors[candidate], boxes[image])).abs().sum(-1)  # (P,)
    share = 1 / (labels > 0).sum(1).clamp(min=1)  # (B,)
    return (error * share[image]).sum() / len(labels)
