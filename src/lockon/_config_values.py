"""Values of a configuration: from Python objects or the text of a command line to what a field's annotation wants."""

from __future__ import annotations

import dataclasses
import math
import numbers
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lockon._documents import parse_literal
from lockon.errors import LockonError

_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}

# Replaces fields of a dataclass by name: `lockon.config.apply_overrides`, which is passed in.
Apply = Callable[[Any, Mapping[str, object]], Any]


class MismatchError(Exception):
    """A value that does not fit an annotation; the text says what was expected."""


def convert(value: object, hint: Any, current: object, apply: Apply) -> Any:
    """Return `value` as the annotation `hint` wants it.

    Args:
        value: a Python object, or text.
        hint: annotation of the field.
        current: the field's value, for mappings that change some fields of a group.
        apply: changes fields of a group.

    Raises:
        MismatchError: it does not fit.
    """
    origin = typing.get_origin(hint)
    if origin is typing.Union or origin is types.UnionType:
        return _convert_union(value, typing.get_args(hint), current, apply)
    if origin is typing.Literal:
        return _convert_literal(value, typing.get_args(hint))
    if origin is tuple:
        return _convert_tuple(value, typing.get_args(hint), apply)
    if hint in _SCALARS:
        return _SCALARS[hint](value)
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping) and dataclasses.is_dataclass(current):
        return apply(current, value)
    if hint is Any or (isinstance(hint, type) and isinstance(value, hint)):
        return value
    raise MismatchError(f"a {getattr(hint, '__name__', hint)}")


def _convert_union(value: object, options: tuple[Any, ...], current: object, apply: Apply) -> Any:
    if type(None) in options and (value is None or (isinstance(value, str) and value.lower() in ("none", "null"))):
        return None
    expected = []
    for option in options:
        if option is type(None):
            expected.append("none")
            continue
        try:
            return convert(value, option, current, apply)
        except MismatchError as mismatch:
            expected.append(str(mismatch))
    raise MismatchError(" or ".join(expected))


def _convert_literal(value: object, options: tuple[Any, ...]) -> Any:
    for option in options:
        if value == option and type(value) is type(option):
            return option
        if isinstance(value, str) and value == str(option):
            return option
    raise MismatchError(f"one of {', '.join(map(str, options))}")


def _convert_tuple(value: object, hints: tuple[Any, ...], apply: Apply) -> tuple[Any, ...]:
    items = _split(value) if isinstance(value, str) else value
    if not isinstance(items, (tuple, list)):
        raise MismatchError("a list of values")
    if len(hints) == 2 and hints[1] is Ellipsis:
        return tuple(convert(item, hints[0], None, apply) for item in items)
    if len(items) != len(hints):
        raise MismatchError(f"{len(hints)} values")
    return tuple(convert(item, hint, None, apply) for item, hint in zip(items, hints, strict=True))


def _split(text: str) -> object:
    """Parse "8,16" and "(8, 16)" and "((0, 1), (5, 2))" as Python values; words stay text."""
    if not text.strip():
        return ()
    try:
        value = parse_literal(text)
    except ValueError:
        return tuple(part.strip() for part in text.split(","))
    return value if isinstance(value, (tuple, list)) else (value,)


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    raise MismatchError("true or false")


def _int(value: object) -> int:
    try:
        number = _number(value) if isinstance(value, str) else value
    except MismatchError:
        number = None
    if isinstance(number, float) and number.is_integer():  # "1e5" and 1e5 are 100000
        return int(number)
    if isinstance(number, numbers.Integral) and not isinstance(number, bool):
        return int(number)
    raise MismatchError("a whole number")


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return _float(text)


def _float(value: object) -> float:
    if not isinstance(value, bool):
        try:
            number = float(value)  # type: ignore[arg-type]  # what is no number raises
        except (TypeError, ValueError, OverflowError):  # an integer of hundreds of digits overflows
            number = math.nan
        if not math.isnan(number):
            return number
    raise MismatchError("a number")


def _str(value: object) -> str:
    if isinstance(value, str):
        return value
    raise MismatchError("text")


def _path(value: object) -> Path:
    if isinstance(value, (str, Path)):
        return Path(value)
    raise MismatchError("a path")


_SCALARS: dict[Any, Any] = {bool: _bool, int: _int, float: _float, str: _str, Path: _path}


def check_range(name: str, value: float, low: float, high: float = math.inf, *, above: bool = False) -> None:
    """Check a number of a configuration.

    Args:
        name: Name of the field, for the message.
        value: The number.
        low: Least allowed value.
        high: Largest allowed value.
        above: `low` itself is not allowed.

    Raises:
        LockonError: It is outside of `low` to `high`, or not finite.
    """
    try:
        value = float(value)
    except OverflowError:  # a whole number with more than 308 digits
        value = math.inf
    if not (low <= value <= high and math.isfinite(value)) or (above and value == low):
        if above:
            wanted = f"above {low:g}" if math.isinf(high) else f"above {low:g}, up to {high:g}"
        else:
            wanted = f"{low:g} or more" if math.isinf(high) else f"{low:g} to {high:g}"
        raise LockonError(f"{name}={value:g} given, expected {wanted}")


def check_whole(**options: object) -> None:
    """Check that arguments are whole numbers.

    Raises:
        LockonError: One is none; the text has its name.
    """
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise LockonError(f"{name}={value!r:.40} given, expected a whole number")


def check_field(config: object, name: str, holds: bool, expected: str) -> None:
    """Raise a `LockonError` that says what the field `name` of a configuration must be, unless that `holds`."""
    if not holds:
        raise LockonError(f"{name} must be {expected}, got {getattr(config, name)!r}")


__all__ = ["Apply", "MismatchError", "check_field", "check_range", "check_whole", "convert"]
