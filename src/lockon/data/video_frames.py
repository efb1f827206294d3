"""Exact access to the frames of a video file by number: frame 100 is always the 101st frame that decodes, however it is reached.

Seeking by time stamps is inexact for many files, so the decoder only moves forward: an earlier frame than the cursor is
taken from a small cache or by starting the file again. Reading in order costs one decode per frame.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lockon._names import native_path
from lockon.data.sequence import LazyList
from lockon.errors import LockonError
from lockon.types import Frame


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
        self._capture: Any = None
        self._next = 0  # number of the frame that the decoder yields next
        self._process = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "cache": self.cache}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path, self.cache = state["path"], state["cache"]
        self._reset()

    def _open(self) -> Any:
        if not self.path.is_file():
            raise LockonError(f"{self.path} does not exist; expected a video file")
        capture = cv2.VideoCapture(native_path(self.path))
        if not capture.isOpened():
            raise LockonError(f"{self.path} is no video that OpenCV can open; convert it, for example: ffmpeg -i IN -c:v libx264 OUT.mp4")
        return capture

    def announced_count(self) -> int:
        """Return the number of frames in the file's header; 0 without one. It may be wrong: see `count`."""
        capture = self._open()
        number = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        capture.release()
        return max(number, 0)

    def count(self) -> int:
        """Count the frames that decode, by decoding all of them."""
        capture = self._open()
        number = 0
        while capture.grab():
            number += 1
        capture.release()
        return number

    def read(self, index: int) -> Frame:
        """Read the (H, W, 3) uint8 RGB pixels of frame `index`, counted from 0.

        Raises:
            LockonError: The file cannot be opened, or ends or breaks before that frame.
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
            if self._capture is None or index < self._next:
                self._close()
                self._capture = self._open()
            while self._next < index and self._capture.grab():
                self._next += 1
            ok, frame = self._capture.read() if self._next == index else (False, None)
            if not ok or frame is None:
                count = self._next
                self._close()
                raise LockonError(f"{self.path}: frame {index} cannot be read, only {count} frames decode")
            self._next += 1
            image: Frame = np.array(frame[..., ::-1], dtype=np.uint8)
            self._recent[index] = image
            while len(self._recent) > self.cache:
                self._recent.popitem(last=False)
            return np.array(image, dtype=np.uint8)

    def _close(self) -> None:
        if self._capture is not None:
            self._capture.release()
        self._capture = None
        self._next = 0

    def read_path(self, path: Path) -> Frame:
        """Read the frame whose number is the last part of a path that `lazy` made."""
        return self.read(int(path.name))

    def lazy(self, count: int) -> LazyList[Frame]:
        """Return the first `count` frames as a lazy list; item i has the path VIDEO/00000i, which names it in messages and caches."""
        return LazyList([self.path / f"{index:06d}" for index in range(count)], self.read_path)
