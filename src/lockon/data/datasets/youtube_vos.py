"""YouTube-VOS (N. Xu et al., ECCV 2018), the training part: several objects per video, each with masks.

    ROOT/train/meta.json                          {"videos": {VIDEO: {"objects": {"1": {"category": ..., "frames": ["00000", ...]}}}}}
    ROOT/train/JPEGImages/VIDEO/00000.jpg ...     every fifth frame of the video
    ROOT/train/Annotations/VIDEO/00000.png ...    palette images whose indices are the object numbers

Boxes are the extents of the masks. Reading all of them takes a while; it is done once (`lockon.data.datasets.mask_boxes`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class ObjectMasks:
    """Masks of numbered objects, several in one file."""

    files: ImageFiles

    def __call__(self, video: str, track: str, frame: int) -> NDArray[np.bool_] | None:
        """Read the mask; None where there is no file."""
        path = self.files.path(video, track, frame)
        return read_mask(path, int(track)) if path.is_file() else None


@dataclass(frozen=True, slots=True)
class _Key:
    """One object in one frame; the text serves as a key of remembered boxes."""

    video: str
    track: str
    frame: int

    def __str__(self) -> str:
        return f"{self.video}/{self.frame:05d}.{self.track}"


def is_root(root: Path) -> bool:
    """Return whether the folder holds the parts of this layout."""
    return (root / "meta.json").is_file() and all((root / part).is_dir() for part in ("JPEGImages", "Annotations"))


def read(root: Path, name: str = "YouTubeVOS", skip: Collection[str] = (), *, masks: bool = False) -> TrackSet:
    """Read every object of every video, in the frames where it is seen; with `masks` its masks too.

    Raises:
        LockonError: A meta.json that is malformed or that of another part, whose objects have no category; a broken mask.
    """
    keys = [key for key in _keys(root / "meta.json") if key.video not in skip]
    places = ObjectMasks(ImageFiles(root / "Annotations", "{video}/{frame:05d}.png"))
    by_text = {str(key): key for key in keys}

    def box(text: str) -> FloatArray:
        key = by_text[text]
        mask = places(key.video, key.track, key.frame)
        return np.full(4, np.nan) if mask is None else xywh_to_xyxy(mask_to_box(mask))

    boxes = remembered_boxes(root, list(by_text), box)
    track_set = TrackSet.build(name, _tracks(keys, boxes), ImageFiles(root / "JPEGImages", "{video}/{frame:05d}.jpg"), skip=skip)
    return replace(track_set, masks=places) if masks else track_set


def _keys(file: Path) -> Iterator[_Key]:
    """Return objects and frames by video, object and frame."""
    try:
        videos = read_json(file, LARGEST_SET)["videos"]
        for video, content in sorted(videos.items()):
            for track, item in sorted(content["objects"].items(), key=lambda pair: int(pair[0])):
                if "category" not in item:
                    raise LockonError(f"{file} is not of the training part: object {track} of {video} has no category; give that of train/")
                yield from (_Key(video, f"{int(track):02d}", int(frame)) for frame in sorted(item["frames"]))
    except (OSError, *MALFORMED) as error:
        raise LockonError(f"{file} is no meta.json of YouTube-VOS: {type(error).__name__} {error}") from error


def _tracks(keys: list[_Key], boxes: FloatArray) -> Iterator[Track]:
    place = 0
    for (video, track), members in groupby(keys, key=lambda key: (key.video, key.track)):
        frames = [key.frame for key in members]
        yield Track(video, track, frames, boxes[place : place + len(frames)])
        place += len(frames)


__all__ = ["EXPECTS", "ObjectMasks", "is_root", "read"]
