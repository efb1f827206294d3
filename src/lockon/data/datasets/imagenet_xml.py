"""The XML annotations of ImageNet's detection tasks, still and video: boxes x1, y1, x2, y2 in whole pixels, taken as they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from lockon.errors import LockonError


@dataclass(frozen=True, slots=True)
class MarkedObject:
    """One object of one image; `track` is None where the annotation has no trackid."""

    box: tuple[float, float, float, float]
    track: int | None


def read_objects(file: Path) -> list[MarkedObject]:
    """Read the objects of one annotation file, in its order.

    Raises:
        LockonError: It cannot be read, is no XML, or an object has no complete box.
    """
    try:
        root = ElementTree.parse(file).getroot()
        return [_object(item) for item in root.iterfind("object")]
    except OSError as error:
        raise LockonError(f"{file} cannot be read: {error.strerror}") from error
    except (ElementTree.ParseError, TypeError, ValueError) as error:
        raise LockonError(f"{file} is no annotation of ImageNet objects: {error}") from error


def _object(item: ElementTree.Element) -> MarkedObject:
    x1, y1, x2, y2 = (float(item.findtext(f"bndbox/{side}") or "missing") for side in ("xmin", "ymin", "xmax", "ymax"))
    track = item.findtext("trackid")
    return MarkedObject((x1, y1, x2, y2), None if track is None else int(track))


def folders_of_files(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """List every folder at or under `root` with its XML files' names without the ending, both sorted."""
    for folder, inner, files in os.walk(root):
        inner.sort()
        names = sorted(file[:-4] for file in files if file.endswith(".xml"))
        if names:
            yield Path(folder), names


__all__ = ["MarkedObject", "folders_of_files", "read_objects"]
