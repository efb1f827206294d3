"""Sequences without images, and result files of made-up trackers on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lockon.data.datasets.layout import read_if_there
from lockon.data.sequence import LazyList, VideoSequence

FRAMES = 8


def make_sequence(name: str, *, dataset: str = "OTB100", frames: int = FRAMES, seed: int = 0, **fields) -> VideoSequence:
    """A target of 20 x 30 pixels that moves by 10 pixels per frame from a place that depends on the seed; no images."""
    boxes = np.array([[50.0 + 40 * seed + 10 * index, 40 + 7 * seed, 20, 30] for index in range(frames)])
    return VideoSequence(
        name, dataset, LazyList([Path("nowhere") / f"{index}.jpg" for index in range(frames)], read_if_there), boxes, **fields
    )


def with_corners(sequence: VideoSequence) -> dict[str, np.ndarray]:
    """Its boxes as polygons, for `make_sequence(polygons=...)`."""
    x, y, w, h = sequence.boxes.T
    return {"polygons": np.stack([x, y, x + w, y, x + w, y + h, x, y + h], axis=1)}


def write_lines(path: Path, boxes, *, origin: int = 0, separator: str = ",") -> None:
    """One box per line; rows that are text are written as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else separator.join(f"{v:g}" for v in moved(row, origin, origin)) for row in boxes]
    path.write_text("\n".join(lines) + "\n")


def moved(boxes, x=0.0, y=0.0, w=0.0, h=0.0) -> np.ndarray:
    """Boxes with something added to each column."""
    return np.asarray(boxes, dtype=np.float64) + np.array([x, y, w, h])
