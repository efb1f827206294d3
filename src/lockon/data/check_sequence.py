"""Checks of one sequence on disk for missing and broken parts: frames, annotation lines, boxes, image files, masks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, frame_number, frame_numbers
from lockon.data.datasets.lists import Listed
from lockon.data.datasets.mask_images import read_mask_image
from lockon.data.datasets.parsing import format_ranges
from lockon.data.datasets.table import FOLDER
from lockon.data.image_files import broken_file
from lockon.data.video_frames import VideoFrames
from lockon.errors import LockonError
from lockon.ops.boxes import xywh_to_xyxy
from lockon.pictures import read_pixels
from lockon.types import Frame

Size = tuple[int, int]  # width, height
_OWN, _PUBLISHED = "which counts as no box", "as published"


@dataclass(slots=True)
class Faults:
    """The faults of one sequence or set.

    Attributes:
        problems: Lines of text.
        notes: Lines of text.
        frames: Number of frames that are there.
        boxes: Number of annotated frames.
        size: (width, height) of most of the images, or None where none was decoded.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    frames: int = 0
    boxes: int = 0
    size: Size | None = None


def check_sequence(files: SequenceFiles, layout: Layout, *, full: bool = False, listed: Listed | None = None) -> Faults:
    """Check one sequence for all that is wrong with it.

    Args:
        files: Its files, as the layout's `scan` lists them.
        layout: The layout.
        full: Decode every image and mask; otherwise the first image only (every file's end is checked all the same).
        listed: The sequence in the benchmark's list, or None.
    """
    faults = Faults(frames=len(files.frames))
    truth = None
    if files.truth is None:
        faults.problems.append(f"no annotation; expected {layout.expects}")
    else:
        truth = layout.truth(files)
        faults.problems += truth.problems
        faults.boxes = len(truth.boxes)
        truth = None if truth.problems and not faults.boxes else truth  # there is nothing that could be compared
    meant = _OWN if layout.name == FOLDER else _PUBLISHED if listed is not None and listed.frames == faults.boxes else ""
    if files.video is not None:
        _check_video(files.video, truth, faults, meant)
        return faults
    if not files.frames:
        faults.problems.append(f"no images in {files.folder}")
        return faults
    if layout.numbered:
        _check_numbers(files, truth, faults)
    elif truth is not None and len(truth.boxes) != len(files.frames):
        faults.problems.append(f"{len(files.frames)} images but {len(truth.boxes)} boxes in {files.truth}")
    sizes = _check_images(files.frames, full, faults)
    if truth is not None:
        if truth.frame_size is not None and faults.size is not None and faults.size != truth.frame_size:
            faults.problems.append("the images are {}x{}, but the annotation states {}x{}".format(*faults.size, *truth.frame_size))
        _check_boxes(truth, sizes, faults, meant)
    if files.masks is not None:
        _check_masks(files, sizes, full, faults)
    return faults


def _check_video(video: Path, truth: Truth | None, faults: Faults, meant: str) -> None:
    reader = VideoFrames(video)
    try:
        faults.frames = reader.count()
        damaged = reader.unreadable()
        first = min(set(range(len(damaged) + 1)) - set(damaged))
        if first >= faults.frames:
            faults.problems.append(f"{video}: none of its {faults.frames} frames can be decoded")
            return
        height, width = reader.read(first).shape[:2]
    except LockonError as error:
        faults.problems += [] if str(error) in faults.problems else [str(error)]
        return
    if damaged:
        faults.problems.append(f"{video}: frames that cannot be decoded: {format_ranges(damaged)} (counted from 0)")
    if truth is not None:
        if len(truth.boxes) != faults.frames:
            faults.problems.append(f"{faults.frames} frames but there are {len(truth.boxes)} boxes")
        _check_boxes(truth, [(width, height)] * len(truth.boxes), faults, meant)


def _check_numbers(files: SequenceFiles, truth: Truth | None, faults: Faults) -> None:
    """Check for frames without an image, without an annotation, or with two images, by the numbers in the file names."""
    numbers = [frame_number(path) for path in files.frames]
    unnumbered = [path.name for path, number in zip(files.frames, numbers, strict=True) if number is None]
    if unnumbered:
        faults.problems.append(f"{len(unnumbered)} images without a frame number in the name, such as {unnumbered[0]}")
        return
    present = Counter(number for number in numbers if number is not None)
    double = [number for number, count in present.items() if count > 1]
    if double:
        faults.problems.append(f"more than one image for the same frame: {format_ranges(double)}")
    boxes = len(truth.boxes) if truth is not None and not truth.first_only else 0
    first = _first_number(files.first, min(present), max(present), boxes)
    last = first + boxes - 1 if boxes else max(present)
    missing = set(range(first, last + 1)) - set(present)
    extra = set(present) - set(range(first, last + 1))
    if missing and len(present) == boxes:
        gaps = set(range(min(present), max(present) + 1)) - set(present)
        faults.notes.append(
            f"the numbers of the images skip {format_ranges(gaps)}" if gaps else f"the images are numbered from {min(present)}"
        )
        return
    if missing:
        faults.problems.append(f"missing frames: {format_ranges(missing)} ({len(missing)} of {last - first + 1})")
    if extra:
        faults.problems.append(f"frames without a line in {files.truth} ({boxes} lines): {format_ranges(extra)}")


def _first_number(fixed: int | None, lowest: int, highest: int, boxes: int) -> int:
    """Return the number of the first frame: the layout's, else 1 where the last image belongs to the last box, else the lowest."""
    if fixed is not None:
        return min(fixed, lowest)
    return 1 if highest == boxes and lowest > 0 else lowest


def _check_images(paths: tuple[Path, ...], full: bool, faults: Faults) -> list[Size]:
    """Check for broken image files and sizes that differ; return the size of each frame (of the first, where it was not decoded)."""
    broken: dict[int, str] = {}
    sizes: dict[int, Size] = {}
    for index, path in enumerate(paths):
        fault = broken_file(path)
        if fault is None and (full or not sizes):
            try:
                height, width = _decoded(path).shape[:2]
                sizes[index] = width, height
            except LockonError as error:
                fault = str(error).removeprefix(str(path)).lstrip(": ")
        if fault is not None:
            broken[index] = fault
    for fault, count in Counter(broken.values()).items():
        numbers = [_number(paths, index) for index, text in broken.items() if text == fault]
        where = f"{paths[0].parent}: frame" if count == 1 else f"{paths[0].parent}: each of the frames"
        faults.problems.append(f"{where} {format_ranges(numbers)} {fault}")
    if not sizes:
        return []
    usual = faults.size = Counter(sizes.values()).most_common(1)[0][0]
    other = [index for index, size in sizes.items() if size != usual]
    if other:
        kinds = sorted({sizes[index] for index in other})
        shown = ", ".join(f"{width}x{height}" for width, height in kinds[:3])
        numbers = [_number(paths, index) for index in other]
        faults.problems.append(f"frames of another size ({shown}, the others {usual[0]}x{usual[1]}): {format_ranges(numbers)}")
    return [sizes.get(index, usual) for index in range(len(paths))]


def _decoded(path: Path) -> Frame:
    image = read_pixels(path)
    if image is None:
        raise LockonError(f"{path} is no readable image")
    return image


def _number(paths: tuple[Path, ...], index: int) -> int:
    number = frame_number(paths[index])
    return index if number is None else number


def _check_boxes(truth: Truth, sizes: list[Size], faults: Faults, meant: str) -> None:
    """Check for rows without a box, of zero size, outside or partly outside the frame.

    Args:
        truth: The annotation.
        sizes: Of the frames.
        faults: They grow.
        meant: Why boxes of zero size are no problem wherever they are; empty where they are one, unless the target is absent there.
    """
    boxes = truth.boxes[:1] if truth.first_only else truth.boxes
    if len(boxes) == 0:
        return
    empty = np.isnan(boxes).any(axis=1) & ~np.isin(truth.lines[: len(boxes)], list(truth.wrong))
    flat = ~empty & (boxes[:, 2:] <= 0).any(axis=1)
    if meant == _OWN and (empty[0] or flat[0]) and not (empty | flat).all():
        faults.notes.append("the first frame has no box, so trackers are started on the first one that has")
    elif empty[0] or flat[0]:
        faults.problems.append("the first frame has no box, so a tracker cannot start")
    kept = flat if meant else flat & ~truth.visible if truth.visible is not None else np.zeros_like(flat)
    corners = np.where((empty | flat)[:, None], np.nan, xywh_to_xyxy(boxes))
    corners[np.isnan(corners).any(axis=1)] = np.nan
    limits = np.full((len(boxes), 2), np.nan)  # of frames whose size is known
    count = min(len(boxes), len(sizes))
    limits[:count] = np.reshape(sizes[:count], (-1, 2))
    corners[count:] = np.nan
    outside = ((corners[:, :2] >= limits) | (corners[:, 2:] <= 0)).any(axis=1)
    over = ((corners[:, :2] < -1) | (corners[:, 2:] > limits + 1)).any(axis=1) & ~outside
    for lines, chosen, text in (
        (faults.notes, empty, "no box (target absent or not annotated)"),
        (faults.notes, kept, f"zero or negative width or height, {meant or _PUBLISHED},"),
        (faults.problems, flat & ~kept, "zero or negative width or height"),
        (faults.problems, outside, "the box lies outside the frame"),
        (faults.notes, over, "the box reaches over the border by more than a pixel"),
    ):
        if chosen.any():
            lines.append(f"{text} in {_rows(truth, np.asarray(chosen))}")


def _rows(truth: Truth, chosen: NDArray[np.bool_]) -> str:
    """Return the chosen rows as line numbers of the annotation, or as frame indices where there are no lines."""
    lines = truth.lines[: len(chosen)][chosen]
    if lines.all():
        return f"{'line' if len(lines) == 1 else 'lines'} {format_ranges(lines)} of the annotation"
    rows = np.flatnonzero(chosen)
    return f"{'frame' if len(rows) == 1 else 'frames'} {format_ranges(rows)} (counted from 0)"


def _check_masks(files: SequenceFiles, sizes: list[Size], full: bool, faults: Faults) -> None:
    masks = files.masks or ()
    frames, there = frame_numbers(files.frames), frame_numbers(masks)
    broken, misfits = [], []
    size_of = dict(zip((frame_number(path) for path in files.frames), sizes, strict=False))
    for index, path in enumerate(masks):
        number = _number(masks, index)
        try:
            if broken_file(path) is not None:
                broken.append(number)
            elif full or not index:
                height, width = read_mask_image(path).shape[:2]
                if (width, height) != size_of.get(number, (width, height)):
                    misfits.append(number)
        except LockonError:
            broken.append(number)
    for text, numbers in (
        ("missing masks", frames - there),
        ("masks without a frame", there - frames),
        ("unreadable masks", broken),
        ("masks of another size than their frames", misfits),
    ):
        if numbers:
            faults.problems.append(f"{text}: {format_ranges(numbers)}")
