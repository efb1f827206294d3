"""Published checkpoints to our weights: official names to ours, strictly, and our weight files with their header.

Every weight of the network must be in the checkpoint and every entry of the checkpoint must belong to the network; counters of
batches (`num_batches_tracked`), which old checkpoints lack, are the only exception.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lockon.config import as_json
from lockon.errors import LockonError
from lockon.train.checkpoint import save_weights
from lockon.zoo import torch_weights
from lockon.zoo.registry import entry_of

COUNTER = ".num_batches_tracked"
Renames = tuple[tuple[re.Pattern[str], str], ...]
NAMED = 8  # names of each kind that an error lists


def from_official(name: str, state_dict: Mapping[str, Tensor], **overrides: Any) -> dict[str, Tensor]:
    """Weights of PySOT, SiamBAN, SiamCAR, RBO, SiamMask or Alpha-Refine under our names, for ``build(name).load_state_dict``.

    Args:
        name: network of the zoo.
        state_dict: tensors by official name, as `read_external` gives them.
        overrides: fields of the network's `ModelConfig`, for example ``weighted=False`` for PySOT's OTB model; on top of
            `official_settings`.

    Raises:
        LockonError: unknown name; a network without official weights; weights that are missing, too many or of another shape, by name.
    """
    expected = _expected(name, {**official_settings(name, state_dict), **overrides})
    renames = _renames(name)
    unused = [re.compile(pattern) for pattern in getattr(_family(name), "OFFICIAL_UNUSED", ())]
    used = [key for key in state_dict if not any(pattern.match(key) for pattern in unused)]
    given = {key: _renamed(key, renames) for key in used}  # official name -> ours
    if not set(given.values()) & set(expected):  # legacy backbones lack what all their names have in common
        prefixed = {key: _renamed(f"features.{key}", renames) for key in used}
        given = prefixed if set(prefixed.values()) & set(expected) else given
    found = {ours: _transposed(name, ours, state_dict[key]) for key, ours in given.items()}
    official = {ours: key for key, ours in given.items()}
    twice = [key for key, ours in given.items() if official[ours] != key]
    problems = _problems(found, expected, official, twice, renames)
    if problems:
        raise LockonError(f"the checkpoint does not fit {name}: {problems}; {_advice(name, given)}")
    return {ours: (found[ours] if ours in found else torch.zeros(())).detach().to("cpu", like.dtype) for ours, like in expected.items()}


def official_settings(name: str, names: Iterable[str]) -> dict[str, Any]:
    """Fields of the network's `ModelConfig` that a checkpoint's own names decide: which parts of the network it has.

    Raises:
        LockonError: unknown name; the tensors' names are those of another network of the family.
    """
    torch_weights.config_of(name)
    detect = getattr(_family(name), "official_network", None)
    if detect is None:
        return {}
    found, settings = detect(names)
    if found != name:
        raise LockonError(f"the checkpoint's names are those of {found}: convert it by that name")
    return dict(settings)


def official_parameters(name: str) -> dict[str, Any]:
    """Inference parameters that official weights need whatever they are used for, for the header of their file."""
    return dict(getattr(_family(name), "OFFICIAL_PARAMETERS", {}))


def save(
    name: str, state_dict: Mapping[str, Tensor], path: str | Path, *, header: Mapping[str, Any] | None = None, **overrides: Any
) -> None:
    """As `lockon.zoo.save`."""
    expected = _expected(name, overrides)
    problems = _problems(state_dict, expected, {}, [])
    if problems:
        raise LockonError(f"the state_dict does not fit {name}: {problems}; give build({name!r}).state_dict() with trained values")
    full = {
        "architecture": name,
        "config": {"model": as_json(torch_weights.config_of(name, **overrides))},
        "tracker": {},
        "licence": entry_of(name).licence or "not stated",
        "data": {},
        "metrics": {},
        "git_revision": "unknown",
        **(header or {}),
    }
    save_weights({key: state_dict.get(key, torch.zeros((), dtype=like.dtype)) for key, like in expected.items()}, Path(path), full)


def _expected(name: str, overrides: Mapping[str, Any]) -> dict[str, Tensor]:
    """The network's state on the meta device: names, shapes and types without values."""
    with torch.device("meta"):
        return torch_weights.build(name, **overrides).state_dict()


def _renames(name: str) -> Renames:
    if name not in official_names():
        convertible = ", ".join(sorted(official_names()))
        raise LockonError(f"{name} has no official checkpoints to convert; expected one of {convertible}")
    return tuple((re.compile(pattern), replacement) for pattern, replacement in _family(name).OFFICIAL_RENAMES)


def official_names() -> list[str]:
    """Networks whose official checkpoints can be converted: all of a family with `OFFICIAL_RENAMES`, or its `OFFICIAL_NETWORKS` alone."""
    families = {name: _family(name) for name in torch_weights.NETWORKS}
    return [
        name for name, one in families.items() if hasattr(one, "OFFICIAL_RENAMES") and name in getattr(one, "OFFICIAL_NETWORKS", [name])
    ]


def _family(name: str) -> Any:
    return importlib.import_module(torch_weights.NETWORKS[name])


def _transposed(name: str, ours: str, weight: Tensor) -> Tensor:
    """An official weight as our layer has it: those in the family's `OFFICIAL_TRANSPOSED` have their input channels first."""
    transposed = ours in getattr(_family(name), "OFFICIAL_TRANSPOSED", ()) and weight.ndim > 1
    return weight.transpose(0, 1).contiguous() if transposed else weight


def _renamed(key: str, renames: Renames) -> str:
    for pattern, replacement in renames:
        key = pattern.sub(replacement, key)
    return key


def _problems(
    found: Mapping[str, Tensor], expected: Mapping[str, Tensor], official: Mapping[str, str], twice: list[str], renames: Renames = ()
) -> str:
    """What keeps `found` (by our names) from being `expected`, under official names; empty if nothing does."""
    missing = [key for key in expected if key not in found and not key.endswith(COUNTER)]
    extra = [official.get(key, key) for key in found if key not in expected]
    shapes = [
        f"{official.get(key, key)} is {_shape(found[key])}, expected {_shape(expected[key])}"
        for key in expected
        if key in found and found[key].shape != expected[key].shape
    ]
    kinds = {
        "missing": [*(_official_name(key, official, renames) for key in missing[:NAMED]), *missing[NAMED:]],
        "not of this network": [*extra, *twice],
        "of another shape": shapes,
    }
    return "; ".join(f"{len(names)} {kind}: {_listed(names)}" for kind, names in kinds.items() if names)


def _official_name(ours: str, official: Mapping[str, str], renames: Renames) -> str:
    """The name of a missing weight: a part of the checkpoint that has names, and the end of ours, which together become ours."""
    parts = ours.split(".")
    homes = dict.fromkeys(key[:dot] for key in official.values() for dot in range(len(key)) if key[dot] == ".")
    for length in range(1, len(parts)):
        for home in homes:
            name = ".".join([home, *parts[-length:]])
            if _renamed(name, renames) == ours:
                return name
    return ours


def _listed(names: list[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "one number"


def _advice(name: str, given: Mapping[str, str]) -> str:
    """What to type instead: the network whose names the checkpoint has, if there is one."""
    for other in official_names():
        expected = _expected(other, {})
        renames = _renames(other)
        names = {_renamed(key, renames) for key in given}
        if other != name and names <= set(expected) and all(key in names or key.endswith(COUNTER) for key in expected):
            return f"its names are those of {other}: convert it by that name"
    return "give a checkpoint of that network, or change the network with --set"


__all__ = ["from_official", "official_names", "official_parameters", "official_settings", "save"]
