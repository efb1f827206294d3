"""The few functions in which NumPy's arrays and torch's tensors differ, so that arithmetic is written once for both.

What both have alike is used directly: `@`, slices, `+ - * /`, `.sum(axis)`, `.reshape`, `.swapaxes`, comparisons. Tensors keep their device
and their gradients. Nothing here imports torch: whoever holds a tensor has loaded it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lockon.types import Array


def namespace(array: Array) -> Any:
    """Return the module of an array's functions: `numpy`, or `torch` for a tensor.

    >>> namespace(np.zeros(3)).__name__
    'numpy'
    """
    torch = sys.modules.get("torch")
    return torch if torch is not None and isinstance(array, torch.Tensor) else np


def like(values: Array | ArrayLike, example: Array) -> Array:
    """Return numbers as an array of the kind, the type and the device of another; without a copy where they are so already."""
    module = namespace(example)
    if module is np:
        return np.asarray(values, dtype=example.dtype)
    return module.as_tensor(values, dtype=example.dtype, device=example.device)


def counted(stop: int, example: Array) -> Array:
    """Return the (stop,) numbers 0, 1, .. in the kind, the type and the device of another array."""
    return like(np.arange(stop), example)


def integers(array: Array) -> Array:
    """Return numbers cut to 64-bit integers, as indices are."""
    return array.astype(np.int64) if namespace(array) is np else array.long()


def stack(arrays: Sequence[Array]) -> Array:
    """Return arrays of one shape along a new first axis."""
    return namespace(arrays[0]).stack(list(arrays))


def joined(arrays: Sequence[Array]) -> Array:
    """Return arrays (..., N) one after the other along their last axis."""
    module = namespace(arrays[0])
    return module.concatenate(list(arrays), -1)


def clip_min(array: Array, smallest: float) -> Array:
    """Return the larger of each number and `smallest`; NaN stays NaN."""
    return np.maximum(array, array.dtype.type(smallest)) if namespace(array) is np else array.clamp(min=smallest)


def pad(array: Array, rows: tuple[int, int], columns: tuple[int, int]) -> Array:
    """Return (..., H, W) with zeros around it.

    Args:
        array: (..., H, W).
        rows: Zeros before and after, along H.
        columns: Zeros before and after, along W.
    """
    module = namespace(array)
    if module is not np:
        return module.nn.functional.pad(array, (*columns, *rows))
    height, width = array.shape[-2:]
    out = np.zeros((*array.shape[:-2], height + sum(rows), width + sum(columns)), dtype=array.dtype)
    out[..., rows[0] : rows[0] + height, columns[0] : columns[0] + width] = array
    return out


def strided(array: Array, shape: Sequence[int], strides: Sequence[int]) -> Array:
    """Return a view of an array's memory; the array must be contiguous, as results of `pad` are.

    Args:
        array: Any shape.
        shape: Of the view.
        strides: Distance of neighbours along each axis of the view, in elements.
    """
    if namespace(array) is np:
        steps = [step * array.itemsize for step in strides]
        return np.lib.stride_tricks.as_strided(array, tuple(shape), steps, writeable=False)
    return array.as_strided(tuple(shape), tuple(strides))


def softmax(array: Array, reserve: float | None = None) -> Array:
    """Return the softmax over the last axis.

    Args:
        array: (..., N).
        reserve: A further logit that takes its share of the sum and is not returned; None for none.
    """
    module = namespace(array)
    largest = array.max(-1, keepdims=True) if module is np else array.amax(-1, keepdim=True)
    largest = largest if reserve is None else clip_min(largest, reserve)
    powers = module.exp(array - largest)
    total = powers.sum(-1, keepdims=True)
    return powers / (total if reserve is None else total + module.exp(reserve - largest))


__all__ = ["clip_min", "counted", "integers", "joined", "like", "namespace", "pad", "softmax", "stack", "strided"]
