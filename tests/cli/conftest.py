"""A tracker and a refiner that cost nothing, under the names "still" and "sharp", for tests of commands."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import ArrayLike

from fake_refiner import BlobRefiner
from lockon.errors import LockonError
from lockon.refiners.alpha_refine import AlphaRefiner
from lockon.types import Frame, Result
from lockon.zoo.registry import ENTRIES, REFINERS, Entry


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

    def load(name: str, *, weights: Path | None, preset: str, device: str, **overrides: Any) -> Still:
        interrupt = overrides.pop("interrupt", False)
        if overrides:
            raise LockonError(f"unknown overrides {overrides!r}")
        return Still(interrupt)

    module = types.ModuleType("still_tracker")
    module.load = load  # type: ignore[attr-defined]
    module.weight_files = lambda name, weights: ()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "still_tracker", module)
    monkeypatch.setitem(ENTRIES, "still", Entry("still_tracker", "does not move"))
    return "still"


@pytest.fixture
def sharp(monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of the refiner, which finds colours; it takes the override `masks`, and weights that exist."""

    def load(name: str, *, weights: Path | None, preset: str, device: str, masks: bool = True) -> AlphaRefiner:
        if weights is not None and not weights.is_file():
            raise LockonError(f"{weights} does not exist")
        return AlphaRefiner(BlobRefiner(masks=masks))

    module = types.ModuleType("sharp_refiner")
    module.load = load  # type: ignore[attr-defined]
    module.weight_files = lambda name, weights: () if weights is None else (weights,)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sharp_refiner", module)
    monkeypatch.setitem(REFINERS, "sharp", Entry("sharp_refiner", "finds colours"))
    return "sharp"


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
