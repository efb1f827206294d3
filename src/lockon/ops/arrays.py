"""What users pass as a frame or a box, as a NumPy array: tensors, images of PIL, tables, memory of other libraries.

No other library is imported: a value is known by its methods.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockon.errors import LockonError

_SHOWN = 60  # characters of a value in a message


def brief(value: object) -> str:
    """Return a value as a few characters of one line, for messages.

    >>> brief([1] * 100)
    '[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,...'
    """
    try:
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 - the repr of others; an integer of 5000 digits has none
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def as_array(value: Any, what: str, expected: str) -> NDArray[Any]:
    """Return a user's value as an array of bool, integers or floats, without a copy where that can be.

    Args:
        value: An array, a tensor of any library (on any device, with or without a gradient), a PIL image, nested lists, memory.
        what: What it should be, for messages: "frame".
        expected: How it is written, for messages: "give four numbers x,y,w,h".

    Raises:
        LockonError: It is no array of real numbers, is masked in part, or cannot be read here.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of ragged lists and masked entries: they are errors below
            array = _converted(value)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a conversion is code of any library, and may fail in any way
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise LockonError(f"the {what}, a {_kind(value)}, is no array of numbers ({reason}); {expected}") from None
    if array.dtype.kind not in "buif":
        raise LockonError(f"{what} {_stated(value, array)} is no array of real numbers; {expected}")
    return array


def _converted(value: Any) -> NDArray[Any]:
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.is_masked(value):
            raise ValueError("some of its entries are masked; fill them: .filled(0)")
        return np.asarray(value.data)
    if isinstance(value, np.ndarray):
        return _of_plain_type(np.asarray(value))
    if callable(getattr(value, "detach", None)):
        return _of_tensor(value)
    if hasattr(value, "mode") and callable(getattr(value, "convert", None)):  # an image of PIL
        known = value.mode in ("1", "L", "LA", "RGB", "RGBA", "RGBX", "F") or value.mode.startswith("I")
        return np.asarray(value if known else value.convert("RGB"))
    if isinstance(value, list | tuple):
        value = [_of_tensor(item) if callable(getattr(item, "detach", None)) else item for item in value]
    array = np.asarray(value)
    if array.dtype == object and hasattr(value, "__dlpack__"):
        array = np.from_dlpack(value)
    if array.dtype == object and hasattr(value, "__cuda_array_interface__"):
        raise ValueError("it lies on a GPU, copy it to the CPU first")
    return _of_plain_type(array)


def _of_tensor(tensor: Any) -> NDArray[Any]:
    """Return the numbers of a tensor of torch, or of a library like it."""
    tensor = tensor.detach()
    if callable(getattr(tensor, "cpu", None)):
        tensor = tensor.cpu()
    try:
        return np.asarray(tensor)
    except TypeError:  # a type that NumPy does not have, such as bfloat16
        return np.asarray(tensor.float())


def _of_plain_type(array: NDArray[Any]) -> NDArray[Any]:
    """Return numbers of NumPy's own types: those of extensions (bfloat16) become float32, and numbers that are objects float64."""
    if array.dtype.kind == "V" and array.dtype.names is None and array.dtype.name.startswith(("bfloat", "float")):
        return array.astype(np.float32)
    if array.dtype == object and array.ndim and array.size and not any(isinstance(item, str | bytes | complex) for item in array.flat):
        return np.array([float(item) for item in array.flat], dtype=np.float64).reshape(array.shape)
    return array


def _kind(value: object) -> str:
    return type(value).__name__


def _stated(value: object, array: NDArray[Any]) -> str:
    return (
        brief(value)
        if value is None or isinstance(value, str | bytes | int | float | complex)
        else f"of type {array.dtype} ({_kind(value)})"
    )


__all__ = ["as_array", "brief"]
