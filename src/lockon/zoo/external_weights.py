"""Weight files of other projects: tensors by name, and nothing in a file is ever executed.

PyTorch's files are pickles, which can name any function to be called on loading. They are read by torch's restricted unpickler, which
builds tensors and plain containers alone. Training snapshots also hold objects of the project that wrote them, which it refuses: those
files are read again with stand-ins for all such objects (`restricted_pickle`), and the weights among them are taken.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from lockon.errors import LockonError
from lockon.zoo import restricted_pickle
from lockon.zoo.restricted_pickle import StubObject

WRAPPERS = ("state_dict", "model", "net")  # keys under which training snapshots keep the weights

# What a damaged file can raise in the unpickler, which trusts the order of a pickle's codes.
_DAMAGED = (
    *(UnpicklingError, SafetensorError, EOFError, RuntimeError, OSError, ValueError),
    *(LookupError, AttributeError, TypeError, AssertionError, OverflowError, MemoryError, struct.error),
)
_FOREIGN = re.compile(r"GLOBAL|Unsupported (?:global|class)")  # a name that the restricted unpickler does not know


def read_external(path: str | Path) -> dict[str, Tensor]:
    """Read the named tensors of a `.pth`, `.pt`, `.tar`, `.pth.tar`, `.model` or `.safetensors` file, on the CPU.

    A training snapshot gives what is under its "state_dict"; one leading "module." (of data-parallel training) is taken off each name.
    Whatever else a snapshot holds is left alone.

    Raises:
        LockonError: The file is missing, damaged, asks for code to be run in the place of weights, or holds no named tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise LockonError(f"{path} does not exist; give the path of a weight file, for example model.pth")
    content: Any
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _unpickled(path)
    except _DAMAGED as error:
        # Not torch's own words, which advise to load files without the restricted unpickler.
        reason = "damaged, or no file of PyTorch" if isinstance(error, UnpicklingError) else next(iter(str(error).splitlines()), "damaged")
        raise LockonError(f"{path} is not a readable weight file ({reason}); copy or download it again") from None
    for key in WRAPPERS:
        if isinstance(content, dict) and isinstance(dict.get(content, key), dict):
            content = dict.get(content, key)
    return _named_tensors(path, content)


def _unpickled(path: Path) -> Any:
    """Return what torch's restricted unpickler makes of the file, with stand-ins for external names where it meets some."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        if not _FOREIGN.search(str(error)):
            raise
    return torch.load(path, map_location="cpu", weights_only=False, pickle_module=restricted_pickle)


def _named_tensors(path: Path, content: Any) -> dict[str, Tensor]:
    if isinstance(content, StubObject):
        raise _refused(path, content)
    if not isinstance(content, dict) or not content:
        what = "nothing" if isinstance(content, dict) else f"a {type(content).__name__}"
        raise LockonError(f"{path} holds {what}, expected tensors by name; give a file with a state_dict")
    content = dict(dict.items(content))  # not its own `items`: files can set attributes of an OrderedDict
    others = [str(name) for name, value in content.items() if not (isinstance(name, str) and isinstance(value, Tensor))]
    if others:
        foreign = next((value for value in content.values() if isinstance(value, StubObject)), None)
        if foreign is not None:
            raise _refused(path, foreign)
        raise LockonError(
            f"{path} holds {len(others)} entries that are no named tensors, first {others[0]!r}; "
            f"expected a state_dict, alone or under one of the keys {', '.join(WRAPPERS)}"
        )
    found = {name.removeprefix("module."): value for name, value in content.items()}
    if len(found) != len(content):
        raise LockonError(f"{path} holds the same names with and without 'module.'; save one state_dict of the two by itself")
    return found


def _refused(path: Path, foreign: StubObject) -> LockonError:
    name = re.sub(r"[^\w.]", "?", foreign.foreign)
    return LockonError(
        f"{path} asks for {name} to be called on loading, which is refused (nothing in it was run); "
        "give a file that holds tensors alone: a state_dict that was saved by itself"
    )


__all__ = ["WRAPPERS", "read_external"]
