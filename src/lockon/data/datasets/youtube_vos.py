"""YouTube-VOS (N. Xu et al., ECCV 2018), the training part: several objects per video, each with masks.

    ROOT/train/meta.json                          {"videos": {VIDEO: {"objects": {"1": {"category": ..., "frames": ["00000", ...]}}}}}
    ROOT/train/JPEGImages/VIDEO/00000.jpg ...     every fifth frame of the video
    ROOT/train/Annotations/VIDEO/00000.png ...    palette images whose indices are the object numbers

Boxes are the extents of the masks. Reading all of them takes a while; it is done once (`lockon.data.datasets.mask_boxes`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lockon._documents import LARGEST_SET, MALFORMED, read_json
from lockon.data.datasets.mask_boxes import remembered_boxes
from lockon.data.datasets.mask_images import mask_to_box, read_mask
from lockon.data.tracks import ImageFiles, Track, TrackSet
from lockon.errors import LockonError
from lockon.ops.boxes import xywh_to_xyxy
from lockon.types import FloatArray

EXPECTS = "train/meta.json, train/JPEGImages/VIDEO/00000.jpg and train/Annotations/VIDEO/00000.png"


def object_mask(files: ImageFiles, video: str, track: str, frame: int) -> NDArray[np.bool_] | None:
    """Read the mask of a numbered object, of several in one file; None where there is no file."""
    path = files.path(video, track, frame)
    return read_mask(path, int(track)) if path.is_file() else None


def is_root(root: Path) -> bool:
    """Return whether the folder holds the parts of this layout."""
    return (root / "meta.json").is_file() and all((root / part).is_dir() for part in ("JPEGImages", "Annotations"))


def read(root: Path, name: str = "YouTubeVOS", skip: Collection[str] = (), *, masks: bool = False) -> TrackSet:
    """Read every object of every video, in the frames where it is seen; with `masks` its masks too.

    Raises:
        LockonError: A meta.json that is malformed or that of another part, whose objects have no category; a broken mask.
    """
    places = [place for place in _places(root / "meta.json") if place[0] not in skip]
    files = ImageFiles(root / "Annotations", "{video}/{frame:05d}.png")
    keys = {f"{video}/{frame:05d}.{track}": (video, track, frame) for video, track, frame in places}

    def box(key: str) -> FloatArray:
        mask = object_mask(files, *keys[key])
        return np.full(4, np.nan) if mask is None else xywh_to_xyxy(mask_to_box(mask))

    boxes = remembered_boxes(root, list(keys), box)
    track_set = TrackSet.build(name, _tracks(places, boxes), ImageFiles(root / "JPEGImages", "{video}/{frame:05d}.jpg"), skip=skip)
    return replace(track_set, masks=partial(object_mask, files)) if masks else track_set


def _places(file: Path) -> Iterator[tuple[str, str, int]]:
    """Yield video, object and frame, in this order."""
    try:
        videos = read_json(file, LARGEST_SET)["videos"]
        for video, content in sorted(videos.items()):
            for track, item in sorted(content["objects"].items(), key=lambda pair: int(pair[0])):
                if "category" not in item:
                    raise LockonError(f"{file} is not of the training part: object {track} of {video} has no category; give that of train/")
                yield from ((video, f"{int(track):02d}", int(frame)) for frame in sorted(item["frames"]))
    except (OSError, *MALFORMED) as error:
        raise LockonError(f"{file} is no meta.json of YouTube-VOS: {type(error).__name__} {error}") from error


def _tracks(places: list[tuple[str, str, int]], boxes: FloatArray) -> Iterator[Track]:
    numbered = zip(places, boxes, strict=True)
    for (video, track), members in groupby(numbered, key=lambda item: item[0][:2]):
        frames, found = zip(*((frame, box) for (_, _, frame), box in members), strict=True)
        yield Track(video, track, frames, found)


__all__ = ["EXPECTS", "is_root", "object_mask", "read"]
