"""Samples on a small map of points, for soft targets and the losses on them."""

from __future__ import annotations

import torch

from lockon.ops.grid import Grid
from lockon.train.losses.base import LossInput
from lockon.types import Candidates, Prediction, Targets


def case(boxes, labels=None, logits=None, *, cells: int = 4, offset: float | None = None, present=None) -> LossInput:
    """Samples on a map of 16-pixel cells; labels are 0 and logits too where they are not given."""
    boxes = torch.as_tensor(boxes, dtype=torch.float32)
    count = cells * cells
    labels = torch.zeros(len(boxes), count) if labels is None else torch.as_tensor(labels, dtype=torch.float32)
    logits = torch.zeros(len(boxes), count) if logits is None else logits
    points = torch.from_numpy(Grid(cells, 16, offset=offset).points())
    return LossInput(
        prediction=Prediction(logits, boxes[:, None].expand(-1, count, -1)),
        targets=Targets(labels, boxes, present=None if present is None else torch.tensor(present)),
        candidates=Candidates(points, None, 16),
        size=cells * 16,
    )


def at(*places: int, value: float = 1.0, cells: int = 16) -> list[float]:
    return [value if place in places else 0.0 for place in range(cells)]
