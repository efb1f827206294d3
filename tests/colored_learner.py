"""An online tracker in NumPy under a name, for tests of what loads one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from colored_network import ColoredNetwork
from fake_cards import register
from lockon.config import apply_overrides
from lockon.localizers.peaks import SecondPeak
from lockon.online.config import OnlineConfig
from lockon.online.dimp import DiMPLearner
from lockon.online.tracker import OnlineTracker
from lockon.zoo.card import Card

CONFIG = OnlineConfig(learner=DiMPLearner(first_steps=5, every=4), localization=SecondPeak(not_found=0.15))


def online_tracker(**changes: Any) -> OnlineTracker:
    """Return an online tracker that sees colours."""
    return OnlineTracker(ColoredNetwork(), apply_overrides(CONFIG, changes))


def register_learner(monkeypatch: pytest.MonkeyPatch) -> str:
    """Put it into the registry as "colored" for one test, with a preset "slow"; it takes any file as its weights. Return its name."""

    def construct(weights: Path | None, device: str, overrides: Mapping[str, Any]) -> OnlineTracker:
        return online_tracker(**overrides)

    presets = {"default": {}, "slow": {"learner.every": 50}}
    return register(
        monkeypatch,
        Card(name="colored", summary="sees colours", config=CONFIG, presets=presets, assemble=OnlineTracker, construct=construct),
    )
