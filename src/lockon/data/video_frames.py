"""Exact access to the frames of a video file by number: frame n is the picture that `lockon track` numbers n.

Seeking by time stamps is inexact for many files, so the decoder only moves forward: an earlier frame than the cursor is
taken from a small cache or by starting the file again. Reading in order costs one decode per frame.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from lockon.data.datasets.parsing import format_ranges
from lockon.data.sequence import LazyList
from lockon.errors import LockonError
from lockon.types import Frame
from lockon.video_decoder import VideoDecoder, count_pictures, open_video


class VideoFrames:
    """Random access to the frames of one video file.

    It is safe to share between threads, to fork and to pickle: each process opens the file for itself.

    Args:
        path: The video file.
        cache: Number of frames to keep, those read last.
    """

    def __init__(self, path: Path, *, cache: int = 32) -> None:
        self.path = path
        self.cache = cache
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._recent: OrderedDict[int, Frame] = OrderedDict()
        self._video: VideoDecoder | None = None
        self._number = -1  # number of the frame that the decoder is at
        self._process = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "cache": self.cache}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path, self.cache = state["path"], state["cache"]
        self._reset()

    def count(self) -> int:
        """Return the number of frames, those included that cannot be decoded; nothing is decoded.

        Raises:
            LockonError: The file cannot be opened.
        """
        return count_pictures(self.path)

    def unreadable(self) -> list[int]:
        """Return the numbers of the frames that cannot be decoded, by decoding all of them.

        Raises:
            LockonError: The file cannot be opened.
        """
        video = open_video(self.path)
        try:
            found = set()
            while (number := video.advance()) is not None:
                found.add(number)
            return sorted(set(range(video.total())) - found)
        finally:
            video.close()

    def read(self, index: int) -> Frame:
        """Read the (H, W, 3) uint8 RGB pixels of frame `index`, counted from 0.

        Raises:
            LockonError: The file cannot be opened, or has no such frame, or that frame is damaged.
            IndexError: A negative index.
        """
        if index < 0:
            raise IndexError(f"frame {index} of {self.path}: counted from 0")
        if self._process != os.getpid():  # after a fork the decoder's file position is shared with the parent
            self._reset()
        with self._lock:
            if index in self._recent:
                self._recent.move_to_end(index)
                return np.array(self._recent[index], dtype=np.uint8)
            image = self._decode(index)
            if image is None:
                raise self._missing(index)
            self._recent[index] = image
            while len(self._recent) > self.cache:
                self._recent.popitem(last=False)
            return np.array(image, dtype=np.uint8)

    def _decode(self, index: int) -> Frame | None:
        """Return a frame, None where it cannot be decoded."""
        if self._video is None or index < self._number:
            self._close()
            self._video = open_video(self.path)
        while self._number < index:
            number = self._video.advance()
            if number is None:
                self._close()
                return None
            self._number = number
        return self._video.picture() if self._number == index else None

    def _missing(self, index: int) -> LockonError:
        count, damaged = self.count(), self.unreadable()
        if index >= count:
            return LockonError(f"{self.path}: there is no frame {index}, the video has {count}, counted from 0")
        return LockonError(
            f"{self.path}: frame {index} cannot be read; of its {count} frames {format_ranges(damaged)} cannot be decoded; "
            f"write a whole copy from a good source, or cut the video there: ffmpeg -i {self.path.name} -ss START -to END out.mp4"
        )

    def _close(self) -> None:
        if self._video is not None:
            self._video.close()
        self._video, self._number = None, -1

    def read_path(self, path: Path) -> Frame:
        """Read the frame whose number is the last part of a path that `lazy` made."""
        return self.read(int(path.name))

    def lazy(self, count: int) -> LazyList[Frame]:
        """Return the first `count` frames as a lazy list; item i has the path VIDEO/00000i, which names it in messages and caches."""
        return LazyList([self.path / f"{index:06d}" for index in range(count)], self.read_path)
