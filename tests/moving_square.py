"""A small clip of a textured square that moves over a grey ground, and its boxes, for tests that track for real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lockon.video_write import VideoWriter

WIDTH, HEIGHT, SIDES = 160, 120, (28, 22)


def box_of(frame: int) -> tuple[int, int, int, int]:
    """Return x, y, w, h of the square in a frame; it goes there and back."""
    step = abs(frame % 160 - 80)
    return (30 + 80 - step, 30 + (80 - step) // 2, *SIDES)


def picture(frame: int) -> NDArray[np.uint8]:
    """Return the frame, (120, 160, 3) uint8 RGB."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    x, y, w, h = box_of(frame)
    image[y : y + h, x : x + w] = (240, 200, 30)
    image[y + 5 : y + 12, x + 6 : x + 15] = 0
    return image


def write_clip(path: Path, frames: int) -> Path:
    """Write the first frames as a video."""
    with VideoWriter(path, 25) as writer:
        for frame in range(frames):
            writer.write(picture(frame))
    return path
