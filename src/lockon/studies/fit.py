"""Fit Markdown to a width: wrap prose, break commands, and split wide tables into several that repeat the text columns."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from itertools import groupby

WIDTH = 120
_COMMAND = "lockon "


def fitted(text: str, width: int = WIDTH) -> str:
    """Return the Markdown `text` in lines of at most `width` characters, as far as its words and table cells allow.

    >>> print(fitted("- one two three four", width=11))
    - one two
      three
      four
    """
    fits = {"code": _fit_code, "table": _fit_table, "prose": _fit_prose}
    fenced = False

    def kind(line: str) -> str:
        nonlocal fenced
        fence, inside = line.startswith("```"), fenced
        fenced ^= fence
        return "code" if fence or inside else "table" if line.startswith("|") else "prose" if line and line[0] != "#" else "other"

    fitting: list[str] = []
    for name, group in groupby(text.split("\n"), kind):
        block = list(group)
        fitting += fits[name](block, width) if name in fits and max(map(len, block)) > width else block
    return "\n".join(fitting)


def _fit_prose(lines: Sequence[str], width: int) -> list[str]:
    rows: list[str] = []
    for item in re.split(r"\n(?=- )", "\n".join(lines)):
        indent = "  " if item.startswith("- ") else ""
        one = re.sub(r"\s*\n\s*", " ", item.strip())
        rows += textwrap.wrap(one, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return rows


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
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    left = next((number for number, rule in enumerate(cells[1]) if rule.endswith(":")), len(cells[1]))

    def part(columns: Sequence[int]) -> list[str]:
        return [f"| {' | '.join(line[column] for column in (*range(left), *columns))} |" for line in cells]

    tables: list[list[int]] = []
    for group in _groups(cells[0], left):
        if tables and max(map(len, part(tables[-1] + group))) <= width:
            tables[-1] += group
        else:
            tables.append(group)
    parts = ["\n".join(part(columns)) for columns in tables]
    return "\n\n".join(parts).split("\n")


def _groups(heads: Sequence[str], left: int) -> list[list[int]]:
    """Return the numbers of columns that stay together: a head that occurs several times belongs to the column before it."""
    groups: list[list[int]] = []
    for number in range(left, len(heads)):
        if groups and heads.count(heads[number]) > 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


__all__ = ["fitted"]
