"""A tracker that costs nothing, under the name "still", for tests of commands."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import ArrayLike

from lockon.errors import LockonError
from lockon.types import Frame, Result
from lockon.zoo.registry import ENTRIES, Entry


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
    monkeypatch.setitem(sys.modules, "still_tracker", module)
    monkeypatch.setitem(ENTRIES, "still", Entry("still_tracker", "does not move"))
    return "still"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Twelve frames of 64x48 pixels."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for number in range(12):
        writer.write(np.full((48, 64, 3), 20 * number, np.uint8))
    writer.release()
    return path
