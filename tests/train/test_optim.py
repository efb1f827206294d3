"""Groups, learning rates, the optimizer's state and averaged weights, by hand-computed numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_run import Net
from torch import nn

from lockon.train.config import TrainConfig
from lockon.train.optim import (
    AveragedWeights,
    build_optimizer,
    learning_rate_factor,
    optimizer_tensors,
    parameter_groups,
    restore_optimizer,
    set_learning_rate,
)


def test_groups_split_by_backbone_and_by_dimensions() -> None:
    groups = parameter_groups(Net(), TrainConfig(backbone_multiplier=0.1, weight_decay=0.05))
    table = {tuple(group["names"]): (group["multiplier"], group["weight_decay"]) for group in groups}
    assert table == {
        ("norm.weight", "norm.bias", "head.bias"): (1.0, 0.0),
        ("head.weight",): (1.0, 0.05),
        ("backbone.conv.bias",): (0.1, 0.0),
        ("backbone.conv.weight",): (0.1, 0.05),
    }


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.25),  # first of 4 warm-up updates
        (3, 1.0),
        (4, 1.0),  # the cosine starts at its top
        (9, 0.1 + 0.9 * 0.5),  # half way from 4 to 14
        (14, 0.1),  # the last update
        (20, 0.1),
    ],
)
def test_learning_rate_factor(step: int, expected: float) -> None:
    assert learning_rate_factor(step, TrainConfig(steps=15, warmup_steps=4, final_lr_ratio=0.1)) == pytest.approx(expected)


def test_warm_up_takes_at_most_half_of_a_short_run() -> None:
    config = TrainConfig(steps=4, warmup_steps=500, final_lr_ratio=0.0)
    assert [learning_rate_factor(step, config) for step in range(4)] == pytest.approx([0.5, 1.0, 1.0, 0.0])


def test_rates_follow_the_multiplier() -> None:
    config = TrainConfig(steps=10, warmup_steps=0, learning_rate=0.2, backbone_multiplier=0.5)
    optimizer = build_optimizer(Net(), config)
    assert set_learning_rate(optimizer, 0, config) == pytest.approx(0.2)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.2, 0.2, 0.1, 0.1])


def pysot(**changes: Any) -> TrainConfig:
    """The rates of SiamBAN and of the ranking losses: 20 epochs, 0.001 up to 0.005, down to 0.00005."""
    return TrainConfig(**{"optimizer": "sgd", "schedule": "log", "learning_rate": 0.005, "final_lr_ratio": 0.01, **changes})


def test_rates_by_epoch_are_those_of_the_published_log() -> None:
    config = pysot(steps=40)
    rates = [0.005 * learning_rate_factor(step, config) for step in range(40)]
    assert rates[::2] == rates[1::2]  # constant within an epoch of two updates
    warmup, decay = rates[:10:2], rates[10::2]
    assert warmup == pytest.approx([1e-3, 1.380e-3, 1.904e-3, 2.627e-3, 3.624e-3], rel=1e-3)
    assert decay[:3] == pytest.approx([5e-3, 3.598e-3, 2.590e-3], rel=1e-3)
    assert decay[-2:] == pytest.approx([6.947e-5, 5e-5], rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"epochs": 1, "steps": 3}, [1, 1, 1]),  # a single epoch has no room for a warm-up
        ({"epochs": 2, "steps": 2, "warmup_epochs": 5, "warmup_ratio": 0.25}, [0.25, 1]),
        ({"epochs": 3, "steps": 3, "warmup_epochs": 0}, [1, 0.1, 0.01]),
        ({"epochs": 4, "steps": 2, "warmup_epochs": 0}, [1, 0.01 ** (2 / 3)]),  # fewer updates than epochs
    ],
)
def test_short_schedules_in_epochs(changes: dict[str, Any], expected: list[float]) -> None:
    config = pysot(**changes)
    assert [learning_rate_factor(step, config) for step in range(config.steps)] == pytest.approx(expected)


def test_the_longest_start_of_a_name_gives_the_rate() -> None:
    config = TrainConfig(multipliers=(("backbone.conv.w", 0.5), ("head", 3.0)), weight_decay=0.05, decay_all=True)
    table = {tuple(group["names"]): (group["multiplier"], group["weight_decay"]) for group in parameter_groups(Net(), config)}
    assert table == {
        ("norm.weight", "norm.bias"): (1.0, 0.05),
        ("backbone.conv.bias",): (0.1, 0.05),
        ("backbone.conv.weight",): (0.5, 0.05),
        ("head.weight", "head.bias"): (3.0, 0.05),
    }


def test_sgd_by_hand() -> None:
    module = nn.Linear(1, 1)
    config = pysot(momentum=0.5, weight_decay=0.1, decay_all=True, learning_rate=0.01)
    optimizer = build_optimizer(module, config)
    with torch.no_grad():
        module.weight.fill_(2.0)
        module.bias.fill_(1.0)
    for _ in range(2):
        optimizer.zero_grad()
        (3 * module.weight + module.bias).sum().backward()
        optimizer.step()
    # w: 2 - 0.01 (3 + 0.2) = 1.968; then velocity 0.5 * 3.2 + 3 + 0.1968 = 4.7968
    assert module.weight.item() == pytest.approx(1.968 - 0.047968)
    assert module.bias.item() == pytest.approx(1 - 0.011 - 0.01 * (0.5 * 1.1 + 1 + 0.0989))


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_optimizer_state_comes_back_exactly(kind: Any) -> None:
    config = TrainConfig(steps=10, optimizer=kind)
    ours, theirs = Net(dropout=0.0), Net(dropout=0.0)
    theirs.load_state_dict(ours.state_dict())
    first, second = build_optimizer(ours, config), build_optimizer(theirs, config)
    assert optimizer_tensors(first, ours) == {}

    def update(module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        module(torch.full((2, 3, 5, 5), 0.5)).square().sum().backward()
        optimizer.step()

    update(ours, first)
    theirs.load_state_dict(ours.state_dict())
    tensors = optimizer_tensors(first, ours)
    assert kind == "sgd" or tensors["head.weight:step"].item() == 1
    restore_optimizer(second, theirs, tensors)
    update(ours, first)
    update(theirs, second)
    for name, value in ours.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[name]), name
    if kind == "sgd":
        assert set(tensors) == {f"{name}:momentum_buffer" for name, _ in ours.named_parameters()}
        return
    assert tensors["head.weight:step"].item() == 2  # the tensors are the optimizer's own ...
    assert optimizer_tensors(second, theirs)["head.weight:step"].item() == 2  # ... and the restored ones are copies


def test_frozen_parameters_are_not_decayed() -> None:
    module = nn.Linear(2, 2).requires_grad_(False)
    before = module.weight.clone()
    optimizer = build_optimizer(module, TrainConfig(weight_decay=0.5))
    optimizer.step()
    assert torch.equal(module.weight, before)


def test_averages_by_hand() -> None:
    module = nn.BatchNorm1d(1)
    average = AveragedWeights(module, decay=0.5)
    with torch.no_grad():
        module.weight.fill_(3.0)
        module.running_mean.fill_(2.0)  # type: ignore[union-attr]
        module.num_batches_tracked.fill_(7)  # type: ignore[union-attr]
    average.update(0)  # decay (1 + 0) / (10 + 0) = 0.1
    assert average.module.weight.item() == pytest.approx(0.1 * 1 + 0.9 * 3)
    assert average.module.running_mean.item() == pytest.approx(0.9 * 2)
    assert average.module.num_batches_tracked.item() == 7
    average.update(1000)  # decay 0.5
    assert average.module.weight.item() == pytest.approx(0.5 * 2.8 + 0.5 * 3)
    assert not average.module.training
    assert not average.module.weight.requires_grad


def test_rates_in_steps() -> None:
    """Alpha-Refine's: halved every eight of 40 epochs, here of two updates each; no warm-up."""
    config = TrainConfig(steps=80, epochs=40, schedule="step", decay_epochs=8, decay_factor=0.5, learning_rate=1e-3)
    rates = [learning_rate_factor(step, config) for step in range(80)]
    assert rates == [0.5 ** (step // 16) for step in range(80)]
    assert (rates[0], rates[-1]) == (1, 1 / 16)
