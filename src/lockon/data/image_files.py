"""Image files: decoded, and checked by their last bytes for being cut short, which is cheap for a whole dataset and decoders hide.

OpenCV returns a half grey picture for a truncated JPEG and only prints a message, so decoding alone does not show it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_TAIL = 4096  # cameras write a few bytes after the end marker


def decode_image(path: Path, flags: int) -> NDArray[Any] | None:
    """Return the pixels of an image file as OpenCV decodes them, whatever letters its name has; None where it is missing or no image.

    Args:
        path: The file. `cv2.imread` would crash on a name that is not UTF-8.
        flags: Of `cv2.imread`.
    """
    try:
        content = np.fromfile(path, dtype=np.uint8)
        return cv2.imdecode(content, flags) if content.size else None
    except (OSError, cv2.error):  # OpenCV refuses sizes that no memory holds
        return None


def broken_end(path: Path) -> str | None:
    """Return what is wrong with an image file without decoding it, or None: "is empty", "does not exist", "is cut short"."""
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
    if head.startswith(b"\xff\xd8"):  # JPEG ends with the marker EOI
        whole = b"\xff\xd9" in tail
    elif head.startswith(b"\x89PNG"):
        whole = b"IEND" in tail
    elif head.startswith(b"RIFF"):  # WebP states its length
        whole = size >= int.from_bytes(head[4:8], "little") + 8
    else:
        whole = True  # other formats: only decoding shows it
    return None if whole else "is cut short"
