"""Dotted overrides for frozen dataclasses: `--set localizer.size_lr=0.4` with type checking, for every configuration of the library.

A configuration is a frozen dataclass whose fields are bool, int, float, str, Path, Literal, Optional, Union, tuple, or another such
dataclass. Values arrive as Python objects or as the text of a command line; both are checked against the annotation of the field.

A field annotated as a union of dataclasses (`boxes: Best | MeanNear | Vote`) holds a **part**: the alternatives are named by their
classes in kebab case, so `--set localizer.boxes=mean-near` takes that part and `--set localizer.boxes.top=3` changes it. What is not
said is the part's default, or the value of the part before, where that has a field of the same name and type. In JSON the part's name
stands beside its own fields, under the key "part".
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from lockon._config_values import MismatchError, convert
from lockon.errors import LockonError, unknown_name

T = TypeVar("T")

PART = "part"  # key of a part's name in JSON, and its dotted name


def apply_overrides(config: T, overrides: Mapping[str, object]) -> T:
    """Return a copy of `config` with the named values replaced.

    Args:
        config: An instance of a frozen dataclass, possibly with dataclasses inside.
        overrides: Dotted field name -> new value; a string is parsed as the type of its field ("1e-3", "true", "none", "8,16").

    Raises:
        LockonError: Unknown name (the nearest are suggested), a value of the wrong type, or one that the dataclass itself refuses.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Window:
    ...     influence: float = 0.4
    >>> apply_overrides(Window(), {"influence": "0.5"})
    Window(influence=0.5)
    """
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise TypeError(f"apply_overrides takes an instance of a dataclass, got {config!r}")
    config, overrides = _take_parts(config, overrides)
    known = field_names(config)
    for name in overrides:
        if name not in known:
            raise _field_of_another_part(config, name) or _unknown(name, known)
    changes = {first: _new_value(config, first, group) for first, group in _by_first_name(overrides).items()}
    return dataclasses.replace(config, **changes)  # type: ignore[type-var]  # all at once: fields may be checked against each other


def apply_in_order(config: T, *changes: Mapping[str, object]) -> T:
    """Return a copy of `config` with several groups of overrides applied one after the other, see `apply_overrides`.

    A part that a later group takes replaces all that an earlier one set in the part before.
    """
    for overrides in changes:
        config = apply_overrides(config, overrides)
    return config


def field_names(config: object) -> list[str]:
    """Return the dotted names of all fields of a dataclass instance, groups included, in order of declaration."""
    names = []
    for item in dataclasses.fields(config):  # type: ignore[arg-type]  # any dataclass instance
        names.append(item.name)
        value = getattr(config, item.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names += [f"{item.name}.{inner}" for inner in field_names(value)]
    return names


def as_json(config: object) -> Any:
    """Return the configuration as plain JSON values: dataclasses and mappings as dicts, tuples as lists, paths as text."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        values = {item.name: as_json(getattr(config, item.name)) for item in dataclasses.fields(config)}
        for name in _part_fields(type(config)):
            if isinstance(values[name], dict):
                values[name] = {PART: part_name(type(getattr(config, name))), **values[name]}
        return values
    if isinstance(config, Mapping):
        return {str(key): as_json(value) for key, value in config.items()}
    if isinstance(config, (tuple, list)):
        return [as_json(value) for value in config]
    return str(config) if isinstance(config, Path) else config


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """List where two nested mappings of JSON values differ, one text per field.

    >>> differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2})
    ['a.b (1 -> 3)']
    """
    before, after = flatten(old), flatten(new)
    keys = [*before, *(key for key in after if key not in before)]
    return [f"{key} ({before.get(key)!r} -> {after.get(key)!r})" for key in keys if before.get(key) != after.get(key)]


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested groups as dotted names, which is the form `apply_overrides` takes.

    >>> flatten({"a": {"b": 1}, "c": 2})
    {'a.b': 1, 'c': 2}
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def part_name(part: type) -> str:
    """Return the name of a part's class on the command line and in files.

    >>> part_name(types.new_class("MeanNear"))
    'mean-near'
    >>> part_name(types.new_class("IoULoss")), part_name(types.new_class("AdamW")), part_name(types.new_class("DiMPLearner"))
    ('iou-loss', 'adamw', 'dimp-learner')
    """
    name = part.__name__
    for word in ("IoU", "AdamW", "ATOM", "DiMP"):
        name = name.replace(word, word.capitalize())
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


@functools.cache
def _part_fields(config: type) -> dict[str, dict[str, type]]:
    """Return the fields of a dataclass that hold parts, each with its alternatives by name."""
    hints = typing.get_type_hints(config)
    fields = {}
    for item in dataclasses.fields(config):
        options = [one for one in typing.get_args(hints[item.name]) if dataclasses.is_dataclass(one) and isinstance(one, type)]
        if typing.get_origin(hints[item.name]) in (typing.Union, types.UnionType) and options:
            fields[item.name] = {part_name(one): one for one in options}
    return fields


def _take_parts(config: T, overrides: Mapping[str, object]) -> tuple[T, dict[str, object]]:
    """Return the configuration with the parts that overrides name, at any depth, and the other overrides."""
    rest: dict[str, object] = {}
    for name, value in overrides.items():
        field_name = name.removesuffix(f".{PART}")
        if isinstance(value, Mapping) and PART in value:
            rest |= {f"{name}.{key}": inner for key, inner in value.items() if key != PART}
            value = value[PART]  # noqa: PLW2901  # the mapping is taken apart
        taken = _take_part(config, field_name.split("."), value, field_name) if isinstance(value, str) else None
        if taken is None:
            rest[name] = value
        else:
            config = taken
    return config, rest


def _take_part(config: Any, path: list[str], name: str, full: str) -> Any:
    """Return the configuration with the part `name` at `path`, unchanged where it is there already; None where no part goes there."""
    if not dataclasses.is_dataclass(config):
        return None
    first, *inner = path
    if inner:
        changed = _take_part(getattr(config, first, None), inner, name, full)
        return None if changed is None else dataclasses.replace(config, **{first: changed})  # type: ignore[type-var]  # is a dataclass
    parts = _part_fields(type(config)).get(first, {})  # type: ignore[arg-type]  # is an instance
    if not parts or name.lower() in ("none", "null"):
        return None
    if name not in parts:
        near = difflib.get_close_matches(name, parts, n=1)
        raise LockonError(f"{full} must be one of {', '.join(parts)}, got {name!r}; for example {full}={next(iter(near or parts))}")
    current = getattr(config, first)
    try:
        return dataclasses.replace(config, **{first: current if type(current) is parts[name] else _like(current, parts[name])})  # type: ignore[type-var]
    except TypeError as error:
        raise LockonError(f"{first}={name} has no defaults ({error}); take it in Python") from None


def _field_of_another_part(config: Any, name: str) -> LockonError | None:
    """Return the error for a field that a part has which is not the chosen one; None for any other name."""
    *path, leaf = name.split(".")
    for part in path[:-1]:
        config = getattr(config, part, None)
    if not path or not dataclasses.is_dataclass(config):
        return None
    parts = _part_fields(type(config)).get(path[-1], {})  # type: ignore[arg-type]  # is an instance
    owners = [part for part, kind in parts.items() if leaf in {item.name for item in dataclasses.fields(kind)}]
    if not owners:
        return None
    full = ".".join(path)
    return LockonError(f"{name} is a field of {' and '.join(owners)}, which is not chosen; choose it by {full}={owners[0]}")


def _like(current: Any, part: type) -> Any:
    """Return a part with its defaults, but for the fields that it shares with the current one: of the same name, for the same values."""
    if not dataclasses.is_dataclass(current):
        return part()
    here, there = typing.get_type_hints(type(current)), typing.get_type_hints(part)
    shared = {item.name for item in dataclasses.fields(current)} & {item.name for item in dataclasses.fields(part)}
    return part(**{name: getattr(current, name) for name in shared if here[name] == there[name]})


def _by_first_name(overrides: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Group overrides by first name, {"a.b": 1, "d": 3} -> {"a": {"b": 1}, "d": {"": 3}}: fields of one group change together."""
    groups: dict[str, dict[str, object]] = {}
    for name, value in overrides.items():
        first, _, rest = name.partition(".")
        groups.setdefault(first, {})[rest] = value
    return groups


def _new_value(config: Any, name: str, group: dict[str, object]) -> Any:
    current = getattr(config, name)
    if "" in group:
        hint = typing.get_type_hints(type(config))[name]
        try:
            current = convert(group[""], hint, current, apply_overrides)
        except MismatchError as mismatch:
            parts = _part_fields(type(config)).get(name)  # type: ignore[arg-type]  # is an instance
            if parts:
                example = f"{name}={next(iter(parts))}"
                raise LockonError(f"{name} must be one of {', '.join(parts)}, got {group['']!r}; for example {example}") from None
            if dataclasses.is_dataclass(current):
                if not dataclasses.fields(current):
                    raise LockonError(f"{name} is a part without options, got {group['']!r}; leave it out") from None
                path, value = _first_leaf(name, current)
                example = f"{path}={_as_text(value)}"
                raise LockonError(f"{name} is a group of options, got {group['']!r}; set one of them, for example {example}") from None
            allowed = _allowed(config, name)
            wanted = str(mismatch) if allowed in ("", str(mismatch)) else f"{mismatch} ({allowed})"
            raise LockonError(f"{name} must be {wanted}, got {group['']!r}; for example {name}={_as_text(current)}") from None
    inner = {key: value for key, value in group.items() if key}
    if not inner:
        return current
    try:
        return apply_overrides(current, inner)
    except LockonError as error:
        text = str(error)
        if text.startswith("unknown "):
            raise
        field = text.partition(" ")[0]
        raise LockonError(f"{name}.{text.replace(f'for example {field}', f'for example {name}.{field}')}") from None


def _allowed(config: Any, name: str) -> str:
    """Return what a dataclass expects of a number, in its own words: those with which it refuses what is no number; empty without such."""
    try:
        dataclasses.replace(config, **{name: math.nan})
    except (TypeError, ValueError, OverflowError) as error:
        words = re.fullmatch(rf"{name}=nan given, expected (.+)|{name} must be (.+), got nan", str(error))
        return (words[1] or words[2]) if words else ""
    return ""


def _first_leaf(path: str, value: Any) -> tuple[str, Any]:
    """Return the dotted name and the value of the first option in a group that is no group itself."""
    while dataclasses.is_dataclass(value) and dataclasses.fields(value):
        first = dataclasses.fields(value)[0].name
        path, value = f"{path}.{first}", getattr(value, first)
    return path, value


def _unknown(name: str, known: list[str]) -> LockonError:
    """Return the error for an unknown name; one without its group, or with a part of its last word, finds the full one."""
    leaf = name.rpartition(".")[2]
    tails = {full: full.rpartition(".")[2] for full in known}
    near = difflib.get_close_matches(leaf, set(tails.values()), n=2, cutoff=0.8)
    words = difflib.get_close_matches(leaf, {word for tail in tails.values() for word in tail.split("_")}, n=2, cutoff=0.8)
    full = [key for key, tail in tails.items() if tail in near]
    full = full or [key for key, tail in tails.items() if not set(words).isdisjoint(tail.split("_"))]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if full and not (close and tails[close[0]] in near):
        return LockonError(f"unknown option {name!r}; did you mean {' or '.join(map(repr, full[:3]))}? there are {len(known)}")
    return unknown_name("option", name, known)


def _as_text(value: object) -> str:
    if isinstance(value, (tuple, list)):
        return ",".join(map(str, value)) if not any(isinstance(item, (tuple, list)) for item in value) else repr(value).replace(" ", "")
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
