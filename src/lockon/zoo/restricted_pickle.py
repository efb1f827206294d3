"""A stand-in for Python's `pickle` that never runs what a file asks for: `torch.load(..., pickle_module=restricted_pickle)`.

Training snapshots of other projects name their own classes beside the weights. Here tensors, ordered and default dictionaries are
made; every other name becomes an object that swallows what it is given and does nothing.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import IO, Any

import torch


class StubObject:
    """Stands for one call of a name that is not allowed.

    Attributes:
        foreign: The name, for example "posix.system".
    """

    foreign = ""

    def __new__(cls, *_args: object, **_named: object) -> StubObject:
        """Take whatever the class or function would have been called with."""
        return super().__new__(cls)

    def __init__(self, *_args: object, **_named: object) -> None:
        """Keep nothing."""

    def __call__(self, *_args: object, **_named: object) -> StubObject:
        """Return the result of a call, which does as little."""
        return self

    def __setstate__(self, _state: object) -> None:
        """Drop the attributes of the real object."""

    def __setitem__(self, _key: object, _value: object) -> None:
        """Drop an entry of the real object."""

    def append(self, _item: object) -> None:
        """Drop an item of the real object."""

    def extend(self, _items: object) -> None:
        """Drop an item of the real object."""


class _Allowed:
    """An allowed function that a file can call but not change: a file may set attributes of the objects that it names."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setstate__(self, _state: object) -> None:
        pass


_TYPES = {("collections", "OrderedDict"): OrderedDict, ("collections", "defaultdict"): defaultdict, ("torch", "Size"): torch.Size}
_FUNCTIONS = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")  # of torch._utils; storages are torch.load's own matter


class Unpickler(pickle.Unpickler):
    """Reads a pickle without importing anything."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the allowed type or function of that name, else a `StubObject` class."""
        if (module, name) in _TYPES:
            return _TYPES[module, name]
        if module == "torch._utils" and name in _FUNCTIONS:
            return _Allowed(getattr(torch._utils, name))
        return type("StubObject", (StubObject,), {"foreign": f"{module}.{name}"})


def load(file: IO[bytes], **options: Any) -> Any:
    """Load an object as `pickle.load` does, with stand-ins for what is not allowed."""
    return Unpickler(file, **options).load()


__all__ = ["StubObject", "Unpickler", "load"]
