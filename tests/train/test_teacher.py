from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the torch extra")

from lockon.ops.grid import Grid
from lockon.train.distillation import ContextTeacher, DistillationPipeline, TeacherAnswer
from lockon.types import Prediction, Template

GRID = Grid(25, 8, 31)


class BrightSpot:
    """A network that answers with the brightest place: a box of 64 x 32 around it, and certainty falling with distance."""

    template_size, search_size = 127, 255

    def encode(self, images: Any) -> Template:
        assert images.shape[1:] == (127, 127, 3)
        self.template = images[0]
        return Template((images,))

    def __call__(self, template: Template, images: Any) -> Prediction:
        assert images.shape[1:] == (255, 255, 3)
        bright = np.argwhere(images[0, ..., 0] > 200).mean(0)[::-1]  # x, y in index coordinates
        points = GRID.points()
        distance = np.linalg.norm(points - bright, axis=1)
        logits = np.concatenate([4 - distance / 4, np.full(len(points), -9.0)])  # the second anchor is never sure
        half = np.array([32.0, 16.0])
        boxes = np.tile(np.concatenate([bright - half, bright + half]), (2 * len(points), 1))
        return Prediction(logits[None].astype(np.float32), boxes[None].astype(np.float32))


def spot(side: int, x: float, y: float, radius: int = 5) -> Any:
    image = np.full((side, side, 3), 60, np.uint8)
    rows, columns = np.mgrid[:side, :side] + 0.5
    image[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] = 255
    return image


@pytest.mark.parametrize(("x", "y"), [(112.0, 112.0), (90.0, 120.0), (140.0, 75.0)])
def test_the_teachers_answer_lies_where_the_student_sees_it(x: float, y: float) -> None:
    answer = ContextTeacher(BrightSpot(), 2, 8).answer(spot(112, 56, 56), spot(224, x, y), np.array([60.0, 60.0]))
    points = Grid(14, 16).points()
    scores = answer.at(points)
    nearest = np.linalg.norm(points - (x, y), axis=1).argmin()
    assert np.nanargmax(scores) == nearest
    outside = np.abs(points - 112).max(1) > 96 * 120 / 127  # the teacher's grid ends 96 of its pixels from the middle
    assert (np.isnan(scores) == outside).all()
    np.testing.assert_allclose((answer.box[:2] + answer.box[2:]) / 2, (x, y), atol=0.6)
    # a target of 60 student's pixels is cut as 127 pixels per 120: the answer's 64 x 32 pixels come back by that factor
    np.testing.assert_allclose(answer.box[2:] - answer.box[:2], np.array([64, 32]) * 120 / 127, atol=1e-9)


def test_the_template_is_cut_at_the_teachers_scale() -> None:
    """The disc of radius 5 px fills 5 * 127 / 120 px of the teacher's template: its area says so."""
    model = BrightSpot()
    ContextTeacher(model, 2, 8).answer(spot(112, 56, 56, 20), spot(224, 112, 112), np.array([60.0, 60.0]))
    area = (model.template[..., 0] > 157).sum()  # counted in whole pixels
    assert area == pytest.approx(np.pi * (20 * 127 / 120) ** 2, rel=0.04)


def test_scores_between_cells_are_bilinear_and_unknown_outside() -> None:
    scores = np.zeros((3, 3), np.float32)
    scores[1, 1], scores[1, 2] = 1.0, 0.5
    answer = TeacherAnswer(scores, first=10.0, step=4.0, box=np.zeros(4), score=1.0)
    got = answer.at(np.array([[14.0, 14.0], [16.0, 14.0], [18.0, 14.0], [14.0, 12.0], [100.0, 14.0], [-50.0, 0.0]]))
    np.testing.assert_allclose(got, [1.0, 0.75, 0.5, 0.5, np.nan, np.nan], atol=1e-6)


def test_samples_keep_what_they_had() -> None:
    class Pairs:
        def sample(self, index: int) -> dict[str, Any]:
            return {
                "template": spot(112, 56, 56),
                "search": spot(224, 100, 110),
                "box": np.array([70, 80, 130, 140], np.float32),
                "present": np.asarray(True),
                "ids": str(index),
            }

    points = Grid(14, 16).points()
    sample = DistillationPipeline(Pairs(), lambda: ContextTeacher(BrightSpot(), 2, 8), points).sample(3)
    assert sample["ids"] == "3"
    assert sample["teacher_scores"].shape == (196,)
    assert sample["teacher_scores"].dtype == np.float32
    assert sample["teacher_box"].shape == (4,)
    assert 0 < float(sample["teacher_score"]) <= 1


def test_each_process_makes_its_own_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pairs:
        def sample(self, index: int) -> dict[str, Any]:
            return {"template": spot(112, 56, 56), "search": spot(224, 100, 110), "box": np.array([70, 80, 130, 140], np.float32)}

    made = []

    def make() -> ContextTeacher:
        made.append(os.getpid())
        return ContextTeacher(BrightSpot(), 2, 8)

    pipeline = DistillationPipeline(Pairs(), make, Grid(14, 16).points())
    pipeline.sample(0)
    pipeline.sample(1)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    pipeline.sample(2)
    assert len(made) == 2
