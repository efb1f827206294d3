"""A network of an online tracker in NumPy that sees colours: cells are mean colours, and the best box is that of the yellow pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lockon.online.network import OnlineFeatures

CHANNELS = 4


class ColoredNetwork:
    """Sees cells of 16 pixels; finds the square of `moving_square`.

    Args:
        broken_after: Calls of `features` from which on what it sees is not a number; None for never.
        broken_boxes: Only the box network's features break.
    """

    header: Mapping[str, Any] = {}

    def __init__(self, search_size: int = 160, *, broken_after: int | None = None, broken_boxes: bool = False) -> None:
        self.search_size = search_size
        self.calls = 0
        self.broken_after, self.broken_boxes = broken_after, broken_boxes
        distance = np.arange(100, dtype=np.float32) * np.float32(0.1)
        label = np.exp(-0.5 * (distance / 0.5) ** 2)
        self.weights = {
            "log_step_length": np.zeros(1, np.float32),
            "filter_reg": np.full(1, 0.1, np.float32),
            "label_map": label - label.min(),
            "target_mask": np.float32(3) * np.tanh(2 - distance),
            "spatial_weight": np.ones(100, np.float32),
        }

    def features(self, images: np.ndarray) -> OnlineFeatures:
        self.calls += 1
        cells = self.search_size // 16
        means = images.astype(np.float32).reshape(len(images), cells, 16, cells, 16, 3).mean((2, 4)) / 255 - 0.35
        maps = np.concatenate([means, np.ones_like(means[..., :1]) / 4], axis=-1).transpose(0, 3, 1, 2)  # (B, 4, h, w)
        power = np.sqrt((maps**2).sum((1, 2, 3), keepdims=True) + 1e-5)
        maps = (maps / power * np.sqrt(cells * cells / 16)).astype(np.float32)
        boxes = self.box_features(images)
        if self.broken_after is not None and self.calls > self.broken_after:
            boxes = (np.full_like(boxes[0], np.nan),)
            maps = maps if self.broken_boxes else np.full_like(maps, np.nan)
        return OnlineFeatures(maps, boxes)

    def box_features(self, images: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the (B, 4) box of the yellow pixels; the middle of the crop where there are none."""
        middle = np.array([0.4, 0.4, 0.6, 0.6]) * self.search_size
        boxes = []
        for image in images:
            rows, columns = np.nonzero((image[..., 0] > 165) & (image[..., 2] < 60))
            found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if len(rows) else middle
            boxes.append(np.asarray(found, dtype=np.float64))
        return (np.stack(boxes),)

    def initial(self, classification: np.ndarray, boxes_xyxy: np.ndarray) -> np.ndarray:
        rows = []
        for maps, (x1, y1, x2, y2) in zip(classification, np.asarray(boxes_xyxy), strict=True):
            cells = maps.shape[-1]
            x, y = (int(np.clip((a + b) / 32, 0, cells - 1)) for a, b in ((x1, x2), (y1, y2)))
            rows.append((maps[:, y, x] - maps.mean((1, 2)))[:, None, None] * np.full((1, 4, 4), 1 / 16, np.float32))
        return np.stack(rows)

    def modulation(self, images: np.ndarray, boxes_xyxy: np.ndarray) -> tuple[np.ndarray, ...]:
        return (np.ones((len(images), 2), np.float32),)

    def overlap(
        self, features: tuple[np.ndarray, ...], modulation: tuple[np.ndarray, ...], boxes_xyxy: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        assert len(features[0]) == len(modulation[0]) == len(boxes_xyxy)
        off = boxes_xyxy - (features[0][:, None] - 0.5)  # counted from the first pixel's centre
        side = np.maximum(features[0][:, 2:] - features[0][:, :2], 1).mean(-1)[:, None, None]
        return 1 - 0.1 * (off**2 / side).sum(-1), -0.2 * off / side
