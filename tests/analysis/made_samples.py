"""Labelled samples made by hand, for tests of analyses and their plots."""

from __future__ import annotations

from typing import Any

import numpy as np

from lockon.analysis.assignment import AssignedSample, LabelOverlaps

POINTS = ((8.0, 8.0), (24.0, 8.0), (8.0, 24.0), (24.0, 24.0))  # of a crop of 32 pixels
BOXES = ((0.0, 0, 16, 16), (0, 0, 16, 8), (0, 0, 8, 8), (20, 20, 30, 30))  # IoU with the truth: 1, 1/2, 1/4, 0


def made_sample(points: Any = POINTS, labels: Any = (1, 0, -1, 0), *, present: bool = True, stages: int = 2) -> AssignedSample:
    """A sample by hand, for plots."""
    count = len(points)
    rng = np.random.default_rng(0)
    boxes = np.array(BOXES)[:count]
    return AssignedSample(
        ids="$a$ -> b",
        template=np.zeros((16, 16, 3), np.uint8),
        search=np.full((32, 32, 3), 90, np.uint8),
        present=present,
        box=np.array([0.0, 0, 16, 16]),
        points=np.array(points, dtype=np.float64),
        labels=np.array(labels, dtype=np.float64),
        scores=np.linspace(0.1, 0.9, count),
        boxes=boxes,
        init_boxes=boxes + 1 if stages == 2 else None,
        sets=rng.random((count, 9, 2)) * 16 if stages == 2 else None,
        followed=LabelOverlaps(np.linspace(0, 1, count), np.arange(count) < 3, 0.5, False) if stages == 2 else None,
    )
