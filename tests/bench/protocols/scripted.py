"""Videos without files, and trackers that answer from a script: what a protocol does with them can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lockon.data.sequence import LazyList, VideoSequence
from lockon.types import Result

SIZE = (60, 40)  # width, height of the frames
HERE, AWAY = (10.0, 10, 8, 6), (40.0, 25, 8, 6)


def read(path: Path):
    """A frame whose first pixel says its number."""
    frame = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    frame[0, 0] = int(path.name)
    return frame


def read_mask(path: Path):
    """A mask of 6 x 4 pixels whose box is 12, 11, 6, 4; it moves right by one pixel per frame."""
    mask = np.zeros((SIZE[1], SIZE[0]), np.bool_)
    x = 12 + int(path.name)
    mask[11:15, x : x + 6] = True
    return mask


def make(count, *, name="clip", masks=False, **fields) -> VideoSequence:
    """`count` frames with the target at `HERE`."""
    paths = [Path(name) / str(index) for index in range(count)]
    boxes = fields.pop("boxes", np.tile(HERE, (count, 1)))
    return VideoSequence(name, "made", LazyList(paths, read), boxes, masks=LazyList(paths, read_mask) if masks else None, **fields)


class Scripted:
    """Answers `HERE`, but `AWAY` on some frames; keeps a diary of what it was asked."""

    def __init__(self, away=(), mask=None):
        self.away, self.mask = set(away), mask
        self.starts, self.tracked, self.start_boxes = [], [], []

    def init(self, frame, box):
        self.starts.append(int(frame[0, 0, 0]))
        self.start_boxes.append(np.asarray(box).tolist())

    def track(self, frame):
        number = int(frame[0, 0, 0])
        self.tracked.append(number)
        return Result(np.array(AWAY if number in self.away else HERE), 0.7, "tracked", self.mask)
