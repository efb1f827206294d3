"""A data root of a few made images and one video, enough for a recipe to run."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np


def make_stills(root: Path) -> Path:
    """Two sets of three noise images with one object each; returns the folder."""
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        folder = root / "train" / name
        (folder / "images").mkdir(parents=True)
        lines = []
        for i in range(3):
            cv2.imwrite(str(folder / f"images/{i}.png"), rng.integers(0, 256, (120, 160, 3), dtype=np.uint8))
            box = [40 + i, 30, 50, 40]
            lines.append({"image": f"images/{i}.png", "width": 160, "height": 120, "objects": [{"id": 0, "class": name, "box": box}]})
        (folder / "annotations.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return root / "train"


def make_validation(root: Path, names: tuple[str, ...] = ("one", "two"), frames: int = 4) -> Path:
    """Videos of a bright square that moves, as folders of frames with boxes.txt; returns the folder."""
    for number, name in enumerate(names):
        folder = root / "val" / name
        folder.mkdir(parents=True)
        rows = []
        for frame in range(frames):
            image = np.full((90, 120, 3), 60 + 20 * number, np.uint8)
            x, y = 40 + 3 * frame, 30 + 2 * number
            image[y : y + 24, x : x + 30] = (30, 160, 220)
            cv2.imwrite(str(folder / f"{frame:04d}.png"), image)
            rows.append(f"{x},{y},30,24")
        (folder / "boxes.txt").write_text("\n".join(rows) + "\n")
    return root / "val"
