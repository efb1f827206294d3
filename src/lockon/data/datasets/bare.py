"""Ground truth without images: folders of NAME.txt files, and PySOT's JSON files.

A folder of NAME.txt has one file per sequence, in the form in which the benchmark itself writes them; beside them may lie

    absent/NAME.txt            one 0 or 1 per frame: 1 where the target is absent
    attributes/NAME.txt        (or att/) one 0 or 1 per attribute of the benchmark, in its own order

PySOT's JSON (STVIR/pysot, toolkit/datasets) is one object; its keys are the sequences, each with `video_dir`, `init_rect`,
`gt_rect` (four or eight numbers per frame), `img_names`, and where they exist `attr`, `absent`, `width`, `height` and
VOT's tags per frame. The numbers are those that each benchmark publishes, so its own base holds for its JSON too: an
OTB100.json equals the text files box by box, counted from 1 (PySOT's published results start at those numbers), and the
polygons of VOT2018.json are the challenge's. Images are looked for beside the JSON. Its key `absent` is 1 where
the target is there, whatever its name says; the first frame, where it always is, decides which value means that.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockon._documents import LARGEST_SET, read_json
from lockon._names import inside
from lockon.box_columns import parse_number
from lockon.data.datasets.layout import FrameMode, Layout, SequenceFiles, Truth, from_one_based, read_if_there
from lockon.data.datasets.lists import official
from lockon.data.datasets.parsing import read_flags
from lockon.data.datasets.vot import box_to_polygon
from lockon.data.sequence import LazyList, LazyPaths, VideoSequence, read_image
from lockon.errors import LockonError
from lockon.ops.regions import polygon_to_box
from lockon.types import FloatArray

NO_TRUTH = ("list", "readme", "license", "licence")  # names of text files that are no ground truth
EXPECTS = "NAME.txt files, one per sequence, or a JSON file as PySOT has it"
_TAGS = ("camera_motion", "illum_change", "motion_change", "size_change", "occlusion")


def json_of(path: Path, name: str) -> Path | None:
    """Return the JSON file that the path is, or that lies in it under the dataset's name; None if there is none."""
    if path.suffix.lower() == ".json":
        return path if path.is_file() else None
    inner = path / f"{name}.json"
    return inner if inner.is_file() else None


def text_files(folder: Path) -> list[Path]:
    """List the ground truth files of a folder of NAME.txt; none if it is no such folder."""
    if not folder.is_dir():
        return []
    files = sorted(path for path in folder.glob("*.txt") if path.stem.lower() not in NO_TRUTH)
    return files if any(map(_starts_like_truth, files[:3])) else []


def _starts_like_truth(path: Path) -> bool:
    with path.open("rb") as file:
        line = file.readline(200).decode("utf-8-sig", "replace").strip()
    fields = line.replace(",", " ").split()
    if line.startswith("m"):
        return True
    try:
        return len([parse_number(field) for field in fields]) >= 4
    except ValueError:
        return False


def is_bare(path: Path, name: str) -> bool:
    """Return whether the path holds ground truth of a dataset without images."""
    return json_of(path, name) is not None or bool(text_files(path))


def scan_texts(folder: Path, name: str) -> list[SequenceFiles]:
    """List the files of every sequence in a folder of NAME.txt, by the names of the benchmark's list; sorted by name."""
    complete = official(name)
    sequences = []
    for sequence, path in sorted((path.stem.removesuffix("_gt"), path) for path in text_files(folder)):
        listed = complete.get(sequence) if complete is not None else None
        first, count = (None, None) if listed is None else (listed.first, listed.frames)
        sequences.append(SequenceFiles(sequence, folder / sequence, (), path, first=first, count=count))
    return sequences


def bare_layout(layout: Layout, name: str) -> Layout:
    """Return a benchmark's layout for a folder of NAME.txt: its own way of reading a file, and the flags beside it."""

    def truth(files: SequenceFiles) -> Truth:
        assert files.truth is not None
        return _with_flags(layout.truth(files), files.truth, name)

    return dataclasses.replace(layout, name="texts", scan=lambda root: scan_texts(root, name), truth=truth)


def _with_flags(truth: Truth, path: Path, name: str) -> Truth:
    absent, problems = read_flags(path.parent / "absent" / path.name, len(truth.boxes))
    visible = truth.visible
    if absent is not None:
        visible = absent == 0 if visible is None else visible & (absent == 0)
    complete = official(name)
    names = () if complete is None else complete.attributes
    attributes = truth.attributes
    for folder in ("attributes", "att"):
        flags, faults = read_flags(path.parent / folder / path.name)
        problems += faults
        if flags is not None and len(flags) == len(names):
            attributes |= {text for text, flag in zip(names, flags, strict=True) if flag}
    return dataclasses.replace(truth, visible=visible, problems=(*truth.problems, *problems), attributes=attributes)


def load_json(path: Path, name: str, origin: int, frames: FrameMode) -> tuple[list[VideoSequence], dict[str, LockonError]]:
    """Load the sequences of a PySOT JSON file, sorted by name, and return by name what is wrong with those that cannot be read.

    Args:
        path: The file.
        name: The dataset.
        origin: Number of the first pixel in the benchmark's annotations.
        frames: "required": a sequence whose images are not all there cannot be read; "optional": it is an error when they are.

    Raises:
        LockonError: No JSON, or another structure.
    """
    try:
        content = read_json(path, LARGEST_SET)
    except OSError as error:
        raise LockonError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise LockonError(f"{path} is no JSON: {error}") from error
    if not isinstance(content, dict) or not content:
        raise LockonError(f"{path}: expected an object with one entry per sequence, as PySOT's dataset files have")
    sequences: list[VideoSequence] = []
    wrong: dict[str, LockonError] = {}
    for key in sorted(content):
        try:
            sequence = _sequence(path, key, content[key], name, origin)
            sequences.append(sequence if frames == "optional" else _with_images(sequence, path))
        except LockonError as error:
            wrong[key] = error
    return sequences, wrong


def _with_images(sequence: VideoSequence, path: Path) -> VideoSequence:
    for image in sequence.frames.paths:
        if not image.exists():
            raise LockonError(f"{image} does not exist; expected the images beside {path}, or ask for the ground truth alone")
    return dataclasses.replace(sequence, frames=LazyList(sequence.frames.paths, read_image))


def _sequence(path: Path, key: str, entry: Any, name: str, origin: int) -> VideoSequence:
    where = f"{path}: {key}"
    if not isinstance(entry, dict) or not isinstance(entry.get("gt_rect"), list) or not isinstance(entry.get("img_names"), list):
        raise LockonError(f"{where}: expected the keys gt_rect and img_names with one item per frame")
    rows = [_row(row, f"{where}: gt_rect of frame {index}") for index, row in enumerate(entry["gt_rect"])]
    if len(rows) != len(entry["img_names"]):
        raise LockonError(f"{where}: {len(rows)} boxes in gt_rect, but {len(entry['img_names'])} img_names")
    polygons = np.array([row if len(row) == 8 else [np.nan] * 8 for row in rows]).reshape(-1, 8)
    rectangles = np.array([row if len(row) == 4 else [np.nan] * 4 for row in rows]).reshape(-1, 4)
    cornered = np.array([len(row) == 8 for row in rows], dtype=np.bool_)
    boxes = np.where(cornered[:, None], polygon_to_box(polygons), rectangles)
    polygons[~cornered] = box_to_polygon(rectangles[~cornered])
    images = LazyPaths(partial(_image, path.parent, [str(image) for image in entry["img_names"]]), len(rows))
    return VideoSequence(
        name=key,
        dataset=name,
        frames=LazyList(images, read_if_there),
        boxes=from_one_based(boxes) if origin else boxes,
        visible=_visible(entry, boxes, where),
        polygons=(polygons - origin) if cornered.any() else None,
        attributes=_attributes(entry, where),
        frame_size=_size(entry, where),
    )


def _image(folder: Path, names: list[str], index: int) -> Path:
    return inside(folder, names[index], str(folder))


def _row(row: Any, where: str) -> list[float]:
    """Return four or eight numbers of one frame; none where there is no box."""
    try:
        numbers = [float(value) for value in row]
    except (TypeError, ValueError, OverflowError):
        raise LockonError(f"{where}: expected four or eight numbers, found {str(row)[:40]}") from None
    if not numbers or all(map(np.isnan, numbers)):
        return []
    if len(numbers) not in (4, 8):
        raise LockonError(f"{where}: expected four or eight numbers, found {len(numbers)}")
    return numbers


def _flags(entry: dict[str, Any], key: str, count: int, where: str) -> NDArray[np.float64] | None:
    """Return one number per frame; None where the key is missing or its list is empty."""
    values = entry.get(key)
    if not isinstance(values, list) or not values:
        return None
    try:
        flags = np.array([float(value) for value in values])
    except (TypeError, ValueError, OverflowError):
        raise LockonError(f"{where}: {key} holds something that is no number") from None
    if len(flags) != count:
        raise LockonError(f"{where}: {len(flags)} values of {key}, but {count} frames")
    return flags


def _visible(entry: dict[str, Any], boxes: FloatArray, where: str) -> NDArray[np.bool_] | None:
    empty = np.isnan(boxes[:, 0])
    absent = _flags(entry, "absent", len(boxes), where)
    if absent is not None:
        return np.asarray((absent == absent[0]) & ~empty)
    return np.asarray(~empty) if empty.any() else None


def _attributes(entry: dict[str, Any], where: str) -> frozenset[str]:
    """Return the names in `attr` (flags without names are left to the benchmark's list), and tags that some frame has."""
    attributes = entry.get("attr")
    names = [str(name).lower() for name in attributes if str(name) not in ("0", "1")] if isinstance(attributes, list) else []
    count = len(entry["gt_rect"])
    tags = [tag for tag in _TAGS if (flags := _flags(entry, tag, count, where)) is not None and (flags != 0).any()]
    return frozenset([*names, *tags])


def _size(entry: dict[str, Any], where: str) -> tuple[int, int] | None:
    width, height = entry.get("width"), entry.get("height")
    if width is None or height is None:
        return None
    try:
        return int(width), int(height)
    except (TypeError, ValueError, OverflowError):
        raise LockonError(f"{where}: width {width!r} and height {height!r}, expected whole numbers") from None
