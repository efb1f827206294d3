"""`TrainConfig` refuses numbers that make no sense; the unfreeze schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lockon.errors import LockonError
from lockon.train.config import TrainConfig
from lockon.train.recipe import TrainSources


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("steps", 0, "at least 1"),
        ("batch_size", -1, "at least 1"),
        ("workers", -1, "0 or more"),
        ("learning_rate", 0.0, "above 0"),
        ("learning_rate", float("inf"), "above 0"),
        ("clip_norm", float("nan"), "0 or more"),
        ("final_lr_ratio", 1.5, "between 0 and 1"),
        ("ema_decay", 1.0, "at least 0 and below 1"),
        ("precision", "fp16", "one of auto, fp32, bf16"),
        ("unfreeze", ((0.5, 1), (0.2, 2)), "in order of time"),
        ("unfreeze", ((0.5, -1),), "0 or more"),
        ("seed", -1, "a whole number from 0"),
    ],
)
def test_bad_numbers_are_refused(name: str, value: Any, expected: str) -> None:
    with pytest.raises(LockonError, match=f"{name} must be .*{expected}"):
        TrainConfig(**{name: value})


def test_unfreeze_takes_fractions_and_steps() -> None:
    config = TrainConfig(steps=100, unfreeze=((0.0, 0), (0.25, 2), (60, 5)))
    assert [config.stages_at(step) for step in (0, 24, 25, 59, 60, 99)] == [0, 0, 2, 2, 5, 5]
    assert TrainConfig(steps=100, unfreeze=((10, 3),)).stages_at(9) == 0


def test_sources_are_found_under_a_root_or_given(tmp_path: Path) -> None:
    for name in ("train", "val", "mine"):
        (tmp_path / name).mkdir()
    assert TrainSources.find(tmp_path) == TrainSources(stills=tmp_path / "train", val=tmp_path / "val")
    assert TrainSources.find(tmp_path, videos=tmp_path / "mine").videos == tmp_path / "mine"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"root": Path("nowhere")}, "--data-root nowhere is not a folder"),
        ({"root": None, "videos": Path("nowhere")}, "--videos nowhere is not a folder"),
        ({"root": None}, "no training data: give --data-root"),
    ],
)
def test_missing_sources_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        TrainSources.find(**given)
