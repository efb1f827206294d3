"""Tables as Markdown, and a Markdown table kept up to date inside another file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from lockon._files import write_bytes
from lockon._shown import shown
from lockon.bench.report.model import Report
from lockon.bench.tables.build import sequence_table, summary_table
from lockon.bench.tables.model import BEST, Cell, Table
from lockon.errors import LockonError

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def to_markdown(report: Report, *, per_sequence: bool = False) -> str:
    """Return a table with one row per tracker, and what the metrics mean. Fractions with three digits; the best of a column is bold.

    Args:
        report: The metrics.
        per_sequence: Adds a table of AO, one row per sequence.
    """
    tables = [summary_table(report)]
    return markdown([*tables, sequence_table(report)] if per_sequence else tables)


def markdown(tables: Iterable[Table], *, titles: bool = False) -> str:
    """Write tables with their notes, one after the other, as Markdown.

    Args:
        tables: In order.
        titles: Puts the title of each above it, as a heading.
    """
    return "\n".join(_table(table, titles=titles) for table in tables)


def text_table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Return a table of texts without title, ranks and notes as Markdown; `left` columns of names come first."""
    return markdown([Table("", "", tuple(head), tuple(tuple(map(Cell, row)) for row in rows), left=left)]).strip()


def _table(table: Table, *, titles: bool) -> str:
    rule = ["---"] * table.left + ["--:"] * (len(table.head) - table.left)
    head = [_escape(text) for text in table.head]
    lines = [f"| {' | '.join(row)} |" for row in (head, rule, *([_cell(cell) for cell in row] for row in table.rows))]
    text = "\n".join(lines) + "\n"
    if table.notes:
        text += "\n" + "\n".join(map(_inert, table.notes)) + "\n"
    return f"## {_inert(table.title)}\n\n{text}" if titles else text


def _cell(cell: Cell) -> str:
    return f"**{_escape(cell.text)}**" if cell.rank == BEST else _escape(cell.text)


def _escape(text: str) -> str:
    return _inert(text.replace("|", "\\|").replace("\n", " "))


def _inert(text: str) -> str:
    """Return a text that is seen as it is where names of anybody's are in it: no tags, no comments, no links."""
    return re.sub(r"<(?=[!?/A-Za-z])", "&lt;", shown(text)).replace("](", "]\\(")


def write_into(path: str | Path, text: str) -> None:
    """Replace what lies between the lines ``<!-- bench:begin -->`` and ``<!-- bench:end -->`` of a file.

    Raises:
        LockonError: No such file, or not exactly one pair of markers in this order.
    """
    path = Path(path)
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise LockonError(f"{path} cannot be read as text; give a Markdown file with {BEGIN} and {END} in it") from None
    before, begin, rest = content.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in before or END in after:
        raise LockonError(f"{path} needs {BEGIN} once and {END} once after it; put both where the table belongs")
    write_bytes(path, f"{before}{BEGIN}\n{text.strip()}\n{END}{after}".encode())


__all__ = ["BEGIN", "END", "markdown", "text_table", "to_markdown", "write_into"]
