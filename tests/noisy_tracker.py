"""A tracker that draws random numbers in every step, as those that learn online do: its boxes depend on its seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from colored_videos import ColorModel
from lockon.bench.spec import TrackerSpec
from lockon.target import Target
from lockon.tracker import NetworkTracker, TrackerConfig
from lockon.types import Frame


class NoisyTracker(NetworkTracker):
    """Moves every box by up to half a pixel at random, drawn from the target's seed and frame."""

    def step(self, frames: Sequence[Frame], targets: Sequence[Target]) -> list[Target]:
        return [self._shaken(target) for target in super().step(frames, targets)]

    def _shaken(self, target: Target) -> Target:
        noise = np.random.default_rng((target.seed, target.frame)).uniform(-0.5, 0.5, 2)
        return replace(target, box=target.box + np.array([*noise, 0.0, 0.0]))


def noisy_tracker(**changes: Any) -> NoisyTracker:
    return NoisyTracker(ColorModel(), TrackerConfig(**changes))


def make_noisy_tracker(spec: TrackerSpec) -> NoisyTracker:
    return noisy_tracker()
