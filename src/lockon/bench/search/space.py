"""What is searched: parameters with their ranges or choices, from texts, from TOML files, and by default.

Names are those of `lockon.load(**overrides)`. Where a tracker has a config (a dataclass), its fields decide: whole numbers stay
whole, texts and switches are choices, and a name or a value that the field does not take is an error before anything runs.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, is_dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from lockon._documents import parse_literal, read_toml
from lockon.config import apply_overrides, field_names
from lockon.errors import LockonError, unknown_name

Value = bool | int | float | str
LEVELS = 100  # values that a range without a step has at least: more digits than that are noise
GRID_POINTS = 5  # of a range without a step
LARGEST = 1e100  # ends of ranges lie below it, so that their products are numbers
DIGITS = 4  # of a value on a logarithmic range
# Ranges for the parameters that trackers of the family share; a config without the field leaves them out.
RANGES: dict[str, str | tuple[float, float]] = {
    "localizer.rank.window_influence": "0:0.6",
    "localizer.rank.penalty_k": "0:0.3",
    "localizer.size_lr": "0.2:1",
    "localizer.boxes.top": "1:5:2",
    "search_crop.factor": (0.85, 1.2),  # times the config's own value
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a search: a range, or choices.

    Attributes:
        name: Dotted, as `lockon.load` takes it.
        low: Lower end of the range, included.
        high: Upper end of the range, included.
        step: Distance of its values; None for a fine one that is chosen here.
        log: Whether values are spread evenly over the logarithm.
        whole: Whether values are whole numbers only.
        choices: Values to choose from, instead of a range.
        default: The tracker's own value, or None where it is not known.

    Raises:
        LockonError: An empty or reversed range, a step that is not positive, a logarithm of 0, or fewer than two choices.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    log: bool = False
    whole: bool = False
    choices: tuple[Value, ...] = ()
    default: Value | None = None

    def __post_init__(self) -> None:
        if self.choices:
            if len(set(map(repr, self.choices))) < 2:
                raise LockonError(f"{self.name}: one choice {self.choices[0]!r}; give two or more, or --fixed {self.name}=VALUE")
            return
        text = f"{self.name}={self.low:g}:{self.high:g}"
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise LockonError(f"{text} is no range; expected LOW below HIGH, for example {self.name}=0.1:0.5")
        if self.log and (self.low <= 0 or self.step is not None):
            raise LockonError(f"{text}:log needs a LOW above 0 and no step; for example {self.name}=0.001:0.1:log")
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise LockonError(f"{text}:{self.step:g}; expected a step above 0 and at most HIGH - LOW")
        if self.whole and any(value != round(value) for value in (self.low, self.high, self.step or 1)):
            raise LockonError(f"{text} is a whole number in this tracker; give whole LOW, HIGH and step")

    @property
    def spacing(self) -> float:
        """Distance of the values of a range that is not logarithmic: `step`, or a power of ten that leaves `LEVELS` or more."""
        if self.step is not None:
            return self.step
        return 1.0 if self.whole else float(10 ** math.floor(math.log10((self.high - self.low) / LEVELS) + 1e-9))

    @property
    def top(self) -> float:
        """The largest value that is a number of steps above `low`."""
        if self.log:
            return self.high
        return self._tidy(self.low + math.floor((self.high - self.low) / self.spacing + 1e-9) * self.spacing)

    def clean(self, value: Value) -> Value:
        """Return a suggested value as it is tried and written down: inside, without the noise of floating point."""
        if self.choices or isinstance(value, (bool, str)):
            return value
        number = min(max(self._tidy(float(value)), self.low), self.high)
        return round(number) if self.whole else number

    def contains(self, value: object) -> bool:
        """Return whether the search could have suggested a value."""
        if self.choices:
            return any(value == choice and type(value) is type(choice) for choice in self.choices)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not self.low <= value <= self.top:
            return False
        steps = (value - self.low) / self.spacing
        return self.log or abs(steps - round(steps)) < 1e-6

    def points(self, count: int) -> list[Value]:
        """Return the values of a grid: all of choices, of a step, or of at most `count` whole numbers; else `count` of them."""
        if self.choices:
            return list(self.choices)
        number = math.floor((self.top - self.low) / self.spacing + 1e-9) + 1
        if self.step is not None or (self.whole and number <= count and not self.log):
            return [self.clean(self.low + index * self.spacing) for index in range(number)]
        parts = [index / (count - 1) for index in range(count)]
        if self.log:
            values = [self.low * (self.high / self.low) ** part for part in parts]
        else:
            values = [self.low + round(part * (number - 1)) * self.spacing for part in parts]
        return list(dict.fromkeys(self.clean(value) for value in values))

    def as_json(self) -> dict[str, Any]:
        """Return the JSON values that decide what is searched."""
        if self.choices:
            return {"choices": list(self.choices)}
        return {"low": self.low, "high": self.high, "step": self.step, "log": self.log, "whole": self.whole}

    def _tidy(self, value: float) -> float:
        return float(f"{value:.{DIGITS}g}") if self.log else round(value, 10)


def parse_range(name: str, text: str, config: object | None = None) -> Parameter:
    """Parse ``LOW:HIGH``, ``LOW:HIGH:log``, ``LOW:HIGH:STEP`` or ``A,B,C``; an empty text takes a field's own choices.

    Args:
        name: Dotted name.
        text: The range.
        config: The tracker's parameters, or None where they are not known.

    Raises:
        LockonError: The text has another form, or the config does not take the name or a value.

    Examples:
        >>> parse_range("localizer.boxes.top", "1:5:2").points(10)
        [1, 3, 5]
    """
    ends = text.split(":")
    if len(ends) == 1:
        values = tuple(_literal(part) for part in text.split(",") if part.strip()) or _own_choices(name, config)
        return _checked(Parameter(name=name, choices=values), config)
    log = len(ends) == 3 and ends[2].strip().lower() == "log"
    numbers = [_literal(part) for part in (ends[:2] if log else ends)]
    if len(ends) > 3 or not all(_is_bound(number) for number in numbers):
        raise LockonError(f"{name}={text}; expected LOW:HIGH, LOW:HIGH:log, LOW:HIGH:STEP or A,B,C, for example {name}=0.1:0.5")
    whole = all(isinstance(number, int) for number in numbers) and config is None
    low, high, *step = map(float, numbers)
    return _checked(Parameter(name=name, low=low, high=high, step=step[0] if step else None, log=log, whole=whole), config)


def parse_vary(texts: Iterable[str], config: object | None = None) -> tuple[Parameter, ...]:
    """Parse ``--vary NAME=RANGE`` options as a space; see `parse_range`.

    Raises:
        LockonError: As `parse_range`; or a name occurs twice.
    """
    space: dict[str, Parameter] = {}
    for text in texts:
        name, _, value = map(str.strip, text.partition("="))
        if not all(part.isidentifier() for part in name.split(".")):
            raise LockonError(f"--vary {text} is not NAME=LOW:HIGH; type for example --vary localizer.rank.window_influence=0.1:0.5")
        if name in space:
            raise LockonError(f"--vary {name} is given twice; give it once")
        space[name] = parse_range(name, value, config)
    return tuple(space.values())


def read_space(path: Path, config: object | None = None) -> tuple[Parameter, ...]:
    """Read a space from a TOML file.

    A value is a text as `parse_range` takes, a list of choices, or a table of low, high, step and log::

        [localizer]
        size_lr = { low = 0.2, high = 1.0 }
        rank.penalty_k = "0.001:0.3:log"
        boxes.top = [1, 3, 5]

    Raises:
        LockonError: There is no such file, it is no TOML, or it holds something else.
    """
    entries = _entries(read_toml(path, "give a TOML file of ranges, or --vary NAME=LOW:HIGH"))
    if not entries:
        raise LockonError(f'{path} has no parameters; expected lines such as "localizer.rank.window_influence" = "0.1:0.5"')
    return tuple(_from_toml(path, name, value, config) for name, value in entries.items())


def default_space(config: object | None, leave: Iterable[str] = ()) -> tuple[Parameter, ...]:
    """Return the parameters that are worth a search in any tracker that has them, without those in `leave`.

    Raises:
        LockonError: The tracker has none of them.
    """
    free = set(field_names(config) if _is_config(config) else ()) - set(leave)
    space = []
    for name in (name for name in RANGES if name in free):
        ends = RANGES[name]
        text = ends if isinstance(ends, str) else ":".join(f"{float(f'{attrgetter(name)(config) * end:.3g}')}" for end in ends)
        space.append(parse_range(name, text, config))
    if not space:
        raise LockonError("this tracker has no parameters with a default range; name them: --vary NAME=LOW:HIGH")
    return tuple(space)


def _entries(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return dotted names and what stands behind them; a table with ends is a range, others are groups."""
    entries: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping) and not {"low", "high"} & set(value):
            entries |= _entries(value, f"{prefix}{key}.")
        else:
            entries[f"{prefix}{key}"] = value
    return entries


def _from_toml(path: Path, name: str, value: Any, config: object | None) -> Parameter:
    try:
        if isinstance(value, str):
            return parse_range(name, value, config)
        if isinstance(value, list) and value:
            return _checked(Parameter(name=name, choices=tuple(value)), config)
        if isinstance(value, Mapping) and {"low", "high"} <= set(value) <= {"low", "high", "step", "log"}:
            end = "log" if value.get("log") else value.get("step")
            return parse_range(name, ":".join(str(part) for part in (value["low"], value["high"], end) if part is not None), config)
    except LockonError as error:
        raise LockonError(f"{path}: {error}") from None
    raise LockonError(f'{path}: {name} = {value!r}; expected "LOW:HIGH", a list of choices, or {{ low = 0.1, high = 0.5 }}')


def _literal(text: str) -> Value:
    word = text.strip()
    try:
        value = parse_literal(word)
    except ValueError:
        return {"true": True, "false": False}.get(word.lower(), word)
    return value if isinstance(value, (bool, int, float, str)) else word


def _is_bound(value: Value) -> bool:
    """Return whether a value is a number that a range can end at."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST


def _is_config(config: object | None) -> bool:
    return is_dataclass(config) and not isinstance(config, type)


def _checked(parameter: Parameter, config: object | None) -> Parameter:
    """Return the parameter as the config's field wants it, with the config's own value as default."""
    if not _is_config(config):
        return parameter
    name, hint = parameter.name, _hint_of(config, parameter.name)
    own = attrgetter(name)
    if parameter.choices:
        values = tuple(own(apply_overrides(config, {name: value})) for value in parameter.choices)
        return replace(parameter, choices=values, default=own(config))
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    if not {int, float} & set(options):
        raise LockonError(f"{name} is no number; give its values, for example --vary {name}={own(config)},OTHER")
    whole = float not in options
    for end in (parameter.low, parameter.high):
        apply_overrides(config, {name: round(end) if whole else end})
    return replace(parameter, whole=whole, default=own(config))


def _own_choices(name: str, config: object | None) -> tuple[Value, ...]:
    """Return all values of a switch or of a field with named values."""
    hint = _hint_of(config, name) if _is_config(config) else None
    options = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else (True, False) if hint is bool else ()
    if not options:
        raise LockonError(f"--vary {name} has no range; type for example --vary {name}=0.1:0.5")
    return options


def _hint_of(config: object, name: str) -> Any:
    """Return the annotation of a field that is no group, or raise an error that suggests the nearest names."""
    known = [leaf for leaf in field_names(config) if not is_dataclass(attrgetter(leaf)(config))]
    if name not in known:
        raise unknown_name("parameter", name, known)
    group, _, leaf = name.rpartition(".")
    return typing.get_type_hints(type(attrgetter(group)(config) if group else config))[leaf]


__all__ = ["RANGES", "Parameter", "Value", "default_space", "parse_range", "parse_vary", "read_space"]
