"""Score voting on what the networks of the zoo predict, against the formula in plain NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("safetensors", reason="needs the torch extra")

from miniatures import Miniature  # noqa: E402

import lockon  # noqa: E402
from lockon.ops.boxes import iou_xyxy  # noqa: E402
from lockon.tracker import TrackerConfig  # noqa: E402
from lockon.zoo.registry import TRACKERS, all_cards  # noqa: E402

# Of networks that are only trained otherwise one name; those that learn a filter themselves have fused scores, and no learner beside them.
DENSE = [
    name
    for name, one in all_cards().items()
    if name in TRACKERS and one.build is not None and type(one.config) is TrackerConfig and not name.endswith("-rbo")
]
FRAMES = np.random.default_rng(0).integers(0, 256, (2, 90, 120, 3), dtype=np.uint8)
BOXES = np.array([[30.0, 30, 24, 20], [60, 40, 20, 30]])


@pytest.mark.parametrize("name", DENSE)
def test_every_dense_head_votes(name: str, miniature: Callable[[str], Miniature]) -> None:
    settings = {"localizer.boxes": "score-vote", "localizer.boxes.sigma": 0.1, "localizer.size_lr": 1.0}
    tracker = lockon.load(name, miniature(name).weights, **settings)
    targets = tracker.start(FRAMES[0], BOXES)
    crops, prediction, found, _ = tracker.search([FRAMES[1]] * 2, targets)
    score = 1 / (1 + np.exp(-np.asarray(prediction.logits, dtype=np.float64)))  # (B, N)
    o = np.ones_like(score) if prediction.quality is None else 1 / (1 + np.exp(-np.asarray(prediction.quality, dtype=np.float64)))
    for row, best in enumerate(found.best):
        boxes = np.asarray(prediction.boxes[row], dtype=np.float64)  # (N, 4)
        iou = iou_xyxy(boxes, boxes[best])
        weights = (score[row] * o[row] * np.exp(-((1 - iou) ** 2) / 0.1))[iou > 0.01]
        x1, y1, x2, y2 = crops[row].to_image(np.average(boxes[iou > 0.01], axis=0, weights=weights) if len(weights) else boxes[best])
        np.testing.assert_allclose(found.boxes[row], [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], rtol=1e-4, atol=1e-2)
    assert all(np.isfinite(target.result.box).all() for target in tracker.step([FRAMES[1]] * 2, targets))
