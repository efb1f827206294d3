"""What the readers of all benchmark layouts share: the files of one sequence, its ground truth, and the step to `VideoSequence`.

A layout is three functions: `is_root` returns whether a folder looks like the benchmark, `scan` lists the files of every
target without reading pixels, `truth` parses one target's annotation. `lockon data check` uses the same three.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lockon.data.datasets.mask_images import read_mask
from lockon.data.datasets.parsing import TextTable, format_ranges
from lockon.data.sequence import LazyList, LazyPaths, VideoSequence, check_command, read_image
from lockon.data.video_frames import VideoFrames
from lockon.errors import LockonError
from lockon.types import FloatArray, Frame
from lockon.video_capture import VIDEO_SUFFIXES, is_video

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
FrameMode = Literal["required", "optional"]
"""Whether a sequence without its images is an error, or has frames that cannot be read."""
_NUMBERS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class SequenceFiles:
    """The files of one target in one video, as found on disk.

    Attributes:
        name: Unique within the dataset.
        folder: Where its images are expected.
        frames: Image files in frame order; empty if there are none or the frames are in `video`.
        truth: Annotation file (or folder of masks), or None if it is missing.
        video: A video file that holds the frames, instead of images.
        masks: One mask file per frame, or None.
        target: Which of several targets of the annotation, or None when there is one.
        first: Number of the first frame in the file names, where the layout fixes it.
        count: Number of frames of `video` where it was counted already, or of the benchmark's list where there are no images.
        attributes: Names of the benchmark's attributes that hold.
        pattern: How the benchmark names its images, to name those that are missing.
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
    pattern: str = "{:08d}.jpg"

    @property
    def length(self) -> int:
        """Number of frames, as far as it is known without opening a video; else 0."""
        return len(self.frames) or self.count or 0

    @classmethod
    def of(cls, name: str, folder: Path, truth: Path | None, **more: Any) -> SequenceFiles:
        """Return the files of a sequence whose images are those of `folder`; an annotation that is not there is left out."""
        return cls(name, folder, list_images(folder), truth if truth is not None and truth.is_file() else None, **more)

    @property
    def annotation(self) -> Path:
        """The annotation of a sequence that has one."""
        assert self.truth is not None
        return self.truth


@dataclass(frozen=True, slots=True)
class Truth:
    """One target's parsed annotation.

    Attributes:
        boxes: (T, 4) float64 x, y, w, h, 0-based; NaN rows where there is none.
        lines: (T,) line of the file that each row comes from (0: no line).
        problems: What is wrong with the annotation, each naming FILE:LINE.
        visible: (T,) bool, or None when the benchmark does not say.
        polygons: (T, 8) 0-based, or None.
        wrong: Lines that cannot be read; their rows are NaN too.
        masks: T lazy masks where the annotation file holds them (image files of masks are in `SequenceFiles`), or None.
        anchors: As in `VideoSequence`.
        backward: As in `VideoSequence`.
        frame_size: As in `VideoSequence`.
        fps: As in `VideoSequence`.
        attributes: Names of attributes that the annotation gives.
        first_only: Whether the benchmark keeps all boxes but the first to itself (test sets that a server scores).
    """

    boxes: FloatArray
    lines: NDArray[np.int64]
    problems: tuple[str, ...] = ()
    visible: NDArray[np.bool_] | None = None
    polygons: FloatArray | None = None
    wrong: frozenset[int] = frozenset()
    masks: LazyList[NDArray[np.bool_]] | None = None
    anchors: tuple[int, ...] | None = None
    backward: frozenset[int] = frozenset()
    frame_size: tuple[int, int] | None = None
    fps: float | None = None
    attributes: frozenset[str] = frozenset()
    first_only: bool = False

    @classmethod
    def of_table(cls, table: TextTable, boxes: FloatArray | None = None, absent: NDArray[np.bool_] | None = None, **more: Any) -> Truth:
        """Return the truth of a file with a line per frame; `visible` is None where no target is absent.

        Args:
            table: The lines.
            boxes: (T, 4) boxes where they are not the table's own values.
            absent: (T,) where the target is absent; None: where a line has no numbers.
            more: Other fields; `problems` are added to the table's.
        """
        absent = table.widths == 0 if absent is None else absent
        problems = (*table.problems, *more.pop("problems", ()))
        visible = ~absent if absent.any() else None
        return cls(table.values if boxes is None else boxes, table.lines, problems, visible, wrong=table.wrong, **more)


@dataclass(frozen=True, slots=True)
class Layout:
    """One folder layout: how to recognise it, what lies in it, how its annotation reads.

    Attributes:
        name: Short name for lists.
        expects: What must be there, for messages.
        is_root: Returns whether a folder looks like the benchmark.
        scan: Lists the files of every target under a root, without reading pixels.
        truth: Parses one target's annotation.
        origin: Number of the first pixel in the annotation files, 0 or 1; `truth` translates to 0.
        numbered: Whether the numbers in the image names are frame numbers.
        overlooked: Lists what lies under a root and is no sequence although it looks like a part of one, a line each.
    """

    name: str
    expects: str
    is_root: Callable[[Path], bool]
    scan: Callable[[Path], list[SequenceFiles]]
    truth: Callable[[SequenceFiles], Truth]
    origin: int = 1
    numbered: bool = True
    overlooked: Callable[[Path], list[str]] = lambda root: []

    def load(self, root: Path, dataset: str, frames: FrameMode = "required") -> list[VideoSequence]:
        """Load all sequences under `root`, sorted by name.

        Raises:
            LockonError: The first sequence that is incomplete or whose annotation is wrong.
        """
        return [self.read(files, dataset, frames, root) for files in self.scan(root)]

    def read(self, files: SequenceFiles, dataset: str, frames: FrameMode = "required", root: Path | None = None) -> VideoSequence:
        """Read one sequence with lazy frames and masks; errors name the command that checks the dataset at its `root`.

        Raises:
            LockonError: No annotation, a bad line, or counts of frames, boxes and masks that differ; no images, unless
                `frames` is "optional".
        """
        source = dataset if root is None else f"{dataset}:{root}"
        hint = f"run `{check_command(source)}`"
        if files.truth is None:
            raise LockonError(f"{dataset}/{files.name}: no annotation in {files.folder}; expected {self.expects}; {hint}")
        if frames == "required" and not files.frames and files.video is None:
            raise LockonError(f"{dataset}/{files.name}: no images in {files.folder}; expected {self.expects}; {hint}")
        truth = self.truth(files)
        if truth.problems:
            more = f" (and {len(truth.problems) - 1} more; {hint})" if len(truth.problems) > 1 else ""
            raise LockonError(truth.problems[0] + more)
        images = _frames(files, len(truth.boxes), frames)
        if len(images) != len(truth.boxes):
            gap = _missing(files, len(truth.boxes)) if self.numbered else ""
            raise LockonError(f"{dataset}/{files.name}: {len(images)} frames but {len(truth.boxes)} boxes in {files.truth}{gap}; {hint}")
        if files.masks is not None and len(files.masks) != len(images):
            raise LockonError(f"{dataset}/{files.name}: {len(images)} frames but {len(files.masks)} masks; {hint}")
        return VideoSequence(
            name=files.name,
            dataset=dataset,
            frames=images,
            boxes=truth.boxes,
            visible=truth.visible,
            masks=truth.masks if files.masks is None else LazyList(files.masks, partial(read_mask, target=files.target)),
            polygons=truth.polygons,
            attributes=files.attributes | truth.attributes,
            anchors=truth.anchors,
            backward=truth.backward,
            frame_size=truth.frame_size,
            fps=truth.fps,
        )


def _frames(files: SequenceFiles, expected: int, mode: FrameMode) -> LazyList[Frame]:
    if files.video is None:
        if mode == "optional" and len(files.frames) < expected:
            there = {number: path for path in files.frames if (number := frame_number(path)) is not None}
            return LazyList(LazyPaths(partial(_expected_path, files, there), expected), read_if_there)
        return LazyList(files.frames, read_image)
    video = VideoFrames(files.video)
    return video.lazy(video.count() if files.count is None else files.count)


def _expected_path(files: SequenceFiles, there: dict[int, Path], index: int) -> Path:
    """Return where an image is, or would be by the benchmark's way of naming them."""
    number = index + (1 if files.first is None else files.first)
    return there.get(number) or files.folder / files.pattern.format(number)


def read_if_there(path: Path) -> Frame:
    """Read the (H, W, 3) uint8 RGB pixels of an image that may be missing because only the ground truth was asked for.

    Raises:
        LockonError: It is missing, or no image.
    """
    if not path.exists():
        raise LockonError(f"{path} does not exist: the ground truth was loaded without images; give the root of the complete dataset")
    return read_image(path)


def _missing(files: SequenceFiles, count: int) -> str:
    """Return which frames have no image, as the end of a message; empty where the numbers do not show it."""
    numbers = frame_numbers(files.frames)
    if files.video is not None or len(numbers) != len(files.frames) or len(numbers) >= count:
        return ""
    first = files.first if files.first is not None else 1 if count in numbers else min(numbers)
    gone = set(range(first, first + count)) - numbers
    return f" (missing: {format_ranges(gone)})" if gone else ""


def first_box(files: SequenceFiles, table: TextTable, **more: Any) -> Truth:
    """Return the truth of a sequence of which the benchmark gives one box: NaN in all frames that are there but the first.

    Args:
        files: The files of the sequence.
        table: Its only box, x, y, w, h, 0-based.
        more: Other fields of the truth; `problems` are added to the table's.
    """
    boxes, lines = np.full((max(len(files.frames), 1), 4), np.nan), np.zeros(max(len(files.frames), 1), dtype=np.int64)
    boxes[:1], lines[0] = table.values[:1], 1
    problems = (*table.problems, *more.pop("problems", ()))
    return Truth(boxes, lines, problems, first_only=True, **more)


def natural_key(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Return the sort key that orders numbers in a file name by value: img2 before img10."""
    parts = _NUMBERS.split(path.name.lower())
    return tuple((1, int(part), part) if part.isdigit() else (0, 0, part) for part in parts)


def frame_number(path: Path) -> int | None:
    """Return the last number in the file's stem (0012.jpg -> 12), or None."""
    numbers = _NUMBERS.findall(path.stem)
    return int(numbers[-1]) if numbers else None


def frame_numbers(paths: Iterable[Path]) -> set[int]:
    """Return the numbers of all files that have one."""
    return {number for path in paths if (number := frame_number(path)) is not None}


def list_images(folder: Path, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> tuple[Path, ...]:
    """List the image files of a folder in natural order, without hidden files; none if there is no such folder."""
    if not folder.is_dir():
        return ()
    images = [path for path in _entries(folder) if path.suffix.lower() in suffixes]
    return tuple(sorted(images, key=natural_key))


def list_videos(folder: Path) -> tuple[Path, ...]:
    """List the video files of a folder in natural order, as `list_images`."""
    return tuple(path for path in list_images(folder, VIDEO_SUFFIXES) if is_video(path))


def list_folders(folder: Path) -> list[Path]:
    """List the sub-folders in order of name, without hidden ones; none if there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in _entries(folder) if path.is_dir())


def _entries(folder: Path) -> list[Path]:
    """List what lies in a folder, without hidden files."""
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise LockonError(f"{folder} cannot be listed: {error.strerror}; mend its permissions or give another root") from error


def from_one_based(boxes: FloatArray) -> FloatArray:
    """Convert boxes x, y, w, h with the first pixel numbered 1 to 0-based ones."""
    return np.asarray(boxes - np.array([1.0, 1.0, 0.0, 0.0]))
