"""`MaskTask`: what SiamMask learns; `SiameseTask` and the masks at the positive candidates' cells.

Wang et al., CVPR 2019 (arXiv 1812.05050), Sec. 3.2: the mask loss has weight 32 beside score and box. The authors' code trains the
fine branch in a second run with everything else frozen; here both branches learn at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lockon.errors import LockonError
from lockon.models.siammask import SiamMaskModel
from lockon.train.losses.masks import mask_iou, mask_loss, mask_windows
from lockon.train.task import SiameseLossConfig, SiameseTask
from lockon.types import Targets


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskLossConfig:
    """Weights of the mask losses.

    Attributes:
        coarse_weight, fine_weight: factors on the mean logistic loss of the 63 x 63 and of the 127 x 127 masks.
        max_cells: masks per batch; of more positive cells every n-th is taken. It bounds the memory.

    Raises:
        LockonError: a weight below 0, or less than one cell.
    """

    coarse_weight: float = 32.0
    fine_weight: float = 32.0
    max_cells: int = 64

    def __post_init__(self) -> None:
        for name in ("coarse_weight", "fine_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise LockonError(f"{name} must be 0 or more, got {getattr(self, name)!r}")
        if self.max_cells < 1:
            raise LockonError(f"max_cells must be 1 or more, got {self.max_cells}")


class MaskTask(SiameseTask):
    """Loss of a `SiamMaskModel`.

    Args:
        module: the model. config: of scores and boxes. masks: of the masks; None for the defaults.
    """

    def __init__(self, module: SiamMaskModel, config: SiameseLossConfig, masks: MaskLossConfig | None = None) -> None:
        super().__init__(module, config)
        self.masks = masks or MaskLossConfig()

    def loss(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Losses of one batch.

        Args:
            batch: as `SiameseTask.loss`, and where there are masks: mask (B, H, W), nonzero on the target in the search crop, and
                has_mask (B,) bool, False where it is not known. A batch without masks trains scores and boxes alone.

        Returns:
            The scalars of `SiameseTask.loss`; with masks also "mask_coarse" and "mask_fine", unweighted, and "mask_iou", the mean overlap
            of the fine masks, cut at 0.5, with the truth (a figure to watch, without gradient).
        """
        prediction, targets = self.predict(batch)
        device = prediction.logits.device
        cells = self._cells(targets, batch["has_mask"].to(device)) if "mask" in batch else None
        if cells is None:
            with torch.autocast(device_type=device.type, enabled=False):
                return self.losses(prediction, targets)
        module: Any = self.module
        coarse, fine = module.coarse(prediction.extras, *cells), module.fine(prediction.extras, *cells)  # (K, 63, 63), (K, 127, 127)
        truth = mask_windows(batch["mask"].to(device) != 0, *cells)  # (K, 127, 127)
        with torch.autocast(device_type=device.type, enabled=False):
            found = self.losses(prediction, targets)
            losses = {"mask_coarse": mask_loss(coarse.float(), truth), "mask_fine": mask_loss(fine.float(), truth)}
            total = found["loss"] + self.masks.coarse_weight * losses["mask_coarse"] + self.masks.fine_weight * losses["mask_fine"]
            overlap = mask_iou(fine.detach(), truth).sum() / max(len(truth), 1)
        return {**found, **losses, "loss": total, "mask_iou": overlap}

    def _cells(self, targets: Targets, known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(K,) image, row and column of the cells with a positive anchor, in images whose mask is known."""
        head: Any = self.module.head
        size = head.grid.grid.size
        positive = (targets.labels == 1).unflatten(1, (-1, size, size)).any(dim=1)  # (B, S, S)
        image, row, col = torch.nonzero(positive & known[:, None, None], as_tuple=True)
        step = -(-len(image) // self.masks.max_cells) or 1
        return image[::step], row[::step], col[::step]


__all__ = ["MaskLossConfig", "MaskTask"]
