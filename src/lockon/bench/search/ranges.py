"""Spaces from texts, from TOML files, and by default, checked against the typed fields of a tracker's config.

Names are those of `lockon.load(**overrides)`. Where a tracker has a config (a dataclass), its fields decide: whole numbers stay
whole, texts and switches are choices, and a name or a value that the field does not take is an error before anything runs.
"""

from __future__ import annotations

import ast
import dataclasses
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lockon.bench.search.space import Parameter, Value
from lockon.config import apply_overrides, field_names
from lockon.errors import LockonError, unknown_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found]

# Ranges for the parameters that trackers of the family share; a config without the field leaves them out.
RANGES = {
    "localizer.rank.window_influence": "0:0.6",
    "localizer.rank.penalty_k": "0:0.3",
    "localizer.size_lr": "0.2:1",
    "localizer.boxes.top": "1:5:2",
}
FACTORS = {"search_crop.factor": (0.85, 1.2)}  # times the config's own value


def parse_range(name: str, text: str, config: object | None = None) -> Parameter:
    """A parameter from ``LOW:HIGH``, ``LOW:HIGH:log``, ``LOW:HIGH:STEP`` or ``A,B,C``; an empty text takes a field's own choices.

    Args:
        name: dotted name. text: the range. config: the tracker's parameters, or None where they are not known.

    Raises:
        LockonError: another form, or a name or value that the config does not take.

    >>> parse_range("localizer.boxes.top", "1:5:2").points(10)
    [1, 3, 5]
    """
    ends = text.split(":")
    if ":" not in text:
        values = tuple(_literal(part) for part in text.split(",") if part.strip())
        return _checked(Parameter(name=name, choices=values), config) if values else _own_choices(name, config)
    log = len(ends) == 3 and ends[2].strip().lower() == "log"
    numbers = [_literal(part) for part in (ends[:2] if log else ends)]
    if len(ends) > 3 or not all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in numbers):
        raise LockonError(f"{name}={text}; expected LOW:HIGH, LOW:HIGH:log, LOW:HIGH:STEP or A,B,C, for example {name}=0.1:0.5")
    whole = all(isinstance(one, int) for one in numbers) and config is None
    low, high, *step = (float(one) for one in numbers)
    return _checked(Parameter(name=name, low=low, high=high, step=step[0] if step else None, log=log, whole=whole), config)


def parse_vary(texts: Iterable[str], config: object | None = None) -> tuple[Parameter, ...]:
    """``--vary NAME=RANGE`` options as a space; see `parse_range`.

    Raises:
        LockonError: as `parse_range`; a name that occurs twice.
    """
    found: dict[str, Parameter] = {}
    for text in texts:
        name, _, value = text.partition("=")
        name = name.strip()
        if not all(part.isidentifier() for part in name.split(".")):
            raise LockonError(f"--vary {text} is not NAME=LOW:HIGH; type for example --vary localizer.rank.window_influence=0.1:0.5")
        if name in found:
            raise LockonError(f"--vary {name} is given twice; give it once")
        found[name] = parse_range(name, value.strip(), config)
    return tuple(found.values())


def read_space(path: Path, config: object | None = None) -> tuple[Parameter, ...]:
    """A space from a TOML file. A value is a text as `parse_range` takes, a list of choices, or a table of low, high, step and log::

        search_factor = "3:5"
        [localizer]
        window = { low = 0.0, high = 0.6 }
        penalty = "0.001:0.3:log"
        top = [1, 3, 5]

    Raises:
        LockonError: no such file, no TOML, or something else in it.
    """
    try:
        entries = _entries(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise LockonError(f"cannot read {path}: {error.strerror}; give a TOML file of ranges, or --vary NAME=LOW:HIGH") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LockonError(f"{path} is no TOML: {error}") from None
    if not entries:
        raise LockonError(f'{path} has no parameters; expected lines such as "localizer.rank.window_influence" = "0.1:0.5"')
    return tuple(_from_toml(path, name, value, config) for name, value in entries.items())


def default_space(config: object | None, leave: Iterable[str] = ()) -> tuple[Parameter, ...]:
    """The parameters that are worth a search in any tracker that has them, without those in `leave`.

    Raises:
        LockonError: the tracker has none of them.
    """
    known = field_names(config) if _is_config(config) else []
    left = set(leave)
    space = [parse_range(name, text, config) for name, text in RANGES.items() if name in known and name not in left]
    for name, factors in FACTORS.items():
        if name in known and name not in left:
            low, high = (float(f"{_value_of(config, name) * factor:.3g}") for factor in factors)
            space.append(parse_range(name, f"{low}:{high}", config))
    if not space:
        raise LockonError("this tracker has no parameters with a default range; name them: --vary NAME=LOW:HIGH")
    return tuple(space)


def _entries(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted names and what stands behind them; a table with ends is a range, others are groups."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping) and not {"low", "high"} & set(value):
            found |= _entries(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _from_toml(path: Path, name: str, value: Any, config: object | None) -> Parameter:
    try:
        if isinstance(value, str):
            return parse_range(name, value, config)
        if isinstance(value, list) and value:
            return _checked(Parameter(name=name, choices=tuple(value)), config)
        if isinstance(value, Mapping) and {"low", "high"} <= set(value) <= {"low", "high", "step", "log"}:
            end = "log" if value.get("log") else value.get("step")
            return parse_range(name, ":".join(str(one) for one in (value["low"], value["high"], end) if one is not None), config)
    except LockonError as error:
        raise LockonError(f"{path}: {error}") from None
    raise LockonError(f'{path}: {name} = {value!r}; expected "LOW:HIGH", a list of choices, or {{ low = 0.1, high = 0.5 }}')


def _literal(text: str) -> Value:
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        word = text.strip()
        return {"true": True, "false": False}.get(word.lower(), word)
    return value if isinstance(value, (bool, int, float, str)) else text.strip()


def _is_config(config: object | None) -> bool:
    return dataclasses.is_dataclass(config) and not isinstance(config, type)


def _checked(parameter: Parameter, config: object | None) -> Parameter:
    """The parameter as the config's field wants it, with the config's own value as default."""
    if not _is_config(config):
        return parameter
    name = parameter.name
    hint = _hint_of(config, name)
    if parameter.choices:
        taken = [apply_overrides(config, {name: value}) for value in parameter.choices]
        values = tuple(_value_of(one, name) for one in taken)
        return dataclasses.replace(parameter, choices=values, default=_value_of(config, name))
    if not {int, float} & set(_options(hint)):
        raise LockonError(f"{name} is no number; give its values, for example --vary {name}={_value_of(config, name)},OTHER")
    whole = float not in _options(hint)
    found = dataclasses.replace(parameter, whole=whole, default=_value_of(config, name))
    for end in (found.low, found.high):
        apply_overrides(config, {name: round(end) if whole else end})
    return found


def _own_choices(name: str, config: object | None) -> Parameter:
    """All values of a switch or of a field with named values."""
    options: tuple[Any, ...] = ()
    if _is_config(config):
        hint = _hint_of(config, name)
        options = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else (True, False) if hint is bool else ()
    if not options:
        raise LockonError(f"--vary {name} has no range; type for example --vary {name}=0.1:0.5")
    return _checked(Parameter(name=name, choices=options), config)


def _hint_of(config: object, name: str) -> Any:
    """The annotation of a field.

    Raises:
        LockonError: unknown name (the nearest are suggested), or the name of a group.
    """
    known = [one for one in field_names(config) if not dataclasses.is_dataclass(_value_of(config, one))]
    if name not in known:
        raise unknown_name("parameter", name, known)
    group, _, leaf = name.rpartition(".")
    return typing.get_type_hints(type(_value_of(config, group) if group else config))[leaf]


def _options(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def _value_of(config: Any, name: str) -> Any:
    for part in name.split("."):
        config = getattr(config, part)
    return config


__all__ = ["FACTORS", "RANGES", "default_space", "parse_range", "parse_vary", "read_space"]
