"""`IoUNetRefiner`: the box network of ATOM or DiMP around any tracker: it climbs from the tracker's box to the best one near it.

Danelljan et al., ATOM, CVPR 2019 (arXiv 1811.07628), Sec. 3.2; as refiner in Table 7 of Alpha-Refine (Yan et al., CVPR 2021). It has a
crop and a backbone pass of its own, and its start boxes come from a seed, so that the same box always gives the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon._config_values import check_range
from lockon.localizers.score import sigmoid
from lockon.online.ascent import BestMean, BoxAscent, RandomBoxes
from lockon.online.network import BoxNetwork, joined_vectors
from lockon.ops.boxes import cxcywh_to_xyxy, xywh_to_cxcywh, xywh_to_xyxy, xyxy_to_xywh
from lockon.ops.crop import Crop
from lockon.ops.crop_rules import AreaRule, PytrackingRule
from lockon.refiners.guard import RefinedBoxes, frame_sizes
from lockon.refiners.protocol import RefinerSession
from lockon.start_rules import ClippedStart, UnclippedStart
from lockon.types import FloatArray, Frame

LEAST = 1e-3  # confidence of a box that is refined: 0 would mean that it is not


@dataclass(frozen=True, slots=True)
class Overlap:
    """Scores are 2 IoU - 1, as ATOM and DiMP train them: the confidence is the overlap."""

    def __call__(self, score: float) -> float:
        """Return a confidence in 0..1."""
        return float(np.clip((score + 1) / 2, LEAST, 1))


@dataclass(frozen=True, slots=True)
class LogDensity:
    """Scores are logarithms of a density up to a constant, as PrDiMP trains them: the confidence is their logistic, which only ranks."""

    def __call__(self, score: float) -> float:
        """Return a confidence in 0..1."""
        return float(np.clip(sigmoid(np.asarray(score, dtype=np.float64)), LEAST, 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class IoUNetConfig:
    """How a box network refines.

    Attributes:
        crop: Which window of a frame is seen, of the size that the network was trained with.
        start: How the boxes of the first frame are taken.
        starts: From which boxes it climbs.
        ascent: How it climbs.
        best: What becomes of the climbed boxes.
        confidence: What scores mean.
        seed: Of the start boxes, the same for every frame.
        smallest: Boxes with a side below it, in pixels (0..10,000), come back unrefined.

    Raises:
        LockonError: A value outside its range.
    """

    crop: PytrackingRule | AreaRule = field(default_factory=lambda: PytrackingRule(factor=5.0))
    start: ClippedStart | UnclippedStart = field(default_factory=ClippedStart)
    starts: RandomBoxes = field(default_factory=RandomBoxes)
    ascent: BoxAscent = field(default_factory=BoxAscent)
    best: BestMean = field(default_factory=BestMean)
    confidence: Overlap | LogDensity = field(default_factory=Overlap)
    seed: int = 0
    smallest: float = 1.0

    def __post_init__(self) -> None:
        check_range("seed", self.seed, 0, 2**32 - 1)
        check_range("smallest", self.smallest, 0, 10_000)


class IoUNetRefiner(RefinerSession[tuple[Any, ...]]):
    """A `Refiner` around a box network; a reference is the target's modulation vectors.

    Args:
        network: With `modulation`, `box_features` and `overlap`.
        config: How it is used.
    """

    def __init__(self, network: BoxNetwork, config: IoUNetConfig | None = None) -> None:
        self.network = network
        self.config = config or IoUNetConfig()
        super().__init__(masks=False, smallest=self.config.smallest)

    def start(self, frame: Frame, boxes: ArrayLike) -> list[tuple[Any, ...]]:
        """Encode one target (4,) or n (n, 4), x, y, w, h in pixels, all in one pass, see `SteppedRefiner.start`.

        Raises:
            LockonError: A box that is malformed, empty or outside the frame.
        """
        height, width = frame.shape[:2]
        rows = self.config.start(boxes, width, height)  # (n, 4) cx, cy, w, h
        crops, images = self._cut([frame] * len(rows), rows)
        vectors = self.network.modulation(images, crops.to_crop(cxcywh_to_xyxy(rows)))
        return [tuple(level[i : i + 1] for level in vectors) for i in range(len(rows))]

    def predict(
        self, frames: Sequence[Frame], references: Sequence[tuple[Any, ...]], boxes: FloatArray, *, mask: bool = False
    ) -> RefinedBoxes:
        """Return the climbed boxes, see `RefinerSession.predict`; the score is 0 where none of them is plausible."""
        crops, images = self._cut(frames, xywh_to_cxcywh(boxes))
        features = self.network.box_features(images)
        numbers = np.tile(self.config.starts.draw(np.random.default_rng(self.config.seed)), (len(boxes), 1, 1))  # (n, count, 4)
        starts = self.config.starts(xyxy_to_xywh(crops.to_crop(xywh_to_xyxy(boxes))), numbers)  # (n, 1 + count, 4)
        modulation = joined_vectors(references)
        climbed = self.config.ascent(lambda candidates: self.network.overlap(features, modulation, candidates), starts)
        refined, scores = np.array(boxes, dtype=np.float64), np.zeros(len(boxes))
        for number, (candidates, values) in enumerate(zip(climbed.boxes, climbed.scores, strict=True)):
            found = self.config.best(candidates, values)
            if found is not None:
                corners = crops[number].to_image(xywh_to_xyxy(found[0]))
                refined[number], scores[number] = xyxy_to_xywh(corners), self.config.confidence(found[1])
        return RefinedBoxes(refined, scores, None)

    def _cut(self, frames: Sequence[Frame], rows: FloatArray) -> tuple[Crop, NDArray[np.uint8]]:
        """Return the crops around (n, 4) cx, cy, w, h, and their (n, S, S, 3) pixels."""
        crops = self.config.crop(rows, self.network.search_size, frame_size=frame_sizes(frames))
        border = self.config.crop.border
        return crops, np.stack([crops[i].extract(frame, border.color(frame)) for i, frame in enumerate(frames)])


__all__ = ["IoUNetConfig", "IoUNetRefiner", "LogDensity", "Overlap"]
