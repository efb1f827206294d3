"""JSON and TOML from files of anybody's: bounded in size and depth, one kind of error for everything that is wrong with them."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockon.errors import LockonError

LARGEST = 2**28  # bytes of a document; the results of a long video with masks have about 2**26
LARGEST_SET = 2**32  # bytes of the annotation of a dataset; that of COCO has half a gigabyte
DEEPEST = 64  # levels of lists and objects within each other; no document of lockon's has more than 10
_LARGEST_TOML = 2**22
_PART = 2**20  # bytes that are read at once
_TOO_DEEP = f"nested more than {DEEPEST} deep"
MALFORMED = (KeyError, IndexError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What taking a document apart can raise that holds other things than expected; numbers too large are among them."""


class RepeatedKeyError(ValueError):
    """A key that an object has twice: `json` would keep the last value and say nothing."""


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        RepeatedKeyError: An object has a key twice.
        ValueError: No JSON, nested too deeply, an integer of thousands of digits, or bytes that are no UTF-8.
    """
    try:
        content = json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    _check_depth(content)
    return content


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in made if keys.count(key) > 1)
        raise RepeatedKeyError(f"the key {twice[:40]!r} is given twice")
    return made


def read_json(path: Path, largest: int = LARGEST) -> Any:
    """Return the value in a JSON file.

    Args:
        path: The file.
        largest: Bytes that it may have.

    Raises:
        OSError: It cannot be read.
        ValueError: As `parse_json`, or it is too large.
    """
    return parse_json(_read(path, largest))


def read_json_object(path: Path, advice: str) -> dict[str, Any]:
    """Read the single JSON object in a file.

    Args:
        path: The file.
        advice: The end of the error message: what to do instead.

    Raises:
        LockonError: The file cannot be read, is no JSON, or holds something else.
    """
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise LockonError(f"{path} is not a readable JSON file ({error}); {advice}") from None
    if not isinstance(content, dict):
        raise LockonError(f"{path} holds a {type(content).__name__}, expected one JSON object; {advice}")
    return content


def read_toml(path: Path, advice: str) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: The file.
        advice: The end of the error message: what to do instead.

    Raises:
        LockonError: The file cannot be read, is no TOML, or is nested too deeply.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # type: ignore[import-not-found]
    try:
        content: dict[str, Any] = tomllib.loads(_read(path, _LARGEST_TOML).decode("utf-8-sig").replace("\r\n", "\n"))
        _check_depth(content)
    except OSError as error:
        raise LockonError(f"cannot read {path}: {error.strerror}; {advice}") from None
    except (ValueError, RecursionError) as error:
        reason = _TOO_DEEP if isinstance(error, RecursionError) else error
        raise LockonError(f"{path} is no TOML: {reason}; {advice}") from None
    return content


def parse_literal(text: str) -> object:
    """Return the Python value that a text spells: numbers, texts, tuples and lists of them.

    Raises:
        ValueError: It spells none.
    """
    try:
        return ast.literal_eval(text)
    except (SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(f"no value: {error}") from None


def _read(path: Path, largest: int) -> bytes:
    parts, size = [], 0
    with path.open("rb") as file:
        while part := file.read(_PART):  # no more is asked for at once: a reader makes room for all that it is asked for
            parts.append(part)
            size += len(part)
            if size > largest:
                raise ValueError(f"more than {largest / 2**20:.0f} MB")
    return b"".join(parts)


def _check_depth(content: Any) -> None:
    """Raise an error where a value is nested so deeply that code that walks through it would fail."""
    level = [content] if isinstance(content, (dict, list)) else []
    for _ in range(DEEPEST):
        inner = (part.values() if isinstance(part, Mapping) else part for part in level)
        level = [item for items in inner for item in items if isinstance(item, (dict, list))]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


__all__ = ["LARGEST_SET", "MALFORMED", "RepeatedKeyError", "parse_json", "parse_literal", "read_json", "read_json_object", "read_toml"]
