"""A trained tracker as a teacher: its score map and its box as soft targets for the samples of any pipeline.

The teacher looks at the very crops that the student learns from, resampled to its own scale: a search crop holds the target at a
known size, so one factor links the two. Answers are plain arrays in the sample, so that they can be made once and stored with it.
Score maps as targets: Hinton et al., "Distilling the knowledge in a neural network", 2015 (arXiv 1503.02531), with temperature 1.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from lockon.ops.boxes import xyxy_to_cxcywh
from lockon.ops.crop import Crop, mean_color
from lockon.tracker import Model
from lockon.train.recipe import Pipeline
from lockon.types import FloatArray, Frame, Prediction


class Teacher(Protocol):
    """What is asked of a teacher: what it sees of a target in a search crop."""

    def answer(self, template: Frame, search: Frame, size: FloatArray) -> TeacherAnswer:
        """Predict for one pair of crops at one scale; the target has the (2,) width and height `size` in their pixels."""


@dataclass(frozen=True, slots=True)
class TeacherAnswer:
    """What a teacher sees.

    Attributes:
        scores: (S, S) its best foreground probability at every cell of its grid.
        first: Search-crop coordinate of the first cell, in pixels of the student's crop.
        step: Distance of two cells in the same pixels.
        box: (4,) xyxy of its best candidate in pixels of the student's crop.
        score: That candidate's probability.
    """

    scores: NDArray[np.float32]
    first: float
    step: float
    box: FloatArray
    score: float

    def at(self, points: FloatArray) -> NDArray[np.float32]:
        """Return (N,) scores at (N, 2) points of the search crop, bilinear between cells; NaN outside the grid, where it sees nothing."""
        cells = ((points - self.first) / self.step).astype(np.float32)  # (N, 2) column, row
        inside = ((cells >= 0) & (cells <= len(self.scores) - 1)).all(axis=1)
        sampled = cv2.remap(self.scores, cells[None, :, 0], cells[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(np.where(inside, sampled[0], np.nan), dtype=np.float32)


class ContextTeacher:
    """A tracker of the PySOT family (template side = the target with half its mean side as context, 127 and 255 pixels) as a teacher.

    Args:
        model: The network behind NumPy arrays; it counts crop pixels from the centre of the first one.
        anchors: Candidates per point of its map, which lies in the middle of the search crop; they come anchor by anchor.
        stride: Distance of two points in its pixels.
    """

    def __init__(self, model: Model, anchors: int, stride: float) -> None:
        self.model = model
        self.anchors = anchors
        self.stride = stride

    def answer(self, template: Frame, search: Frame, size: FloatArray) -> TeacherAnswer:
        """Return what the teacher predicts in (H, W, 3) search of the target in the middle of (h, w, 3) template.

        Args:
            template: (h, w, 3) uint8 RGB.
            search: (H, W, 3) uint8 RGB.
            size: (2,) the target's width and height in pixels of the two crops, which have one scale.
        """
        w, h = (float(side) for side in size)
        pad = (w + h) / 2
        context = float(np.sqrt((w + pad) * (h + pad)))  # side of the template in the student's pixels
        small = _window(template, context, self.model.template_size)
        side = context * self.model.search_size / self.model.template_size
        large = _window(search, side, self.model.search_size)
        prediction = self.model(self.model.encode(small[None]), large[None])
        return self._decode(prediction, search.shape[0] / 2, side)

    def _decode(self, prediction: Prediction, middle: float, side: float) -> TeacherAnswer:
        """Return its maps and best box in the student's pixels; `middle` is the search crop's centre, `side` the teacher's window."""
        scale = side / self.model.search_size  # student's pixels per teacher's
        zero = middle - (self.model.search_size - 1) / 2 * scale  # where its index coordinate 0 lies
        probabilities = 1 / (1 + np.exp(-np.asarray(prediction.logits[0], dtype=np.float64)))
        cells = round((len(probabilities) / self.anchors) ** 0.5)
        maps = probabilities.reshape(self.anchors, cells, cells)
        best = int(probabilities.argmax())
        step = self.stride * scale
        return TeacherAnswer(
            scores=maps.max(0).astype(np.float32),
            first=middle - (cells - 1) / 2 * step,
            step=step,
            box=np.asarray(prediction.boxes[0, best], dtype=np.float64) * scale + zero,
            score=float(probabilities[best]),
        )


def _window(image: Frame, side: float, size: int) -> Frame:
    """Return the middle `side` pixels of a crop as `size` pixels, its mean colour outside."""
    center = np.array([image.shape[1], image.shape[0]]) / 2
    return Crop(center, np.asarray(side), size).extract(image, mean_color(image))


class DistillationPipeline:
    """The samples of any pipeline, with the teacher's score at every point of the student's grid.

    Args:
        pipeline: Gives template, search, box and present.
        teacher: Makes the teacher, once in each process: runtimes do not survive the way into a worker.
        points: (N, 2) the student's candidate points in search-crop pixels.
    """

    def __init__(self, pipeline: Pipeline, teacher: Callable[[], Teacher], points: FloatArray) -> None:
        self.pipeline = pipeline
        self.points = np.asarray(points, dtype=np.float64)
        self._make = teacher
        self._teacher: tuple[int, Teacher] | None = None  # and the process that it was made in

    def sample(self, index: int) -> dict[str, Any]:
        """Make sample `index` with `teacher_scores` (N,) in [0, 1] or NaN, `teacher_box` (4,) xyxy and `teacher_score` (), all float32.

        In a negative pair the template's shape is not known and taken to be that of the box that is there; the area is right.
        """
        if self._teacher is None or self._teacher[0] != os.getpid():
            self._teacher = os.getpid(), self._make()
        sample = self.pipeline.sample(index)
        size = xyxy_to_cxcywh(np.asarray(sample["box"], dtype=np.float64))[2:]
        answer = self._teacher[1].answer(sample["template"], sample["search"], size)
        return {
            **sample,
            "teacher_scores": answer.at(self.points),
            "teacher_box": answer.box.astype(np.float32),
            "teacher_score": np.asarray(answer.score, dtype=np.float32),
        }


__all__ = ["ContextTeacher", "DistillationPipeline", "Teacher", "TeacherAnswer"]
