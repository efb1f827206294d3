"""Which candidates of a dense head learn a sample: its positives, and the scores and boxes that the network gives them.

RTrack (Zeng et al., Figs. 4, A2, A4) shows its labels, its scores on the search crop and its sets of points. What is seen here is what a
training run makes of the same samples, for any assigner: those that follow where the candidates lie, and those that follow the network's
own boxes. Letters: N candidates, K points of a set, S side of the search crop in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lockon._require import require
from lockon.errors import LockonError
from lockon.ops.boxes import iou_xyxy
from lockon.types import FloatArray, Frame

COLUMNS = (
    "sample",
    "ids",
    "present",
    "positives",
    "ignored",
    "candidates",
    "threshold",
    "fallback",
    "iou_labels",
    "iou_init",
    "iou_final",
    "score",
    "iou_top",
)
"""Of a table with a row per sample, see `AssignedSample.row`."""


class LabellingTask(Protocol):
    """`lockon.train.task.DenseTask` as this analysis sees it."""

    module: Any
    assigner: Any

    @property
    def head(self) -> Any:
        """The model's head, with `candidates`."""
        ...

    def predict(self, batch: dict[str, Any]) -> tuple[Any, Any]:
        """Return `Prediction` and `Targets` of a batch."""
        ...


@dataclass(frozen=True, slots=True)
class LabelOverlaps:
    """What an assigner with a threshold on an IoU saw of one sample.

    Attributes:
        overlap: (N,) IoU that its labels follow: of anchors, of the boxes of the first stage ("leading"), or of the final boxes.
        chosen: (N,) bool, the candidates that can be above the threshold.
        threshold: Of this sample.
        fallback: Whether none is above it, so that the positives are those that the assigner keeps whatever the threshold, if any.
    """

    overlap: FloatArray
    chosen: NDArray[np.bool_]
    threshold: float
    fallback: bool


@dataclass(frozen=True, slots=True)
class AssignedSample:
    """One sample with its labels and predictions; coordinates are pixels of the search crop.

    Attributes:
        ids: Names of its views.
        template: (s, s, 3) uint8 RGB.
        search: (S, S, 3) uint8 RGB.
        present: False of a negative pair, whose box is an unrelated object's.
        box: (4,) x1, y1, x2, y2 ground truth.
        points: (N, 2) x, y where the candidates lie; several anchors lie at one place.
        labels: (N,) above 0 positive, 0 negative, below 0 ignored.
        scores: (N,) foreground probability.
        boxes: (N, 4) x1, y1, x2, y2 final boxes.
        init_boxes: (N, 4) boxes of the first stage, of heads of two stages.
        sets: (N, K, 2) x, y of the points that stand for a target, of heads that have them.
        followed: What labels followed, of assigners with a threshold.
    """

    ids: str
    template: Frame
    search: Frame
    present: bool
    box: FloatArray
    points: FloatArray
    labels: FloatArray
    scores: FloatArray
    boxes: FloatArray
    init_boxes: FloatArray | None = None
    sets: FloatArray | None = None
    followed: LabelOverlaps | None = None

    @property
    def positives(self) -> NDArray[np.intp]:
        """Numbers of the positive candidates."""
        return np.flatnonzero(self.labels > 0)

    @property
    def overlaps(self) -> FloatArray:
        """(N,) IoU of the final boxes with the ground truth."""
        return iou_xyxy(self.boxes, self.box)

    @property
    def init_overlaps(self) -> FloatArray | None:
        """(N,) IoU of the boxes of the first stage."""
        return None if self.init_boxes is None else iou_xyxy(self.init_boxes, self.box)

    def row(self, number: int) -> dict[str, Any]:
        """Return the sample's values of `COLUMNS`; means of nothing, and what its assigner or head does not have, are NaN or None.

        `iou_labels`, `iou_init`, `iou_final` and `score` are means over the positives: of the IoU that labels follow, of the two stages'
        boxes, and of the score. `iou_top` is the final IoU of the candidate with the highest score.
        """
        chosen, followed = self.positives, self.followed
        return {
            "sample": number,
            "ids": self.ids,
            "present": self.present,
            "positives": len(chosen),
            "ignored": int((self.labels < 0).sum()),
            "candidates": None if followed is None else int(followed.chosen.sum()),
            "threshold": None if followed is None else followed.threshold,
            "fallback": None if followed is None or not self.present else followed.fallback,
            "iou_labels": None if followed is None else _mean(followed.overlap[chosen]),
            "iou_init": None if self.init_overlaps is None else _mean(self.init_overlaps[chosen]),
            "iou_final": _mean(self.overlaps[chosen]),
            "score": _mean(self.scores[chosen]),
            "iou_top": float(self.overlaps[self.scores.argmax()]),
        }


def assigned_samples(task: LabellingTask, batches: Iterable[dict[str, Any]]) -> Iterator[AssignedSample]:
    """Label samples as a training run does, with the network as it is: nothing is learnt.

    Args:
        task: Of `lockon.zoo.training.recipe`; its network is put to evaluation, so that samples do not depend on each other.
        batches: As `DenseTask.loss` takes them.

    Raises:
        LockonError: As the assigner, or predictions that are not finite.
    """
    task.module.eval()
    candidates = task.head.candidates
    points = _array(candidates.points)
    for batch in batches:
        with require("torch", "torch").inference_mode():
            prediction, targets = task.predict(batch)
            logits, boxes, labels = (_array(values) for values in (prediction.logits, prediction.boxes, targets.labels))
            if not (np.isfinite(logits).all() and np.isfinite(boxes).all()):
                raise LockonError("the network gives values that are not finite; give other weights by --weights")
            select = getattr(task.assigner, "select", None)
            selection = None if select is None else [_array(part) for part in select(candidates, targets.boxes, prediction)]
        extras = {name: _array(prediction.extras[name]) for name in ("init_boxes", "points") if name in prediction.extras}
        for place in range(len(labels)):
            yield AssignedSample(
                ids=str(batch["ids"][place]),
                template=_array(batch["template"][place], np.uint8),
                search=_array(batch["search"][place], np.uint8),
                present=bool(batch["present"][place]),
                box=_array(batch["box"][place]),
                points=points,
                labels=labels[place],
                scores=1 / (1 + np.exp(-np.clip(logits[place], -50, 50))),
                boxes=boxes[place],
                init_boxes=extras["init_boxes"][place] if "init_boxes" in extras else None,
                sets=extras["points"][place] if "points" in extras else None,
                followed=None if selection is None else _followed(*(part[place] for part in selection)),
            )


def summary(samples: Sequence[AssignedSample]) -> dict[str, Any]:
    """Return numbers over all samples with a target; NaN where there is nothing to count.

    `positives` are mean, fewest and most per sample, `without_positive` and `fallback` shares of the samples, the others means over the
    samples that have such a value, see `AssignedSample.row`.
    """
    rows = [sample.row(number) for number, sample in enumerate(samples) if sample.present]
    counts = np.array([row["positives"] for row in rows], dtype=np.float64)
    there = len(counts) > 0
    return {
        "samples": len(samples),
        "with_target": len(rows),
        "positives": {
            "mean": _mean(counts),
            "fewest": int(counts.min()) if there else None,
            "most": int(counts.max()) if there else None,
        },
        "without_positive": _mean(counts == 0),
        **{name: _known(rows, name) for name in COLUMNS[COLUMNS.index("ignored") :]},
    }


def by_place(sample: AssignedSample, values: FloatArray) -> tuple[FloatArray, tuple[float, float, float, float]]:
    """Return values of candidates as a map: at each place the largest of its candidates.

    Args:
        sample: Whose candidates they are; places lie on a grid.
        values: (N,).

    Returns:
        (H, W), NaN where no candidate lies, and what its cells cover: left, right, bottom, top in pixels of the search crop.
    """
    columns, rows = (np.unique(sample.points[:, axis]) for axis in (0, 1))
    found = np.full((len(rows), len(columns)), -np.inf)
    places = np.searchsorted(rows, sample.points[:, 1]), np.searchsorted(columns, sample.points[:, 0])
    np.maximum.at(found, places, values)
    half = [np.diff(axis).mean() / 2 if len(axis) > 1 else 0.5 for axis in (columns, rows)]
    extent = (columns[0] - half[0], columns[-1] + half[0], rows[-1] + half[1], rows[0] - half[1])
    return np.where(np.isinf(found), math.nan, found), (float(extent[0]), float(extent[1]), float(extent[2]), float(extent[3]))


def _followed(overlap: FloatArray, chosen: FloatArray, threshold: FloatArray, passed: FloatArray) -> LabelOverlaps:
    return LabelOverlaps(overlap, chosen > 0, float(threshold[0]), not (passed > 0).any())


def _known(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    """Return the mean of a column over the rows that have a value there."""
    return _mean(np.array([row[name] for row in rows if row[name] is not None and not math.isnan(row[name])], dtype=np.float64))


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else math.nan


def _array(values: Any, kind: Any = np.float64) -> NDArray[Any]:
    """Return a torch tensor, on any device and of any precision, or an array as an array."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.double() if kind is np.float64 else values
    return np.asarray(values, dtype=kind)


__all__ = ["COLUMNS", "AssignedSample", "LabelOverlaps", "LabellingTask", "assigned_samples", "by_place", "summary"]
