"""What tests of `lockon analyze` share: coloured videos, and trackers that answer at no cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike
from typer.testing import CliRunner

from colored_videos import BLUE, GREEN, RED, ColorModel, video
from lockon.cli import app
from lockon.config import apply_overrides
from lockon.tracker import NetworkTracker, TrackerConfig
from lockon.types import Frame, Prediction, Result, Template

VIDEOS = [
    replace(video("red", RED), attributes=("blur", "fast motion")),
    replace(video("green", GREEN), attributes=("blur",)),
    replace(video("blue", BLUE), attributes=("occlusion",)),
]


class Guided(ColorModel):
    """64 candidates, the first on the target, the others up to 12 search-crop pixels beside it; logits fall with the distance.

    The first lies in the corner of the map, where the window is low: it leads astray.
    """

    def __call__(self, template: Template, images: Any) -> Prediction:
        found = super().__call__(template, images)
        steps = np.linspace(0, 12, found.boxes.shape[1], dtype=np.float32)
        boxes = found.boxes + steps[None, :, None] * np.float32([1, 0, 1, 0])
        return Prediction(found.logits - 0.2 * steps, boxes)


class Still:
    """Answers its start box, with a score that falls from frame to frame as the target goes away; no parameters."""

    def init(self, frame: Frame, box: ArrayLike) -> None:
        self.box, self.score = np.asarray(box, dtype=np.float64), 1.0

    def track(self, frame: Frame) -> Result:
        self.score -= 0.05
        return Result(self.box, self.score, "tracked")


class Stopped(Still):
    """Is stopped by Ctrl-C on its second video."""

    videos = 0

    def init(self, frame: Frame, box: ArrayLike) -> None:
        Stopped.videos += 1
        if Stopped.videos == 2:
            raise KeyboardInterrupt
        super().init(frame, box)


class Broken(Still):
    """Fails on green videos."""

    def track(self, frame: Frame) -> Result:
        if (frame == np.array(GREEN, dtype=np.uint8)).all(axis=-1).any():
            raise RuntimeError("no green, please")
        return super().track(frame)


def use(monkeypatch: pytest.MonkeyPatch, **others: Any) -> None:
    """`lockon-s` is a network that knows colours, `csrt` stands still; `others` replaces trackers by their name."""

    def load(name: str, weights: Any, preset: str, device: str, **overrides: Any) -> Any:
        if name in others:
            return others[name]()
        return Still() if name == "csrt" else NetworkTracker(Guided(), apply_overrides(TrackerConfig(), overrides))

    for module in ("specs", "loading"):
        monkeypatch.setattr(f"lockon.zoo.{module}.load", load)
    monkeypatch.setattr("lockon.data.datasets.registry.load_readable", lambda spec, **_: (VIDEOS, []))


def invoke(*words: object) -> Any:
    """`lockon analyze WORDS`."""
    return CliRunner().invoke(app, ["analyze", *map(str, words)])
