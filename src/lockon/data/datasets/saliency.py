"""Images with one mask each of what is salient in them, as many public sets have them (DUTS, MSRA10K, HKU-IS and others).

    ROOT/images/NAME.jpg     ROOT/gt/NAME.png     or the same in folders, one per set: ROOT/SET/images, ROOT/SET/gt

White is the object; its box is the mask's extent. Reading all masks takes a while; it is done once (`lockon.data.datasets.mask_boxes`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lockon.data.datasets.layout import IMAGE_SUFFIXES, list_folders, list_images
from lockon.data.datasets.mask_boxes import remembered_boxes
from lockon.data.datasets.mask_images import mask_to_box, read_mask_image
from lockon.data.sequence import read_image
from lockon.data.tracks import Track, TrackSet
from lockon.errors import LockonError
from lockon.ops.boxes import xywh_to_xyxy
from lockon.types import Frame

EXPECTS = "images/NAME.jpg and gt/NAME.png, or folders that have these two"
IMAGES, MASKS = "images", "gt"


def _read(images: dict[str, Path], video: str, track: str, frame: int) -> Frame:
    return read_image(images[video])


def _mask(masks: dict[str, Path], video: str, track: str = "", frame: int = 0) -> NDArray[np.bool_]:
    image = read_mask_image(masks[video])
    return np.asarray((image if image.ndim == 2 else image[..., 0]) > 127)


def is_root(root: Path) -> bool:
    """Return whether the folder is one set, or one of its folders is."""
    return _is_set(root) or any(map(_is_set, list_folders(root)))


def _is_set(folder: Path) -> bool:
    return (folder / IMAGES).is_dir() and (folder / MASKS).is_dir()


def read(root: Path, name: str = "saliency", skip: Collection[str] = (), *, masks: bool = False) -> TrackSet:
    """Read every image that has a mask as a track of one frame; with `masks` its mask too.

    Raises:
        LockonError: No image with a mask; a broken mask.
    """
    images: dict[str, Path] = {}  # by "SET/NAME", or "NAME" where there is one set; the masks likewise
    gt: dict[str, Path] = {}
    for folder in [root] if _is_set(root) else [folder for folder in list_folders(root) if _is_set(folder)]:
        start = "" if folder == root else f"{folder.name}/"
        by_name = {path.stem: path for path in list_images(folder / MASKS, IMAGE_SUFFIXES)}
        for path in list_images(folder / IMAGES, IMAGE_SUFFIXES):
            if path.stem in by_name:
                images[start + path.stem], gt[start + path.stem] = path, by_name[path.stem]
    if not images:
        raise LockonError(f"{root} has no image with a mask of the same name; expected {EXPECTS}")
    names = sorted(images)
    boxes = remembered_boxes(root, names, lambda video: xywh_to_xyxy(mask_to_box(_mask(gt, video))))
    tracks = (Track(video, "00", [0], [box]) for video, box in zip(names, boxes, strict=True))
    track_set = TrackSet.build(name, tracks, partial(_read, images), skip=skip)
    return replace(track_set, masks=partial(_mask, gt)) if masks else track_set


__all__ = ["EXPECTS", "is_root", "read"]
