"""A network of both modalities in NumPy that sees colours: `ColoredNetwork` with candidates, each on a cell of 16 pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from colored_network import ColoredNetwork
from lockon.types import Prediction, Template

CELLS = 10


class ColoredDualModal:
    """Matches and gives features; all candidates of `moving_square` have the box of the yellow pixels.

    Args:
        anchors: Candidates per cell.
        filters: A, of the start.
        margin: Cells of the features around the candidates, on each side.
        modal: Whether it has features at all.
        broken_after: Calls from which on the features are no numbers; None for never.
    """

    template_size, search_size = 80, 160
    header: Mapping[str, Any] = {}

    def __init__(self, anchors: int = 1, filters: int = 1, margin: int = 0, *, modal: bool = True, broken_after: int | None = None) -> None:
        self.anchors, self.filters, self.margin, self.modal, self.broken_after = anchors, filters, margin, modal, broken_after
        self.calls = 0
        self.colors = ColoredNetwork(self.search_size)
        self.weights = self.colors.weights if modal else None

    def encode(self, images: np.ndarray) -> Template:
        rows = ColoredNetwork(self.template_size).features(images).classification  # (B, 4, 5, 5)
        start = np.broadcast_to((rows - rows.mean((2, 3), keepdims=True))[:, None] / 25, (len(rows), self.filters, *rows.shape[1:]))
        return Template((rows, np.array(start)) if self.modal else (rows,))

    def __call__(self, template: Template, images: np.ndarray) -> Prediction:
        self.calls += 1
        assert len(template.features[0]) == len(images)
        seen = self.colors.features(images)
        yellow = (images[..., 0] > 165) & (images[..., 2] < 60)  # (B, S, S)
        share = yellow.reshape(len(images), CELLS, 16, CELLS, 16).mean((2, 4))[:, self._inner, self._inner]
        logits = np.tile((8 * share - 3).reshape(len(images), -1), (1, self.anchors)).astype(np.float32)  # (B, N)
        boxes = np.repeat(seen.boxes[0][:, None], logits.shape[1], axis=1).astype(np.float32)
        features = seen.classification
        if self.broken_after is not None and self.calls > self.broken_after:
            features = np.full_like(features, np.nan)
        return Prediction(logits, boxes, extras={"features": features} if self.modal else {})

    @property
    def _inner(self) -> slice:
        return slice(self.margin, CELLS - self.margin)
