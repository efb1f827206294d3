"""`DiMPLearner`: a filter that a network predicts from the first frame and a few steps of steepest descent fit, there and later.

Bhat et al., Learning Discriminative Model Prediction for Tracking, ICCV 2019 (arXiv 1904.07220), Sec. 3.2 and 4; Danelljan et al.,
Probabilistic Regression for Visual Tracking, CVPR 2020 (arXiv 2003.12565), Sec. 4.3. Which objective is minimised follows from the labels
and the trained numbers of the optimiser. Zhou et al., DuML (2021), learn so too, from a start that the template gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np

from lockon._config_values import check_range, check_whole
from lockon.errors import LockonError
from lockon.online.filters import apply_filter
from lockon.online.labels import AnchorLabels, DistanceLabels
from lockon.online.learner import DOUBTFUL, FirstSamples, Learned, Observation, Responses, copied, due_steps, is_finite, numbers
from lockon.online.memory import Memory, MemoryRule
from lockon.online.network import DescentNetwork, OnlineNetwork
from lockon.online.steepest_descent import descend
from lockon.ops.array_math import like, stack
from lockon.types import Array


@dataclass(frozen=True, kw_only=True, slots=True)
class DiMPLearner:
    """How DiMP's filter is learnt; the filter's start and the optimiser's trained numbers are the network's.

    Attributes:
        labels: What the filter should answer, on which cells.
        memory: How samples are kept.
        rate: Weight of a new sample, at least 0 and below 1.
        hard_negative_rate: Weight of a sample with a distractor, likewise.
        first_steps: Steps of descent on the first frame, 0..1000.
        every: Frames from one regular update to the next, from 1.
        steps: Steps of a regular update, 0..1000.
        hard_negative_steps: Steps as soon as there is a distractor, 0..1000.

    Raises:
        LockonError: A value outside its range.
    """

    labels: DistanceLabels | AnchorLabels = field(default_factory=DistanceLabels)
    memory: MemoryRule = field(default_factory=MemoryRule)
    rate: float = 0.01
    hard_negative_rate: float = 0.02
    first_steps: int = 10
    every: int = 20
    steps: int = 2
    hard_negative_steps: int = 1

    def __post_init__(self) -> None:
        counts = {name: getattr(self, name) for name in ("first_steps", "every", "steps", "hard_negative_steps")}
        check_whole(**counts)
        for name, value in counts.items():
            check_range(name, value, int(name == "every"), 1000 if name != "every" else 1e9)
        for name in ("rate", "hard_negative_rate"):
            check_range(name, getattr(self, name), 0, 0.999)

    def start(self, network: DescentNetwork, samples: Sequence[FirstSamples]) -> list[Learned]:
        """Return what the first frame teaches, see `Learner.start`.

        Raises:
            LockonError: Labels for another number of filters than the network has; the network's features are no numbers.
        """
        memories = [self.memory.start(one.features, tuple(one.boxes)) for one in samples]
        starts = [_initial(network, memory) if one.start is None else one.start for one, memory in zip(samples, memories, strict=True)]
        counts = {1 if start.ndim == 3 else len(start) for start in starts} - {self.labels.filters}
        if counts:
            raise LockonError(f"learner.labels for {self.labels.filters} filters given, but the network has {min(counts)}; leave it out")
        filters = self._descended(network, memories, starts, self.first_steps)
        if not all(is_finite(one) for one in filters):
            raise LockonError("the network's features of the first frame give no finite filter: its weights are broken, try others")
        return [Learned(one, memory) for one, memory in zip(filters, memories, strict=True)]

    def score(self, network: DescentNetwork, learned: Sequence[Learned], features: Array) -> Responses:
        """Return the responses of (B, C, h, w) features, see `Learner.score`; an even filter gives one row and column more."""
        maps = numbers(apply_filter(stack([one.filter for one in learned]), features[:, None]))[:, 0]  # (B, S, S) or (B, A, S, S)
        return Responses(maps.astype(np.float64), self.labels.stride)

    def update(self, network: DescentNetwork, observations: Sequence[Observation]) -> list[Learned]:
        """Return what is known of each target after a frame, see `Learner.update`; doubtful frames teach nothing.

        Targets that are due an update go one after the other: each has a memory of its own length, and padding them is slower.
        """
        return [one.learned if one.verdict in DOUBTFUL else self._updated(network, one) for one in observations]

    def _updated(self, network: DescentNetwork, seen: Observation) -> Learned:
        if not is_finite(seen.features):
            return seen.learned
        rate = self.hard_negative_rate if seen.verdict == "hard_negative" else self.rate
        memory = self.memory.store(seen.learned.memory, copied(seen.features), seen.box, rate)
        steps = due_steps(seen.verdict, seen.frame, every=self.every, regular=self.steps, hard_negative=self.hard_negative_steps)
        learned = replace(seen.learned, memory=memory)
        if not steps:
            return learned
        (fitted,) = self._descended(network, [memory], [learned.filter], steps)
        return replace(learned, filter=fitted) if is_finite(fitted) else learned

    def _descended(self, network: DescentNetwork, memories: Sequence[Memory], filters: Sequence[Array], steps: int) -> list[Array]:
        """Return the filters after some steps on memories of one length."""
        features = stack([stack(memory.samples) for memory in memories])  # (B, M, C, h, w)
        boxes = like(np.stack([np.stack(memory.targets) for memory in memories]), features)  # (B, M, 4)
        weights = like(np.stack([memory.weights for memory in memories]), features)  # (B, M)
        assert network.weights is not None, "a network whose filters are learnt so has them"
        problem = self.labels(network.weights, features, boxes, weights, size=filters[0].shape[-1])
        return [copied(row) for row in descend(problem, stack(filters), steps)[-1]]


def _initial(network: DescentNetwork, memory: Memory) -> Array:
    """Return the (C, K, K) mean of the filters that the network predicts from the first samples that are no copies."""
    features = stack(memory.samples)  # (V, C, h, w)
    return cast(OnlineNetwork, network).initial(features, np.stack(memory.targets)).mean(0)


__all__ = ["DiMPLearner"]
