"""`TrainConfig` refuses numbers that make no sense; the unfreeze schedule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockon.config import apply_overrides
from lockon.errors import LockonError
from lockon.train.config import GradientConfig, MachineConfig, TrainConfig
from lockon.train.optim import SGD
from lockon.train.recipe import TrainSources
from lockon.train.schedules import LogDecay, StepDecay


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("steps", 0, "at least 1"),
        ("batch_size", -1, "at least 1"),
        ("machine.workers", -1, "0 or more"),
        ("optimizer.learning_rate", 0.0, "above 0"),
        ("optimizer.learning_rate", float("inf"), "above 0"),
        ("gradients.clip_norm", float("inf"), "0 or more"),
        ("schedule.final_lr_ratio", 1.5, "between 0 and 1"),
        ("ema_decay", 1.0, "at least 0 and below 1"),
        ("machine.precision", "fp16", "one of auto, fp32, bf16"),
        ("unfreeze", ((0.5, 1), (0.2, 2)), "in order of time"),
        ("unfreeze", ((0.5, -1),), "0 or more"),
        ("seed", -1, "a whole number from 0"),
        ("epochs", 0, "at least 1"),
        ("pairs_per_epoch", -1, "0 or more"),
        ("gradients.skip_above", -1.0, "0 or more"),
        ("optimizer", "lion", "one of adamw, sgd"),
        ("gradients.reduction", "max", "one of mean, sum"),
        ("schedule", "steps", "one of cosine-decay, log-decay, step-decay"),
        ("optimizer.multipliers", (("backbone.layer4.", -0.1),), "factor of 0 or more"),
        ("output.keep", 0, "at least 1"),
    ],
)
def test_bad_numbers_are_refused(name: str, value: Any, expected: str) -> None:
    with pytest.raises(LockonError, match=f"{name} must be .*{expected}"):
        apply_overrides(TrainConfig(), {name: value})


@pytest.mark.parametrize(
    ("part", "name", "value", "expected"),
    [
        (SGD, "momentum", 1.0, "at least 0 and below 1"),
        (GradientConfig, "clip_norm", float("nan"), "0 or more"),
        (GradientConfig, "reduction", "max", "one of mean, sum"),
        (MachineConfig, "precision", "fp16", "one of auto, fp32, bf16"),
        (LogDecay, "warmup_ratio", 0.0, "above 0, at most 1"),
        (LogDecay, "final_lr_ratio", 0.0, "above 0, at most 1"),
        (StepDecay, "decay_epochs", 0, "at least 1"),
        (StepDecay, "decay_factor", 0.0, "above 0, at most 1"),
        (StepDecay, "decay_factor", 1.5, "above 0, at most 1"),
    ],
)
def test_parts_refuse_bad_numbers_themselves(part: type, name: str, value: Any, expected: str) -> None:
    with pytest.raises(LockonError, match=f"{name} must be .*{expected}"):
        part(**{name: value})


def test_a_part_has_only_its_own_fields_and_keeps_what_it_shares_with_the_one_before() -> None:
    config = apply_overrides(TrainConfig(), {"schedule.final_lr_ratio": 0.5, "optimizer.weight_decay": 0.25})
    config = apply_overrides(config, {"schedule": "log-decay", "schedule.warmup_epochs": 2, "optimizer": "sgd"})
    assert config.schedule == LogDecay(warmup_epochs=2, final_lr_ratio=0.5)
    assert config.optimizer == SGD(weight_decay=0.25)
    with pytest.raises(LockonError, match="is a field of cosine-decay, which is not chosen"):
        apply_overrides(config, {"schedule.warmup_steps": 5})


def test_steps_follow_from_pairs_and_processes() -> None:
    gradients = GradientConfig(accumulate=8)
    config = TrainConfig(steps=0, epochs=20, pairs_per_epoch=600_000, batch_size=28, gradients=gradients, unfreeze=((0, 0), (0.5, 3)))
    assert config.resolved().steps == 20 * 2678  # 600,000 / 224, the rest of an epoch left out
    assert config.resolved(4).steps == 20 * 669
    resolved = config.resolved()
    assert [resolved.stages_at(10 * 2678 - 1), resolved.stages_at(10 * 2678)] == [0, 3]
    assert replace(config, steps=7).resolved(4).steps == 7
    with pytest.raises(LockonError, match=r"pairs_per_epoch=200 given, expected at least the 224 pairs of one update"):
        replace(config, pairs_per_epoch=200).resolved()


def test_an_order_that_shows_only_with_the_steps_is_checked_with_them() -> None:
    config = TrainConfig(steps=0, epochs=1, pairs_per_epoch=320, unfreeze=((0.5, 1), (3, 2)))
    with pytest.raises(LockonError, match="in order of time"):
        config.resolved()


def test_unfreeze_takes_fractions_and_steps() -> None:
    config = TrainConfig(steps=100, unfreeze=((0.0, 0), (0.25, 2), (60, 5)))
    assert [config.stages_at(step) for step in (0, 24, 25, 59, 60, 99)] == [0, 0, 2, 2, 5, 5]
    assert TrainConfig(steps=100, unfreeze=((10, 3),)).stages_at(9) == 0


def test_sources_are_found_under_a_root_or_given(tmp_path: Path) -> None:
    for name in ("train", "val", "mine"):
        (tmp_path / name).mkdir()
    assert TrainSources.find(tmp_path) == TrainSources(stills=tmp_path / "train", val=(tmp_path / "val",), root=tmp_path)
    assert TrainSources.find(tmp_path, videos=tmp_path / "mine").videos == tmp_path / "mine"
    assert TrainSources.find(None, sets=[f"COCO:{tmp_path}"]).sets == (f"COCO:{tmp_path}",)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"root": Path("nowhere")}, "--data-root nowhere is not a folder"),
        ({"root": None, "videos": Path("nowhere")}, "--videos nowhere is not a folder"),
        ({"root": None}, "no training data: give --data-root"),
        ({"root": None, "sets": ["COCO"]}, "--data COCO is not NAME:FOLDER with a folder that exists"),
        ({"root": None, "sets": ["COCO:nowhere"]}, "--data COCO:nowhere is not NAME:FOLDER"),
    ],
)
def test_missing_sources_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        TrainSources.find(**given)
