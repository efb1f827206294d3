"""A refiner's network that sees a coloured rectangle in its crop: for tests, without torch."""

from __future__ import annotations

import numpy as np

from lockon.types import Prediction, Template


class BlobRefiner:
    """The box and the mask of the pixels whose colour is near that of the reference's middle; NaN where there are none.

    Crop pixels count from the corner of the first one. Counts its calls; `logit` is the confidence, `masks` are made on request.
    """

    template_size = search_size = 64

    def __init__(self, logit: float = 0.0, *, masks: bool = True) -> None:
        self.mask_inputs = ("near",) if masks else ()
        self.logit = logit
        self.batches: list[int] = []

    def encode(self, images):
        assert images.dtype == np.uint8
        return Template((images[:, 32, 32].astype(np.float32),))

    def __call__(self, template, images):
        assert images.shape[1:] == (64, 64, 3)
        assert len(template.features[0]) == len(images)
        self.batches.append(len(images))
        near = np.abs(images.astype(np.float32) - template.features[0][:, None, None]).max(-1) < 40  # (B, 64, 64)
        boxes = np.zeros((len(images), 1, 4), np.float32)
        for i, one in enumerate(near):
            if one.any():
                ys, xs = np.flatnonzero(one.any(1)), np.flatnonzero(one.any(0))
                boxes[i, 0] = [xs[0], ys[0], xs[-1] + 1, ys[-1] + 1]
        return Prediction(np.full((len(images), 1), self.logit, np.float32), boxes, extras={"near": near.astype(np.float32)})

    def mask(self, prediction, index):
        assert index.tolist() == [0] * len(index)
        return prediction.extras["near"]


class Fixed:
    """A tracker that gives the boxes it was made with, one per frame; `moves` are the boxes that it was sent to."""

    def __init__(self, *boxes, state="tracked", masks=None) -> None:
        self.boxes, self.state, self.masks = list(boxes), state, masks
        self.moves: list[np.ndarray] = []

    def init(self, frame, box) -> None:
        self.started = np.asarray(box)

    def track(self, frame):
        from lockon.types import Result

        box = np.asarray(self.boxes.pop(0), dtype=np.float64)
        if box.ndim == 1:
            return Result(box, 0.7, self.state, self.masks)
        return Result(box, np.full(len(box), 0.7), (self.state,) * len(box), self.masks)


class Movable(Fixed):
    def move(self, boxes) -> None:
        self.moves.append(np.asarray(boxes))
