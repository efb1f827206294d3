"""Weights and checkpoints as safetensors and JSON: nothing pickled, written atomically, loaded strictly.

A weight file is one safetensors file, whose metadata hold a JSON header and the hash of the file. A checkpoint is a folder
``RUN/checkpoints/step-000200/`` with model.safetensors, ema.safetensors, optimizer.safetensors, rng-RANK.safetensors and
state.json. The folder is filled under another name and renamed when complete, so whatever has its name is whole.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from lockon._documents import read_json
from lockon._files import PendingFile, write_bytes
from lockon._weights import HASH_KEY, METADATA_KEY, NO_HASH, check_seal, parse_header, seal
from lockon.errors import LockonError


def save_weights(weights: nn.Module | Mapping[str, torch.Tensor], path: Path, header: Mapping[str, Any] | None = None) -> None:
    """Write a module's state (or named tensors) and its JSON header into one safetensors file, atomically.

    Raises:
        LockonError: The folder cannot be written.
    """
    state = weights.state_dict() if isinstance(weights, nn.Module) else weights
    tensors = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in state.items()}
    content = _in_order(save(tensors, {METADATA_KEY: json.dumps(dict(header or {}), sort_keys=True), HASH_KEY: NO_HASH}))
    with PendingFile(path) as pending:
        # Not safetensors' own `save_file`, which puts another file in the place of the one that is locked.
        pending.temp.write_bytes(content)
        seal(pending.temp)


def _in_order(content: bytes) -> bytes:
    """Return a safetensors file with its metadata in alphabetical order: equal weights are equal files, whose hash can be compared.

    The library writes them in an order that changes from process to process.
    """
    end = 8 + int.from_bytes(content[:8], "little")
    described = json.loads(content[8:end])
    text = json.dumps({**described, "__metadata__": dict(sorted(described["__metadata__"].items()))}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight
    return b"".join((len(text).to_bytes(8, "little"), text, memoryview(content)[end:]))


def read_weights(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read named tensors (on the CPU) and JSON header of a safetensors file; that of another program has neither header nor hash.

    Raises:
        LockonError: No such file, not a safetensors file, a truncated or a damaged one.
    """
    if not path.is_file():
        others = sorted(other.name for other in path.parent.glob("*.safetensors")) if path.parent.is_dir() else []
        raise LockonError(f"no weights at {path}; " + (f"its folder has {', '.join(others[:3])}" if others else "give a .safetensors file"))
    try:
        check_seal(path)
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except LockonError:
        raise
    except (SafetensorError, OSError, ValueError) as error:
        raise LockonError(f"{path} is not a whole safetensors file ({error}); copy or download it again") from None
    return tensors, parse_header(path, metadata.get(METADATA_KEY, "{}"))


def load_weights(module: nn.Module, path: Path) -> dict[str, Any]:
    """Load a weight file into `module`, every key and shape matching; return the file's header.

    Raises:
        LockonError: Unreadable file, or keys or shapes that differ (the first of each kind are named).
    """
    tensors, header = read_weights(path)
    load_checked(module, tensors, header, path)
    return header


def load_checked(module: nn.Module, tensors: Mapping[str, torch.Tensor], header: Mapping[str, Any], path: Path) -> None:
    """Load what `read_weights` returned into `module`, as `load_weights` does."""
    load_state(module, tensors, f"{path} ({_described(header)})", "build that model, or give weights that were saved from this one")


def load_state(module: nn.Module, tensors: Mapping[str, torch.Tensor], source: str, advice: str) -> None:
    """Copy named tensors into `module`; all keys and shapes must match, else a `LockonError` says which do not."""
    expected = module.state_dict()
    shapes = [
        f"{name} is {tuple(tensors[name].shape)}, not {tuple(value.shape)}"
        for name, value in expected.items()
        if name in tensors and tensors[name].shape != value.shape
    ]
    problems = {
        "missing": [name for name in expected if name not in tensors],
        "unexpected": [name for name in tensors if name not in expected],
        "of another shape": shapes,
    }
    if any(problems.values()):
        text = "; ".join(f"{_few(names)} {kind}" for kind, names in problems.items() if names)
        raise LockonError(f"{source} does not fit {type(module).__name__}: {text}; {advice}")
    module.load_state_dict(dict(tensors))


def _described(header: Mapping[str, Any]) -> str:
    return f"architecture {header['architecture']!r}" if "architecture" in header else "no architecture in its header"


def _few(names: list[str], most: int = 3) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


@dataclass
class RunState:
    """Where a run stands, as state.json keeps it.

    Attributes:
        step: Updates done.
        settings: The run's settings as JSON values, compared when it is resumed.
        best_step: Updates before the best validation so far, None before the first.
        best_value: Its metric, None before the first.
        metrics: Those of the newest validation.
        metrics_step: Updates before it.
        seconds: Training time of all slices together.
        validation_due: A signal came before the validation at `step` was done; a resumed run starts with it.
    """

    step: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    best_step: int | None = None
    best_value: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    metrics_step: int | None = None
    seconds: float = 0.0
    validation_due: bool = False


class Checkpoints:
    """The checkpoints of one run folder."""

    def __init__(self, run: Path, keep: int) -> None:
        self.folder, self.keep = run / "checkpoints", keep

    def steps(self) -> list[int]:
        """Return the steps of the complete checkpoints, ascending."""
        if not self.folder.is_dir():
            return []
        return sorted(int(path.parent.name[5:]) for path in self.folder.glob("step-*/state.json") if path.parent.name[5:].isdigit())

    def path(self, step: int) -> Path:
        """Return the folder of the checkpoint after `step` updates."""
        return self.folder / f"step-{step:06d}"

    def temporary(self, step: int) -> Path:
        """Return the folder that is filled before it takes the name of `path`."""
        return self.folder / f".step-{step:06d}.tmp"

    def begin(self, step: int) -> Path:
        """Return an empty folder to fill."""
        self.sweep()
        temporary = self.temporary(step)
        temporary.mkdir(parents=True)
        return temporary

    def sweep(self) -> None:
        """Remove what a killed run left unfinished."""
        for leftover in self.folder.glob(".step-*.tmp"):
            shutil.rmtree(leftover, ignore_errors=True)

    def commit(self, temporary: Path, state: RunState) -> Path:
        """Write state.json, give the folder its name, and remove checkpoints that are no longer wanted."""
        write_bytes(temporary / "state.json", json.dumps(asdict(state), indent=1).encode())
        final = self.path(state.step)
        if final.exists():
            self._remove(final)
        os.replace(temporary, final)
        wanted = {*self.steps()[-self.keep :], state.best_step}
        for step in self.steps():
            if step not in wanted:
                self._remove(self.path(step))
        return final

    def read(self, step: int) -> RunState:
        """Return the state of one checkpoint."""
        path = self.path(step) / "state.json"
        try:
            return RunState(**read_json(path))
        except (OSError, ValueError, TypeError) as error:
            raise LockonError(f"cannot read {path} ({error}); remove that folder to resume from the checkpoint before it") from None

    def _remove(self, folder: Path) -> None:
        doomed = folder.with_name(f".{folder.name}.old.tmp")
        os.replace(folder, doomed)  # first the name goes, so that a kill here leaves no half checkpoint
        shutil.rmtree(doomed)


def random_state(device: torch.device) -> dict[str, torch.Tensor]:
    """Return the states of torch's generators as tensors: "cpu", and "cuda" on a GPU."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_state(states: Mapping[str, torch.Tensor], device: torch.device) -> None:
    """Put back what `random_state` returned; a run that moved from a CPU to a GPU keeps the GPU's own seed."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)


__all__ = [
    "Checkpoints",
    "RunState",
    "load_checked",
    "load_state",
    "load_weights",
    "random_state",
    "read_weights",
    "save_weights",
    "set_random_state",
]
