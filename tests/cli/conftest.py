"""A tracker and a refiner that cost nothing, under the names "still" and "sharp", for tests of commands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import ArrayLike

from fake_cards import register
from fake_refiner import BlobRefiner
from lockon.errors import LockonError
from lockon.refiners.alpha_refine import AlphaRefiner
from lockon.types import Frame, Result
from lockon.zoo.card import Card


class Still:
    """Returns the start boxes; every third frame is uncertain, frame 7 interrupts where `interrupt` is set."""

    def __init__(self, interrupt: bool = False) -> None:
        self.interrupt = interrupt

    def init(self, frame: Frame, box: ArrayLike) -> None:
        self.boxes, self.calls = np.asarray(box), 0

    def track(self, frame: Frame) -> Result:
        self.calls += 1
        if self.interrupt and self.calls == 7:
            raise KeyboardInterrupt
        state: Any = "tracked" if self.calls % 3 else "uncertain"
        if self.boxes.ndim == 1:
            return Result(self.boxes, 0.75, state)
        return Result(self.boxes, np.full(len(self.boxes), 0.75), (state,) * len(self.boxes))


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of the tracker; it takes the override `interrupt` and shows every other one in its error."""

    def construct(weights: Path | None, device: str, overrides: Mapping[str, Any]) -> Still:
        unknown = {key: value for key, value in overrides.items() if key != "interrupt"}
        if unknown:
            raise LockonError(f"unknown overrides {unknown!r}")
        return Still(overrides.get("interrupt", False))

    return register(monkeypatch, Card(name="still", summary="does not move", construct=construct))


@pytest.fixture
def sharp(monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of the refiner, which finds colours; it takes the override `masks`, and weights that exist."""

    def construct(weights: Path | None, device: str, overrides: Mapping[str, Any]) -> AlphaRefiner:
        if weights is not None and not weights.is_file():
            raise LockonError(f"{weights} does not exist")
        return AlphaRefiner(BlobRefiner(**overrides))

    presets = {"default": {}, "official": {"refine.clip": False}, "vot2020": {"refine.clip_base": True}}
    return register(monkeypatch, Card(name="sharp", kind="refiner", summary="finds colours", presets=presets, construct=construct))


@pytest.fixture
def red_clip(tmp_path: Path) -> Path:
    """Ten frames of 96x64 pixels with a red rectangle at 30, 20, of 24 x 16; on the last two it is gone."""
    path = tmp_path / "red"
    path.mkdir()
    for number in range(10):
        frame = np.full((64, 96, 3), 90, np.uint8)
        if number < 8:
            frame[20:36, 30:54] = (20, 20, 230)
        cv2.imwrite(str(path / f"{number}.png"), frame)
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Twelve frames of 64x48 pixels."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for number in range(12):
        writer.write(np.full((48, 64, 3), 20 * number, np.uint8))
    writer.release()
    return path
