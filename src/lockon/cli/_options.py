"""Options that several commands read the same way."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from lockon.errors import LockonError


def parse_overrides(texts: Iterable[str]) -> dict[str, Any]:
    """`--set a.b=value` options as a dictionary. Values are Python literals where they can be and strings elsewhere.

    >>> parse_overrides(["localizer.rank.window_influence=0.4", "name=fast", "localizer.scales=(1, 2)"])
    {'localizer.rank.window_influence': 0.4, 'name': 'fast', 'localizer.scales': (1, 2)}

    Raises:
        LockonError: no "=", a name that is not dotted identifiers, or one name set twice.
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
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


__all__ = ["parse_overrides"]
