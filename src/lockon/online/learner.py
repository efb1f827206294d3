"""What a tracker asks of a learner: `Learned` is all that one target has taught, an immutable value; a `Learner` has rules and no state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lockon.localizers.verdict import Verdict
from lockon.online.memory import Memory
from lockon.online.network import OnlineNetwork
from lockon.online.views import RandomSource, ViewPlan
from lockon.ops.array_math import like, namespace
from lockon.types import Array, FloatArray

STRIDE = 16  # crop pixels per cell of the features that filters are learnt on

# Verdicts after which a frame is not learnt.
DOUBTFUL: tuple[Verdict, ...] = ("not_found", "uncertain")


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learnt of one target.

    Attributes:
        filter: (C, K, K), or (A, C, K, K) of several, in the network's kind of array.
        memory: Samples that it is learnt on.
        projection: (C, C') of ATOM, which leaves C channels of C'; None of DiMP.
    """

    filter: Array
    memory: Memory
    projection: Array | None = None


class Responses(NamedTuple):
    """Response maps of B targets.

    Attributes:
        maps: (B, S, S), or (B, A, S, S) of several filters. On a crop of S cells displacement 0 is at cell ``S // 2``.
        cell: Distance of neighbouring cells in crop pixels.
    """

    maps: FloatArray
    cell: float


class FirstSamples(NamedTuple):
    """What the first frame shows of one target.

    Attributes:
        features: V features (C, h, w), in the network's kind of array.
        boxes: (V, 4) x1, y1, x2, y2 of the target in crop pixels.
        rng: Gives the random numbers of the start.
        start: Filter that the network predicts of the template, (C, K, K), or (A, C, K, K) of several; None where it predicts one of each
            sample (`OnlineNetwork.initial`).
    """

    features: tuple[Array, ...]
    boxes: FloatArray
    rng: RandomSource
    start: Array | None = None


class Observation(NamedTuple):
    """What one frame shows of one target, after it was located.

    Attributes:
        learned: Before the frame.
        features: (C, h, w) of its search crop.
        box: (4,) x1, y1, x2, y2 in crop pixels.
        verdict: Of the localization.
        frame: Number of frames since the start, from 1.
    """

    learned: Learned
    features: Array
    box: FloatArray
    verdict: Verdict
    frame: int


class Learner(Protocol):
    """Learns filters; the members of a batch are independent."""

    def start(self, network: OnlineNetwork, samples: Sequence[FirstSamples]) -> list[Learned]:
        """Return what the first frame teaches of each target, of which all have as many samples."""

    def score(self, network: OnlineNetwork, learned: Sequence[Learned], features: Array) -> Responses:
        """Return how much each place of B search crops, given their (B, C, h, w) features, looks like its target."""

    def update(self, network: OnlineNetwork, observations: Sequence[Observation]) -> list[Learned]:
        """Return what is known of each target after a frame."""


def first_samples(plan: ViewPlan, features: Array, boxes_xyxy: FloatArray, rng: RandomSource, start: Array | None = None) -> FirstSamples:
    """Return the samples of one target: those of its views, and copies of the first without some channels.

    Args:
        plan: Says which channels are dropped.
        features: (V, C, h, w) of the views.
        boxes_xyxy: (V, 4) of the target in crop pixels.
        rng: As of `FirstSamples`.
        start: As of `FirstSamples`.
    """
    kept = plan.kept_channels(features.shape[1], rng)
    samples = [copied(row) for row in features]
    if kept is not None:
        samples += [samples[0] * like(row[:, None, None], features) for row in kept]
        boxes_xyxy = np.concatenate([boxes_xyxy, np.tile(boxes_xyxy[:1], (plan.dropped, 1))])
    return FirstSamples(tuple(samples), boxes_xyxy, rng, start)


def copied(array: Array) -> Array:
    """Return a row of a larger array as an array of its own, so that the larger one can go."""
    return array.copy() if namespace(array) is np else array.detach().clone()


def numbers(array: Array) -> NDArray[Any]:
    """Return an array's values as a NumPy array."""
    return np.asarray(array) if namespace(array) is np else np.asarray(array.detach().cpu())


def is_finite(array: Array) -> bool:
    """Return whether all of an array's values are numbers."""
    return bool(namespace(array).isfinite(array).all())


def due_steps(verdict: Verdict, frame: int, *, every: int, regular: int, hard_negative: int) -> int:
    """Return how many iterations a filter is due: those of a hard negative, or in every so-many-th frame the regular ones.

    >>> [due_steps("normal", frame, every=10, regular=2, hard_negative=1) for frame in (9, 10)]
    [0, 2]
    """
    if verdict == "hard_negative":
        return hard_negative
    return regular if frame % every == 0 else 0


__all__ = [
    "DOUBTFUL",
    "STRIDE",
    "FirstSamples",
    "Learned",
    "Learner",
    "Observation",
    "Responses",
    "copied",
    "due_steps",
    "first_samples",
    "is_finite",
    "numbers",
]
