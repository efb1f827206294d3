"""The layout of the VOT challenges (short-term, 2013 to 2020).

    ROOT/list.txt                         names of the sequences
    ROOT/NAME/color/00000001.jpg ...      or the images directly in ROOT/NAME
    ROOT/NAME/groundtruth.txt             x1,y1,...,x4,y4 (polygon) or x,y,w,h per line, 0-based as published
    ROOT/NAME/occlusion.tag ...           one 0 or 1 per frame; an attribute holds for the sequence if any frame has it

and since 2020

    ROOT/NAME/groundtruth.txt             mX,Y,W,H,run,... per line, a mask (`lockon.data.vot_rle`)
    ROOT/NAME/anchor.value                one number per frame; not 0: an anchor, its sign is the direction of the run
    ROOT/NAME/sequence                    width=, height=, fps=

ROOT may be the workspace of the VOT toolkit, which has all this in ROOT/sequences.
Polygons are kept as published, a rectangle becomes the polygon of its corner pixels as the VOT toolkit and PySOT do
(x to x + w - 1). The box of a polygon is its extent.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from lockon._names import inside
from lockon.data.datasets.dataset import Dataset
from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, list_folders, list_images
from lockon.data.datasets.parsing import parse_table, read_text
from lockon.data.datasets.vot_files import extent, has_masks, lazy_masks, parse_masks, read_anchors, read_properties, read_tags
from lockon.data.sequence import read_image
from lockon.errors import LockonError
from lockon.ops.regions import polygon_to_box
from lockon.types import FloatArray

EXPECTS = "list.txt, NAME/color/00000001.jpg and NAME/groundtruth.txt"


def box_to_polygon(boxes: FloatArray) -> FloatArray:
    """Return (T, 8) corner pixels of (T, 4) rectangles: right = x + w - 1, bottom = y + h - 1, clockwise from top left."""
    x, y, w, h = boxes.T
    right, bottom = x + w - 1, y + h - 1
    return np.stack([x, y, right, y, right, bottom, x, bottom], axis=1)


def is_root(folder: Path) -> bool:
    """Return whether any sub-folder is a sequence of this layout."""
    return any((child / "groundtruth.txt").is_file() for child in list_folders(folder))


def scan(root: Path) -> list[SequenceFiles]:
    """List the sequences that `list.txt` names (present or not), or every folder with a groundtruth.txt where there is no list."""
    listing = root / "list.txt"
    if listing.is_file():
        lines = enumerate(map(str.strip, read_text(listing).splitlines()), start=1)
        folders = sorted(inside(root, line, f"{listing}:{number}") for number, line in lines if line)
    else:
        folders = [child for child in list_folders(root) if (child / "groundtruth.txt").is_file()]
    return [_scan_sequence(folder) for folder in folders]


def _scan_sequence(folder: Path) -> SequenceFiles:
    images = folder if not (folder / "color").is_dir() and list_images(folder) else folder / "color"
    return SequenceFiles.of(folder.name, images, folder / "groundtruth.txt", first=1, attributes=read_tags(folder))


def truth(files: SequenceFiles) -> Truth:
    """Read polygons as published, or masks, and boxes; `visible` is None unless some line has no target."""
    path = files.annotation
    try:
        text = read_text(path)
    except LockonError as error:
        return Truth(np.zeros((0, 4)), np.zeros(0, dtype=np.int64), (str(error),))
    if has_masks(text):
        return _mask_truth(files, path, text)
    table = parse_table(text, str(path), (4, 8), files.length)
    rectangles = table.widths == 4
    polygons = table.values.copy()
    polygons[rectangles] = box_to_polygon(table.values[rectangles, :4])
    boxes = np.where(rectangles[:, None], table.values[:, :4], polygon_to_box(polygons))
    stated = read_properties(path.parent)
    return Truth.of_table(table, boxes, polygons=polygons, problems=stated.problems, frame_size=stated.size, fps=stated.fps)


def _mask_truth(files: SequenceFiles, path: Path, text: str) -> Truth:
    table, masks = parse_masks(text, str(path), files.length)
    anchors, backward, problems = read_anchors(path.parent, len(table))
    stated = read_properties(path.parent)
    size = stated.size
    if size is None and not table.problems:
        size = extent(masks)  # for want of an image
        with suppress(LockonError, IndexError):
            height, width = read_image(files.frames[0]).shape[:2]
            size = width, height
    return Truth.of_table(
        table,
        problems=(*problems, *stated.problems),
        masks=None if size is None else lazy_masks(path, masks, size),
        anchors=anchors,
        backward=backward,
        frame_size=stated.size,
        fps=stated.fps,
    )


LAYOUT = Layout("vot", EXPECTS, is_root, scan, truth, origin=0)
DATASETS = tuple(  # their folder may be a workspace of the VOT toolkit
    Dataset(f"VOT{year}", LAYOUT, "test", (f"VOT{year % 100}", f"VOT-ST{year}"), inside=("sequences",)) for year in range(2016, 2021)
)
