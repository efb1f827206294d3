"""Image files: which of a folder they are, and their pixels, for tracking and for datasets alike.

Files of more than 8 bits have one range of values per folder (`folder_conversion`), so that a video does not flicker, and is
the same video wherever it is read.
"""

from __future__ import annotations

import re
import struct
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.errors import LockonError
from lockon.ops.pixels import FrameConversion
from lockon.types import Frame

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key under which "2.jpg" comes before "10.jpg".

    >>> sorted(["10.jpg", "2.jpg", "1.jpg"], key=natural_key)
    ['1.jpg', '2.jpg', '10.jpg']
    """
    parts = [part for part in re.split(r"(\d+)", name) if part]
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts] + [(-1, 0, name)]


def list_images(folder: Path) -> list[Path]:
    """Return the image files of a folder in natural order; hidden files are left out.

    Raises:
        LockonError: As `check_one_kind`.
    """
    paths = (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."))
    images = sorted(paths, key=lambda path: natural_key(path.name))
    check_one_kind(images)
    return images


def check_one_kind(images: Sequence[Path]) -> None:
    """Check that a folder does not hold a second set of images under the same names, such as masks beside pictures.

    Args:
        images: The image files of one folder.

    Raises:
        LockonError: Two images of one number, or of one name with two suffixes.
    """
    by_key: defaultdict[object, list[Path]] = defaultdict(list)
    for path in images:
        by_key[tuple(map(int, re.findall(r"[0-9]+", path.stem))) or path.stem].append(path)
    double = [paths for paths in by_key.values() if len(paths) > 1]
    if 2 * len(double) < len(by_key):  # some names with one number may be meant, such as a2 and a2b; not two files of one name
        double = [paths for paths in double if len({path.stem for path in paths}) < len(paths)]
    if double:
        first = " and ".join(path.name for path in double[0][:3])
        several = f"for {len(double)} of its {len(by_key)} numbers" if len(double) > 1 else "for one number"
        text = f"{double[0][0].parent} holds more than one image {several} ({first}), as of pictures and their masks"
        raise LockonError(f"{text}; move one kind to a folder of its own")


def read_pixels(path: Path, conversion: FrameConversion | None = None) -> Frame | None:
    """Read (H, W, 3) uint8 RGB of an image file, turned as its EXIF data says; None where it is no image.

    Args:
        path: The file.
        conversion: That of the video that it belongs to; None for that of its folder.

    Raises:
        LockonError: A file of several pictures (TIFF pages, an animation), or pixels that cannot be converted.
    """
    pixels = _decode(path)
    if pixels is None:
        return None
    if conversion is None:
        conversion = FrameConversion() if pixels.dtype == np.uint8 else _cached(path.parent, path.suffix, path.parent.stat().st_mtime_ns)
    try:
        return conversion(pixels)
    except LockonError as error:
        raise LockonError(f"{path}: {error}") from None


def folder_conversion(paths: Sequence[Path], range: ArrayLike | None = None) -> FrameConversion:
    """Return the conversion of the pictures of one folder; a `LockonWarning` tells where they are stretched.

    Args:
        paths: The pictures in order, at least one.
        range: As for `FrameConversion`.
    """
    conversion = FrameConversion(range, name=str(paths[0].parent))
    conversion.look_at(len(paths), lambda index: _decode(paths[index]))
    return conversion


@lru_cache(maxsize=256)
def _cached(folder: Path, suffix: str, changed: int) -> FrameConversion:
    """Return the conversion of a folder's files of one suffix, as it was at a time (ns): found once, and said once."""
    del changed
    paths = (path for path in folder.iterdir() if path.suffix == suffix and not path.name.startswith("."))
    return folder_conversion(sorted(paths, key=lambda path: natural_key(path.name)) or [folder])


def _decode(path: Path) -> NDArray[Any] | None:
    """Return a file's pixels as stored, (H, W, 3) RGB or, of more than 8 bits, (H, W) of any type; None where it is no image."""
    try:
        content = np.fromfile(path, dtype=np.uint8)  # not cv2.imread, which cannot open every file name on Windows
    except OSError:
        return None
    if content.size == 0:
        return None
    if (fault := several_pictures(content)) is not None:
        raise LockonError(f"{path} {fault}")
    try:
        image = cv2.imdecode(content, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error:  # more pixels than OpenCV decodes
        return None
    if image is None or image.ndim == 2:
        return image if image is None or image.dtype != np.uint8 else cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if image.dtype in (np.uint8, np.uint16, np.float32) else image[..., ::-1]


def several_pictures(content: NDArray[np.uint8]) -> str | None:
    """Return how an image file holds more than one picture, and what to do, as the end of a message; None where it holds one.

    Args:
        content: (bytes,) of the file; little of a file that is mapped into memory is read.
    """
    pages = _count_pages(content.data)
    if pages > 1:
        return f"holds {pages} pictures (TIFF pages); write each to a file of its own, one per frame"
    if _is_animated(content):
        return "is animated: it holds several pictures; write each to a file of its own, one per frame"
    return None


def _is_animated(content: NDArray[np.uint8]) -> bool:
    """Return whether a GIF, PNG or WebP file holds more than one picture."""
    head = content[:4096].tobytes()
    if head[:4] == b"GIF8":  # an OpenCV without this function reads no GIF at all
        return hasattr(cv2, "imdecodeanimation") and len(cv2.imdecodeanimation(content, 0, 2)[1].frames) > 1
    if head[8:16] == b"WEBPVP8X":
        return bool(head[20:] and head[20] & 2) and content.tobytes().count(b"ANMF") > 1
    place = head.find(b"acTL", 0, head.find(b"IDAT")) if head[:4] == b"\x89PNG" else -1
    return place >= 0 and int.from_bytes(head[place + 4 : place + 8], "big") > 1


def _count_pages(content: memoryview) -> int:
    """Return the number of pages of a TIFF file, smaller copies and masks left out; 0 for other files."""
    order = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}.get(bytes(content[:4]))
    if order is None:
        return 0
    big = 43 in content[2:4]
    number, length, entry = (f"{order}Q", 8, 20) if big else (f"{order}I", 4, 12)
    pages, seen = 0, set[int]()
    try:
        (offset,) = struct.unpack_from(number, content, 8 if big else 4)
        while offset and offset not in seen:
            seen.add(offset)
            (entries,) = struct.unpack_from(f"{order}Q" if big else f"{order}H", content, offset)
            start = offset + (8 if big else 2)
            tags = (struct.unpack_from(f"{order}H", content, start + index * entry)[0] for index in range(entries))
            kind = next((index for index, tag in enumerate(tags) if tag == 254), None)  # NewSubfileType, a field of bits
            flags = 0 if kind is None else struct.unpack_from(f"{order}I", content, start + kind * entry + entry - length)[0]
            pages += not flags & 5  # 1: a smaller copy, 4: a mask
            (offset,) = struct.unpack_from(number, content, start + entries * entry)
    except struct.error:  # cut short: the decoder says so
        pass
    return pages


__all__ = [
    "IMAGE_SUFFIXES",
    "check_one_kind",
    "folder_conversion",
    "list_images",
    "natural_key",
    "read_pixels",
    "several_pictures",
]
