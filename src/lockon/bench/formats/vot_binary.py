"""The VOT toolkit's binary result files (suffix .bin), little-endian; format: the toolkit's vot/region/io.py.

int16 version 1, uint32 number of frames, then per frame a byte for its kind and
0  uint32 code    1  4 float32 x, y, w, h    2  uint16 n, 2 n float32 corners
3  int16 x, y, uint16 w, h, n, n uint16 run lengths    4  2 float32 point
"""

from __future__ import annotations

import struct
from pathlib import Path

from lockon.errors import LockonError


def read_binary(path: Path) -> list[str]:
    """Read the frames of a binary file as lines of the toolkit's text format.

    Raises:
        LockonError: The file cannot be read, is cut off, or is something else.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LockonError(f"{path} cannot be read: {error.strerror}") from error
    return binary_lines(content, str(path))


def binary_lines(content: bytes, where: str) -> list[str]:
    """Read the frames from a binary file's content, as `read_binary`.

    Args:
        content: The file's bytes.
        where: The file's name, for messages.

    Raises:
        LockonError: The content is cut off, or something else.
    """
    try:
        return _lines(content)
    except (struct.error, ValueError) as error:
        raise LockonError(f"{where} is no binary result of the VOT toolkit, or cut off ({error}); export it as text again") from None


def _lines(content: bytes) -> list[str]:
    version, count = struct.unpack_from("<hI", content)
    if version != 1 or count > len(content):
        raise ValueError(f"version {version}, {count} frames")
    place, lines = 6, []
    for _ in range(count):
        if place >= len(content):
            raise ValueError("too short")
        text, size = _region(content[place], content, place + 1)
        lines.append(text)
        place += 1 + size
    if place != len(content):
        raise ValueError(f"{len(content) - place} bytes too many")
    return lines


def _region(kind: int, content: bytes, place: int) -> tuple[str, int]:
    """Return one region as text, and the number of its bytes."""
    if kind == 0:
        return str(struct.unpack_from("<I", content, place)[0]), 4
    if kind in _NUMBERS:
        return _text(struct.unpack_from(f"<{_NUMBERS[kind]}f", content, place)), 4 * _NUMBERS[kind]
    if kind == 2:
        (count,) = struct.unpack_from("<H", content, place)
        return _text(struct.unpack_from(f"<{2 * count}f", content, place + 2)), 2 + 8 * count
    if kind == 3:
        x, y, w, h, count = struct.unpack_from("<hhHHH", content, place)
        runs = struct.unpack_from(f"<{count}H", content, place + 10)
        return "m" + ",".join(map(str, (x, y, w, h, *runs))), 10 + 2 * count
    raise ValueError(f"unknown kind {kind}")


_NUMBERS = {1: 4, 4: 2}  # floats of a rectangle and of a point


def _text(numbers: tuple[float, ...]) -> str:
    return ",".join(f"{number:.9g}" for number in numbers)


__all__ = ["binary_lines", "read_binary"]
