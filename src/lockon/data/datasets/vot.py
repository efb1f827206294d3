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
(x to x + w - 1). Boxes are made from polygons by one of two rules, see `polygon_to_box`.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from lockon.data.datasets.dataset import Dataset
from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, list_folders, list_images
from lockon.data.datasets.parsing import parse_table, read_text
from lockon.data.datasets.vot_files import extent, has_masks, lazy_masks, parse_masks, read_anchors, read_properties, read_tags
from lockon.data.sequence import read_image
from lockon.errors import LockonError
from lockon.types import FloatArray

EXPECTS = "list.txt, NAME/color/00000001.jpg and NAME/groundtruth.txt"
BoxRule = Literal["extent", "area"]


def polygon_to_box(polygons: ArrayLike, rule: BoxRule = "extent") -> FloatArray:
    """Return (..., 4) boxes x, y, w, h of (..., 8) polygons of four corners.

    "extent" is the axis-aligned extent. "area" is the box around the mean of the corners with the polygon's aspect of the
    extent and about its area, as PySOT's `get_axis_aligned_bbox` makes it to start a tracker: with
    s = sqrt(|p1 p2| |p2 p3| / extent area), w = s (x_max - x_min) + 1 and h = s (y_max - y_min) + 1.
    """
    corners = np.asarray(polygons, dtype=np.float64)
    corners = corners.reshape(*corners.shape[:-1], 4, 2)
    low, high = corners.min(axis=-2), corners.max(axis=-2)  # (..., 2)
    size = high - low
    if rule == "extent":
        return np.concatenate([low, size], axis=-1)
    sides = np.linalg.norm(corners[..., [0, 1], :] - corners[..., [1, 2], :], axis=-1)  # (..., 2)
    area = size.prod(axis=-1)
    scale = np.sqrt(np.divide(sides.prod(axis=-1), area, out=np.zeros_like(area), where=area > 0))
    size = np.where(np.isnan(size), np.nan, scale[..., None] * size + 1)
    return np.concatenate([corners.mean(axis=-2) - size / 2, size], axis=-1)


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
        names = sorted(line.strip() for line in read_text(listing).splitlines() if line.strip())
    else:
        names = [child.name for child in list_folders(root) if (child / "groundtruth.txt").is_file()]
    return [_scan_sequence(root / name) for name in names]


def _scan_sequence(folder: Path) -> SequenceFiles:
    images = folder if not (folder / "color").is_dir() and list_images(folder) else folder / "color"
    return SequenceFiles.of(folder.name, images, folder / "groundtruth.txt", first=1, attributes=read_tags(folder))


def truth(files: SequenceFiles, box_rule: BoxRule = "extent") -> Truth:
    """Read polygons as published, or masks, and boxes; `visible` is None unless some line has no target."""
    path = files.annotation
    try:
        text = read_text(path)
    except LockonError as error:
        return Truth(np.zeros((0, 4)), np.zeros(0, dtype=np.int64), (str(error),))
    if has_masks(text):
        return _mask_truth(files, path, text)
    table = parse_table(text, str(path), (4, 8))
    rectangles = table.widths == 4
    polygons = table.values.copy()
    polygons[rectangles] = box_to_polygon(table.values[rectangles, :4])
    boxes = np.where(rectangles[:, None], table.values[:, :4], polygon_to_box(polygons, box_rule))
    stated = read_properties(path.parent)
    return Truth.of_table(table, boxes, polygons=polygons, problems=stated.problems, frame_size=stated.size, fps=stated.fps)


def _mask_truth(files: SequenceFiles, path: Path, text: str) -> Truth:
    table, masks = parse_masks(text, str(path))
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


def layout(box_rule: BoxRule = "extent") -> Layout:
    """Return the layout with one of the two rules that make boxes from polygons."""
    return Layout("vot", EXPECTS, is_root, scan, partial(truth, box_rule=box_rule), origin=0)


LAYOUT = layout()
DATASETS = tuple(  # their folder may be a workspace of the VOT toolkit
    Dataset(f"VOT{year}", LAYOUT, "test", (f"VOT{year % 100}", f"VOT-ST{year}"), inside=("sequences",)) for year in range(2016, 2021)
)
