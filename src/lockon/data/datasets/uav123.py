"""The layout of UAV123 and UAV123@10fps (M. Mueller, N. Smith, B. Ghanem, ECCV 2016).

    ROOT/data_seq/NAME/000001.jpg ...     or ROOT/data_seq/UAV123/NAME/..., as the archive unpacks
    ROOT/anno/NAME.txt                    or ROOT/anno/UAV123/NAME.txt: x,y,w,h, the first pixel numbered 1, NaN where absent

Some videos are annotated in pieces (car1_1, car1_2, ...) whose images lie in one folder (car1). Each piece starts at the
last frame of the piece before, except in bird1 and uav1.
"""

from __future__ import annotations

import re
from pathlib import Path

from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, frame_number, from_one_based, list_folders, list_images
from lockon.data.datasets.parsing import read_table

EXPECTS = "data_seq/NAME/000001.jpg and anno/NAME.txt"
_PIECE = re.compile(r"(.+)_(\d+)")
# First frame of each piece at the full rate, where the pieces do not follow one another.
PIECE_STARTS = {"bird1": (1, 775, 1573), "uav1": (1, 1555, 2473)}


def is_root(folder: Path) -> bool:
    """Whether the folder has both parts of this layout."""
    return (folder / "data_seq").is_dir() and (folder / "anno").is_dir()


def _parts(root: Path) -> tuple[Path, Path]:
    """The folders of the images and of the annotations, one level deeper where the archive's own folders are kept."""
    for child in list_folders(root / "anno"):
        if (root / "data_seq" / child.name).is_dir() and any(child.glob("*.txt")):
            return root / "data_seq" / child.name, child
    return root / "data_seq", root / "anno"


def scan(root: Path) -> list[SequenceFiles]:
    """The files of every annotated sequence, and of every folder of images without annotation; sorted by name."""
    images, annotations = _parts(root)
    truths = {path.stem: path for path in sorted(annotations.glob("*.txt"))}
    found = [_scan_sequence(name, truth, images) for name, truth in truths.items()]
    used = {files.folder for files in found}
    for folder in list_folders(images):
        if folder not in used:
            found.append(SequenceFiles(folder.name, folder, list_images(folder), None, first=1))
    return sorted(found, key=lambda files: files.name)


def _scan_sequence(name: str, truth: Path, images: Path) -> SequenceFiles:
    piece = _PIECE.fullmatch(name)
    if (images / name).is_dir() or piece is None or not (images / piece[1]).is_dir():
        return SequenceFiles(name, images / name, list_images(images / name), truth, first=1)
    stem, number = piece[1], int(piece[2])
    start = _piece_start(stem, number, truth)
    stop = start + len(read_table(truth, (4,)))
    frames = tuple(path for path in list_images(images / stem) if start <= (frame_number(path) or 0) < stop)
    return SequenceFiles(name, images / stem, frames, truth, first=start)


def _piece_start(stem: str, number: int, truth: Path) -> int:
    """Frame number at which piece `number` of a video starts."""
    if stem in PIECE_STARTS and number <= len(PIECE_STARTS[stem]):
        start = PIECE_STARTS[stem][number - 1]
        return (start - 1) // 3 + 1 if "10fps" in str(truth.parent) else start
    before = [truth.with_name(f"{stem}_{earlier}.txt") for earlier in range(1, number)]
    return 1 + sum(max(len(read_table(path, (4,))) - 1, 0) for path in before)


def truth(files: SequenceFiles) -> Truth:
    """Boxes of one sequence; `visible` is False where a line says NaN."""
    assert files.truth is not None
    table = read_table(files.truth, (4,))
    return Truth(from_one_based(table.values), table.lines, table.problems, table.widths > 0, wrong=table.wrong)


LAYOUT = Layout("uav123", EXPECTS, is_root, scan, truth)
