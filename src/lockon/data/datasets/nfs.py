"""The layout of Need for Speed, NFS30 and NFS240 (H. Kiani Galoogahi et al., ICCV 2017).

    ROOT/NAME/30/NAME/00001.jpg ...      and NAME/240/NAME/00001.jpg ...: the same video at 30 and 240 frames per second
    ROOT/NAME/30/NAME.txt                and NAME/240/NAME.txt: id x1 y1 x2 y2 frame lost occluded generated "label"

Every frame of the fast video is annotated, and the file of the slow one may have all those lines: every eighth is then
its own. The numbers of images and lines of a published video may differ by one: what both have counts. Corners are
taken from 0 as they are.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lockon.data.datasets.dataset import Dataset
from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, frame_number, list_folders, list_images
from lockon.data.datasets.parsing import TextTable, read_table

EXPECTS = "NAME/{fps}/NAME/00001.jpg and NAME/{fps}/NAME.txt"
FAST = 240
_LABEL = re.compile(r'"[^"]*"')  # it may have blanks
_WIDTHS = (4, 5, 6, 7, 8, 9)  # corners alone, or an id and corners and what follows them
_LOST = 6


def is_root(folder: Path, fps: int) -> bool:
    """Return whether any sub-folder is a sequence with a folder of this frame rate."""
    return any((child / str(fps)).is_dir() for child in list_folders(folder))


def scan(root: Path, fps: int) -> list[SequenceFiles]:
    """List the files of every sequence under `root`, sorted by name."""
    return [_scan_sequence(folder, fps) for folder in list_folders(root) if (folder / str(fps)).is_dir()]


def _scan_sequence(folder: Path, fps: int) -> SequenceFiles:
    inner = folder / str(fps)
    images = inner / folder.name if (inner / folder.name).is_dir() else inner
    truth = next((path for path in (inner / f"{folder.name}.txt", _fast_truth(folder)) if path.is_file()), None)
    frames = list_images(images)
    if truth is not None and len(frames) - _rows(_read(truth, frames, fps), truth, frames, fps).size == 1 and _whole(frames):
        frames = frames[:-1]
    return SequenceFiles(folder.name, images, frames, truth, pattern="{:05d}.jpg")


def _fast_truth(folder: Path) -> Path:
    return folder / str(FAST) / f"{folder.name}.txt"


def _read(path: Path, frames: tuple[Path, ...] = (), fps: int = FAST) -> TextTable:
    """Read the lines; empty ones at the end where there are frames for them."""
    table, count, every = read_table(path, _WIDTHS, drop=_LABEL), len(frames), FAST // fps
    if len(table) > count * every / 2:
        count = (count - 1) * every + 1
    return table if len(table) >= count else read_table(path, _WIDTHS, count, drop=_LABEL)


def _rows(table: TextTable, path: Path, frames: tuple[Path, ...], fps: int) -> NDArray[np.intp]:
    """Return which lines belong to the frames; where there are no images, the number of lines of the fast video decides."""
    step = 1
    if fps != FAST:
        every = FAST // fps
        fast = _fast_truth(path.parent.parent)
        if frames:
            step = every if len(table) > len(frames) * every / 2 else 1  # nearer to eight lines per frame than to one
        elif path == fast or (fast.is_file() and len(_read(fast)) == len(table)):
            step = every
    rows = np.arange(0, len(table), step)
    return rows[:-1] if frames and len(rows) - len(frames) == 1 and _whole(frames) else rows


def _whole(frames: tuple[Path, ...]) -> bool:
    """Return whether no number is missing between the first and the last image."""
    numbers = [frame_number(path) for path in frames]
    return None not in numbers and numbers[-1] - numbers[0] == len(numbers) - 1  # type: ignore[operator]


def truth(files: SequenceFiles, fps: int) -> Truth:
    """Read the boxes of one sequence; `visible` is False where a line says that the target is lost, None if none does."""
    table = _read(files.annotation, files.frames, fps)
    rows = _rows(table, files.annotation, files.frames, fps)
    values, widths = table.values[rows], table.widths[rows]
    corners = np.where((widths > 4)[:, None], values[:, 1:5], values[:, :4])
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    absent = (widths == 0) | ((widths > _LOST) & (values[:, _LOST] == 1))
    visible = ~absent if absent.any() else None
    return Truth(boxes, table.lines[rows], table.problems, visible, wrong=table.wrong, fps=float(fps))


def layout(fps: int) -> Layout:
    """Return the layout at 30 or 240 frames per second."""
    expects = EXPECTS.format(fps=fps)
    return Layout(f"nfs{fps}", expects, partial(is_root, fps=fps), partial(scan, fps=fps), partial(truth, fps=fps), origin=0)


DATASETS = tuple(Dataset(f"NFS{fps}", layout(fps), "test", shares=("NFS", "NeedForSpeed")) for fps in (30, FAST))
