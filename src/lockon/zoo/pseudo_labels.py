"""Objects in images that nobody annotated, found by a tracker with masks: boxes and masks to train other trackers on.

A box is drawn anywhere, the tracker starts on it and looks at the very same image. Where the box lies on a thing, the mask is that
thing. It is kept if the tracker is sure, the mask fills its own box and does not touch the border, and a second start on the mask's
box gives the same mask again: what depends on where the first box happened to lie is no object.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lockon.bench.metrics import mask_overlap
from lockon.data.datasets.stills import ANNOTATIONS, StillImage
from lockon.data.rle import encode_rle
from lockon.errors import LockonError
from lockon.localizers.masks import mask_box
from lockon.ops.boxes import iou_xywh
from lockon.session import Tracker
from lockon.types import FloatArray, Frame, Result

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelConfig:
    """Rules for which results count as objects.

    Attributes:
        proposals: boxes drawn per image.
        smallest: their least side as a fraction of the image's shorter side.
        largest: their largest side as such a fraction.
        score: least score of both results.
        agreement: least IoU of the two masks.
        fill: least part of its box that a mask covers.
        margin: least distance of the box from the image's border, in pixels.
        apart: objects whose boxes overlap more than this (IoU) are one; the surer one stays.

    Raises:
        LockonError: a number out of its range.
    """

    proposals: int = 8
    smallest: float = 0.15
    largest: float = 0.7
    score: float = 0.9
    agreement: float = 0.75
    fill: float = 0.3
    margin: float = 2.0
    apart: float = 0.4

    def __post_init__(self) -> None:
        if self.proposals < 1:
            raise LockonError(f"proposals={self.proposals} given, expected 1 or more")
        if not 0 < self.smallest <= self.largest <= 1:
            raise LockonError(f"smallest={self.smallest:g}, largest={self.largest:g} given, expected 0 < smallest <= largest <= 1")


@dataclass(frozen=True, slots=True)
class FoundObject:
    """One object: its (4,) x, y, w, h box around its mask, the (H, W) mask, and the tracker's score."""

    box: FloatArray
    mask: Mask
    score: float


def find_objects(tracker: Tracker, image: Frame, rng: Generator, config: LabelConfig) -> list[FoundObject]:
    """Find the objects of one image, the surest first.

    Args:
        tracker: with masks, and for several targets; its own targets are replaced.
        image: (H, W, 3) uint8 RGB.
        rng: draws the boxes.
        config: what counts as an object.

    Raises:
        LockonError: the tracker makes no masks.
    """
    boxes = draw_boxes(rng, (image.shape[1], image.shape[0]), config)
    first = [(box, mask) for box, mask, _ in _search_around(tracker, image, boxes, config)]
    if not first:
        return []
    again = _search_around(tracker, image, np.stack([box for box, _ in first]), config, [mask for _, mask in first])
    return _distinct([FoundObject(box, mask, score) for box, mask, score in again], config.apart)


def draw_boxes(rng: Generator, size: tuple[int, int], config: LabelConfig) -> FloatArray:
    """Draw (n, 4) random x, y, w, h boxes inside an image of (width, height) pixels, of any shape up to 1:2."""
    shorter = min(size)
    side = shorter * np.exp(rng.uniform(np.log(config.smallest), np.log(config.largest), config.proposals))
    stretch = np.exp(rng.uniform(-np.log(2) / 2, np.log(2) / 2, config.proposals))
    sides = np.stack([side * stretch, side / stretch], axis=1)
    sides = np.minimum(sides, np.asarray(size) * 0.95)
    corner = rng.uniform(0, 1, (config.proposals, 2)) * (np.asarray(size) - sides)
    return np.concatenate([corner, sides], axis=1)


def _search_around(
    tracker: Tracker, image: Frame, boxes: FloatArray, config: LabelConfig, expected: Sequence[Mask] | None = None
) -> list[tuple[FloatArray, Mask, float]]:
    """Start the tracker on each box and return its results that may be objects, and that agree with the expected masks."""
    tracker.init(image, boxes)
    answers = tracker.track(image).each()
    kept = []
    for number, answer in enumerate(answers):
        box = _object_box(answer, image, config)
        if box is None or answer.mask is None:
            continue
        if expected is None or mask_overlap([answer.mask], [expected[number]], empty=0.0)[0] >= config.agreement:
            kept.append((box, answer.mask, float(np.asarray(answer.score))))
    return kept


def _object_box(answer: Result, image: Frame, config: LabelConfig) -> FloatArray | None:
    """Return the box around the mask of a result, or None where it can be no object."""
    if answer.mask is None:
        raise LockonError("this tracker makes no masks; label with one that does, such as siammask-r50")
    box = mask_box(answer.mask)
    if box is None or float(np.asarray(answer.score)) < config.score:
        return None
    x, y, w, h = box
    height, width = image.shape[:2]
    if min(x, y, width - x - w, height - y - h) < config.margin or answer.mask.sum() < config.fill * w * h:
        return None
    return box


def _distinct(found: list[FoundObject], apart: float) -> list[FoundObject]:
    kept: list[FoundObject] = []
    for one in sorted(found, key=lambda each: -each.score):
        if all(float(iou_xywh(one.box, other.box)) <= apart for other in kept):
            kept.append(one)
    return kept


def label_set(
    tracker: Tracker,
    images: Sequence[StillImage],
    folder: Path,
    config: LabelConfig,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write a set of stills with the objects that are found in `images`; a stopped call goes on where it was.

    Args:
        tracker: as for `find_objects`.
        images: of one set.
        folder: of the new set, with images/ and annotations.jsonl; the pictures are copied as they are.
        config: what counts as an object.
        seed: with an image's number it decides the boxes that are drawn.
        progress: called with (images done, images in all).

    Returns:
        number of objects found.

    Raises:
        LockonError: the folder holds a finished set or cannot be written, an image cannot be read, a tracker without masks.
    """
    final, partial = folder / ANNOTATIONS, folder / f".{ANNOTATIONS}.partial"
    if final.exists():
        raise LockonError(f"{folder} holds a finished set already; give another folder, or remove it")
    try:
        (folder / "images").mkdir(parents=True, exist_ok=True)
        lines = _whole_lines(partial)
        with partial.open("w", encoding="utf-8") as file:
            file.writelines(lines)
            for number in range(len(lines), len(images)):
                image = images[number]
                found = find_objects(tracker, image.read(), np.random.default_rng((seed, number)), config)
                shutil.copyfile(image.path, folder / "images" / image.path.name)
                lines.append(_line(image, found))
                file.write(lines[-1])
                file.flush()
                if progress is not None:
                    progress(number + 1, len(images))
        os.replace(partial, final)
    except OSError as error:
        raise LockonError(f"cannot write into {folder} ({error.strerror}); choose a folder that can be written") from None
    return sum(len(json.loads(line)["objects"]) for line in lines)


def _whole_lines(partial: Path) -> list[str]:
    """Return the lines of an interrupted call; one that it could not finish is dropped."""
    text = partial.read_text(encoding="utf-8") if partial.is_file() else ""
    return [line for line in text.splitlines(keepends=True) if line.endswith("\n")]


def _line(image: StillImage, found: Sequence[FoundObject]) -> str:
    objects = [
        {
            "id": number,
            "class": "object",
            "box": one.box.tolist(),
            "mask_rle": encode_rle(one.mask),
            "mask_size": list(one.mask.shape),
            "score": round(one.score, 4),
        }
        for number, one in enumerate(found)
    ]
    name = f"images/{image.path.name}"
    record = {"image": name, "video": None, "frame": None, "width": image.width, "height": image.height, "objects": objects}
    return json.dumps(record) + "\n"


__all__ = ["FoundObject", "LabelConfig", "draw_boxes", "find_objects", "label_set"]
