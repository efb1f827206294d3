"""The layout of Temple-color-128, TC128 (P. Liang, E. Blasch, H. Ling, TIP 2015).

ROOT/NAME/img/0001.jpg ...
ROOT/NAME/NAME_gt.txt         x,y,w,h per line, the first pixel numbered 1
ROOT/NAME/NAME_frames.txt     numbers of the first and the last annotated frame: 1,363
"""

from __future__ import annotations

from pathlib import Path

from lockon.data.datasets.dataset import Dataset
from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, frame_number, from_one_based, list_folders, list_images
from lockon.data.datasets.parsing import read_flags, read_table

EXPECTS = "NAME/img/0001.jpg, NAME/NAME_gt.txt and NAME/NAME_frames.txt"


def is_root(folder: Path) -> bool:
    """Return whether any sub-folder is a sequence of this layout."""
    return any(_is_sequence(child) for child in list_folders(folder))


def _is_sequence(folder: Path) -> bool:
    return any(folder.glob("*_gt.txt")) or any(folder.glob("*_frames.txt"))


def scan(root: Path) -> list[SequenceFiles]:
    """List the files of every sequence under `root`, sorted by name."""
    return [_scan_sequence(folder) for folder in list_folders(root) if _is_sequence(folder) or (folder / "img").is_dir()]


def _scan_sequence(folder: Path) -> SequenceFiles:
    truth = next(iter(sorted(folder.glob("*_gt.txt"))), None)
    limits, _ = _read_limits(folder)
    frames = list_images(folder / "img")
    if limits is not None:
        frames = tuple(path for path in frames if limits[0] <= (frame_number(path) or 0) <= limits[1])
    first = None if limits is None else limits[0]
    return SequenceFiles(folder.name, folder / "img", frames, truth, first=first, pattern="{:04d}.jpg")


def _read_limits(folder: Path) -> tuple[tuple[int, int] | None, tuple[str, ...]]:
    """Read the numbers of the first and last annotated frame and what is wrong with their file; None where nothing limits the frames."""
    path = next(iter(sorted(folder.glob("*_frames.txt"))), None)
    if path is None:
        return None, ()
    numbers, problems = read_flags(path)
    if numbers is None:
        return None, problems
    if len(numbers) != 2 or (numbers % 1 != 0).any() or numbers[0] > numbers[1]:
        return None, (f"{path}: expected the numbers of the first and the last frame, such as 1,363; found {numbers[:4].tolist()}",)
    return (int(numbers[0]), int(numbers[1])), ()


def truth(files: SequenceFiles) -> Truth:
    """Read the boxes of one sequence; `visible` is None unless some line says NaN."""
    table = read_table(files.annotation, (4,), files.length)
    return Truth.of_table(table, from_one_based(table.values), problems=_read_limits(files.annotation.parent)[1])


LAYOUT = Layout("tc128", EXPECTS, is_root, scan, truth)
DATASETS = (Dataset("TC128", LAYOUT, "test", ("TempleColor128", "TempleColor", "TColor128")),)
