"""YouTube-BoundingBoxes (E. Real et al., CVPR 2017), the detection part for training.

    ROOT/yt_bb_detection_train.csv      per line: youtube_id, timestamp_ms, class_id, class_name, object_id, object_presence,
                                        xmin, xmax, ymin, ymax: both x first, all from 0 to 1, -1 where the object is absent
    ROOT/yt_bb_detection_train/...      one image per annotated second, by one of `PATTERNS`

The coordinates are fractions of the image's width and height. They become pixels when an image is read: the labels of the PySOT family
depend on the box's shape, which fractions get wrong by the shape of the image.

Videos vanish from YouTube, so hardly anybody has every image; boxes without one are left out and counted.
"""

from __future__ import annotations

import csv
import os
from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lockon.box_columns import parse_number
from lockon.data.tracks import ImageFiles, Track, TrackSet
from lockon.errors import LockonError

PART = "yt_bb_detection_train"
# {folder} is the class, {clip} the video, {track} the object, {frame} the second.
PATTERNS = (
    "{folder}/{clip}+{milliseconds}+{folder}+{track:d}.jpg",
    "{folder}/{clip}/{milliseconds}.jpg",
    "{folder}/{clip}/{frame:06d}.jpg",
    "{folder}/{clip}_{milliseconds}.jpg",
    "{clip}/{milliseconds}.jpg",
    "{clip}/{frame:06d}.jpg",
)
EXPECTS = f"{PART}.csv and {PART}/CLASS/VIDEO/MILLISECONDS.jpg (or the like)"
_COLUMNS = 10


@dataclass(frozen=True, slots=True)
class _Rows:
    """The present boxes of the CSV file, sorted by video, object and second."""

    keys: list[tuple[str, int]]  # video "CLASS/YOUTUBE_ID" and object
    owner: NDArray[np.int64]  # (n,) index into keys, ascending
    seconds: NDArray[np.int32]  # (n,)
    boxes: NDArray[np.float32]  # (n, 4) x1, y1, x2, y2 from 0 to 1


@dataclass(frozen=True, slots=True)
class _Images(ImageFiles):
    """As its base, but the pattern's {track} is a number, and it may have {milliseconds}."""

    def path(self, video: str, track: str, frame: int) -> Path:
        folder, _, clip = video.rpartition("/")
        return self.root / self.pattern.format(track=int(track), frame=frame, milliseconds=1000 * frame, folder=folder, clip=clip)


def is_root(root: Path) -> bool:
    """Return whether the folder holds the training annotation."""
    return (root / f"{PART}.csv").is_file()


def read(root: Path, name: str = "YTBB", skip: Collection[str] = ()) -> TrackSet:
    """Read the training part, as far as its images are there.

    Raises:
        LockonError: A malformed line (FILE:LINE is named), or no image by any of the known patterns.
    """
    rows = _read_csv(root / f"{PART}.csv")
    images = _find_images(root, rows)
    kept = _existing(rows, images)
    missing = int((~kept).sum())
    tracks = TrackSet.build(name, _tracks(rows, kept), images, relative=True, skip=skip)
    notes = (f"{name}: {missing} of {len(kept)} boxes left out, whose images are not there",) if missing else ()
    return replace(tracks, notes=(*tracks.notes, *notes))


def _read_csv(file: Path) -> _Rows:
    numbers: dict[tuple[str, int], int] = {}
    owner, seconds, boxes = array("q"), array("l"), array("f")
    with file.open(encoding="utf-8", newline="") as lines:
        for line, row in enumerate(csv.reader(lines), start=1):
            if not row or (line == 1 and row[0] == "youtube_id"):
                continue
            try:
                if len(row) != _COLUMNS:
                    raise ValueError(f"{len(row)} columns")
                milliseconds, x1, x2, y1, y2 = int(row[1]), *map(parse_number, row[6:])
                if row[5] == "absent" or min(x1, x2, y1, y2) < 0:
                    continue
                if milliseconds % 1000 or max(x1, x2, y1, y2) > 1.001:
                    raise ValueError("a timestamp that is no whole second, or a coordinate over 1")
                key = (f"{row[2]}/{row[0]}", int(row[4]))
            except ValueError as error:
                expected = "youtube_id, timestamp_ms, class_id, class_name, object_id, object_presence, xmin, xmax, ymin, ymax (0 to 1)"
                raise LockonError(f"{file}:{line}: {error}; expected {expected}") from None
            owner.append(numbers.setdefault(key, len(numbers)))
            seconds.append(milliseconds // 1000)
            boxes.extend((x1, y1, x2, y2))
    keys = sorted(numbers)
    rank = np.empty(len(keys), np.int64)  # number by first appearance -> place in `keys`
    rank[[numbers[key] for key in keys]] = np.arange(len(keys))
    owners, times = rank[np.array(owner, np.int64)], np.array(seconds, np.int32)
    order = np.lexsort((times, owners))
    return _Rows(keys, owners[order], times[order], np.array(boxes, np.float32).reshape(-1, 4)[order])


def _find_images(root: Path, rows: _Rows) -> _Images:
    """Find the pattern by which some image is found, of up to 2,000 boxes spread over the file."""
    top = next((folder for folder in (root / PART, root / "train", root) if folder.is_dir()), root)
    for pattern in PATTERNS:
        images = _Images(top, pattern)
        for row in np.linspace(0, len(rows.owner) - 1, min(2000, len(rows.owner))).astype(int):
            video, track = rows.keys[rows.owner[row]]
            if images.path(video, str(track), int(rows.seconds[row])).is_file():
                return images
    raise LockonError(f"{top} holds no image of {PART}.csv; expected one of the names {', '.join(PATTERNS)}")


def _existing(rows: _Rows, images: _Images) -> NDArray[np.bool_]:
    """Return (n,) whether the image of each box is there, from one listing per folder."""
    listings: dict[str, frozenset[str]] = {}
    kept = np.zeros(len(rows.owner), bool)
    for row, (owner, second) in enumerate(zip(rows.owner.tolist(), rows.seconds.tolist(), strict=True)):
        video, track = rows.keys[owner]
        folder, name = os.path.split(images.path(video, str(track), second))
        if folder not in listings:
            listings[folder] = frozenset(os.listdir(folder)) if os.path.isdir(folder) else frozenset()
        kept[row] = name in listings[folder]
    return kept


def _tracks(rows: _Rows, kept: NDArray[np.bool_]) -> Iterator[Track]:
    starts = np.searchsorted(rows.owner, np.arange(len(rows.keys) + 1))
    for number, (video, track) in enumerate(rows.keys):
        part = np.arange(starts[number], starts[number + 1])
        part = part[kept[part]]
        yield Track(video, f"{track:02d}", rows.seconds[part], rows.boxes[part])
