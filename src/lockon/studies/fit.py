"""Fit Markdown to a width: wrap prose, break commands, and split wide tables into several that repeat the text columns."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence

WIDTH = 120
_COMMAND = "lockon "


def fitted(text: str, width: int = WIDTH) -> str:
    """Return the Markdown `text` in lines of at most `width` characters, as far as its words and table cells allow.

    >>> print(fitted("- one two three four", width=11))
    - one two
      three
      four
    """
    return "\n".join(line for kind, lines in _blocks(text.split("\n")) for line in _FITS[kind](lines, width))


def _blocks(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield runs of lines of one kind: "code", "table", "prose", or "other" (headings and empty lines)."""
    kind, fenced = "other", False
    block: list[str] = []
    for line in lines:
        fence = line.startswith("```")
        new = "code" if fence or fenced else "table" if line.startswith("|") else "other" if not line or line.startswith("#") else "prose"
        fenced ^= fence
        if new != kind:
            yield kind, block
            kind, block = new, []
        block.append(line)
    yield kind, block


def _fit_prose(lines: Sequence[str], width: int) -> list[str]:
    if max(map(len, lines)) <= width:
        return list(lines)
    items: list[list[str]] = []
    for line in lines:
        if not items or line.startswith("- "):
            items.append([])
        items[-1].append(line.strip())
    return [line for item in items for line in _wrapped(" ".join(item), width)]


def _wrapped(text: str, width: int) -> list[str]:
    indent = "  " if text.startswith("- ") else ""
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _fit_code(lines: Sequence[str], width: int) -> list[str]:
    """Break commands before their options."""
    fitting: list[str] = []
    for line in lines:
        if len(line) <= width or not line.startswith(_COMMAND):
            fitting.append(line)
            continue
        first, *options = re.split(r" (?=--)", line)
        rows = [first]
        for option in options:
            if len(rows[-1]) + len(option) + 3 <= width:  # a space, and a backslash after it
                rows[-1] += f" {option}"
            else:
                rows.append(f"    {option}")
        fitting += [f"{row} \\" for row in rows[:-1]] + rows[-1:]
    return fitting


def _fit_table(lines: Sequence[str], width: int) -> list[str]:
    if max(map(len, lines)) <= width:
        return list(lines)
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    left = next((number for number, rule in enumerate(cells[1]) if rule.endswith(":")), len(cells[1]))
    tables: list[list[int]] = []
    for group in _groups(cells[0], left):
        if tables and _table_width(cells, [*range(left), *tables[-1], *group]) <= width:
            tables[-1] += group
        else:
            tables.append(list(group))
    parts = [[_row([line[column] for column in [*range(left), *columns]]) for line in cells] for columns in tables]
    return [line for number, part in enumerate(parts) for line in (["", *part] if number else part)]


def _groups(heads: Sequence[str], left: int) -> list[list[int]]:
    """Return the numbers of columns that stay together: a head that occurs several times belongs to the column before it."""
    groups: list[list[int]] = []
    for number in range(left, len(heads)):
        if groups and heads.count(heads[number]) > 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def _table_width(cells: Sequence[Sequence[str]], columns: Sequence[int]) -> int:
    return max(len(_row([line[column] for column in columns])) for line in cells)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _as_it_is(lines: Sequence[str], width: int) -> list[str]:
    return list(lines)


_FITS: dict[str, Callable[[Sequence[str], int], list[str]]] = {
    "code": _fit_code,
    "table": _fit_table,
    "prose": _fit_prose,
    "other": _as_it_is,
}

__all__ = ["fitted"]
