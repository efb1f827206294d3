"""Sources of frames: video files, folders of images, webcams, URLs and arrays, each as a generator of numbered frames.

`lockon.video.open_frames` opens them; nothing here knows of threads.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Iterable, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike

from lockon.errors import LockonError, LockonWarning
from lockon.ops.pixels import FrameConversion
from lockon.pictures import IMAGE_SUFFIXES, folder_conversion, list_images, read_pixels
from lockon.types import Frame
from lockon.video_capture import is_video
from lockon.video_decoder import VideoDecoder, open_video
from lockon.video_streams import count_streams

Source = str | os.PathLike[str] | int | Iterable[ArrayLike]

_WEBCAMS = 10_000
_TIMEOUT_MS = 10_000  # for opening a URL and for each read from it


class NumberedFrame(NamedTuple):
    """A frame and its number in the source.

    Attributes:
        number: From 0; skipped frames leave gaps in the numbers.
        image: (H, W, 3) uint8 RGB.
    """

    number: int
    image: Frame


class Gap(NamedTuple):
    """A range of frames that could not be read.

    Attributes:
        first: Number of the first one.
        last: Number of the last one, included.
        reason: Why, for messages.
    """

    first: int
    last: int
    reason: str


Item = NumberedFrame | Gap


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """A source that is ready to be read.

    Attributes:
        name: The source, for messages.
        items: Frames and gaps in order; closing the generator frees the source.
        fps: Frames per second, None where unknown.
        count: Number of frames, None where unknown.
        live: Whether frames that are not taken in time are worthless.
        background: Whether `items` may run in another thread.
        images: Names of the image files by frame number, of a folder of images; else empty.
    """

    name: str
    items: Generator[Item, None, None]
    fps: float | None = None
    count: int | None = None
    live: bool = False
    background: bool = True
    images: tuple[str, ...] = ()


def open_source(source: Source, start: int, range: ArrayLike | None = None, color: str = "rgb") -> OpenedSource:
    """Open a source after finding out its kind; frames before `start` are not yielded.

    Args:
        source: As for `lockon.video.open_frames`.
        start: Number of the first frame to yield.
        range: As for `lockon.video.open_frames`.
        color: As for `lockon.video.open_frames`.

    Raises:
        LockonError: The source is missing, unreadable or empty, or has no such range or order of channels.
    """
    if not isinstance(source, int | str | os.PathLike):
        return _open_arrays(source, start, FrameConversion(range, color, name="arrays"))
    if color != "rgb":
        raise LockonError(f"color={color!r} is for arrays; files and streams say themselves in which order their colours are: leave it out")
    if source == "":
        raise LockonError("the source is an empty path; give a video file, a folder of images, a webcam number or a URL")
    if not isinstance(source, int) and os.path.isdir(source):
        return _open_folder(Path(source), start, range)
    return _open_stream(source, start, range)


def _open_stream(source: int | str | os.PathLike[str], start: int, range: ArrayLike | None) -> OpenedSource:
    if isinstance(source, int):
        return _open_webcam(source, start, range)
    text = os.fspath(source)
    if "://" in text:
        return _open_live(text, text, start, range)
    if os.path.isfile(text):
        return _open_file(Path(text), start, range)
    if text.isdecimal():
        return _open_webcam(int(text), start, range)
    if os.path.lexists(text):
        raise LockonError(f"{text} is neither a regular file nor a folder; give a video file, a folder of images, a webcam number or a URL")
    raise LockonError(f"{text} does not exist; give a video file, a folder of images, a webcam number or a URL")


def _open_webcam(number: int, start: int, range: ArrayLike | None) -> OpenedSource:
    if isinstance(number, bool) or not 0 <= number < _WEBCAMS:  # OpenCV crashes on others
        raise LockonError(f"{number} is no number of a webcam; they are counted from 0")
    return _open_live(number, f"webcam {number}", start, range)


def _open_file(path: Path, start: int, range: ArrayLike | None) -> OpenedSource:
    if path.suffix.lower() in IMAGE_SUFFIXES and not is_video(path):
        raise LockonError(f"{path} is a single image; give a video, or the folder of images that it belongs to")
    video = open_video(path, range)
    if (streams := count_streams(path)) > 1:
        text = f"{path} holds {streams} video streams; the first is read"
        hint = f"take another out for its boxes: ffmpeg -i {path.name} -map 0:v:1 -c copy second{path.suffix}"
        warnings.warn(f"{text}; {hint}", LockonWarning, stacklevel=5)
    return OpenedSource(str(path), _read_video(video, start), video.fps, video.count)


def _open_live(source: str | int, name: str, start: int, range: ArrayLike | None) -> OpenedSource:
    if isinstance(source, int):
        capture = cv2.VideoCapture(source)
        hint = "check that a camera is connected, free and allowed"
    else:
        timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS]
        capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, timeouts)
        hint = "check the address and the network"
    if not capture.isOpened():
        raise LockonError(f"{name} cannot be opened; {hint}")
    video = VideoDecoder(capture, name, conversion=FrameConversion(range, name=name))
    return OpenedSource(
        name, _read_video(video, start), video.fps, video.count, live=video.count is None
    )  # a file behind a URL is not live


def _read_video(video: VideoDecoder, start: int) -> Generator[Item, None, None]:
    """Yield the pictures of a video, and what lies between those that can be decoded."""
    expected = start
    try:
        while (number := video.advance()) is not None:
            image = video.picture() if number >= start else None
            if image is None:
                continue
            if expected < number:
                yield Gap(expected, number - 1, "the video is damaged there")
            yield NumberedFrame(number, image)
            expected = number + 1
        total = video.total()
        if start < expected < total:
            yield Gap(expected, total - 1, f"the video ends early, or is damaged there; it has {total} frames")
    finally:
        video.close()


def _open_folder(folder: Path, start: int, range: ArrayLike | None) -> OpenedSource:
    try:
        paths = list_images(folder)
    except OSError as error:
        raise LockonError(f"folder {folder} cannot be read: {error.strerror}; check its permissions") from None
    if not paths:
        video = next((path.name for path in sorted(folder.iterdir()) if is_video(path)), None)
        hint = "" if video is None else f"; it holds videos: give one of them, such as {video}"
        raise LockonError(f"folder {folder} holds no images; expected files ending in {' '.join(sorted(IMAGE_SUFFIXES))}{hint}")
    names = tuple(path.name for path in paths)
    items = _read_folder(paths, start, folder_conversion(paths, range))
    return OpenedSource(str(folder), items, count=len(paths), images=names)


def _read_folder(paths: list[Path], start: int, conversion: FrameConversion) -> Generator[Item, None, None]:
    for index in range(start, len(paths)):
        image = read_pixels(paths[index], conversion)
        yield Gap(index, index, f"{paths[index].name} is not a readable image") if image is None else NumberedFrame(index, image)


def _open_arrays(frames: Iterable[ArrayLike], start: int, conversion: FrameConversion) -> OpenedSource:
    if not isinstance(frames, Iterable):
        raise LockonError(f"cannot read frames from a {type(frames).__name__}; give a path, a webcam number, a URL or arrays")
    if isinstance(frames, np.ndarray) and (frames.ndim < 3 or (frames.ndim == 3 and frames.shape[-1] in (3, 4))):
        raise LockonError(f"one array of shape {frames.shape} looks like a single frame; give a list of frames or (T, H, W, 3)")
    count = len(frames) if isinstance(frames, Sized) else None
    if isinstance(frames, list | tuple | np.ndarray) and len(frames):
        conversion.look_at(len(frames), frames.__getitem__)
    return OpenedSource("arrays", _read_arrays(frames, start, conversion), count=count, background=False)


def _read_arrays(frames: Iterable[ArrayLike], start: int, conversion: FrameConversion) -> Generator[Item, None, None]:
    for index, frame in enumerate(frames):
        if index >= start:
            try:
                image = conversion(frame)
            except LockonError as error:
                raise LockonError(f"frame {index}: {error}") from None
            yield NumberedFrame(index, image)


__all__ = [
    "Gap",
    "Item",
    "NumberedFrame",
    "OpenedSource",
    "Source",
    "open_source",
]
