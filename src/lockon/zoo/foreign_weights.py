"""Weight files of other projects: tensors by name, and nothing in a file is ever executed.

PyTorch's files are pickles, which can name any function to be called on loading. They are read by torch's restricted unpickler, which
builds tensors and plain containers alone; a file that asks for more is refused before anything of it has run.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from lockon.errors import LockonError

WRAPPERS = ("state_dict", "model", "net")  # keys under which training snapshots keep the weights

# What a damaged file can raise in the unpickler, which trusts the order of a pickle's codes.
_DAMAGED = (
    *(UnpicklingError, SafetensorError, EOFError, RuntimeError, OSError, ValueError),
    *(LookupError, AttributeError, TypeError, AssertionError, OverflowError, struct.error),
)
_REFUSED = re.compile(r"(?:GLOBAL|Unsupported global:|Unsupported class)\s+(?:GLOBAL\s+)?([\w.]+)")


def read_foreign(path: str | Path) -> dict[str, Tensor]:
    """Named tensors of a `.pth`, `.pt`, `.tar`, `.pth.tar`, `.model` or `.safetensors` file, on the CPU.

    A training snapshot gives what is under its "state_dict"; one leading "module." (of data-parallel training) is taken off each name.

    Raises:
        LockonError: the file is missing, damaged, asks for code to be run, or holds no named tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise LockonError(f"{path} does not exist; give the path of a weight file, for example model.pth")
    try:
        content = load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGED as error:
        raise _unreadable(path, error) from None
    for key in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    return _named_tensors(path, content)


def _unreadable(path: Path, error: BaseException) -> LockonError:
    refused = _REFUSED.search(str(error)) if isinstance(error, UnpicklingError) else None
    if refused is not None:
        return LockonError(
            f"{path} asks for {refused[1]} to be called on loading, which is refused (nothing in it was run); "
            "give a file that holds tensors alone: a state_dict that was saved by itself"
        )
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return LockonError(f"{path} is not a readable weight file ({reason}); copy or download it again")


def _named_tensors(path: Path, content: Any) -> dict[str, Tensor]:
    if not isinstance(content, Mapping) or not content:
        what = "nothing" if isinstance(content, Mapping) else f"a {type(content).__name__}"
        raise LockonError(f"{path} holds {what}, expected tensors by name; give a file with a state_dict")
    others = [str(name) for name, value in content.items() if not (isinstance(name, str) and isinstance(value, Tensor))]
    if others:
        raise LockonError(
            f"{path} holds {len(others)} entries that are no named tensors, first {others[0]!r}; "
            f"expected a state_dict, alone or under one of the keys {', '.join(WRAPPERS)}"
        )
    found = {name.removeprefix("module."): value for name, value in content.items()}
    if len(found) != len(content):
        raise LockonError(f"{path} holds the same names with and without 'module.'; save one state_dict of the two by itself")
    return found


__all__ = ["WRAPPERS", "read_foreign"]
