"""Writers of frames: `VideoWriter` (mp4 and friends) and `ContactSheet` (one PNG of evenly spaced frames)."""

from __future__ import annotations

import math
import os
from pathlib import Path

import cv2
import numpy as np

from lockon._files import PendingFile, write_bytes
from lockon._names import native_path
from lockon.errors import LockonError, OutputError
from lockon.types import Frame

# Codecs that every OpenCV wheel can write.
_CODECS = {".mp4": "mp4v", ".m4v": "mp4v", ".mov": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}


class VideoWriter:
    """Writer of RGB frames to a video file that appears when it is closed, also when the work stopped early.

    Odd sizes gain one row or column (repeated edge), because the codecs want even ones.

    Args:
        path: Ends in .mp4, .m4v, .mov, .mkv (MPEG-4) or .avi (Motion JPEG).
        fps: Frames per second; None for 25.

    Raises:
        LockonError: Unknown suffix, or a folder that cannot be written to (at once, before any frame).
    """

    def __init__(self, path: str | os.PathLike[str], fps: float | None = None) -> None:
        suffix = Path(path).suffix.lower()
        if suffix not in _CODECS:
            raise LockonError(f"cannot write a video to {path}: suffix {suffix!r} is unknown; use one of {' '.join(sorted(_CODECS))}")
        self._codec = _CODECS[suffix]
        self._fps = float(fps) if fps else 25.0
        native_path(Path(path).absolute())  # an error now, not with the first frame
        self._file = PendingFile(path)
        self._writer: cv2.VideoWriter | None = None
        self._closed = False
        self._last: Frame | None = None
        self._next = self._written = 0

    def write(self, frame: Frame, index: int | None = None) -> None:
        """Append one (H, W, 3) uint8 RGB frame.

        Args:
            frame: The frame; all frames have one size.
            index: Number of the frame in its source; the previous frame is shown again for numbers that were left out,
                so that the video keeps its time.

        Raises:
            LockonError: OpenCV cannot encode video here.
        """
        height, width = frame.shape[:2]
        bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        if height % 2 or width % 2:
            bgr = cv2.copyMakeBorder(bgr, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        if self._writer is None:
            size = (bgr.shape[1], bgr.shape[0])
            self._writer = cv2.VideoWriter(native_path(self._file.temp), cv2.VideoWriter.fourcc(*self._codec), self._fps, size)
            if not self._writer.isOpened():
                raise LockonError(f"OpenCV cannot write {self._codec} video of {size[0]}x{size[1]} to {self._file.path}; use .avi instead")
        if index is not None:
            if self._last is not None:
                for _ in range(self._next, index):
                    self._writer.write(self._last)
                    self._written += 1
            self._next = index + 1
        self._writer.write(bgr)
        self._written += 1
        self._last = bgr  # type: ignore[assignment]  # OpenCV's stubs do not state uint8

    def close(self) -> None:
        """Finish the file and give it its name; without a single frame there is no file."""
        if self._closed:
            return
        self._closed = True
        if self._writer is None or self._last is None:
            self._file.discard()
            return
        self._writer.release()
        if not _is_whole(self._file.temp, self._written):
            self._file.discard()
            raise OutputError(f"cannot write {self._file.path}: the video could not be written whole; is the disk full?")
        self._file.commit()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _is_whole(path: Path, frames: int) -> bool:
    """Check that a file that was just written holds so many frames and that its last one decodes: OpenCV's writer reports no errors."""
    capture = cv2.VideoCapture(native_path(path), cv2.CAP_FFMPEG)  # others write lines of their own to stderr
    try:
        if not capture.isOpened() or int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) < frames:
            return False
        capture.set(cv2.CAP_PROP_POS_FRAMES, frames - 1)
        return bool(capture.read()[0])
    finally:
        capture.release()


class ContactSheet:
    """Evenly spaced frames of a video of unknown length in a grid; keeps at most 4 n thumbnails.

    Args:
        n: Number of pictures.
        columns: Pictures per row.
        width: Width of a picture in pixels.
    """

    def __init__(self, n: int = 12, columns: int = 4, width: int = 320) -> None:
        self._n, self._columns, self._width = n, columns, width
        self._kept: list[Frame] = []
        self._stride = 1
        self._seen = 0

    def add(self, frame: Frame) -> None:
        """Add the next frame, (H, W, 3) uint8 RGB; only evenly spaced frames are kept."""
        if self._seen % self._stride == 0:
            if len(self._kept) == 4 * self._n:  # half of the thumbnails go, and from now on every second frame is skipped
                self._kept = self._kept[::2]
                self._stride *= 2
            if self._seen % self._stride == 0:
                height = max(round(frame.shape[0] * self._width / frame.shape[1]), 1)
                self._kept.append(cv2.resize(frame, (self._width, height), interpolation=cv2.INTER_AREA))  # type: ignore[arg-type]
        self._seen += 1

    def image(self) -> Frame:
        """Return the sheet, (H, W, 3) uint8 RGB; empty cells are black.

        Raises:
            LockonError: No frame was added.
        """
        if not self._kept:
            raise LockonError("a contact sheet of no frames; add frames first")
        chosen = np.linspace(0, len(self._kept) - 1, min(self._n, len(self._kept))).round().astype(int)
        pictures = [self._kept[index] for index in chosen]
        rows = math.ceil(len(pictures) / self._columns)
        height, width = pictures[0].shape[:2]
        sheet = np.zeros((rows * height, min(self._columns, len(pictures)) * width, 3), np.uint8)
        for cell, picture in enumerate(pictures):
            row, column = divmod(cell, self._columns)
            sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = picture
        return sheet

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the sheet as PNG, atomically.

        Raises:
            LockonError: No frame was added, or the file cannot be written.
        """
        _, content = cv2.imencode(".png", cv2.cvtColor(self.image(), cv2.COLOR_RGB2BGR))
        write_bytes(path, content.tobytes())


__all__ = ["ContactSheet", "VideoWriter"]
