"""The layout of LaSOT (H. Fan et al., CVPR 2019).

    ROOT/CLASS/NAME/img/00000001.jpg ...      or without the folders of the classes: ROOT/NAME/img/...
    ROOT/CLASS/NAME/groundtruth.txt           x,y,w,h per line
    ROOT/CLASS/NAME/full_occlusion.txt        one 0 or 1 per frame, between commas
    ROOT/CLASS/NAME/out_of_view.txt           likewise; the target is absent where one of both is 1

LaSOT numbers the first pixel 1 (boxes that touch the left border have x = 1). Its test sequences are those of the list in
`data/lists`; all others are for training.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from lockon.data.datasets.dataset import Dataset
from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, from_one_based, list_folders, list_images
from lockon.data.datasets.lists import official
from lockon.data.datasets.parsing import read_flags, read_table

EXPECTS = "CLASS/NAME/{images}/00000001.jpg (or NAME/{images}/...) and groundtruth.txt beside {images}/"
Part = Literal["test", "train", "all"]


def is_root(folder: Path, images: str) -> bool:
    """Return whether a sub-folder is a sequence of this layout, or a class of sequences; one class alone is no root."""
    children = list_folders(folder)
    if children and all(child.name.startswith(f"{folder.name}-") for child in children):
        return False
    if any(_is_sequence(child, images) for child in children):
        return True
    return any(
        _is_sequence(inner, images) and inner.name.startswith(f"{child.name}-") for child in children for inner in list_folders(child)
    )


def _is_sequence(folder: Path, images: str) -> bool:
    if not (folder / "groundtruth.txt").is_file():
        return False
    return (folder / images).is_dir() or not ((folder / "color").is_dir() or list_images(folder))  # those are VOT's and GOT-10k's


def scan(root: Path, images: str, part: Part) -> list[SequenceFiles]:
    """List the files of every sequence of one part under `root`, sorted by name."""
    folders = [
        folder
        for child in list_folders(root)
        for folder in ([child] if _is_candidate(child, images) else list_folders(child))
        if _is_candidate(folder, images)
    ]
    complete = official("LaSOT")
    if part != "all" and complete is not None:
        folders = [folder for folder in folders if (complete.get(folder.name) is not None) == (part == "test")]
    sequences = [SequenceFiles.of(folder.name, folder / images, folder / "groundtruth.txt") for folder in folders]
    return sorted(sequences, key=lambda files: files.name)


def _is_candidate(folder: Path, images: str) -> bool:
    return (folder / images).is_dir() or (folder / "groundtruth.txt").is_file()


def truth(files: SequenceFiles, origin: int) -> Truth:
    """Read the boxes of one sequence; `visible` is None where there are no files of flags."""
    table = read_table(files.annotation, (4,), files.length)
    names = ("full_occlusion.txt", "out_of_view.txt")
    read = [read_flags(files.annotation.with_name(name), len(table)) for name in names]
    flags = [flags != 0 for flags, _ in read if flags is not None]
    absent = np.any([table.widths == 0, *flags], axis=0)
    problems = (*table.problems, *(fault for _, faults in read for fault in faults))
    boxes = from_one_based(table.values) if origin else table.values
    return Truth(boxes, table.lines, problems, ~absent if flags or absent.any() else None, wrong=table.wrong)


def layout(part: Part, name: str = "lasot", images: str = "img", origin: int = 1) -> Layout:
    """Return the layout of LaSOT, for its test sequences, the others, or all; or of a benchmark that has its folders.

    Args:
        part: Which sequences of LaSOT; "all" for any other benchmark.
        name: Short name of the layout.
        images: Name of the folder of a sequence's images.
        origin: Number of the first pixel in the annotation files.
    """
    found, listed, read = partial(is_root, images=images), partial(scan, images=images, part=part), partial(truth, origin=origin)
    return Layout(name, EXPECTS.format(images=images), found, listed, read, origin=origin, numbered=name == "lasot")


def _test_names(names: list[str]) -> list[str]:
    """Return the names that are test sequences of LaSOT."""
    complete = official("LaSOT")
    return [name for name in names if complete is None or complete.get(name) is not None]


DATASETS = (
    Dataset("LaSOT", layout("test"), "test", ("LaSOT_test", "LaSOTBenchmark", "LaSOTTesting"), select=_test_names),
    Dataset("LaSOT_train", layout("train"), "train", shares=("LaSOT", "LaSOTBenchmark")),
)
