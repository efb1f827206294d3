"""A published tracker teaches lockon-s: the recipe's samples have its answers, made once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("lightning_fabric", reason="needs the train extra")

from lockon.errors import LockonError
from lockon.types import Prediction, Template
from lockon.zoo import distillation
from lockon.zoo.distillation import TeacherConfig, distillation_pipeline

POINTS = np.array([[112.0, 112.0], [100.0, 90.0], [0.0, 0.0]])


class Deployed:
    """A deployed tracker with five anchors that is sure of every place."""

    template_size, search_size = 127, 255
    calls = 0

    def __init__(self, architecture: str = "siammask-r50") -> None:
        self.header = {"architecture": architecture, "pair": "0123456789abcdef"}

    def encode(self, images: Any) -> Template:
        return Template((images,))

    def __call__(self, template: Template, images: Any) -> Prediction:
        Deployed.calls += 1
        return Prediction(np.full((1, 3125), 3.0, np.float32), np.tile(np.float32([100, 100, 150, 160]), (1, 3125, 1)))


class Pairs:
    def sample(self, index: int) -> dict[str, Any]:
        image = np.full((224, 224, 3), index, np.uint8)
        return {
            "template": image[:112, :112],
            "search": image,
            "box": np.float32([80, 80, 140, 140]),
            "present": np.asarray(True),
            "ids": str(index),
        }


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    Deployed.calls = 0
    monkeypatch.setattr(distillation, "load_model", lambda path, device, threads: Deployed(Path(path).stem))


def test_without_a_teacher_nothing_changes() -> None:
    pairs = Pairs()
    assert distillation_pipeline(pairs, TeacherConfig(), POINTS, {}) is pairs


@pytest.mark.usefixtures("deployed")
def test_answers_are_made_once_and_kept(tmp_path: Path) -> None:
    config = TeacherConfig(weights="siammask-r50.onnx", cache=str(tmp_path / "cache"), samples=4)
    first = distillation_pipeline(Pairs(), config, POINTS, {"seed": 0})
    sample = first.sample(2)
    np.testing.assert_allclose(sample["teacher_scores"][:2], 1 / (1 + np.exp(-3)), rtol=1e-6)
    assert np.isnan(sample["teacher_scores"][2])
    assert (sample["search"] == 2).all()
    first.fill()
    made = Deployed.calls
    again = distillation_pipeline(Pairs(), config, POINTS, {"seed": 0})
    for index in range(8):
        again.sample(index)
    assert Deployed.calls <= made + 1  # the cache compares its first sample with the pipeline's
    with pytest.raises(LockonError):
        distillation_pipeline(Pairs(), config, POINTS, {"seed": 1})


@pytest.mark.usefixtures("deployed")
def test_only_the_family_can_teach() -> None:
    with pytest.raises(LockonError, match=r"lockon-s.*cannot teach"):
        distillation_pipeline(Pairs(), TeacherConfig(weights="lockon-s.onnx"), POINTS, {})
