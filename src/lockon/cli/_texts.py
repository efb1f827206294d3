"""Texts of options that hold several values: names by commas, NAME=VALUE."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lockon._documents import parse_literal
from lockon.errors import LockonError


def split_names(values: list[str] | None) -> list[str]:
    """Split names at commas, and drop empty ones.

    >>> split_names(["a,b", "c"])
    ['a', 'b', 'c']
    """
    return [name for value in values or [] for name in (part.strip() for part in value.split(",")) if name]


def parse_overrides(texts: Iterable[str]) -> dict[str, Any]:
    """Parse `--set a.b=value` options to a dictionary. Values are Python literals where they can be and strings elsewhere.

    >>> parse_overrides(["localizer.rank.window_influence=0.4", "name=fast", "localizer.scales=(1, 2)"])
    {'localizer.rank.window_influence': 0.4, 'name': 'fast', 'localizer.scales': (1, 2)}

    Raises:
        LockonError: No "=", a name that is not dotted identifiers, or one name set twice.
    """
    overrides: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not all(part.isidentifier() for part in name.split(".")):
            raise LockonError(f"--set {text} is not name=value; type for example --set localizer.rank.window_influence=0.4")
        if name in overrides:
            raise LockonError(f"--set {name} is given twice; give it once")
        overrides[name] = _literal(value.strip())
    return overrides


def _literal(text: str) -> Any:
    try:
        return parse_literal(text)
    except ValueError:
        return text


__all__ = ["parse_overrides", "split_names"]
