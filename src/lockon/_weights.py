"""What all weight files of lockon have in common, whatever their format: a JSON header, and one hash over the whole file.

The hash stands in the file itself, as text behind `MARK`, and is that of the file with zeros in its place (and of the files that belong
to it): header, names, shapes and values are all under it. So it is found and checked without knowing the format.
"""

from __future__ import annotations

import hashlib
import mmap
import re
from pathlib import Path
from typing import Any

from lockon._documents import parse_json
from lockon.errors import LockonError

METADATA_KEY = "lockon"  # of the header among a file's metadata
HASH_KEY = "lockon_hash"  # of the hash
MARK = "lockon-sha256:"
NO_HASH = MARK + "0" * 64  # what stands in a file until `seal`

_MARKED = re.compile(MARK.encode() + rb"([0-9a-f]{64})")
_TYPES = {  # of the header's entries, where it has them
    **dict.fromkeys(("architecture", "pair", "git_revision"), str),
    **dict.fromkeys(("config", "tracker", "data", "metrics"), dict),
}
_WORDS = {str: "text", dict: "an object"}


def seal(path: Path, *others: Path) -> None:
    """Write the hash into a file that was written with `NO_HASH`, or an older hash, in it.

    Args:
        path: The file.
        others: Files that belong to it, whose content counts too.
    """
    digest, at = _hash(path, others)
    with path.open("rb+") as file:
        file.seek(at[0])
        file.write(digest)


def check_seal(path: Path, *others: Path) -> bool:
    """Check the hash of a file; return False where it has none.

    Args:
        path: The file.
        others: Files that belong to it.

    Raises:
        LockonError: The content is not what was written.
    """
    try:
        digest, (start, end) = _hash(path, others)
    except LookupError:
        return False
    with path.open("rb") as file:
        file.seek(start)
        found = file.read(end - start)
    if found != digest:
        raise LockonError(f"{path}: weights are damaged (their hash is not the one that they were saved with); copy or export them again")
    return True


def _hash(path: Path, others: tuple[Path, ...]) -> tuple[bytes, tuple[int, int]]:
    """Return the hash that a file should have, and from where to where it has one.

    Raises:
        LookupError: It has none.
    """
    digest = hashlib.sha256()
    if path.stat().st_size == 0:
        raise LookupError
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        begin = data.rfind(MARK.encode())
        match = _MARKED.match(data, begin) if begin >= 0 else None
        if match is None:
            raise LookupError
        start, end = match.span(1)
        del match  # it holds the map open
        with memoryview(data) as view:
            for part in (view[:start], b"0" * (end - start), view[end:]):
                digest.update(part)
                if isinstance(part, memoryview):
                    part.release()
    for other in others:
        digest.update(other.read_bytes())
    return digest.hexdigest().encode(), (start, end)


def parse_header(path: Path, text: str) -> dict[str, Any]:
    """Return the JSON header of a weight file.

    Args:
        path: The file, for messages.
        text: Its header.

    Raises:
        LockonError: No JSON object, or an entry of another type than others rely on.
    """
    try:
        header = parse_json(text)
    except ValueError:
        raise LockonError(f"{path} has a damaged lockon header; export or copy the file again") from None
    if not isinstance(header, dict):
        raise LockonError(f"{path} has a damaged lockon header (no JSON object); export or copy the file again")
    entries = [(name, header[name], wanted) for name, wanted in _TYPES.items() if name in header]
    if isinstance(header.get("config"), dict) and "model" in header["config"]:
        entries.append(("config.model", header["config"]["model"], dict))
    for name, value, wanted in entries:
        if not isinstance(value, wanted):
            raise LockonError(
                f"{path} has a damaged lockon header ({name} is {value!r:.40}, expected {_WORDS[wanted]}); export or copy the file again"
            )
    return header


__all__ = ["HASH_KEY", "MARK", "METADATA_KEY", "NO_HASH", "check_seal", "parse_header", "seal"]
