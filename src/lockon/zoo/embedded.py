"""Trackers whose weights lie in the package (or in files that `lockon export` and `lockon train` wrote): no torch needed for ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockon._require import require
from lockon.config import apply_in_order, flatten
from lockon.errors import LockonError, unknown_name
from lockon.export.header import read_header
from lockon.export.runtime import DEVICES, load_model
from lockon.tracker import Model, NetworkTracker, TrackerConfig

WEIGHTS = Path(__file__).parent / "weights"
PRESETS: dict[str, dict[str, Any]] = {"default": {}}  # changes to the parameters that the weight file carries, by preset name


def weights_path(name: str = "lockon-s") -> Path:
    """The search graph of an embedded model; its template graph lies beside it."""
    return WEIGHTS / f"{name}.onnx"


def header(name: str = "lockon-s") -> dict[str, Any]:
    """What the embedded weights say of themselves: architecture, training data, licence, validation metrics, inference parameters.

    Raises:
        LockonError: no such file, or a damaged one.
    """
    path = weights_path(name)
    if not path.is_file():
        raise LockonError(f"{path} does not exist: this copy of lockon has no weights for {name!r}; install the package again")
    return read_header(path)


def load(name: str, *, weights: Path | None = None, preset: str = "default", device: str = "auto", **overrides: Any) -> NetworkTracker:
    """A tracker from a deployed model or from torch weights.

    Args:
        name: architecture that the weights must have.
        weights: `.onnx` (with its template file beside it) or `.safetensors` (needs the `torch` extra); None takes the embedded ones.
        preset: named inference parameters.
        device: "auto", "cpu", "cuda" or "cuda:1", "openvino", "openvino-bf16"; for torch weights "torch" (the CPU) or a torch device.
        overrides: dotted names of `TrackerConfig` fields with new values, for example ``**{"localizer.rank.window_influence": 0.4}``.

    Raises:
        LockonError: unknown preset, device or override; weights that are missing, damaged or of another architecture.
    """
    if preset not in PRESETS:
        raise unknown_name("preset", preset, PRESETS)
    model, found = open_model(name, weights_path(name) if weights is None else weights, device)
    return NetworkTracker(model, tracker_config(found, PRESETS[preset], overrides))


def open_model(name: str, path: Path, device: str) -> tuple[Model, dict[str, Any]]:
    """The network in a file, on a device, and the file's header.

    Args:
        name: architecture that the file must have. path, device: as `weights` and `device` of `load`.

    Raises:
        LockonError: as `load`.
    """
    model: Model
    if path.suffix in (".safetensors", ".pth", ".pt", ".tar", ".model"):
        model, found = _torch_model(name, path, device)
    else:
        if device == "torch":
            raise LockonError(f"device 'torch' needs torch weights (.safetensors), {path.name} is ONNX; use one of {', '.join(DEVICES)}")
        deployed = load_model(path, device)
        model, found = deployed, deployed.header
    architecture = found.get("architecture", "an unnamed network")
    if architecture != name:
        raise LockonError(f"{path} holds weights of {architecture!r}, not of {name!r}; load it by that name")
    return model, found


def tracker_config(found: Mapping[str, Any], *changes: Mapping[str, Any]) -> TrackerConfig:
    """Return the inference parameters in a weight file's header, with some replaced, later changes over earlier ones.

    Raises:
        LockonError: an unknown or ill-typed parameter.
    """
    return apply_in_order(TrackerConfig(), flatten(found.get("tracker", {})), *changes)


def _torch_model(name: str, path: Path, device: str) -> tuple[Model, dict[str, Any]]:
    require("torch", "torch")
    require("safetensors", "torch")
    from lockon.zoo import torch_weights

    return torch_weights.load_model(name, path, "cpu" if device in ("auto", "torch") else device)
