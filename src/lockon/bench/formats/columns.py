"""Result files that go by columns: with a heading, with a score behind each box, or in MOT's form."""

from __future__ import annotations

from lockon.box_columns import CORNERS, OPTIONAL, heading, split_lines
from lockon.box_tables import BoxLines, parse_box_table
from lockon.errors import LockonError


def parse_columns(lines: list[str]) -> BoxLines | None:
    """Parse lines by their columns; None where they are not of this kind, or none of them can be read.

    Args:
        lines: The lines of a result file, of which the first may be a heading.

    Raises:
        LockonError: A heading without all columns of a box, or with one twice.
    """
    try:
        fields = [fields for _, fields in split_lines("\n".join(lines)) if fields]
    except LockonError:
        return None
    named = heading(fields[0]) if fields else None
    try:
        rows = [row for row in fields[named is not None :] if not (len(row) == 1 and row[0].lower() == "nan")]
        widths = {len(row) for row in rows}
        flagged = widths == {6} and all(row[5].rstrip("0").rstrip(".") in ("", "1") for row in rows)  # TLP's column "lost"
        if not widths or (named is None and (flagged or len(widths) > 1 or not widths <= {*range(5, 11)})):
            return None
        if named is not None and min(widths) <= max(place for name, place in named.places.items() if name not in OPTIONAL):
            return None
        table = parse_box_table("\n".join(lines), mot=True)
    except LockonError:
        return None
    return table if table.rows and table.columns.coordinates != CORNERS else None  # corners are read as such


__all__ = ["parse_columns"]
