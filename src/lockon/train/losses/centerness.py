"""Centre-ness: how near to the middle of the target's box a point lies.

FCOS (Tian et al., ICCV 2019, arXiv 1904.01355, Eq. 3). SiamCAR (Guo et al., CVPR 2020) learns it as a candidate's quality, and averages
its box loss with it as weight.
"""

from __future__ import annotations

from torch import Tensor

from lockon.ops.torch.boxes import point_sides


def centerness(points: Tensor, boxes: Tensor) -> Tensor:
    """Compute sqrt(min(l, r) / max(l, r) * min(t, b) / max(t, b)): 1 at the centre, 0 on the sides and outside.

    Args:
        points: (N, 2) x, y in crop pixels.
        boxes: (B, 4) x1, y1, x2, y2.

    Returns:
        (B, N) in [0, 1]; a box without area gives 0.
    """
    sides = point_sides(points, boxes)  # (B, N, 4)
    near, far = sides[..., :2].minimum(sides[..., 2:]), sides[..., :2].maximum(sides[..., 2:])  # (B, N, 2)
    ratio = near.clamp(min=0) / far.clamp(min=1e-6)
    return ratio.prod(-1).sqrt()
