"""COCO (T.-Y. Lin et al., ECCV 2014), as it is unpacked, for training: every annotated object of an image is a track of one frame.

    ROOT/annotations/instances_train2017.json     (or another year)
    ROOT/train2017/000000000009.jpg ...           (or ROOT/images/train2017/...)

Boxes are x, y, w, h in pixels, taken as they are. Crowds are objects like all others, as in PySOT's data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from lockon._documents import LARGEST_SET, MALFORMED, read_json
from lockon.data.track_masks import Segment, segment_mask
from lockon.data.tracks import ImageFiles, Track, TrackSet
from lockon.errors import LockonError

EXPECTS = "annotations/instances_train2017.json and train2017/*.jpg (or images/train2017/*.jpg)"


def is_root(root: Path) -> bool:
    """Return whether the folder holds a training annotation."""
    return _annotation(root) is not None


def _annotation(root: Path) -> Path | None:
    files = sorted((root / "annotations").glob("instances_train*.json"))
    return files[-1] if files else None


def read(root: Path, name: str = "COCO", skip: Collection[str] = (), *, masks: bool = False) -> TrackSet:
    """Read the training part of the latest year under `root`; with `masks` its segmentations too (some hundred megabytes).

    Raises:
        LockonError: No annotation, no folder of images, or a malformed annotation.
    """
    file = _annotation(root)
    if file is None:
        raise LockonError(f"{root} does not look like COCO; expected {EXPECTS}")
    part = file.stem.removeprefix("instances_")
    images = next((folder for folder in (root / part, root / "images" / part) if folder.is_dir()), None)
    if images is None:
        raise LockonError(f"{root} has {file.name} but no images; expected {part}/ or images/{part}/")
    try:
        content = read_json(file, LARGEST_SET)
        segments: dict[tuple[str, str], Segment] = {}
        tracks = list(_tracks(content, part, segments if masks else None))
    except (OSError, *MALFORMED) as error:
        raise LockonError(f"{file} is no annotation of COCO instances: {type(error).__name__} {error}") from error
    track_set = TrackSet.build(name, tracks, ImageFiles(images.parent, "{video}.jpg"), skip=skip)
    return replace(track_set, masks=partial(segment_mask, segments)) if masks else track_set


def _tracks(content: dict[str, Any], part: str, segments: dict[tuple[str, str], Segment] | None) -> Iterator[Track]:
    """Yield the tracks; their segmentations go into `segments`."""
    images = {int(image["id"]): image for image in content["images"]}
    objects: dict[int, list[dict[str, Any]]] = {}
    for item in content["annotations"]:
        objects.setdefault(int(item["image_id"]), []).append(item)
    for number, members in sorted(objects.items()):
        image = images[number]
        video = f"{part}/{Path(image['file_name']).stem}"
        for place, item in enumerate(members):
            x, y, w, h = item["bbox"]
            if segments is not None and item.get("segmentation"):
                segments[video, f"{place:02d}"] = Segment.parse(item["segmentation"], int(image["height"]), int(image["width"]))
            yield Track(video, f"{place:02d}", [0], [[x, y, x + w, y + h]])
