"""The OTB layout, which many benchmarks share: OTB100, TinyTLP and TLP, DTB70, Anti-UAV as prepared for tracking.

    ROOT/NAME/img/0001.jpg ...
    ROOT/NAME/groundtruth_rect.txt          x,y,w,h per line, the first pixel numbered 1; comma, tab or blank
    ROOT/NAME/groundtruth_rect.N.txt        for several targets: the sequences are then called NAME.N

OTB: Y. Wu, J. Lim, M.-H. Yang, Object Tracking Benchmark, TPAMI 2015. TLP lines have six numbers (frame, x, y, w, h,
lost). NaN means that the target is absent. Some OTB videos have more images than annotated frames: where the annotation
has as many lines as the list in `data/lists` says, it belongs to the frames that are named there. Human4 has two
annotated targets, of which the benchmark takes the second: targets that are not in the list are left out.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np

from lockon.data.datasets.dataset import Dataset
from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, frame_number, from_one_based, list_folders, list_images
from lockon.data.datasets.lists import Listed, official
from lockon.data.datasets.parsing import read_table

EXPECTS = "NAME/img/0001.jpg and NAME/groundtruth_rect.txt"
_WIDTHS = (4, 6)


def is_root(folder: Path) -> bool:
    """Return whether any sub-folder is a sequence of this layout."""
    return any(_is_sequence(child) for child in list_folders(folder))


def _is_sequence(folder: Path) -> bool:
    return any(folder.glob("groundtruth_rect*.txt")) or ((folder / "img").is_dir() and not (folder / "groundtruth.txt").is_file())


def scan(root: Path, listing: str | None = None, pattern: str = "{:04d}.jpg") -> list[SequenceFiles]:
    """List the files of every target under `root`, sorted by name.

    Args:
        root: The dataset's folder.
        listing: Name of the list with the image numbers of this benchmark's sequences.
        pattern: How the benchmark names its images.
    """
    folders = [folder for folder in list_folders(root) if _is_sequence(folder)]
    return [files for folder in folders for files in _scan_sequence(folder, listing, pattern)]


def _scan_sequence(folder: Path, listing: str | None, pattern: str) -> list[SequenceFiles]:
    images, frames = folder / "img", list_images(folder / "img")
    truths = {folder.name + path.stem.removeprefix("groundtruth_rect"): path for path in sorted(folder.glob("groundtruth_rect*.txt"))}
    if not truths:
        return [SequenceFiles(folder.name, images, frames, None, pattern=pattern)]
    complete = None if listing is None else official(listing)
    listed = {name: complete.get(name) if complete is not None else None for name in truths}
    if len(truths) > 1 and any(listed.values()):
        truths = {name: path for name, path in truths.items() if listed[name] is not None}
    targets = [SequenceFiles(name, images, frames, path, pattern=pattern) for name, path in truths.items()]
    return [_annotated(files, listed[files.name]) for files in targets]


def _annotated(files: SequenceFiles, listed: Listed | None) -> SequenceFiles:
    """Return one target, with the frames that are annotated where the folder has others."""
    if listed is None or files.truth is None or len(files.frames) == listed.frames:
        return files
    if len(read_table(files.truth, _WIDTHS, listed.frames)) != listed.frames:
        return files
    last = listed.first + listed.frames - 1
    frames = tuple(path for path in files.frames if listed.first <= (frame_number(path) or 0) <= last)
    return dataclasses.replace(files, frames=frames, first=listed.first)


def truth(files: SequenceFiles) -> Truth:
    """Read the boxes of one target; `visible` is None unless some line says NaN or the file has TLP's column "lost"."""
    table = read_table(files.annotation, _WIDTHS, files.length)
    six = table.widths == 6
    rows = np.where(six[:, None], table.values[:, 1:5], table.values[:, :4])
    absent = (table.widths == 0) | (six & (table.values[:, 5] != 0))
    return Truth.of_table(table, from_one_based(rows), absent)


def layout(listing: str | None = None, pattern: str = "{:04d}.jpg") -> Layout:
    """Return the layout, with a benchmark's list of image numbers and its way of naming images; see `scan`."""
    return Layout("otb", EXPECTS, is_root, partial(scan, listing=listing, pattern=pattern), truth)


DATASETS = (
    Dataset("OTB100", layout("OTB100"), "test", ("OTB2015", "TB100")),
    Dataset("OTB50", layout("OTB100"), "test", ("TB50",), listing="OTB100"),
    Dataset("TinyTLP", layout(), "test"),
    Dataset("TLP", layout(), "test"),
    Dataset("DTB70", layout("DTB70", "{:05d}.jpg"), "test", ("DTB",)),
    Dataset("AntiUAV", layout(), "mixed"),
)
