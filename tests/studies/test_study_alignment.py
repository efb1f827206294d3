"""The measurement of a run's scores, kept on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lockon.data.datasets.registry import load_videos
from lockon.errors import LockonError
from lockon.ops.grid import Grid
from lockon.studies.measured import measure_alignment, measured_file, read_measured, write_measured
from lockon.studies.metrics import ALIGNMENT
from lockon.tracker import NetworkTracker, TrackerConfig
from lockon.types import Prediction, Template
from tiny_training_data import make_validation


class Boxes:
    """A model of 16 boxes of equal size around the points of a map, scored the higher the nearer they are to the crop's middle."""

    template_size, search_size = 32, 64

    def encode(self, images) -> Template:
        return Template((np.zeros((len(images), 1), np.float32),))

    def __call__(self, template: Template, images) -> Prediction:
        points = Grid(4, 16).points()
        boxes = np.concatenate([points - 9, points + 9], axis=1).astype(np.float32)
        logits = -np.linalg.norm(points - 32, axis=1).astype(np.float32) / 16
        return Prediction(logits=np.tile(logits, (len(images), 1)), boxes=np.tile(boxes, (len(images), 1, 1)))


class Still:
    """A tracker without a network."""

    def init(self, frame, box) -> None: ...

    def track(self, frame) -> None: ...


def test_measured_once_and_read(tmp_path: Path) -> None:
    sequences = load_videos(make_validation(tmp_path, frames=12))
    path = measured_file(tmp_path / "out", "compact-car.base.s0")
    said: list[str] = []
    write_measured(path, measure_alignment(NetworkTracker(Boxes(), TrackerConfig()), sequences, said.append))
    assert said[-1] == "measuring 6/6 frames"  # every fifth of the 11 that have one before them, twice
    found = read_measured(path, ALIGNMENT)
    assert list(found) == ["one", "two"]
    assert set(found["one"]) == {"Spearman", "Pearson", "gap"}
    assert found["one"]["gap"] >= 0
    assert json.loads(path.read_text())["every"] == 5


def test_nothing_is_measured_of_a_tracker_without_a_network(tmp_path: Path) -> None:
    with pytest.raises(LockonError, match="Still is no tracker with a network"):
        measure_alignment(Still(), [], lambda _: None)
    assert read_measured(tmp_path / "a.json", ALIGNMENT) == {}
