"""The networks of the zoo by name, and the files that their weights lie in.

Torch is needed for `build`, `load_network`, and for `.safetensors` files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockon._require import require
from lockon.config import apply_overrides, as_json, flatten
from lockon.errors import LockonError
from lockon.export.deployed import load_model
from lockon.export.header import model_files, read_header
from lockon.export.runtime import DEVICES
from lockon.tracker import Model
from lockon.zoo.card import NOTHING, Card
from lockon.zoo.registry import card, network_card

if TYPE_CHECKING:
    from torch import nn

WEIGHTS = Path(__file__).parent / "weights"
TORCH_SUFFIXES = (".safetensors", ".pth", ".pt", ".tar", ".model")


def embedded_path(name: str) -> Path | None:
    """Return the search graph of a name's weights in the package, beside which its other graphs lie; None where it has none."""
    return WEIGHTS / f"{name}.onnx" if card(name).embedded else None


def embedded_header(name: str) -> dict[str, Any]:
    """Return the header of a name's weights in the package: architecture, data, licence, validation metrics, inference parameters.

    Raises:
        LockonError: No such file, or a damaged one.
    """
    return read_header(weights_path(card(name), None))


def weight_files(name: str, weights: Path | None = None) -> tuple[Path, ...]:
    """Return the files of a tracker's or a refiner's weights, for their size and hash: all parts of an exported model, or the one file.

    Raises:
        LockonError: None are given where some are needed, or one is missing.
    """
    one = card(name)
    if one.construct is None:
        return model_files(weights_path(one, weights))
    if not one.folder:
        return () if weights is None else (weights,)
    if weights is None:
        raise LockonError(f"{name} needs weights: the folder with {' and '.join(one.folder)}, for example --weights DIR")
    files = tuple(weights / file for file in one.folder)
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise LockonError(
            f"{weights} has no {' and no '.join(missing)}; expected the folder with {name}'s files {' and '.join(one.folder)}"
        )
    return files


def weights_path(one: Card, weights: Path | None) -> Path:
    """Return the given weights, else those in the package.

    Raises:
        LockonError: There are none; it says where some can be had.
    """
    if weights is not None:
        return weights
    embedded = embedded_path(one.name)
    if embedded is not None and embedded.is_file():
        return embedded
    if embedded is not None:
        raise LockonError(f"{embedded} does not exist: this copy of lockon has no weights for {one.name!r}; install the package again")
    option = "--weights" if one.kind == "tracker" else "--refiner-weights"
    network = one.name if one.inner is None else one.inner.name
    if not one.checkpoint:
        raise LockonError(
            f"{one.name} has no weights in the package, and none were published; train them (lockon train {one.name} --help), "
            f"and give {option} with the .safetensors of the run"
        )
    raise LockonError(
        f"{one.name} has no weights in the package; get a published checkpoint (`lockon zoo show {one.name}` says where), type: "
        f"lockon convert {network} FILE {network}.safetensors, and give {option} {network}.safetensors"
    )


def open_model(name: str, path: Path, device: str, changes: Mapping[str, Any] = NOTHING) -> tuple[Model, dict[str, Any]]:
    """Load the network in a file onto a device.

    Args:
        name: Architecture that the file must have.
        path: As `weights` of `load`.
        device: As for `load`.
        changes: Fields of the network's configuration that are to differ from those it was trained with.

    Returns:
        The network and the file's header, with the changes.

    Raises:
        LockonError: As `load`.
    """
    if path.suffix in TORCH_SUFFIXES:
        require("torch", "torch")
        require("safetensors", "torch")
        from lockon.export.torch_model import TorchModel

        module, header = load_network(name, path, changes)
        run: Callable[..., Any] = network_card(name).torch_network or TorchModel
        return run(module, device="cpu" if device in ("auto", "torch") else device, header=header), header
    if device == "torch":
        raise LockonError(f"device 'torch' needs torch weights (.safetensors), {path.name} is ONNX; use one of {', '.join(DEVICES)}")
    model: Any = load_model(path, device)
    _check_architecture(name, path, model.header)
    if changes:
        _check_exported(name, path, model.header, changes)
    return model, model.header


def _check_exported(name: str, path: Path, header: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """Check that a file was exported with these fields of the network's configuration.

    Raises:
        LockonError: It was not.
    """
    stored = flatten(header.get("config", {}).get("model", {}))
    if network_config(name, **{**stored, **changes}) != network_config(name, **stored):
        told = ", ".join(f"{field}={value}" for field, value in changes.items())
        raise LockonError(f"{path.name} was not exported with {told}, as the preset or a setting asks; give .safetensors weights")


def network_config(name: str, **overrides: Any) -> Any:
    """Return the configuration of a name's network, with fields replaced.

    Raises:
        LockonError: Unknown name or override.
    """
    return apply_overrides(network_card(name).model, overrides)


def build(name: str, **overrides: Any) -> nn.Module:
    """Build a network as `lockon.zoo.build` does; torch must be installed."""
    make = network_card(name).build
    assert make is not None  # it is the card of a network
    return make(network_config(name, **overrides))


def load_network(name: str, path: Path, changes: Mapping[str, Any] = NOTHING) -> tuple[nn.Module, dict[str, Any]]:
    """Return the torch network as the weight file's header and `changes` describe it, with those weights, and the header that says so.

    Raises:
        LockonError: The file is missing, damaged, no safetensors, or of another architecture.
    """
    from lockon.train.checkpoint import load_checked, read_weights

    if path.suffix != ".safetensors":
        raise LockonError(
            f"{path} is not a safetensors file; weights of lockon end in .onnx or .safetensors, "
            f"published ones of others become such a file by: lockon convert {name} {path} OUT.safetensors"
        )
    tensors, header = read_weights(path)
    _check_architecture(name, path, header)
    model = {**flatten(header.get("config", {}).get("model", {})), **changes}
    module = build(name, **model)
    load_checked(module, tensors, header, path)
    if changes:
        changed = as_json(network_config(name, **model))
        header = {**header, "config": {**header.get("config", {}), "model": changed}}
    return module, header


def _check_architecture(name: str, path: Path, header: Mapping[str, Any]) -> None:
    architecture = header.get("architecture", "an unnamed network")
    if architecture != name:
        raise LockonError(f"{path} holds weights of {architecture!r}, not of {name!r}; load it by that name")


__all__ = [
    "build",
    "embedded_header",
    "embedded_path",
    "load_network",
    "network_config",
    "open_model",
    "weight_files",
    "weights_path",
]
