"""ImageNet DET and VID (O. Russakovsky et al., IJCV 2015), as they are unpacked, for training.

    ROOT/Annotations/DET/train/ILSVRC2013_train/n01440764/n01440764_18.xml ...
    ROOT/Annotations/DET/train/ILSVRC2014_train_0000/ILSVRC2014_train_00000001.xml ...
    ROOT/Annotations/VID/train/ILSVRC2015_VID_train_0000/ILSVRC2015_train_00000000/000000.xml ...
    ROOT/Data/DET/train/... and ROOT/Data/VID/train/...     the images, with the ending JPEG

Boxes are x1, y1, x2, y2 in whole pixels, taken as they are. Only the training parts are read: PySOT keeps the validation parts for
validation. Of DET every object of an image is a track of one frame. Of VID a track is what has one trackid in one video, less the frames
that stand alone (neither the frame before nor the one after has it), as in PySOT's data. All runs of frames are kept; PySOT's files have
the last run of each track alone.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from lockon.box_columns import parse_number
from lockon.box_tables import whole
from lockon.data.tracks import ImageFiles, Track, TrackSet
from lockon.errors import LockonError

Task = Literal["DET", "VID"]
PATTERNS: dict[Task, str] = {"DET": "{video}.JPEG", "VID": "{video}/{frame:06d}.JPEG"}
EXPECTS: dict[Task, str] = {
    "DET": "Annotations/DET/train/FOLDERS/IMAGE.xml and Data/DET/train/FOLDERS/IMAGE.JPEG",
    "VID": "Annotations/VID/train/FOLDERS/VIDEO/000000.xml and Data/VID/train/FOLDERS/VIDEO/000000.JPEG",
}

DEEPEST, MOST_ELEMENTS = 20, 100_000  # of an annotation: real ones have 4 and some hundred


def is_root(root: Path, task: Task) -> bool:
    """Return whether the folder holds the training annotations."""
    return (root / "Annotations" / task / "train").is_dir()


def read(root: Path, name: str, skip: Collection[str] = (), *, task: Task) -> TrackSet:
    """Read the training part.

    Raises:
        LockonError: A malformed annotation.
    """
    tracks = (_still_tracks if task == "DET" else _video_tracks)(root / "Annotations" / task / "train")
    return TrackSet.build(name, tracks, ImageFiles(root / "Data" / task / "train", PATTERNS[task]), skip=skip)


def _still_tracks(top: Path) -> Iterator[Track]:
    for folder, names in _folders_of_files(top):
        for image in names:
            video = (folder / image).relative_to(top).as_posix()
            for number, item in enumerate(_read_objects(folder / f"{image}.xml")):
                yield Track(video, f"{number:02d}", [0], [item.box])


def _video_tracks(top: Path) -> Iterator[Track]:
    for folder, names in _folders_of_files(top):
        video = folder.relative_to(top).as_posix()
        by_track: dict[int, list[tuple[int, tuple[float, ...]]]] = {}
        for frame in names:
            if not frame.isdigit():
                raise LockonError(f"{folder / frame}.xml: the name is no frame number; expected 000000.xml")
            for item in _read_objects(folder / f"{frame}.xml"):
                if item.track is None:
                    raise LockonError(f"{folder / frame}.xml: an object without trackid; expected annotations of VID, not of DET")
                by_track.setdefault(item.track, []).append((int(frame), item.box))
        for number, members in sorted(by_track.items()):
            frames, boxes = np.array([frame for frame, _ in members]), np.array([box for _, box in members])
            kept = _in_runs(frames)
            if kept.any():
                yield Track(video, f"{number:02d}", frames[kept], boxes[kept])


def _in_runs(frames: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return (n,) whether the frame before or after is there too; `frames` ascend."""
    near = np.diff(frames) == 1
    return np.asarray(np.append(near, False) | np.append(False, near))


class _PlainTree(ElementTree.TreeBuilder):
    """A tree of no more depth than annotations have, without a document type, whose entities fill memory or name other files."""

    def __init__(self) -> None:
        super().__init__()
        self._depth, self._elements = 0, 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Refuse a document type."""
        raise ValueError("it has a DOCTYPE, which annotations have not")

    def start(self, tag: str, attrs: dict[str, str], /) -> ElementTree.Element:
        """Open an element."""
        self._depth, self._elements = self._depth + 1, self._elements + 1
        if self._depth > DEEPEST or self._elements > MOST_ELEMENTS:
            raise ValueError(f"more than {DEEPEST} elements in each other, or {MOST_ELEMENTS} in all")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ElementTree.Element:
        """Close an element."""
        self._depth -= 1
        return super().end(tag)


@dataclass(frozen=True, slots=True)
class _MarkedObject:
    """One object of one image; `track` is None where the annotation has no trackid."""

    box: tuple[float, float, float, float]
    track: int | None


def _read_objects(file: Path) -> list[_MarkedObject]:
    """Read the objects of one annotation file, in its order.

    Raises:
        LockonError: It cannot be read, is no XML, or an object has no complete box.
    """
    try:
        root = ElementTree.parse(file, ElementTree.XMLParser(target=_PlainTree())).getroot()
        return [_object(item) for item in root.iterfind("object")]
    except OSError as error:
        raise LockonError(f"{file} cannot be read: {error.strerror}") from error
    except (ElementTree.ParseError, TypeError, ValueError, OverflowError, LookupError) as error:
        raise LockonError(f"{file} is no annotation of ImageNet objects: {error}") from error


def _object(item: ElementTree.Element) -> _MarkedObject:
    x1, y1, x2, y2 = (parse_number(item.findtext(f"bndbox/{side}") or "missing") for side in ("xmin", "ymin", "xmax", "ymax"))
    if not all(map(math.isfinite, (x1, y1, x2, y2))):
        raise ValueError("a box that is not finite")
    track = item.findtext("trackid")
    return _MarkedObject((x1, y1, x2, y2), None if track is None else whole(track))


def _folders_of_files(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """List every folder at or under `root` with its XML files' names without the ending, both sorted."""
    for folder, inner, files in os.walk(root):
        inner.sort()
        names = sorted(file[:-4] for file in files if file.endswith(".xml"))
        if names:
            yield Path(folder), names
