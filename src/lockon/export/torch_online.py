"""`TorchOnline`: a torch network of an online tracker as an `OnlineNetwork`: pictures and boxes in NumPy, features on the device."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lockon.errors import LockonError
from lockon.export.ports import no_filters
from lockon.export.torch_model import optimizer_numbers
from lockon.online.network import OnlineFeatures


class TorchOnline:
    """Runs a module without gradients in float32.

    The module is put into evaluation mode and moved to `device` in place.

    Args:
        module: `DiMPModel` or `ATOMModel`.
        device: Torch device, for example "cpu" or "cuda".
        header: Of the weights.

    Attributes:
        weights: Trained numbers of the optimiser on the device, by name; None of a network without them.

    Raises:
        LockonError: Torch does not know the device or cannot reach it.
    """

    def __init__(self, module: nn.Module, device: str | torch.device = "cpu", header: Mapping[str, Any] | None = None) -> None:
        self.module = _placed(module, device)
        self.device = torch.device(device)
        self.header: Mapping[str, Any] = dict(header or {})
        self.search_size = int(self.module.search_size)
        self.weights = optimizer_numbers(self.module)
        self._process = os.getpid()

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _process=os.getpid())  # a process of its own, with threads

    def features(self, images: NDArray[np.uint8]) -> OnlineFeatures:
        """Return the features of (B, H, W, 3) uint8 RGB crops, as tensors on the device."""
        with torch.no_grad():
            classification, *boxes = self.module(self._images(images))
        return OnlineFeatures(classification, tuple(boxes))

    def box_features(self, images: NDArray[np.uint8]) -> tuple[Tensor, ...]:
        """Return the box network's features of (B, H, W, 3) uint8 RGB crops, as tensors on the device."""
        with torch.no_grad():
            features: tuple[Tensor, ...] = self.module.iou.features(self.module.backbone(self._images(images)))
        return features

    def initial(self, classification: Tensor, boxes_xyxy: NDArray[np.floating[Any]]) -> Tensor:
        """Predict (M, C, K, K) filters from (M, C, h, w) samples, each from its own target (M, 4), see `OnlineNetwork.initial`.

        Raises:
            LockonError: The network has no filter initializer.
        """
        initializer = getattr(self.module, "initializer", None)
        if initializer is None:
            raise no_filters(self.header)
        with torch.no_grad():
            filters: Tensor = initializer(classification, self._boxes(boxes_xyxy))
        return filters

    def modulation(self, images: NDArray[np.uint8], boxes_xyxy: NDArray[np.floating[Any]]) -> tuple[Tensor, ...]:
        """Encode the targets (B, 4) of (B, H, W, 3) uint8 RGB crops as tensors of B rows, see `BoxNetwork.modulation`."""
        with torch.no_grad():
            vectors: tuple[Tensor, ...] = self.module.modulation(self._images(images), self._boxes(boxes_xyxy))
        return vectors

    def overlap(
        self, features: tuple[Tensor, ...], modulation: tuple[Tensor, ...], boxes_xyxy: NDArray[np.floating[Any]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Score (B, R, 4) boxes and derive the scores, see `BoxNetwork.overlap`."""
        with torch.no_grad():
            scores, gradients = self.module.iou.value_and_gradient(features, modulation, self._boxes(boxes_xyxy))
        return scores.cpu().numpy(), gradients.cpu().numpy()

    def _images(self, images: NDArray[np.uint8]) -> Tensor:
        """Convert (B, H, W, 3) uint8 to (B, 3, H, W) float32 0..255, channels-last without a copy of its own."""
        if self._process != os.getpid():  # the child of a fork, where torch's threads are not: with more than one it waits for ever
            self._process = os.getpid()
            torch.set_num_threads(1)
        return torch.from_numpy(np.ascontiguousarray(images)).to(self.device).permute(0, 3, 1, 2).float()

    def _boxes(self, boxes_xyxy: NDArray[np.floating[Any]]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(boxes_xyxy, dtype=np.float32)).to(self.device)


def _placed(module: nn.Module, device: str | torch.device) -> Any:
    """Return the module in evaluation mode on a device."""
    try:
        return module.eval().to(torch.device(device))
    except (RuntimeError, AssertionError) as error:  # torch built without CUDA asserts
        raise LockonError(f"torch cannot use device {str(device)!r} ({str(error).splitlines()[0]}); use device='cpu'") from None


__all__ = ["TorchOnline"]
