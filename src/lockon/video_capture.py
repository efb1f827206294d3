"""Files of video opened for decoding: by OpenCV, and by PyAV where OpenCV cannot.

Of 80 small files (codecs, containers, variable rates, damage, edit lists) OpenCV 5.0 reads all but two kinds: AV1, which its
wheels cannot decode, and interlaced video, of which it gives empty pictures. PyAV reads those, but is an extra (`video`):
104 MB beside the 318 MB of the core, with codecs under the GPL, and no faster (0.9 to 1.2 ms for a frame of 640x360 pixels,
OpenCV 0.84 to 0.98 ms). Its pictures are numbered like OpenCV's, see `lockon.video_numbers`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from lockon._names import native_path
from lockon._require import require
from lockon.errors import LockonError

_OLD = {".asf", ".avi", ".flv", ".mpeg", ".mpg", ".ogv", ".wmv"}
_STREAMS = {".m2ts", ".mts", ".ts"}
VIDEO_SUFFIXES = frozenset({".3gp", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".webm", ".webp"} | _OLD | _STREAMS)
_CHUNK = 32  # pictures of an animated WebP that are decoded at a time


class Capture(Protocol):
    """The part of `cv2.VideoCapture` that is used."""

    def grab(self) -> bool:
        """Go to the next picture; False where it is damaged or there is none."""

    def retrieve(self) -> tuple[bool, NDArray[Any] | None]:
        """Return whether the picture is there, and the picture: (H, W, 3) BGR, (H, W, 4) BGRA or (H, W) grey."""

    def get(self, propId: int, /) -> float:  # noqa: N803 - OpenCV's name
        """Return a property, 0 where it is unknown."""

    def release(self) -> None:
        """Close the file."""


def is_video(path: Path) -> bool:
    """Return whether a file is a video by its suffix; a .webp is one where it is animated."""
    suffix = path.suffix.lower()
    return suffix in VIDEO_SUFFIXES and (suffix != ".webp" or _is_animated(path))


def _is_animated(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(21)
    except OSError:
        return False
    return head[8:16] == b"WEBPVP8X" and bool(head[20:] and head[20] & 2)


def open_capture(path: Path) -> Capture:
    """Open a video file with OpenCV.

    Raises:
        LockonError: There is no such file, it cannot be read, or it is no video that OpenCV knows.
    """
    if not path.is_file():
        raise LockonError(f"{path} does not exist; expected a video file")
    if not os.access(path, os.R_OK):
        raise LockonError(f"{path} cannot be read; check its permissions")
    if path.stat().st_size == 0:
        raise LockonError(f"{path} is empty; copy or record it again")
    if _is_animated(path):
        return _WebPCapture(path)
    capture = cv2.VideoCapture(native_path(path))
    if not capture.isOpened():
        raise LockonError(f"{path} is not a video that OpenCV can read; check that it plays, or convert it: ffmpeg -i {path.name} out.mp4")
    return capture  # type: ignore[return-value]


class _WebPCapture:
    """An animated WebP, which FFmpeg does not decode."""

    def __init__(self, path: Path) -> None:
        if not hasattr(cv2, "imreadanimation"):
            raise LockonError(
                f"{path} is an animated WebP, which OpenCV reads from 4.11 on; type: pip install -U opencv-contrib-python-headless"
            )
        self._path = path
        self._images = self._decode()
        self._image: NDArray[Any] | None = None
        self._time = self._next_time = 0.0

    def _decode(self) -> Iterator[tuple[NDArray[Any], float]]:
        start = 0
        while True:
            read, animation = cv2.imreadanimation(str(self._path), start=start, count=_CHUNK)
            if not read or not len(animation.frames):
                return
            yield from zip(animation.frames, map(float, np.ravel(animation.durations)), strict=True)
            start += _CHUNK
            if len(animation.frames) < _CHUNK:
                return

    def grab(self) -> bool:
        """Decode the next picture."""
        image, duration = next(self._images, (None, 0.0))
        self._image, self._time, self._next_time = image, self._next_time, self._next_time + duration
        return image is not None

    def retrieve(self) -> tuple[bool, NDArray[Any] | None]:
        """Return whether there is a picture, and the picture (H, W, 3) BGR or (H, W, 4) BGRA."""
        return self._image is not None, self._image

    def get(self, propId: int, /) -> float:  # noqa: N803 - OpenCV's name
        """Return the time of the picture; other properties are unknown."""
        return self._time if propId == cv2.CAP_PROP_POS_MSEC else 0.0

    def release(self) -> None:
        """Forget the picture."""
        self._images, self._image = iter(()), None


class AvCapture:
    """A video file that PyAV decodes, with the part of `cv2.VideoCapture` that is used.

    Args:
        path: The file.
        reason: Why OpenCV cannot, for the message where PyAV is not installed.
        filters: What ffmpeg needs to convert it, for the same message.

    Raises:
        LockonError: PyAV is not installed, or cannot open the file either.
    """

    def __init__(self, path: Path, reason: str, filters: str = "") -> None:
        try:
            av = require("av")
        except LockonError as error:
            raise LockonError(f"{path}: {reason}; {error}; or convert it: ffmpeg -i {path.name} {filters}out.mp4") from None
        try:
            self._file = av.open(str(path))
            self._stream = self._file.streams.video[0]
        except (av.FFmpegError, IndexError, OSError) as error:
            raise LockonError(f"{path}: {reason}, and PyAV cannot open it: {error}") from None
        self._stream.thread_type = "AUTO"
        self._faults = (av.FFmpegError,)
        self._start = self._stream.start_time or 0
        self._packets = self._file.demux(self._stream)
        self._ready: list[Any] = []
        self._frame: Any = None

    def grab(self) -> bool:
        """Decode the next picture; False for a damaged packet, and at the end."""
        try:
            while not self._ready:
                self._ready = list(next(self._packets).decode())
        except (*self._faults, StopIteration):
            return False
        self._frame = self._ready.pop(0)
        return True

    def retrieve(self) -> tuple[bool, NDArray[Any]]:
        """Return True and the picture, (H, W, 3) uint8 BGR."""
        return True, np.rot90(self._frame.to_ndarray(format="bgr24"), getattr(self._frame, "rotation", 0) // 90)

    def get(self, propId: int, /) -> float:  # noqa: N803 - OpenCV's name
        """Return the rate, or the time of the picture; other properties are unknown."""
        if propId == cv2.CAP_PROP_FPS:
            return float(self._stream.average_rate or 0)
        if propId != cv2.CAP_PROP_POS_MSEC or self._frame is None or self._frame.pts is None:
            return 0.0
        return max(float((self._frame.pts - self._start) * self._stream.time_base) * 1000, 0.0)

    def release(self) -> None:
        """Close the file."""
        self._file.close()
