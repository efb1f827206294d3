"""`DeviceTensor`: a torch tensor that stays on its device while NumPy code passes it on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor


class DeviceTensor:
    """An opaque handle of a float32 tensor, batch first.

    It can be indexed and concatenated like an array without leaving the device; `numpy.asarray` brings it down, which is what should
    happen only when somebody asks for its values. Pickled handles come back on the CPU.

    Args:
        tensor: On any device.
    """

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the tensor."""
        return tuple(self.tensor.shape)

    @property
    def nbytes(self) -> int:
        """The bytes that `numpy.asarray` would bring down."""
        return int(self.tensor.nbytes)

    def __len__(self) -> int:
        return len(self.tensor)

    def __getitem__(self, index: Any) -> DeviceTensor:
        return DeviceTensor(self.tensor[index])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        values: NDArray[Any] = self.tensor.cpu().numpy()
        return values if dtype is None else values.astype(dtype)

    def __array_function__(
        self, function: Callable[..., Any], classes: Sequence[type], arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        """Concatenate on the device; whatever else NumPy is asked for is done with arrays."""
        if function is np.concatenate and not options and all(issubclass(one, DeviceTensor) for one in classes):
            return DeviceTensor(torch.cat([handle.tensor for handle in arguments[0]]))
        return function(*_as_arrays(arguments), **{name: _as_arrays(value) for name, value in options.items()})

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_array, (np.asarray(self),)

    def __repr__(self) -> str:
        return f"DeviceTensor(shape={self.shape}, device={self.tensor.device})"


def _from_array(values: NDArray[Any]) -> DeviceTensor:
    return DeviceTensor(torch.from_numpy(values))


def _as_arrays(value: Any) -> Any:
    if isinstance(value, DeviceTensor):
        return np.asarray(value)
    return type(value)(_as_arrays(item) for item in value) if isinstance(value, (tuple, list)) else value


__all__ = ["DeviceTensor"]
