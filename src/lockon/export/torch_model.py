"""`TorchModel`: a torch network behind the same NumPy interface as a deployed file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lockon.errors import LockonError
from lockon.export.device_tensor import DeviceTensor
from lockon.export.ports import no_masks
from lockon.types import Prediction, Template


class TorchModel:
    """Runs a network module on NumPy crops, without gradients.

    The module is put into evaluation mode and moved to `device` in place. Weights are kept channels-last, which is how
    the crops come.

    Args:
        module: Network with `encode(z) -> Template`, `module(template, x) -> Prediction`, `template_size`, `search_size`.
        device: Torch device, for example "cpu" or "cuda".
        dtype: float32, or bfloat16 / float16 to run convolutions and matrix products in it (autocast); weights, candidate
            points and outputs stay float32.
        header: The header of the weights, for `header`.

    Attributes:
        mask_inputs: Names of the extras that masks are made from; empty for a network without masks.
        weights: Trained numbers of the optimiser that filters are learnt with, on the device, by name; None of a network without them.

    Raises:
        LockonError: Torch does not know the device or cannot reach it.
    """

    def __init__(
        self,
        module: nn.Module,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        header: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            self.device = torch.device(device)
            self.module: Any = module.eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        except (RuntimeError, AssertionError) as error:  # torch built without CUDA asserts
            raise LockonError(f"torch cannot use device {str(device)!r} ({str(error).splitlines()[0]}); use device='cpu'") from None
        self.dtype = dtype
        self.header: dict[str, Any] = dict(header or {})
        self.template_size = int(self.module.template_size)
        self.search_size = int(self.module.search_size)
        self.mask_inputs = mask_inputs(self.module)
        self.weights = optimizer_numbers(self.module)
        self._process = os.getpid()

    def encode(self, images: NDArray[np.uint8]) -> Template:
        """Encode (B, h, w, 3) uint8 RGB template crops to features of B rows, which stay on the device as handles."""
        with torch.inference_mode(), self._precision():
            template = self.module.encode(self._image(images))
            return Template(tuple(DeviceTensor(feature.float().contiguous()) for feature in template.features))

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _process=os.getpid())  # a process of its own, with threads

    def __call__(self, template: Template, images: NDArray[np.uint8]) -> Prediction:
        """Match (B, H, W, 3) uint8 RGB search crops with B template rows.

        Logits, boxes and quality are float32 arrays; extras stay on the device as handles until somebody asks for their values.
        """
        features = tuple(self._tensor(feature) for feature in template.features)
        with torch.inference_mode(), self._precision():
            out = self.module(Template(features), self._image(images))
            extras = {name: DeviceTensor(value.float()) for name, value in out.extras.items()}  # in their own layout: no copies
        return Prediction(
            logits=_array(out.logits), boxes=_array(out.boxes), quality=None if out.quality is None else _array(out.quality), extras=extras
        )

    def mask(self, prediction: Prediction, index: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return (B, P, P) mask probabilities of the candidates `index` (B,), one per target of `prediction`, at the search crop's scale.

        Raises:
            LockonError: The network makes no masks.
        """
        if not self.mask_inputs:
            raise no_masks(self.header)
        extras = {name: self._tensor(prediction.extras[name]) for name in self.mask_inputs}
        with torch.inference_mode(), self._precision():
            return _array(self.module.mask(extras, torch.from_numpy(np.asarray(index, dtype=np.int64)).to(self.device)))

    def _tensor(self, values: Any) -> Tensor:
        """Return a handle's tensor, or an array as one, on the device."""
        if isinstance(values, DeviceTensor):
            return values.tensor.to(self.device)
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)

    def _image(self, images: NDArray[np.uint8]) -> Tensor:
        """Convert (B, H, W, 3) uint8 to (B, 3, H, W) float32 0..255, channels-last without a copy of its own."""
        return torch.from_numpy(np.ascontiguousarray(images)).to(self.device).permute(0, 3, 1, 2).float()

    def _precision(self) -> AbstractContextManager[Any]:
        """Return what a pass runs in; in the child of a fork, where torch's threads are not, on one thread."""
        if self._process != os.getpid():
            self._process = os.getpid()
            torch.set_num_threads(1)  # with more it waits for ever
        return nullcontext() if self.dtype == torch.float32 else torch.autocast(self.device.type, dtype=self.dtype)


def mask_inputs(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the extras that a network makes masks from; none for a network without masks."""
    return tuple(getattr(module, "mask_inputs", ()))


def optimizer_numbers(module: nn.Module) -> dict[str, Tensor | None] | None:
    """Return the trained numbers of a network's optimiser by name, without gradient; None of a network whose filters need none."""
    optimizer: Any = getattr(module, "optimizer", None)
    if optimizer is None:
        return None
    return {name: None if value is None else value.detach() for name, value in optimizer.numbers().items()}


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.float().contiguous().cpu().numpy()
    return array
