"""The memory of a learner: samples with weights, of which a new one replaces the least important. Immutable values.

Danelljan et al., ATOM, CVPR 2019, Sec. 3.4, and Bhat et al., DiMP, ICCV 2019, Sec. 4; the rules are those of the published code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockon._config_values import check_range, check_whole
from lockon.errors import LockonError
from lockon.types import Array


@dataclass(frozen=True, slots=True)
class Memory:
    """Samples of one target, the oldest places first; `MemoryRule` makes and fills them.

    Attributes:
        samples: n features (C, h, w), in the network's kind of array.
        targets: What each sample should answer: DiMP's boxes (4,) x1, y1, x2, y2 in crop pixels, ATOM's labels (h, w).
        weights: (n,) float32, read-only. Their sum is 1, or a little more while the first samples are held at their share.
        initial: The first so many samples are of the first frame and are never replaced.
        stored: How often something was stored.
        last: Place of the last stored sample, None before there is one.
    """

    samples: tuple[Array, ...]
    targets: tuple[Array, ...]
    weights: NDArray[np.float32]
    initial: int
    stored: int = 0
    last: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FillThenSmallest:
    """Fills free places in order, then takes that of the smallest weight (DiMP)."""

    def __call__(self, memory: Memory, capacity: int) -> int:
        """Return the place of the next sample."""
        count = memory.initial + memory.stored
        return count if count < capacity else _smallest(memory.weights, memory.initial)


@dataclass(frozen=True, kw_only=True, slots=True)
class SmallestWeight:
    """Takes the place of the smallest weight; free ones have weight 0 (ATOM)."""

    def __call__(self, memory: Memory, capacity: int) -> int:
        """Return the place of the next sample."""
        padded = np.zeros(capacity, dtype=np.float32)
        padded[: len(memory.weights)] = memory.weights
        return _smallest(padded, memory.initial)


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryRule:
    """How a memory is filled.

    Attributes:
        capacity: Samples at most, 2..100,000; it bounds what a target takes.
        initial_share: Least share of the weights that the samples of the first frame keep together, 0..1; 0: none.
        place: Where a new sample goes.

    Raises:
        LockonError: A value outside its range.
    """

    capacity: int = 50
    initial_share: float = 0.25
    place: FillThenSmallest | SmallestWeight = FillThenSmallest()

    def __post_init__(self) -> None:
        check_whole(capacity=self.capacity)
        check_range("capacity", self.capacity, 2, 100_000)
        check_range("initial_share", self.initial_share, 0, 1)

    def start(self, samples: tuple[Array, ...], targets: tuple[Array, ...]) -> Memory:
        """Return the memory of a first frame, with equal weights.

        Raises:
            LockonError: No place is left for later frames.
        """
        count = len(samples)
        if count >= self.capacity:
            raise LockonError(f"memory.capacity={self.capacity}, but the first frame gives {count} samples; expected at least {count + 1}")
        return Memory(samples, targets, _frozen(np.full(count, 1 / count, dtype=np.float32)), initial=count)

    def store(self, memory: Memory, sample: Array, target: Array, rate: float) -> Memory:
        """Return the memory with one more sample; all others are shared.

        Args:
            memory: Stays as it is.
            sample: (C, h, w) features, kept as they are: give a copy of what belongs to a larger array.
            target: What it should answer.
            rate: Weight of the new sample before the weights are normalised, at least 0 and below 1.
        """
        place = self.place(memory, self.capacity)
        weights = np.zeros(max(len(memory.weights), place + 1), dtype=np.float32)
        weights[: len(memory.weights)] = memory.weights
        if memory.last is None:
            weights /= np.float32(1 - rate)
            weights[place] = rate
        else:
            weights[place] = weights[memory.last] / np.float32(1 - rate)
        weights /= weights.sum()
        if self.initial_share and weights[: memory.initial].sum() < self.initial_share:
            weights /= np.float32(self.initial_share) + weights[memory.initial :].sum()
            weights[: memory.initial] = np.float32(self.initial_share / memory.initial)
        return replace(
            memory,
            samples=_with(memory.samples, place, sample),
            targets=_with(memory.targets, place, target),
            weights=_frozen(weights),
            stored=memory.stored + 1,
            last=place,
        )


def _with(items: tuple[Any, ...], place: int, item: Any) -> tuple[Any, ...]:
    """Return the items with the one at `place`, at most their number, replaced or appended."""
    return (*items[:place], item, *items[place + 1 :])


def _smallest(weights: NDArray[np.float32], first: int) -> int:
    return first + int(weights[first:].argmin())


def _frozen(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    weights.flags.writeable = False
    return weights


__all__ = ["FillThenSmallest", "Memory", "MemoryRule", "SmallestWeight"]
