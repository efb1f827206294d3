"""Groups, the optimizer's state and averaged weights, by hand-computed numbers."""

from __future__ import annotations

import pytest
import torch
from tiny_run import Net
from torch import nn

from lockon.train.optim import (
    SGD,
    AdamW,
    AveragedWeights,
    build_optimizer,
    optimizer_tensors,
    parameter_groups,
    restore_optimizer,
    set_learning_rate,
)


def test_groups_split_by_backbone_and_by_dimensions() -> None:
    groups = parameter_groups(Net(), AdamW(backbone_multiplier=0.1, weight_decay=0.05))
    table = {tuple(group["names"]): (group["multiplier"], group["weight_decay"]) for group in groups}
    assert table == {
        ("norm.weight", "norm.bias", "head.bias"): (1.0, 0.0),
        ("head.weight",): (1.0, 0.05),
        ("backbone.conv.bias",): (0.1, 0.0),
        ("backbone.conv.weight",): (0.1, 0.05),
    }


def test_rates_follow_the_multiplier() -> None:
    optimizer = build_optimizer(Net(), AdamW(learning_rate=0.1, backbone_multiplier=0.5))
    set_learning_rate(optimizer, 0.2)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.2, 0.2, 0.1, 0.1])


def test_the_longest_start_of_a_name_gives_the_rate() -> None:
    config = AdamW(multipliers=(("backbone.conv.w", 0.5), ("head", 3.0)), weight_decay=0.05, decay_all=True)
    table = {tuple(group["names"]): (group["multiplier"], group["weight_decay"]) for group in parameter_groups(Net(), config)}
    assert table == {
        ("norm.weight", "norm.bias"): (1.0, 0.05),
        ("backbone.conv.bias",): (0.1, 0.05),
        ("backbone.conv.weight",): (0.5, 0.05),
        ("head.weight", "head.bias"): (3.0, 0.05),
    }


def test_sgd_by_hand() -> None:
    module = nn.Linear(1, 1)
    config = SGD(momentum=0.5, weight_decay=0.1, decay_all=True, learning_rate=0.01)
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


@pytest.mark.parametrize("config", [AdamW(), SGD()])
def test_optimizer_state_comes_back_exactly(config: AdamW | SGD) -> None:
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
    assert isinstance(config, SGD) or tensors["head.weight:step"].item() == 1
    restore_optimizer(second, theirs, tensors)
    update(ours, first)
    update(theirs, second)
    for name, value in ours.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[name]), name
    if isinstance(config, SGD):
        assert set(tensors) == {f"{name}:momentum_buffer" for name, _ in ours.named_parameters()}
        return
    assert tensors["head.weight:step"].item() == 2  # the tensors are the optimizer's own ...
    assert optimizer_tensors(second, theirs)["head.weight:step"].item() == 2  # ... and the restored ones are copies


def test_frozen_parameters_are_not_decayed() -> None:
    module = nn.Linear(2, 2).requires_grad_(False)
    before = module.weight.clone()
    optimizer = build_optimizer(module, AdamW(weight_decay=0.5))
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
