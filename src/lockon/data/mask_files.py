"""Writer of the masks of tracked targets: a folder of PNG pictures, or one text file of run lengths.

| path | content |
|---|---|
| a folder | one PNG per frame, named by its number; one target: 255 where it is; several: target n has the value n + 1, later ones on top |
| .jsonl .ndjson | one line per frame and target: frame, target, size (height, width), counts; COCO's compressed run lengths |
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from lockon._files import PendingFile, PendingText, write_bytes
from lockon.data.rle import encode_rle
from lockon.errors import LockonError, LockonWarning
from lockon.types import Result

LINES = (".jsonl", ".ndjson")
DIGITS = 6  # of a picture's name


class MaskWriter:
    """Writer of the masks of results; results without masks, as that of a first frame, are skipped.

    Args:
        path: A folder, made where it is missing, or a file that ends in .jsonl or .ndjson and appears when it is closed.

    Raises:
        LockonError: Another suffix, or a path that cannot be written to (at once, before any mask).
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.frames = 0
        self._file: PendingText | None = None
        self._older: set[str] = set()
        if self.path.suffix in LINES:
            self._file = PendingText(self.path)
        elif self.path.suffix:
            raise LockonError(f"masks go to a folder of PNG pictures or to a file that ends in {' or '.join(LINES)}, {self.path} given")
        else:
            PendingFile(self.path / "masks").discard()
            self._older = {path.name for path in self.path.glob("*.png")}
            other = next((name for name in sorted(self._older) if not _is_grey(self.path / name)), None)
            if other is not None:
                raise LockonError(f"{self.path} holds pictures that are no masks, such as {other}; give a folder of their own to masks")

    def write(self, frame: int, result: Result) -> None:
        """Add the masks of one frame, numbered from 0."""
        if result.mask is None:
            return
        self.frames += 1
        masks = result.mask.reshape(-1, *result.mask.shape[-2:])  # (n, H, W)
        if self._file is None:
            name = f"{frame:0{DIGITS}d}.png"
            write_bytes(self.path / name, _png(masks))
            self._older.discard(name)
            return
        lines = (
            {"frame": frame, "target": target, "size": list(mask.shape), "counts": encode_rle(mask)} for target, mask in enumerate(masks)
        )
        with self._file.guarded():
            self._file.out.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)

    def close(self) -> None:
        """Finish the file and give it its name; without a single mask there is no file. Of a folder, say which masks are older."""
        if self._file is None and self._older:
            older = f"{len(self._older)} pictures of before, such as {min(self._older)}"
            text = f"{self.path} also holds {older}; remove them, or give a new folder"
            warnings.warn(text, LockonWarning, stacklevel=2)
            self._older.clear()
        if self._file is None or self._file.out.closed:
            return
        if self.frames:
            self._file.commit()
        else:
            self._file.discard()

    def __enter__(self) -> MaskWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _is_grey(path: Path) -> bool:
    """Return whether a file is a PNG picture of one channel, as masks are, by its header."""
    with path.open("rb") as content:
        header = content.read(26)
    return header[:8] == b"\x89PNG\r\n\x1a\n" and header[25:26] == b"\x00"


def _png(masks: NDArray[np.bool_]) -> bytes:
    """Encode one 8-bit picture of (n, H, W) masks."""
    picture = np.zeros(masks.shape[1:], dtype=np.uint8)
    for target, mask in enumerate(masks):
        picture[mask] = 255 if len(masks) == 1 else min(target + 1, 255)
    encoded: NDArray[np.uint8] = cv2.imencode(".png", picture)[1]
    return encoded.tobytes()


__all__ = ["MaskWriter"]
