"""`ATOMLearner`: a projection to few channels and a filter on them, learnt together on the first frame; later the filter alone.

Danelljan et al., ATOM: Accurate Tracking by Overlap Maximization, CVPR 2019 (arXiv 1811.07628), Sec. 3.2 to 3.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lockon._config_values import check_range, check_whole
from lockon.errors import LockonError
from lockon.online.compressed_filters import FilterProblem, JointProblem, projected, same_scores
from lockon.online.conjugate_gradient import FletcherReeves, PolakRibiere, gauss_newton
from lockon.online.first_projections import PrincipalProjection, RandomProjection
from lockon.online.fourier import upsampled
from lockon.online.learner import DOUBTFUL, STRIDE, FirstSamples, Learned, Observation, Responses, copied, due_steps, is_finite, numbers
from lockon.online.memory import MemoryRule, SmallestWeight
from lockon.online.network import OnlineNetwork
from lockon.ops.array_math import like, stack
from lockon.ops.gaussian_labels import gaussian_label
from lockon.types import Array, FloatArray

TAPS = 4  # per side of the filter


@dataclass(frozen=True, kw_only=True, slots=True)
class ATOMLearner:
    """How ATOM's classifier is learnt.

    Attributes:
        memory: How samples are kept.
        rate: Weight of a new sample, at least 0 and below 1.
        hard_negative_rate: Weight of a sample with a distractor, likewise.
        channels: That the projection leaves, 1..4096.
        first_fits: Gauss-Newton steps on the first frame, 0..1000.
        first_steps: Steps of conjugate gradients in each of them, 1..1000.
        every: Frames from one regular update to the next, from 1.
        steps: Steps of conjugate gradients of a regular update, 0..1000.
        hard_negative_steps: The same as soon as there is a distractor, 0..1000.
        projection: What the projection starts with; the filter's start is random.
        direction: Rule of the conjugate directions of later updates; the first frame's is Fletcher and Reeves'.
        label_sigma: Deviation of a label in cells, a quarter of the target's mean side, 0.01..100.

    Raises:
        LockonError: A value outside its range.
    """

    memory: MemoryRule = field(default_factory=lambda: MemoryRule(capacity=250, place=SmallestWeight()))
    rate: float = 0.01
    hard_negative_rate: float = 0.02
    channels: int = 64
    first_fits: int = 6
    first_steps: int = 10
    every: int = 10
    steps: int = 5
    hard_negative_steps: int = 5
    projection: RandomProjection | PrincipalProjection = RandomProjection()
    direction: PolakRibiere | FletcherReeves = PolakRibiere()
    label_sigma: float = 0.9

    def __post_init__(self) -> None:
        counts = ("first_fits", "first_steps", "steps", "hard_negative_steps", "channels", "every")
        check_whole(**{name: getattr(self, name) for name in counts})
        for name in ("first_fits", "steps", "hard_negative_steps"):
            check_range(name, getattr(self, name), 0, 1000)
        check_range("first_steps", self.first_steps, 1, 1000)
        check_range("channels", self.channels, 1, 4096)
        check_range("every", self.every, 1, 1e9)
        check_range("label_sigma", self.label_sigma, 0.01, 100)
        for name in ("rate", "hard_negative_rate"):
            check_range(name, getattr(self, name), 0, 0.999)

    def start(self, network: OnlineNetwork, samples: Sequence[FirstSamples]) -> list[Learned]:
        """Return what the first frame teaches, see `Learner.start`; projection and filter are drawn in this order.

        Raises:
            LockonError: The network's features are no numbers, or fewer than the principal components that are asked for.
        """
        drawn = [self._drawn(one) for one in samples]
        problem = self.joint_problem(samples)
        filters, projections = (like(np.stack(part), problem.features) for part in zip(*drawn, strict=True))
        start = problem.flat(filters, projections)
        unknowns = gauss_newton(problem, start, self.first_fits, self.first_steps, FletcherReeves())[-1]
        if not is_finite(unknowns):
            raise LockonError("the network's features of the first frame give no finite filter: its weights are broken, try others")
        filters, projections = problem.parts(unknowns)
        return [self._learned(*row) for row in zip(samples, filters, projections, strict=True)]

    def joint_problem(self, samples: Sequence[FirstSamples]) -> JointProblem:
        """Return the problem of the first frame of B targets."""
        features = stack([stack(one.features) for one in samples])  # (B, V, D, h, w)
        labels = self.labels(np.stack([one.boxes for one in samples]), features.shape[-1])
        weights = np.full(features.shape[:2], 1 / features.shape[1])
        return JointProblem(features, like(labels, features), like(weights, features), self.channels, TAPS)

    def labels(self, boxes_xyxy: FloatArray, side: int) -> NDArray[np.float32]:
        """Return the (..., S, S) scores that are wanted of targets (..., 4) in crop pixels: 1 at the centre."""
        centers = (boxes_xyxy[..., :2] + boxes_xyxy[..., 2:]) / 2
        return gaussian_label(centers, side, sigma=self.label_sigma, stride=STRIDE).astype(np.float32)

    def _drawn(self, sample: FirstSamples) -> tuple[FloatArray, FloatArray]:
        """Return a first filter (C, K, K) and projection (C, D)."""
        projection = self.projection(sample.features, self.channels, sample.rng)
        taps = (self.channels, TAPS, TAPS)
        return sample.rng.standard_normal(taps) / np.prod(taps), projection

    def _learned(self, sample: FirstSamples, taps: Array, projection: Array) -> Learned:
        """Return the state of one target, whose memory has projected samples."""
        few = projected(stack(sample.features), projection)  # (V, C, h, w)
        labels = tuple(like(row, few) for row in self.labels(sample.boxes, few.shape[-1]))
        return Learned(copied(taps), self.memory.start(tuple(copied(one) for one in few), labels), copied(projection))

    def score(self, network: OnlineNetwork, learned: Sequence[Learned], features: Array) -> Responses:
        """Return the responses of (B, D, h, w) features at every crop pixel, see `Learner.score`."""
        few = projected(features, stack([_projection(one) for one in learned]))[:, None]
        maps = numbers(same_scores(stack([one.filter for one in learned]), few))[:, 0]  # (B, h, w)
        return Responses(upsampled(maps.astype(np.float64), STRIDE * maps.shape[-1], even=TAPS % 2 == 0), 1.0)

    def update(self, network: OnlineNetwork, observations: Sequence[Observation]) -> list[Learned]:
        """Return what is known of each target after a frame, see `Learner.update`.

        Doubtful frames are not kept, but the filter is fitted when it is due.
        """
        return [self._updated(one) for one in observations]

    def _updated(self, seen: Observation) -> Learned:
        learned = seen.learned
        if seen.verdict not in DOUBTFUL:
            if not is_finite(seen.features):
                return learned
            few = projected(seen.features, _projection(learned))
            rate = self.hard_negative_rate if seen.verdict == "hard_negative" else self.rate
            label = like(self.labels(seen.box, few.shape[-1]), few)
            learned = replace(learned, memory=self.memory.store(learned.memory, copied(few), label, rate))
        steps = due_steps(seen.verdict, seen.frame, every=self.every, regular=self.steps, hard_negative=self.hard_negative_steps)
        return self._fitted(learned, steps) if steps else learned

    def _fitted(self, learned: Learned, steps: int) -> Learned:
        """Return the state with a filter that fits its memory better."""
        memory, start = learned.memory, learned.filter.reshape(1, -1)
        features, labels = (stack(parts)[None] for parts in (memory.samples, memory.targets))
        problem = FilterProblem(features, labels, like(memory.weights[None].copy(), features), TAPS)
        fitted = gauss_newton(problem, start, 1, steps, self.direction)[-1].reshape(learned.filter.shape)
        return replace(learned, filter=copied(fitted)) if is_finite(fitted) else learned


def _projection(learned: Learned) -> Array:
    assert learned.projection is not None, "made by `ATOMLearner.start`"
    return learned.projection


__all__ = ["ATOMLearner"]
