"""PySOT's training layout: patches of 511 pixels around each object, and their boxes in one JSON file.

    ROOT/train.json                     {video: {track: {frame: [x1, y1, x2, y2]}}}, in pixels of the image that was cut
    ROOT/crop511/VIDEO/000000.00.x.jpg  frame and track; the object is in the middle

The JSON file may be named train.json, train2017.json (COCO) or all.json. A box may be [w, h]: its size alone counts. `lockon data crop511`
writes this layout.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lockon._documents import LARGEST_SET, MALFORMED, read_json
from lockon.data.track_masks import patch_mask
from lockon.data.tracks import ImageFiles, Track, TrackSet
from lockon.errors import LockonError

FOLDER = "crop511"
PATTERN = "{video}/{frame:06d}.{track}.x.jpg"
MASK_PATTERN = "{video}/{frame:06d}.{track}.m.png"
ANNOTATIONS = ("train.json", "train2017.json", "all.json")
EXPECTS = "train.json (or train2017.json, all.json) and crop511/VIDEO/000000.00.x.jpg"


def is_root(root: Path) -> bool:
    """Return whether the folder holds patches and their annotation."""
    return (root / FOLDER).is_dir() and any((root / name).is_file() for name in ANNOTATIONS)


def read(
    root: Path, name: str, skip: Collection[str] = (), *, masks: bool = False, kept: Callable[[str], bool] = lambda _: True
) -> TrackSet:
    """Read the tracks of the annotation; a video that is malformed is left out, and a note says so.

    Args:
        root: Folder of the patches.
        name: Name of the set.
        skip: Videos to leave out.
        masks: Whether to keep the masks: the files that SiamMask has beside the patches, 000000.00.m.png.
        kept: Returns whether a video, by its name without folders, may train: annotations may be made of all parts (GOT-10k's all.json
            has 9,335 training videos and 180 others).

    Raises:
        LockonError: An annotation that is malformed as a whole; boxes from 0 to 1 are refused (see `lockon.data.datasets.youtube_bb`).
    """
    file = next(root / name for name in ANNOTATIONS if (root / name).is_file())
    bad: dict[str, str] = {}
    try:
        content = read_json(file, LARGEST_SET)
        videos = {video: members for video, members in content.items() if kept(video.rpartition("/")[2])}
        tracks = TrackSet.build(name, _tracks(videos, bad), ImageFiles(root / FOLDER, PATTERN), cropped=True, skip=skip, bad=bad)
    except LockonError:
        raise
    except (OSError, *MALFORMED) as error:
        raise LockonError(
            f"{file} is no annotation of 511-pixel patches: {error}; expected {{video: {{track: {{frame: box}}}}}}"
        ) from error
    if tracks.boxes.max() <= 1:
        raise LockonError(
            f"{file} has boxes from 0 to 1, whose shape is not the object's; write pixels: lockon data crop511 {name}:DIR OUT"
        )
    left = len(content) - len(videos)
    note = f"{name}: {left} videos left out that belong to a validation or test part, which never train"
    read_mask = partial(patch_mask, ImageFiles(root / FOLDER, MASK_PATTERN)) if masks else None
    return replace(tracks, masks=read_mask, notes=(*tracks.notes, note) if left else tracks.notes)


def _tracks(content: dict[str, Any], bad: dict[str, str]) -> Iterator[Track]:
    """Yield the tracks of the videos that can be read; `bad` grows by the others.

    Raises:
        ValueError: No video can be read.
    """
    for video, members in content.items():
        try:
            tracks = [_track(video, name, frames) for name, frames in members.items()]
        except MALFORMED as error:
            bad[video] = f"no {{track: {{frame: box}}}}, {error}"
            continue
        yield from tracks
    if bad and len(bad) == len(content):
        raise ValueError(next(iter(bad.values())))


def _track(video: str, name: str, frames: dict[str, Any]) -> Track:
    numbered = {int(frame): box for frame, box in frames.items() if frame.isdigit()}  # other keys are notes
    boxes = np.array([box if len(box) == 4 else [0, 0, *box] for box in numbered.values()], float).reshape(-1, 4)
    return Track(video, name, list(numbered), boxes)
