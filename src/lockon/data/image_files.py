"""Image files: decoded, and checked for being cut short and for several pictures, which is cheap for a whole dataset and decoders hide.

OpenCV returns a half grey picture for a truncated JPEG and only prints a message, and of several pictures the first in silence, so decoding
alone does not show it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lockon.errors import LockonError
from lockon.pictures import several_pictures

_TAIL = 4096  # cameras write a few bytes after the end marker


def decode_image(path: Path, flags: int) -> NDArray[Any] | None:
    """Return the pixels of an image file as OpenCV decodes them, whatever letters its name has; None where it is missing or no image.

    Args:
        path: The file. `cv2.imread` would crash on a name that is not UTF-8.
        flags: Of `cv2.imread`.

    Raises:
        LockonError: The file holds several pictures.
    """
    try:
        content = np.fromfile(path, dtype=np.uint8)
        if (fault := several_pictures(content)) is not None:
            raise LockonError(f"{path} {fault}")
        return cv2.imdecode(content, flags) if content.size else None
    except (OSError, cv2.error):  # OpenCV refuses sizes that no memory holds
        return None


def broken_file(path: Path) -> str | None:
    """Return what is wrong with an image file without decoding it, or None: "is empty", "does not exist", "is cut short", "holds 3 ..."."""
    try:
        size = path.stat().st_size
        if size == 0:
            return "is empty"
        with path.open("rb") as file:
            head = file.read(12)
            file.seek(max(size - _TAIL, 0))
            tail = file.read()
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if head.startswith(b"\xff\xd8"):  # JPEG, which holds one picture, ends with the marker EOI
        whole = b"\xff\xd9" in tail
    elif head.startswith(b"\x89PNG"):
        whole = b"IEND" in tail
    elif head.startswith(b"RIFF"):  # WebP states its length
        whole = size >= int.from_bytes(head[4:8], "little") + 8
    else:
        whole = True  # other formats: only decoding shows it
    if not whole:
        return "is cut short"
    return None if head.startswith(b"\xff\xd8") else several_pictures(np.memmap(path, np.uint8, "r"))
