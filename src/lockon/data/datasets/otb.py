"""The OTB layout, which many benchmarks share: OTB100, TinyTLP and TLP, DTB70, Anti-UAV as prepared for tracking.

    ROOT/NAME/img/0001.jpg ...
    ROOT/NAME/groundtruth_rect.txt          x,y,w,h per line, the first pixel numbered 1; comma, tab or blank
    ROOT/NAME/groundtruth_rect.N.txt        for several targets: the sequences are then called NAME.N

OTB: Y. Wu, J. Lim, M.-H. Yang, Object Tracking Benchmark, TPAMI 2015. TLP lines have six numbers (frame, x, y, w, h,
lost). NaN means that the target is absent. Five OTB videos have more images than annotated frames; the published
frame ranges are applied to them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, frame_number, from_one_based, list_folders, list_images
from lockon.data.datasets.parsing import read_table

EXPECTS = "NAME/img/0001.jpg and NAME/groundtruth_rect.txt"
# First and last annotated frame number, inclusive, from the benchmark's own sequence configuration.
ANNOTATED_FRAMES = {"David": (300, 770), "Football1": (1, 74), "Freeman3": (1, 460), "Freeman4": (1, 283), "Diving": (1, 215)}


def is_root(folder: Path) -> bool:
    """Whether any sub-folder is a sequence of this layout."""
    return any(_is_sequence(child) for child in list_folders(folder))


def _is_sequence(folder: Path) -> bool:
    return (folder / "img").is_dir() or any(folder.glob("groundtruth_rect*.txt"))


def scan(root: Path) -> list[SequenceFiles]:
    """The files of every target under `root`, sorted by name."""
    return [files for folder in list_folders(root) if _is_sequence(folder) for files in _scan_sequence(folder)]


def _scan_sequence(folder: Path) -> list[SequenceFiles]:
    frames = list_images(folder / "img")
    truths = sorted(folder.glob("groundtruth_rect*.txt"))
    if not truths:
        return [SequenceFiles(folder.name, folder / "img", frames, None)]
    found = []
    for truth in truths:
        suffix = truth.stem.removeprefix("groundtruth_rect")  # "" or ".1"
        found.append(SequenceFiles(folder.name + suffix, folder / "img", _annotated(folder.name, frames, truth), truth))
    return found


def _annotated(name: str, frames: tuple[Path, ...], truth: Path) -> tuple[Path, ...]:
    """The frames of the published range, where the folder has more images than that and the file has just as many boxes."""
    if name not in ANNOTATED_FRAMES:
        return frames
    first, last = ANNOTATED_FRAMES[name]
    if len(read_table(truth, (4, 6))) != last - first + 1:
        return frames
    return tuple(path for path in frames if first <= (frame_number(path) or 0) <= last)


def truth(files: SequenceFiles) -> Truth:
    """Boxes of one target; `visible` is None unless some line says NaN or the file has TLP's column "lost"."""
    assert files.truth is not None
    table = read_table(files.truth, (4, 6))
    six = table.widths == 6
    rows = np.where(six[:, None], table.values[:, 1:5], table.values[:, :4])
    absent = (table.widths == 0) | (six & (table.values[:, 5] != 0))
    return Truth(from_one_based(rows), table.lines, table.problems, ~absent if absent.any() else None, wrong=table.wrong)


LAYOUT = Layout("otb", EXPECTS, is_root, scan, truth)
