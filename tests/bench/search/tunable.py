"""A tracker whose error is known for every value of its parameters, and sequences for it; worker processes can import both."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lockon.bench.spec import TrackerSpec
from lockon.config import apply_overrides
from lockon.data.sequence import LazyList, VideoSequence
from lockon.errors import LockonError, LockonWarning

SIZE = 20.0  # of the target, in pixels
BEST = {"rate": 0.37, "group.reach": 3}


@dataclass(frozen=True)
class Group:
    reach: int = 2
    mode: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Config:
    rate: float = 0.1
    group: Group = field(default_factory=Group)
    fast: bool = False
    top: int | None = None
    text: str = "x"


def error_of(parameters: Mapping[str, Any]) -> float:
    """Pixels by which the tracker's box is off."""
    rate, reach = parameters.get("rate", 0.1), parameters.get("group.reach", 2)
    return float(10 * abs(rate - BEST["rate"]) + 0.5 * abs(reach - BEST["group.reach"]))


def overlap_of(parameters: Mapping[str, Any]) -> float:
    """IoU of two squares that lie beside each other by `error_of`."""
    return (SIZE - error_of(parameters)) / (SIZE + error_of(parameters))


class Tunable:
    def __init__(self, **overrides: Any) -> None:
        self.config = apply_overrides(Config(), overrides)

    def init(self, frame, box):
        self.box = np.asarray(box, dtype=np.float64)

    def track(self, frame):
        group = self.config.group
        return self.box + np.array([error_of({"rate": self.config.rate, "group.reach": group.reach}), 0, 0, 0])


class Picky(Tunable):
    """Fails above a rate of 0.5."""

    def track(self, frame):
        if self.config.rate > 0.5:
            raise RuntimeError("rate too high")
        return super().track(frame)


class Dying(Tunable):
    """Takes its process along above a rate of 0.5."""

    def track(self, frame):
        if self.config.rate > 0.5:
            os._exit(7)
        return super().track(frame)


class Random(Tunable):
    """Is off by chance."""

    def track(self, frame):
        return self.box + np.random.default_rng(np.random.randint(1 << 30)).normal(size=4) * self.config.rate


class Painter(Tunable):
    """Draws on the frames that it gets, and is off by what it finds drawn."""

    def track(self, frame):
        off = float(frame[0, 0, 0])
        frame[:] = 9
        return self.box + np.array([off, 0, 0, 0])


class Warner(Tunable):
    def init(self, frame, box):
        import warnings

        warnings.warn("box clipped", LockonWarning, stacklevel=2)
        super().init(frame, box)


KINDS = {"tunable": Tunable, "picky": Picky, "dying": Dying, "random": Random, "painter": Painter, "warner": Warner}


def make(spec: TrackerSpec):
    if spec.name == "nothing":
        raise LockonError("no weights for nothing; train it")
    return KINDS[spec.name](**spec.overrides)


def black(path: Path) -> Any:
    return np.zeros((40, 60, 3), dtype=np.uint8)


def make_sequence(name: str, frames: int = 4, dataset: str = "made") -> VideoSequence:
    """A target that stands still at 10,10."""
    paths = [Path(f"{index}.png") for index in range(frames)]
    return VideoSequence(name, dataset, LazyList(paths, black), np.tile([10.0, 10, SIZE, SIZE], (frames, 1)))
