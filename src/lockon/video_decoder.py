"""The one reader of video: decoded pictures in order, each with its number, for tracking, refining and datasets alike."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike

from lockon._names import native_path
from lockon.ops.pixels import FrameConversion
from lockon.types import Frame
from lockon.video_capture import AvCapture, open_capture
from lockon.video_containers import Container, last_stamp, matroska_stamps, may_be_interlaced, mp4_parameters, mp4_stamps, read_container
from lockon.video_numbers import FrameNumbers, Stamp

_MAYBE_INTERLACED = ("h264", "avc1", "x264", "mpg2", "mpeg", "mp2v")
_FAILURES = 1000  # damaged packets in a row after which a video counts as read to its end


class VideoDecoder:
    """The pictures of one video in order, each with its number.

    Args:
        capture: An open capture of OpenCV, or one like it.
        name: The video, for messages.
        numbers: The numbers of its pictures; None counts what the decoder gives and what it reports as damaged.
        path: Its file, which is opened by PyAV where OpenCV turns out not to decode it; None for other sources.
        conversion: That of its pixels; None for that of 8-bit frames.

    Attributes:
        fps: Frames per second, None where the video does not state it.
        count: Number of pictures, None where it is unknown before all is read.
    """

    def __init__(
        self,
        capture: Any,
        name: str,
        numbers: FrameNumbers | None = None,
        path: Path | None = None,
        conversion: FrameConversion | None = None,
    ) -> None:
        self._conversion = conversion or FrameConversion(name=name)
        self._capture, self._name, self._numbers, self._path = capture, name, numbers, path
        fps = capture.get(cv2.CAP_PROP_FPS)
        self.fps: float | None = fps if 0 < fps < 1000 else None  # some containers state their clock (1000, 90000) instead
        self._header = _stated_count(capture, path)
        self.count = (self._header or None) if numbers is None else numbers.promised()
        self._last = -1  # the number of the picture

    def advance(self) -> int | None:
        """Go to the next picture and return its number; None at the end."""
        left = self._left()
        index = self._last
        while index - self._last <= left:
            index += 1
            if not self._capture.grab():
                continue
            if self._numbers is not None:
                number = self._numbers.number(self._capture.get(cv2.CAP_PROP_POS_MSEC), index)
                if number is None:
                    continue
                index = max(number, self._last + 1)
            self._last = index
            return index
        return self._retry() if self._last < 0 and self._path is not None else None

    def _retry(self) -> int | None:
        """Decode with PyAV where OpenCV decodes no picture at all, which is so for AV1."""
        code = _codec(self._capture)
        if self._path is None or code.lower() != "av01":
            return None
        self._capture.release()
        self._capture, self._path = AvCapture(self._path, "OpenCV does not decode its codec, AV1"), None
        return self.advance()

    def _left(self) -> int:
        """Return how many damaged packets in a row may be tried: a capture does not tell them from the end."""
        left = self._header - self._last - 1 if self._numbers is None else self._numbers.left
        return _FAILURES if left is None else max(2, min(left, _FAILURES))

    def picture(self) -> Frame | None:
        """Return the (H, W, 3) uint8 RGB pixels of the picture that `advance` went to; None where it is damaged."""
        decoded, image = self._capture.retrieve()
        if not decoded or image is None:  # of some damaged packets OpenCV says that they were decoded, and gives nothing
            return None
        if image.ndim == 3:
            image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if image.shape[2] == 3 else image[..., [2, 1, 0]]
        return self._conversion(image)

    def total(self) -> int:
        """Return the number of pictures, those included that cannot be decoded; exact, and reads the file on to its end."""
        if self._numbers is not None:
            return max(self._numbers.count(), self._last + 1)
        while self._path is not None and self.advance() is not None:
            pass
        missing = self._header - 1 - self._last
        return self._header if missing > max(2, self._header // 100) else self._last + 1  # such counts are often off by a few

    def close(self) -> None:
        """Close the file."""
        self._capture.release()
        if self._numbers is not None:
            self._numbers.close()


def open_video(path: Path, range: ArrayLike | None = None) -> VideoDecoder:
    """Open a video file.

    Args:
        path: The file.
        range: (low, high), the values that become black and white; None to find them in the first picture of more than 8 bits.

    Raises:
        LockonError: As `open_capture`, or a video that only PyAV decodes, which is not installed.
    """
    capture = open_capture(path)
    numbers = _open_numbers(path, capture)
    if isinstance(capture, cv2.VideoCapture) and _codec(capture).lower() in _MAYBE_INTERLACED and _is_unconverted(path):
        capture.release()
        reason = "it is interlaced, and this version of OpenCV gives empty pictures of it"
        return VideoDecoder(AvCapture(path, reason, "-vf yadif "), str(path), numbers, conversion=FrameConversion(range, name=str(path)))
    return VideoDecoder(capture, str(path), numbers, path, _conversion(path, capture, range))


def _conversion(path: Path, capture: Any, range: ArrayLike | None) -> FrameConversion:
    """Return the conversion of a video's pictures; a capture of grey pictures of more than 8 bits is told to give them as they are."""
    conversion = FrameConversion(range, name=str(path))
    layout = (int(capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT)) & 0xFFFFFFFF).to_bytes(4, "little")
    if layout[:2] == b"Y1" and layout[3] > 8:  # FFmpeg's codes of gray9le to gray16le
        first = cv2.VideoCapture(str(path))
        first.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        decoded, image = first.read()
        first.release()
        if decoded and image.dtype == np.uint16:
            capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
            conversion.look_at(1, lambda _: image)
    return conversion


def _codec(capture: Any) -> str:
    return (int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF).to_bytes(4, "little").decode("ascii", "replace")


def _is_unconverted(path: Path) -> bool:
    """Return whether a video is interlaced and OpenCV gives one and the same memory, which nobody wrote to, for all its pictures."""
    content = mp4_parameters(path)
    if not content:
        packets = cv2.VideoCapture(native_path(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
        content = packets.retrieve()[1].tobytes() if packets.grab() else b""
        packets.release()
    if not may_be_interlaced(content):
        return False
    capture = cv2.VideoCapture(native_path(path))
    first, second = capture.read()[1], capture.read()[1]
    capture.release()
    return first is not None and second is not None and np.array_equal(first, second)


def count_pictures(path: Path) -> int:
    """Return the number of pictures of a video file, those included that cannot be decoded, without decoding.

    Raises:
        LockonError: As `open_capture`.
    """
    video = open_video(path)
    try:
        return video.total()
    finally:
        video.close()


def _stated_count(capture: Any, path: Path | None) -> int:
    """Return how many pictures the header states; 0 where it says nothing, or more than the file has bytes, as damaged ones do."""
    count, most = capture.get(cv2.CAP_PROP_FRAME_COUNT), 2**31 if path is None else path.stat().st_size
    return int(count) if 0 < count < most else 0


def _open_numbers(path: Path, capture: Any) -> FrameNumbers | None:
    if not isinstance(capture, cv2.VideoCapture):
        return None
    container = read_container(path)
    fps, header = capture.get(cv2.CAP_PROP_FPS), _stated_count(capture, path)
    period = 1000 / fps if 0 < fps < 1000 else 0.0
    if container.matroska:
        stamps = ((time - container.start, False) for time in matroska_stamps(path))
        find_origin = partial(_matroska_origin, path, container)
        return FrameNumbers(stamps, container, header, period, find_origin=find_origin, find_end=partial(last_stamp, path, container))
    table = mp4_stamps(path, header) if container.counted and container.stamps == "shown" else None
    if table is not None:
        return FrameNumbers(((time, False) for time in table.tolist()), container, len(table), period)
    packets = _packet_stamps(path)
    if container.stamps == "none":
        packets = ((index * period, False) for index, _ in enumerate(packets))
    find_end = partial(last_stamp, path, container)
    return FrameNumbers(packets, container, header, period, field_step=_field_step(path, container), find_end=find_end)


def _packet_stamps(path: Path) -> Generator[Stamp, None, None]:
    """Yield the time stamp of each packet of a file in ms, and whether it is a key picture."""
    packets = cv2.VideoCapture(native_path(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    try:
        while packets.grab():
            yield packets.get(cv2.CAP_PROP_POS_MSEC), packets.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME) > 0
    finally:
        packets.release()


def _matroska_origin(path: Path, container: Container) -> float:
    """Return the time from which OpenCV counts, in ms from the first packet on: that of the first one that is not broken."""
    last = max(matroska_stamps(path), default=0.0) - container.start
    return max(last - max((time for time, _ in _packet_stamps(path)), default=last), 0.0)


def _field_step(path: Path, container: Container) -> float:
    """Return the least time in ms between the first pictures of a file that may hold a picture as two packets; else 0."""
    if not container.fields:
        return 0.0
    capture = cv2.VideoCapture(native_path(path))
    times = [capture.get(cv2.CAP_PROP_POS_MSEC) for _ in range(9) if capture.grab()]
    capture.release()
    return min((later - earlier for earlier, later in pairwise(times) if later > earlier), default=0.0)


__all__ = ["VideoDecoder", "count_pictures", "open_video"]
