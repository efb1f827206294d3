"""Checks of one set of stills for missing and broken parts: lines, image files, boxes, masks."""

from __future__ import annotations

from pathlib import Path

from lockon.data.check_sequence import Faults
from lockon.data.datasets.parsing import format_ranges, read_text
from lockon.data.datasets.stills import ANNOTATIONS, StillImage, parse_line
from lockon.data.image_files import broken_file
from lockon.data.rle import decode_rle
from lockon.errors import LockonError

MARGIN = 1.0  # pixels that a box may reach over the border: annotations are rounded


def check_set(folder: Path, *, full: bool = False) -> Faults:
    """Check one set for all that is wrong with it; `full` decodes every image and compares its size."""
    faults = Faults()
    file = folder / ANNOTATIONS
    images: dict[int, StillImage] = {}
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if line.strip():
            try:
                images[number] = parse_line(line, folder, f"{file}:{number}")
            except LockonError as error:
                faults.problems.append(str(error))
    faults.frames = len(images)
    flat, outside, over = [], [], []
    for number, image in images.items():
        _check_image(image, f"{file}:{number}", full, faults)
        for item in image.objects:
            x, y, w, h = item.box
            if w <= 0 or h <= 0:
                flat.append(number)
            elif x >= image.width or y >= image.height or x + w <= 0 or y + h <= 0:
                outside.append(number)
            elif x < -MARGIN or y < -MARGIN or x + w > image.width + MARGIN or y + h > image.height + MARGIN:
                over.append(number)
    for numbers, text in ((flat, "zero or negative width or height"), (outside, "the box lies outside the image")):
        if numbers:
            faults.problems.append(f"{text} in {len(numbers)} objects, lines {format_ranges(numbers)}")
    if over:
        faults.notes.append(f"the box reaches over the border in {len(over)} objects, lines {format_ranges(over)}")
    listed = {image.path.name for image in images.values()}
    unlisted = [path.name for path in (folder / "images").glob("*") if path.name not in listed]
    if unlisted:
        faults.notes.append(f"{len(unlisted)} files in images/ are not listed, such as {min(unlisted)}")
    return faults


def _check_image(image: StillImage, where: str, full: bool, faults: Faults) -> None:
    fault = broken_file(image.path)
    if fault is not None:
        faults.problems.append(f"{where}: {image.path.name} {fault}")
    elif full:
        try:
            image.read()
        except LockonError as error:
            faults.problems.append(f"{where}: {error}")
    for item in image.objects:
        if item.mask_rle is None or item.mask_size is None:
            continue
        try:
            decode_rle(item.mask_rle, *item.mask_size)
        except LockonError as error:
            faults.problems.append(f"{where}: object {item.id}: {error}")
