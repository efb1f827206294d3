"""Videos of one coloured square each, and a network that finds a square by its colour: a tracker whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lockon.data.sequence import LazyList, VideoSequence
from lockon.tracker import NetworkTracker, TrackerConfig
from lockon.types import Prediction, Template

RED, GREEN, BLUE = (220, 30, 30), (30, 220, 30), (30, 30, 220)
WIDTH, HEIGHT, SIDE = 160, 120, 24
GRID = 8


def box_at(index: int) -> list[float]:
    return [40 + 2 * index, 40 + index, SIDE, SIDE]


def video(name: str, color: tuple[int, int, int], frames: int = 10, *, masks: bool = False, video_name: str = "") -> VideoSequence:
    """A square of `color` that moves by (2, 1) pixels per frame on grey."""

    def area(path: Path) -> tuple[slice, slice]:
        x, y, w, h = map(int, box_at(int(path.name)))
        return slice(y, y + h), slice(x, x + w)

    def read(path: Path) -> Any:
        image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
        image[area(path)] = color
        return image

    def read_mask(path: Path) -> Any:
        mask = np.zeros((HEIGHT, WIDTH), np.bool_)
        mask[area(path)] = True
        return mask

    paths = [Path(video_name or name) / str(index) for index in range(frames)]
    boxes = np.array([box_at(index) for index in range(frames)], dtype=np.float64)
    return VideoSequence(name, "colors", LazyList(paths, read), boxes, masks=LazyList(paths, read_mask) if masks else None)


class ColorModel:
    """Finds the extent of the template's colour; logit 3 where there is some, -3 with a guess in the middle where there is none."""

    template_size = 32
    search_size = 64

    def __init__(self) -> None:
        self.header = {"pair": "0123abcd"}
        self.batches: list[int] = []

    def encode(self, images: Any) -> Template:
        return Template((images[:, 15:17, 15:17].reshape(len(images), -1, 3).mean(1).astype(np.float32),))

    def __call__(self, template: Template, images: Any) -> Prediction:
        self.batches.append(len(images))
        size = self.search_size
        boxes = np.tile(np.float32([size / 2 - 8, size / 2 - 8, size / 2 + 8, size / 2 + 8]), (len(images), GRID * GRID, 1))
        logits = np.full((len(images), GRID * GRID), -3, np.float32)
        for i, (image, color) in enumerate(zip(images, template.features[0], strict=True)):
            same = (np.abs(image.astype(np.float32) - color).max(-1) < 60).astype(np.uint8)
            if same.sum() > 20:
                x, y, w, h = cv2.boundingRect(same)
                boxes[i], logits[i] = (x, y, x + w, y + h), 3
        return Prediction(logits, boxes)


def color_tracker(**changes: Any) -> NetworkTracker:
    return NetworkTracker(ColorModel(), TrackerConfig(**changes))
