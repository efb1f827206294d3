"""What the readers of all benchmark layouts share: the files of one sequence, its ground truth, and the step to `Sequence`.

A layout is three functions. `is_root` tells whether a folder looks like the benchmark, `scan` lists the files of every
target without reading pixels, `truth` parses one target's annotation. `lockon data check` uses the same three.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lockon.data.sequence import LazyList, Sequence, read_image
from lockon.data.video_frames import VideoFrames
from lockon.errors import LockonError
from lockon.types import FloatArray, Frame

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"})
_NUMBERS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class SequenceFiles:
    """The files of one target in one video, as found on disk.

    Attributes:
        name: unique within the dataset.
        folder: where its images are expected.
        frames: image files in frame order; empty if there are none or the frames are in `video`.
        truth: annotation file (or folder of masks), or None if it is missing.
        video: a video file that holds the frames, instead of images.
        masks: one mask file per frame, or None.
        target: which of several targets of the annotation, or None when there is one.
        first: number of the first frame in the file names, where the layout fixes it.
        count: number of frames of `video` where it was counted already.
        attributes: names of the benchmark's attributes that hold.
    """

    name: str
    folder: Path
    frames: tuple[Path, ...]
    truth: Path | None
    video: Path | None = None
    masks: tuple[Path, ...] | None = None
    target: int | None = None
    first: int | None = None
    count: int | None = None
    attributes: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Truth:
    """One target's parsed annotation.

    Attributes:
        boxes: (T, 4) float64 x, y, w, h, 0-based; NaN rows where there is none.
        lines: (T,) line of the file that each row comes from (0: no line).
        problems: what is wrong with the annotation, each naming FILE:LINE.
        visible: (T,) bool, or None when the benchmark does not say.
        polygons: (T, 8) 0-based, or None.
        wrong: lines that cannot be read; their rows are NaN too.
    """

    boxes: FloatArray
    lines: NDArray[np.int64]
    problems: tuple[str, ...] = ()
    visible: NDArray[np.bool_] | None = None
    polygons: FloatArray | None = None
    wrong: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Layout:
    """One folder layout: how to recognise it, what lies in it, how its annotation reads."""

    name: str
    expects: str
    is_root: Callable[[Path], bool]
    scan: Callable[[Path], list[SequenceFiles]]
    truth: Callable[[SequenceFiles], Truth]

    def load(self, root: Path, dataset: str) -> list[Sequence]:
        """All sequences under `root`, sorted by name.

        Raises:
            LockonError: the first sequence that is incomplete or whose annotation is wrong.
        """
        return [self.read(files, dataset) for files in self.scan(root)]

    def read(self, files: SequenceFiles, dataset: str) -> Sequence:
        """One sequence with lazy frames and masks.

        Raises:
            LockonError: no images, no annotation, a bad line, or counts of frames, boxes and masks that differ.
        """
        hint = f"run `lockon data check {dataset}`"
        if files.truth is None:
            raise LockonError(f"{dataset}/{files.name}: no annotation in {files.folder}; expected {self.expects}; {hint}")
        if not files.frames and files.video is None:
            raise LockonError(f"{dataset}/{files.name}: no images in {files.folder}; expected {self.expects}; {hint}")
        truth = self.truth(files)
        if truth.problems:
            more = f" (and {len(truth.problems) - 1} more; {hint})" if len(truth.problems) > 1 else ""
            raise LockonError(truth.problems[0] + more)
        frames = _frames(files, len(truth.boxes))
        if len(frames) != len(truth.boxes):
            raise LockonError(f"{dataset}/{files.name}: {len(frames)} frames but {len(truth.boxes)} boxes in {files.truth}; {hint}")
        if files.masks is not None and len(files.masks) != len(frames):
            raise LockonError(f"{dataset}/{files.name}: {len(frames)} frames but {len(files.masks)} masks; {hint}")
        return Sequence(
            name=files.name,
            dataset=dataset,
            frames=frames,
            boxes=truth.boxes,
            visible=truth.visible,
            masks=None if files.masks is None else LazyList(files.masks, partial(read_mask, target=files.target)),
            polygons=truth.polygons,
            attributes=files.attributes,
        )


def _frames(files: SequenceFiles, expected: int) -> LazyList[Frame]:
    if files.video is None:
        return LazyList(files.frames, read_image)
    video = VideoFrames(files.video)
    count = files.count
    if count is None:
        count = expected if video.announced_count() == expected else video.count()
    return video.lazy(count)


def natural_key(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Sort key that orders numbers in a file name by value: img2 before img10."""
    parts = _NUMBERS.split(path.name.lower())
    return tuple((1, int(part), part) if part.isdigit() else (0, 0, part) for part in parts)


def frame_number(path: Path) -> int | None:
    """The last number in the file's stem (0012.jpg -> 12), or None."""
    numbers = _NUMBERS.findall(path.stem)
    return int(numbers[-1]) if numbers else None


def list_images(folder: Path, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> tuple[Path, ...]:
    """Image files of a folder in natural order; hidden files are left out. Empty if there is no such folder."""
    if not folder.is_dir():
        return ()
    found = [path for path in _entries(folder) if path.suffix.lower() in suffixes]
    return tuple(sorted(found, key=natural_key))


def list_folders(folder: Path) -> list[Path]:
    """Sub-folders in order of name; hidden ones are left out. Empty if there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in _entries(folder) if path.is_dir())


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, without hidden files."""
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise LockonError(f"{folder} cannot be listed: {error.strerror}; mend its permissions or give another root") from error


def read_mask(path: Path, target: int | None = None) -> NDArray[np.bool_]:
    """(H, W) bool mask of a PNG: everything that is not 0, or the object number `target` of a multi-object mask.

    Multi-object masks are palette images with the colours of PASCAL VOC (as DAVIS 2017 has them) or grey images whose
    values are the object numbers.

    Raises:
        LockonError: the file is missing or no image.
    """
    image = read_mask_image(path)
    if target is None:
        return np.asarray(image != 0 if image.ndim == 2 else (image != 0).any(axis=2))
    if image.ndim == 2:
        return np.asarray(image == target)
    return np.asarray((image == np.array(voc_colour(target), dtype=np.uint8)).all(axis=2))


def read_mask_image(path: Path) -> NDArray[np.uint8]:
    """Pixels of a mask file: (H, W) grey values or (H, W, 3) RGB palette colours.

    Raises:
        LockonError: the file is missing or no image.
    """
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        state = "is not a readable mask image" if path.exists() else "does not exist"
        raise LockonError(f"{path} {state}; run `lockon data check` to list every broken file of a dataset")
    return np.asarray(image if image.ndim == 2 else image[..., 2::-1], dtype=np.uint8)


def mask_targets(path: Path, limit: int = 255) -> list[int]:
    """Object numbers in a multi-object mask file, ascending, without the background 0."""
    image = read_mask_image(path)
    if image.ndim == 2:
        return [int(value) for value in np.unique(image) if value != 0]
    packed = image.astype(np.int32) @ np.array([65536, 256, 1], dtype=np.int32)  # (H, W)
    colours = {(int(value) >> 16, int(value) >> 8 & 255, int(value) & 255) for value in np.unique(packed)}
    return [number for number in range(1, limit + 1) if voc_colour(number) in colours]


def voc_colour(number: int) -> tuple[int, int, int]:
    """RGB of entry `number` of the PASCAL VOC palette: its bits, three at a time, from the top bit of each channel down.

    >>> voc_colour(1), voc_colour(2), voc_colour(3)
    ((128, 0, 0), (0, 128, 0), (128, 128, 0))
    """
    channels = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            channels[channel] |= ((number >> (3 * bit + channel)) & 1) << (7 - bit)
    return channels[0], channels[1], channels[2]


def mask_to_box(mask: NDArray[np.bool_]) -> FloatArray:
    """(4,) x, y, w, h of the pixels of a mask (w = last - first + 1), NaN for an empty one."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if columns.size == 0:
        return np.full(4, np.nan)
    return np.array([columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1], dtype=np.float64)


def from_one_based(boxes: FloatArray) -> FloatArray:
    """Boxes x, y, w, h with the first pixel numbered 1, to 0-based."""
    return np.asarray(boxes - np.array([1.0, 1.0, 0.0, 0.0]))
