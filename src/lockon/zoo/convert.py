"""Published checkpoints to our weights: official names to ours, strictly, and our weight files with their header.

Every weight of the network must be in the checkpoint and every entry of the checkpoint must belong to the network; counters of
batches (`num_batches_tracked`), which old checkpoints lack, are the only exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lockon.config import as_json
from lockon.errors import LockonError
from lockon.train.checkpoint import save_weights
from lockon.zoo.card import OfficialWeights
from lockon.zoo.networks import build, network_config
from lockon.zoo.registry import all_cards, card, network_card

COUNTER = ".num_batches_tracked"
Renames = tuple[tuple[re.Pattern[str], str], ...]
NAMED = 8  # names of each kind that an error lists


def from_official(name: str, state_dict: Mapping[str, Tensor], **overrides: Any) -> dict[str, Tensor]:
    """Return weights of another project under our names, for ``build(name).load_state_dict``.

    Args:
        name: Network of the zoo.
        state_dict: Tensors by official name, as `read_external` gives them.
        overrides: Fields of the network's configuration, for example ``weighted=False`` for PySOT's OTB model; on top of
            `official_settings`.

    Raises:
        LockonError: Unknown name; a network without official weights; weights that are missing, too many or of another shape, by name.
    """
    expected = _expected(name, {**official_settings(name, state_dict), **overrides})
    official_form = _official(name)
    renames = _renames(official_form)
    unused = [re.compile(pattern) for pattern in official_form.unused]
    used = [key for key in state_dict if not any(pattern.match(key) for pattern in unused)]
    given = {key: _renamed(key, renames) for key in used}  # official name -> ours
    if not set(given.values()) & set(expected):  # legacy backbones lack what all their names have in common
        prefixed = {key: _renamed(f"features.{key}", renames) for key in used}
        given = prefixed if set(prefixed.values()) & set(expected) else given
    found = {ours: _transposed(official_form, ours, state_dict[key]) for key, ours in given.items()}
    if official_form.adapt is not None:
        found = official_form.adapt(found, expected)
    official = {ours: key for key, ours in given.items()}
    twice = [key for key, ours in given.items() if official[ours] != key]
    problems = _problems(found, expected, official, twice, renames)
    if problems:
        raise LockonError(f"the checkpoint does not fit {name}: {problems}; {_advice(name, given)}")
    return {ours: (found[ours] if ours in found else torch.zeros(())).detach().to("cpu", like.dtype) for ours, like in expected.items()}


def official_settings(name: str, names: Iterable[str]) -> dict[str, Any]:
    """Return the fields of the network's configuration that a checkpoint's own names decide: which parts of the network it has.

    Raises:
        LockonError: Unknown name; the tensors' names are those of another network of the family.
    """
    official_form = network_card(name).official
    if official_form is None or official_form.detect is None:
        return {}
    detected, settings = official_form.detect(names)
    if detected != name:
        raise LockonError(f"the checkpoint's names are those of {detected}: convert it by that name")
    return dict(settings)


def official_parameters(name: str) -> dict[str, Any]:
    """Return the inference parameters that official weights need whatever they are used for, for the header of their file."""
    return dict(_official(name).parameters)


def save(
    name: str, state_dict: Mapping[str, Tensor], path: str | Path, *, header: Mapping[str, Any] | None = None, **overrides: Any
) -> None:
    """Write weights as `lockon.zoo.save` does."""
    expected = _expected(name, overrides)
    problems = _problems(state_dict, expected, {}, [])
    if problems:
        raise LockonError(f"the state_dict does not fit {name}: {problems}; give build({name!r}).state_dict() with trained values")
    full = {
        "architecture": name,
        "config": {"model": as_json(network_config(name, **overrides))},
        "tracker": {},
        "licence": card(name).licence or "not stated",
        "data": {},
        "metrics": {},
        "git_revision": "unknown",
        **(header or {}),
    }
    save_weights({key: state_dict.get(key, torch.zeros((), dtype=like.dtype)) for key, like in expected.items()}, Path(path), full)


def _expected(name: str, overrides: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the network's state on the meta device: names, shapes and types without values."""
    with torch.device("meta"):
        return build(name, **overrides).state_dict()


def _official(name: str) -> OfficialWeights:
    """Return how published weights of a name become ours."""
    official_form = network_card(name).official
    if official_form is None:
        raise LockonError(f"{name} has no official checkpoints to convert; expected one of {', '.join(sorted(official_names()))}")
    return official_form


def _renames(official_form: OfficialWeights) -> Renames:
    return tuple((re.compile(pattern), replacement) for pattern, replacement in official_form.renames)


def official_names() -> list[str]:
    """Return the networks whose official checkpoints can be converted."""
    return [name for name, one in all_cards().items() if one.official is not None]


def _transposed(official_form: OfficialWeights, ours: str, weight: Tensor) -> Tensor:
    """Return an official weight as our layer has it: those that are listed have their input channels first."""
    transposed = ours in official_form.transposed and weight.ndim > 1
    return weight.transpose(0, 1).contiguous() if transposed else weight


def _renamed(key: str, renames: Renames) -> str:
    for pattern, replacement in renames:
        key = pattern.sub(replacement, key)
    return key


def _problems(
    found: Mapping[str, Tensor], expected: Mapping[str, Tensor], official: Mapping[str, str], twice: list[str], renames: Renames = ()
) -> str:
    """Return what keeps `found` (by our names) from being `expected`, under official names; empty if nothing does."""
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
    """Return the name of a missing weight: a part of the checkpoint that has names, and the end of ours, which together become ours."""
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
    """Return what to type instead: the network whose names the checkpoint has, if there is one."""
    for other in official_names():
        expected = _expected(other, {})
        renames = _renames(_official(other))
        names = {_renamed(key, renames) for key in given}
        if other != name and names <= set(expected) and all(key in names or key.endswith(COUNTER) for key in expected):
            return f"its names are those of {other}: convert it by that name"
    return "give a checkpoint of that network, or change the network with --set"


__all__ = ["from_official", "official_names", "official_parameters", "official_settings", "save"]
