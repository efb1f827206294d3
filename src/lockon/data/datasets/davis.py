"""The layout of DAVIS 2016 and 2017 (F. Perazzi et al., CVPR 2016; J. Pont-Tuset et al., arXiv:1704.00675).

    ROOT/JPEGImages/480p/NAME/00000.jpg ...
    ROOT/Annotations/480p/NAME/00000.png ...    masks
    ROOT/JPEGImages/480p/NAME/boxes.txt         optional: x,y,w,h per frame, the first pixel numbered 1

Without a boxes.txt the boxes are the extents of the masks (every mask is then read once when the dataset is loaded).
DAVIS 2016 has one target per video: everything that is not 0. DAVIS 2017 has several: NAME.1, NAME.2, ... by object number.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from lockon.data.datasets.dataset import Dataset
from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, from_one_based, list_folders, list_images
from lockon.data.datasets.mask_images import mask_targets, mask_to_box, read_mask
from lockon.data.datasets.parsing import read_table
from lockon.errors import LockonError

EXPECTS = "JPEGImages/480p/NAME/00000.jpg and Annotations/480p/NAME/00000.png"
PARTS = ("JPEGImages", "Annotations")
RESOLUTIONS = ("480p", "Full-Resolution", "1080p")


def is_root(folder: Path) -> bool:
    """Return whether the folder has the images or the masks of this layout."""
    return any((folder / part / resolution).is_dir() for part in PARTS for resolution in RESOLUTIONS)


def scan(root: Path, *, per_object: bool = False) -> list[SequenceFiles]:
    """List the files of every target at the lowest resolution that is there, sorted by name."""
    resolution = next(name for part in PARTS for name in RESOLUTIONS if (root / part / name).is_dir())
    images, annotations = (root / part / resolution for part in PARTS)
    names = sorted({folder.name for parent in (images, annotations) for folder in list_folders(parent)})
    return [files for name in names for files in _scan_sequence(images / name, annotations / name, per_object)]


def _scan_sequence(images: Path, annotations: Path, per_object: bool) -> list[SequenceFiles]:
    frames, masks = list_images(images), list_images(annotations) or None
    files = partial(SequenceFiles, folder=images, frames=frames, masks=masks, first=0, pattern="{:05d}.jpg")
    source = annotations if masks else None
    try:
        numbers = mask_targets(masks[0]) if per_object and masks else []
    except LockonError:  # nobody knows its targets; `truth` reads the masks and says which ones are bad
        return [files(images.name, truth=source)]
    if len(numbers) < 2:
        boxes = images / "boxes.txt"
        return [files(images.name, truth=boxes if boxes.is_file() else source)]
    return [files(f"{images.name}.{number}", truth=source, target=number) for number in numbers]


def truth(files: SequenceFiles) -> Truth:
    """Read the boxes of one target from boxes.txt or from the masks; `visible` is False where there is no box."""
    if files.annotation.suffix == ".txt":
        table = read_table(files.annotation, (4,), files.length)
        return Truth(from_one_based(table.values), table.lines, table.problems, table.widths > 0, wrong=table.wrong)
    rows, problems = [], []
    for path in files.masks or ():
        try:
            rows.append(mask_to_box(read_mask(path, files.target)))
        except LockonError as error:
            rows.append(np.full(4, np.nan))
            problems.append(str(error))
    boxes = np.array(rows).reshape(-1, 4)
    return Truth(boxes, np.zeros(len(boxes), dtype=np.int64), tuple(problems), ~np.isnan(boxes[:, 0]))


LAYOUT_2016 = Layout("davis", EXPECTS, is_root, scan, truth)
LAYOUT_2017 = Layout("davis", EXPECTS, is_root, partial(scan, per_object=True), truth)
DATASETS = (
    Dataset("DAVIS2016", LAYOUT_2016, "mixed", ("DAVIS16",), shares=("DAVIS",)),
    Dataset("DAVIS2017", LAYOUT_2017, "mixed", ("DAVIS17",), shares=("DAVIS",)),
)
