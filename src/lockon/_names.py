"""Names that come from files, made safe before they become a path, a line on a terminal, or a cell of a table.

A name in a record, a list, an archive or a folder is somebody else's text. It may hold escape bytes that drive a terminal, marks
that turn the direction of writing, formulas that a spreadsheet runs, and paths that lead out of their folder.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

from lockon._shown import shown
from lockon.errors import LockonError

LONGEST = 255  # bytes of one part of a path that all usual file systems take
_KEPT = 150  # bytes that `file_name` keeps of a longer name, so that numbers and suffixes still fit behind it
_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # what spreadsheets begin a formula with; the last four are full-width
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)  # by Windows
_LEADS_OUT = re.compile(r"[/\\]|[A-Za-z]:|(?:.*[/\\])?\.\.(?:[/\\]|$)", re.DOTALL)  # absolute, a drive, or a part ".."


def csv_cell(value: object) -> object:
    """Return a value as a cell that no spreadsheet runs: formulas get an apostrophe in front; numbers stay numbers.

    >>> csv_cell("=1+1"), csv_cell("-0.5"), csv_cell(-0.5)
    ("'=1+1", '-0.5', -0.5)
    """
    if not isinstance(value, str):
        return value
    disarmed = f"'{value}" if _FORMULA.match(value) and not _NUMBER.fullmatch(value) else value
    return shown(disarmed)


def file_name(name: str) -> str:
    """Return a name as one part of a path: what a file system may refuse becomes an underscore, a long name ends in its digest.

    >>> file_name("car/1"), file_name(".."), file_name("NUL")
    ('car_1', '__', '_NUL')
    """
    text = "".join(char if char.isalnum() or char in " ._+-=()@,#" else "_" for char in name)
    text = re.sub(r"^\.|[. ]$|^$", "_", text)
    text = f"_{text}" if _RESERVED.fullmatch(text) else text
    return shortened(text) if len(text.encode()) > _KEPT else text


def shortened(text: str, longest: int = _KEPT) -> str:
    """Return the beginning of a text that is too long for a file name, with a digest of all of it."""
    return f"{text.encode()[: longest - 17].decode(errors='ignore')}~{digest(text)}"


def digest(name: str) -> str:
    """Return 16 letters that tell names apart whose other letters had to be replaced."""
    return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def quoted(name: object, most: int = 60) -> str:
    """Return a name between quotes for a message, all of it visible, the end of a long one left out."""
    text = name if isinstance(name, str) else repr(name)
    return repr(text if len(text) <= most else f"{text[:most]}...")


def inside(folder: Path, name: object, where: str) -> Path:
    """Return the path that a file names relative to a folder, which must not lead out of it.

    Args:
        folder: Of the files.
        name: Relative path, with slashes.
        where: Who names it, for messages: FILE or FILE:LINE.

    Raises:
        LockonError: It is empty, absolute or no text, has a drive, a part "..", or a null byte, or a part is too long for a file name.
    """
    if not isinstance(name, str) or not name.strip("./ "):
        raise LockonError(f"{where}: {quoted(name)} is no name of a file; expected a relative path below {folder}")
    if "\0" in name or _LEADS_OUT.match(name):
        raise LockonError(f"{where}: {quoted(name)} leads out of {folder}; expected a relative path below it, without ..")
    if (longest := _longest_part(name)) > LONGEST:
        raise LockonError(f"{where}: {quoted(name)} has {longest} bytes; the name of a file has at most {LONGEST}")
    return folder / name


def _longest_part(name: str) -> int:
    """Return the bytes of the longest part of a path; of a short one a bound."""
    most = 4 * len(name)
    return most if most <= LONGEST else max(len(part.encode("utf-8", "surrogatepass")) for part in name.split("/"))


def native_path(path: Path) -> str:
    """Return a path for a library in C, which would crash on one that is not UTF-8.

    Raises:
        LockonError: It is not UTF-8.
    """
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise LockonError(f"{text} is not UTF-8, which OpenCV needs of videos; rename it or its folder") from None
    return text


def check_part(name: str, where: str) -> None:
    """Refuse a name that may not stand as one part of a path as it is.

    Raises:
        LockonError: It is empty, has separators, leads elsewhere, or is too long.
    """
    if "/" in name or "\0" in name or not name.strip(". ") or _LEADS_OUT.match(name) or _longest_part(name) > LONGEST:
        raise LockonError(f"{where} is {quoted(name)}; expected the name of one folder, without / and ..")


__all__ = ["check_part", "csv_cell", "digest", "file_name", "inside", "native_path", "quoted", "shortened", "shown"]
