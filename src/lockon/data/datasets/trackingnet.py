"""The layout of TrackingNet (M. Mueller et al., ECCV 2018).

    ROOT/TEST/frames/NAME/0.jpg ...      and ROOT/TRAIN_0 to TRAIN_11 likewise
    ROOT/TEST/anno/NAME.txt              x,y,w,h per line, taken from 0 as they are; in TEST the first alone

ROOT may be the folder TEST itself.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from lockon.data.datasets.dataset import Dataset
from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, first_box, list_folders
from lockon.data.datasets.parsing import read_table

EXPECTS = "{part}/frames/NAME/0.jpg and {part}/anno/NAME.txt"


def is_root(folder: Path, test: bool) -> bool:
    """Return whether the folder holds this part, or is it."""
    return bool(_parts(folder, test))


def _parts(root: Path, test: bool) -> list[Path]:
    """Return the folders with frames/ and anno/."""
    parts = [child for child in list_folders(root) if child.name == "TEST" or child.name.startswith("TRAIN_")]
    candidates = parts or [root]
    wanted = [folder for folder in candidates if folder.name.startswith("TRAIN_") != test]
    return [folder for folder in wanted if (folder / "anno").is_dir() and (test or folder.name.startswith("TRAIN_"))]


def scan(root: Path, test: bool) -> list[SequenceFiles]:
    """List the files of every sequence of this part, sorted by name."""
    sequences = []
    for part in _parts(root, test):
        truths = {path.stem: path for path in (part / "anno").glob("*.txt")}
        names = sorted({*truths, *(folder.name for folder in list_folders(part / "frames"))})
        sequences += [SequenceFiles.of(name, part / "frames" / name, truths.get(name), first=0, pattern="{}.jpg") for name in names]
    return sorted(sequences, key=lambda files: files.name)


def truth(files: SequenceFiles, test: bool) -> Truth:
    """Read the boxes of one sequence, NaN after the first in the test part."""
    table = read_table(files.annotation, (4,), files.length)
    return first_box(files, table) if test and len(table) and not table.widths[1:].any() else Truth.of_table(table)


def layout(*, test: bool) -> Layout:
    """Return the layout of the test part or of the training parts."""
    expects = EXPECTS.format(part="TEST" if test else "TRAIN_0")
    return Layout("trackingnet", expects, partial(is_root, test=test), partial(scan, test=test), partial(truth, test=test), origin=0)


DATASETS = (
    Dataset("TrackingNet", layout(test=True), "test", ("TrackingNet_test",)),
    Dataset("TrackingNet_train", layout(test=False), "train", shares=("TrackingNet",)),
)
