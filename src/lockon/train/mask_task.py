"""`MaskTask`: what SiamMask learns; `DenseTask` and the masks at the positive candidates' cells.

Wang et al., CVPR 2019 (arXiv 1812.05050), Sec. 3.2: the mask loss has weight 32 beside score and box. The authors' code trains the
fine branch in a second run with everything else frozen; here both branches learn at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lockon._config_values import check_field
from lockon.models.siammask import SiamMaskModel
from lockon.train.assigners.base import Assigner
from lockon.train.assigners.sampling import EVERYTHING, SamplingConfig
from lockon.train.losses.base import Masks
from lockon.train.losses.masks import mask_iou, mask_windows
from lockon.train.task import DenseTask
from lockon.types import Prediction, Targets


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskSampling:
    """Which masks a batch trains.

    Attributes:
        max_cells: Masks per batch; of more positive cells every n-th is taken. It bounds the memory.

    Raises:
        LockonError: If it is less than one cell.
    """

    max_cells: int = 64

    def __post_init__(self) -> None:
        check_field(self, "max_cells", self.max_cells >= 1, "1 or more")


class MaskTask(DenseTask):
    """Loss of a `SiamMaskModel`.

    Args:
        module: The model.
        losses: As of `DenseTask`; those of masks see the batches that have masks.
        assigner: As of `DenseTask`.
        sampling: As of `DenseTask`.
        masks: Which masks a batch trains.
    """

    module: SiamMaskModel

    def __init__(
        self,
        module: SiamMaskModel,
        losses: Any,
        assigner: Assigner,
        sampling: SamplingConfig = EVERYTHING,
        masks: MaskSampling = MaskSampling(),
    ) -> None:
        super().__init__(module, losses, assigner, sampling)
        self.masks = masks

    def loss(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Compute the losses of one batch.

        Args:
            batch: As of `DenseTask.loss`, and where there are masks: mask (B, H, W), nonzero on the target in the search crop, and
                has_mask (B,) bool, False where it is not known. A batch without masks trains scores and boxes alone.

        Returns:
            The scalars of `DenseTask.loss`, and with masks "mask_iou", the mean overlap of the fine masks, cut at 0.5, with the truth
            (a metric to watch, without gradient).
        """
        prediction, targets = self.predict(batch)
        device = prediction.logits.device
        masks = self._masks(prediction, targets, batch["mask"].to(device), batch["has_mask"].to(device)) if "mask" in batch else None
        with torch.autocast(device_type=device.type, enabled=False):
            losses = self.losses(prediction, targets, masks=masks)
            if masks is not None:
                losses["mask_iou"] = mask_iou(masks.fine.detach(), masks.truth).sum() / max(len(masks.truth), 1)
        return losses

    def _masks(self, prediction: Prediction, targets: Targets, truth: Tensor, known: Tensor) -> Masks:
        """Return the masks (K, 63, 63) and (K, 127, 127) at the chosen cells in float32, and their truth."""
        cells = self._cells(targets, known, prediction.extras["correlation"].shape[-1])
        coarse, fine = self.module.coarse(prediction.extras, *cells), self.module.fine(prediction.extras, *cells)
        return Masks(truth=mask_windows(truth != 0, *cells), fine=fine.float(), coarse=coarse.float())

    def _cells(self, targets: Targets, known: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the (K,) image, row and column of the cells with a positive anchor, in images whose mask is known; `size` cells a side."""
        positive = (targets.labels == 1).unflatten(1, (-1, size, size)).any(dim=1)  # (B, S, S)
        image, row, col = torch.nonzero(positive & known[:, None, None], as_tuple=True)
        step = -(-len(image) // self.masks.max_cells) or 1
        return image[::step], row[::step], col[::step]


__all__ = ["MaskSampling", "MaskTask"]
