"""A refiner of a few thousand parameters, and batches for it."""

from __future__ import annotations

from typing import Any

import torch

from lockon.models.heads.box_regression import DenseBoxHead, PooledBoxHead
from lockon.models.heads.corner import CornerHead
from lockon.models.heads.segmentation import MaskDecoder
from lockon.models.refiner import RefinerModel
from lockon.models.refiner_fusion import RefinerFusion
from tiny_pools import Pools

SIZE = 64
HEADS = {
    "corner": lambda: CornerHead(16, cells=4, hidden=16, middle=True),
    "rpn": lambda: DenseBoxHead(16, cells=4, hidden=16),
    "rcnn": lambda: PooledBoxHead(16, cells=4, widths=(16, 16)),
}


def tiny_refiner(head: str = "corner", *, mask: bool = True) -> RefinerModel:
    torch.manual_seed(0)
    return RefinerModel(
        backbone=Pools(),
        fusion=RefinerFusion(6, reference_cells=2, out=16),
        head=HEADS[head](),
        mask_head=MaskDecoder(16, (4, 4, 4), wide=(4, 4, 4)) if mask else None,
        size=SIZE,
        reference_cells=2,
    )


def batch(count: int = 4, *, masked: tuple[int, ...] = (0, 2), seed: int = 0) -> dict[str, Any]:
    """White boxes on noise, and the masks of some."""
    generator = torch.Generator().manual_seed(seed)
    corner = torch.randint(4, 28, (count, 2), generator=generator)
    box = torch.cat([corner, corner + torch.randint(16, 36, (count, 2), generator=generator)], dim=1)
    images = torch.randint(0, 60, (2, count, SIZE, SIZE, 3), generator=generator, dtype=torch.uint8)
    mask = torch.zeros(count, SIZE, SIZE, dtype=torch.bool)
    for number, (x1, y1, x2, y2) in enumerate(box.tolist()):
        images[1, number, y1:y2, x1:x2] = 255
        mask[number, y1:y2, x1:x2] = number in masked
    images[0, :, 16:48, 16:48] = 255
    known = torch.tensor([number in masked for number in range(count)])
    middle = torch.tensor([[16.0, 16, 48, 48]]).repeat(count, 1)
    return {"template": images[0], "search": images[1], "template_box": middle, "box": box.float(), "mask": mask, "has_mask": known}
