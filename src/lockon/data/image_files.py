"""Check of image files that were cut short by their last bytes: cheap for a whole dataset, and decoders hide it.

OpenCV returns a half grey picture for a truncated JPEG and only prints a message, so decoding alone does not show it.
"""

from __future__ import annotations

from pathlib import Path

_TAIL = 4096  # cameras write a few bytes after the end marker


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
