"""The layout of UAV123, UAV20L and UAV123@10fps (M. Mueller, N. Smith, B. Ghanem, ECCV 2016).

    ROOT/data_seq/NAME/000001.jpg ...     or ROOT/data_seq/UAV123/NAME/..., as the archive unpacks
    ROOT/anno/NAME.txt                    or ROOT/anno/UAV123/NAME.txt: x,y,w,h, the first pixel numbered 1, NaN where absent

Some videos of UAV123 are annotated in pieces (car1_1, car1_2, ...) whose images lie in one folder (car1); the list in
`data/lists` has the frame on which each piece starts. UAV20L takes the whole videos (car1): its annotations lie in
ROOT/anno/UAV20L, its images are those of UAV123.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from lockon.data.datasets.dataset import Dataset
from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, frame_number, from_one_based, list_folders, list_images
from lockon.data.datasets.lists import official
from lockon.data.datasets.parsing import read_table

EXPECTS = "data_seq/NAME/000001.jpg and anno/NAME.txt"
LONG = "UAV20L"
_PATTERN = "{:06d}.jpg"
_PIECE = re.compile(r"(.+)_(\d+)")


def is_root(folder: Path, dataset: str) -> bool:
    """Return whether the folder has this layout, and annotations of this one of the three datasets."""
    annotations = _annotations(folder, dataset)
    return annotations is not None and (any(annotations.glob("*.txt")) or (folder / "data_seq").is_dir())


def _annotations(root: Path, dataset: str) -> Path | None:
    """Return the folder of the annotations, deeper where the archive's own folders are kept; None if they are another dataset's."""
    parent = root / "anno"
    if not parent.is_dir():
        return None
    for name in (dataset, dataset.replace("_10fps", "@10fps")):
        if (parent / name).is_dir():
            return parent / name
    kept = [child for child in list_folders(parent) if child.name.startswith("UAV")]
    return None if kept and not any(parent.glob("*.txt")) else parent


def _images(root: Path, dataset: str) -> Path:
    """Return the folder of the images, likewise."""
    names = (dataset, dataset.replace("_10fps", "@10fps"), *(("UAV123",) if dataset == LONG else ()))
    return next((root / "data_seq" / name for name in names if (root / "data_seq" / name).is_dir()), root / "data_seq")


def scan(root: Path, dataset: str) -> list[SequenceFiles]:
    """List the files of every annotated sequence, and of every folder of images without annotation; sorted by name."""
    images, annotations = _images(root, dataset), _annotations(root, dataset)
    truths = {path.stem: path for path in sorted(annotations.glob("*.txt"))} if annotations is not None else {}
    sequences = [_scan_sequence(name, truths[name], images, dataset) for name in select(list(truths), dataset)]
    used = {files.folder for files in sequences}
    if dataset != LONG:
        rest = [folder for folder in list_folders(images) if folder not in used]
        sequences += [SequenceFiles.of(folder.name, folder, None, first=1, pattern=_PATTERN) for folder in rest]
    return sorted(sequences, key=lambda files: files.name)


def select(names: list[str], dataset: str) -> list[str]:
    """Return the annotated names that belong to the dataset: whole videos that are in pieces too belong to UAV20L alone."""
    complete = official(dataset)
    if dataset == LONG and complete is not None:
        return [name for name in names if name in complete.sequences]
    return [name for name in names if f"{name}_1" not in names]


def _scan_sequence(name: str, truth: Path, images: Path, dataset: str) -> SequenceFiles:
    piece = _PIECE.fullmatch(name)
    if (images / name).is_dir() or piece is None or not (images / piece[1]).is_dir():
        return SequenceFiles.of(name, images / name, truth, first=1, pattern=_PATTERN)
    start = _piece_start(piece[1], int(piece[2]), truth, dataset)
    complete = official(dataset)
    listed = None if complete is None else complete.sequences.get(name)
    stop = start + len(read_table(truth, (4,), 0 if listed is None else listed.frames))
    frames = tuple(path for path in list_images(images / piece[1]) if start <= (frame_number(path) or 0) < stop)
    return SequenceFiles(name, images / piece[1], frames, truth, first=start, pattern=_PATTERN)


def _piece_start(stem: str, number: int, truth: Path, dataset: str) -> int:
    """Return the frame number at which piece `number` of a video starts: from the list, else the last frame of the piece before."""
    complete = official(dataset)
    listed = None if complete is None else complete.sequences.get(f"{stem}_{number}")
    if listed is not None:
        return listed.first
    before = [truth.with_name(f"{stem}_{earlier}.txt") for earlier in range(1, number)]
    return 1 + sum(max(len(read_table(path, (4,))) - 1, 0) for path in before)


def truth(files: SequenceFiles) -> Truth:
    """Read the boxes of one sequence; `visible` is False where a line says NaN."""
    table = read_table(files.annotation, (4,), files.length)
    return Truth(from_one_based(table.values), table.lines, table.problems, table.widths > 0, wrong=table.wrong)


def layout(dataset: str) -> Layout:
    """Return the layout of UAV123, UAV20L or UAV123_10fps."""
    return Layout("uav123", EXPECTS, partial(is_root, dataset=dataset), partial(scan, dataset=dataset), truth)


def _dataset(name: str, shares: tuple[str, ...] = ()) -> Dataset:
    return Dataset(name, layout(name), "test", shares=shares, select=partial(select, dataset=name))


DATASETS = (_dataset("UAV123"), _dataset("UAV123_10fps"), _dataset("UAV20L", shares=("UAV123",)))
