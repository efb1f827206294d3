"""The small files beside the images of a VOT sequence: `sequence`, `anchor.value`, tags of the frames, and masks as text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lockon.box_columns import parse_number
from lockon.box_tables import whole
from lockon.data.datasets.parsing import TextTable, kept_lines, read_flags, read_text
from lockon.data.sequence import LazyList
from lockon.data.vot_rle import EMPTY, decode_vot_mask, is_vot_mask, parse_vot_mask
from lockon.errors import LockonError


@dataclass(frozen=True, slots=True)
class Properties:
    """What the file `sequence` says: (width, height) of the frames and frames per second; None where it says nothing."""

    size: tuple[int, int] | None = None
    fps: float | None = None
    problems: tuple[str, ...] = ()


def read_properties(folder: Path) -> Properties:
    """Read the file `sequence` of a sequence's folder: lines KEY=VALUE; nothing if there is no such file."""
    path = folder / "sequence"
    if not path.is_file():
        return Properties()
    try:
        pairs = (line.partition("=") for line in read_text(path).splitlines())
        values = {key.strip(): value.strip() for key, equals, value in pairs if equals}
        size = (whole(values["width"]), whole(values["height"])) if {"width", "height"} <= set(values) else None
        fps = parse_number(values["fps"]) if "fps" in values else None
    except (LockonError, ValueError) as error:
        return Properties(problems=(f"{path}: expected lines such as width=640, height=480, fps=30; {error}",))
    if (size is not None and min(size) < 1) or (fps is not None and not 0 < fps < np.inf):
        return Properties(problems=(f"{path}: width, height and fps must be positive, found {size} and {fps}",))
    return Properties(size, fps)


def read_anchors(folder: Path, count: int) -> tuple[tuple[int, ...] | None, frozenset[int], tuple[str, ...]]:
    """Read `anchor.value`: anchors, those of them that run backward, and problems; one number per frame, 0 where there is none.

    A positive number is an anchor from which the tracker runs to the last frame, a negative one to the first.
    """
    values, problems = read_flags(folder / "anchor.value", count)
    if values is None:
        return None, frozenset(), problems
    anchors = tuple(int(frame) for frame in np.flatnonzero(values))
    return anchors, frozenset(int(frame) for frame in np.flatnonzero(values < 0)), ()


def read_tags(folder: Path) -> frozenset[str]:
    """Read the names of the tags (NAME.tag or NAME.label, one 0 or 1 per frame) that some frame has."""
    files = sorted([*folder.glob("*.tag"), *folder.glob("*.label")])
    return frozenset(file.stem for file in files if any(word not in ("0", "0.0") for word in read_text(file).split()))


def has_masks(text: str) -> bool:
    """Return whether some line of a ground truth is a mask."""
    return any(is_vot_mask(line) for line in text.splitlines() if line.strip())


def parse_masks(text: str, where: str, count: int = 0) -> tuple[TextTable, tuple[str, ...]]:
    """Parse the boxes around the masks of a ground truth, as a table of x, y, w, h, and the text of each mask.

    Lines that are empty or say NaN or 0 have no mask; empty ones at the end count as in `parse_table`.
    """
    lines = kept_lines(text, count)
    boxes, widths = np.full((len(lines), 4), np.nan), np.zeros(len(lines), dtype=np.int64)
    masks, problems, wrong = [], [], set()
    for index, line in enumerate(lines):
        mask = ""
        if line.strip().lower() not in ("", "nan", "0"):
            try:
                boxes[index] = parse_vot_mask(line).box()
                mask = line.strip()
            except LockonError as error:
                problems.append(f"{where}:{index + 1}: {error}")
                wrong.add(index + 1)
        masks.append(mask)
        widths[index] = 0 if np.isnan(boxes[index, 0]) else 4
    return TextTable(boxes, widths, np.arange(1, len(lines) + 1), tuple(problems), frozenset(wrong)), tuple(masks)


def extent(masks: tuple[str, ...]) -> tuple[int, int]:
    """Return (width, height) that all masks of a sequence fit into, for want of images."""
    parts = [parse_vot_mask(text) for text in masks if text]
    return max((part.x + part.width for part in parts), default=1), max((part.y + part.height for part in parts), default=1)


def lazy_masks(path: Path, masks: tuple[str, ...], size: tuple[int, int]) -> LazyList[NDArray[np.bool_]]:
    """Return the masks of a ground truth file as a lazy list; item i has the path FILE/00000i.

    Args:
        path: The file.
        masks: The text of each frame's mask, empty where there is none.
        size: (width, height) of the frames.
    """
    return LazyList([path / f"{index:06d}" for index in range(len(masks))], partial(_draw, masks, size))


def _draw(masks: tuple[str, ...], size: tuple[int, int], path: Path) -> NDArray[np.bool_]:
    return decode_vot_mask(masks[int(path.name)] or EMPTY, size)
