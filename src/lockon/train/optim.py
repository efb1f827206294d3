"""The optimizers as values, torch's optimizer over named parameter groups, and averaged weights.

Decoupled weight decay: Loshchilov and Hutter, ICLR 2019 (1711.05101). Averaged weights: Polyak and Juditsky, in the exponential form.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lockon._config_values import check_field


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerConfig(ABC):
    """The numbers that all optimizers have.

    Attributes:
        learning_rate: Peak rate, after the warm-up.
        backbone_multiplier: Factor on the rate for parameters whose name starts with "backbone.".
        multipliers: More such factors, pairs (start of a parameter's name, factor), for example (("backbone.layer4.",0.5),).
            The longest start that fits decides.
        weight_decay: Not applied to norms and biases (parameters with fewer than two dimensions) unless `decay_all`.
        decay_all: Norms and biases are decayed too, as PyTorch's SGD does by itself.
        forget_momentum: The optimizer's state is dropped whenever the number of learning backbone stages changes, as where
            PySOT builds a new optimizer.
    """

    learning_rate: float = 1e-3
    backbone_multiplier: float = 0.1
    multipliers: tuple[tuple[str, float], ...] = ()
    weight_decay: float = 1e-4
    decay_all: bool = False
    forget_momentum: bool = False

    def __post_init__(self) -> None:
        check_field(self, "learning_rate", 0 < self.learning_rate < math.inf, "above 0")
        for name in ("backbone_multiplier", "weight_decay"):
            check_field(self, name, 0 <= getattr(self, name) < math.inf, "0 or more")
        factors = all(0 <= factor < math.inf for _, factor in self.multipliers)
        check_field(self, "multipliers", factors, 'pairs (start of a name, factor of 0 or more), such as (("backbone.layer4.",0.5),)')

    @abstractmethod
    def over(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """Build torch's optimizer over groups of parameters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AdamW(OptimizerConfig):
    """Adam that decays weights decoupled from the gradient."""

    def over(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """Build `torch.optim.AdamW`."""
        return torch.optim.AdamW(groups, lr=self.learning_rate, fused=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class SGD(OptimizerConfig):
    """Gradient descent with momentum, which adds the decay to the gradient (PySOT).

    Attributes:
        momentum: Share of the last update that goes on.
    """

    momentum: float = 0.9

    def __post_init__(self) -> None:
        OptimizerConfig.__post_init__(self)
        check_field(self, "momentum", 0 <= self.momentum < 1, "at least 0 and below 1")

    def over(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """Build `torch.optim.SGD`."""
        return torch.optim.SGD(groups, lr=self.learning_rate, momentum=self.momentum, fused=True)


def parameter_groups(module: nn.Module, config: OptimizerConfig) -> list[dict[str, Any]]:
    """Return groups of parameters with one rate and one decay each. All parameters are in, frozen ones too.

    Each group holds `params`, their `names`, `weight_decay`, and `multiplier`, the factor on the learning rate: that of the longest
    start of a name in `config.multipliers` and "backbone." that fits, else 1. Norms and biases (fewer than two dimensions)
    are not decayed unless `config.decay_all`.
    """
    rules = [("", 1.0), ("backbone.", config.backbone_multiplier), *config.multipliers]  # a later rule wins over an equal one
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, parameter in module.named_parameters():
        _, rule = max((len(start), index) for index, (start, _) in enumerate(rules) if name.startswith(start))
        decayed = config.decay_all or parameter.ndim >= 2
        group = groups.setdefault(
            (rule, decayed),
            {"params": [], "names": [], "multiplier": rules[rule][1], "weight_decay": config.weight_decay if decayed else 0.0},
        )
        group["params"].append(parameter)
        group["names"].append(name)
    return [groups[key] for key in sorted(groups)]


def build_optimizer(module: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """Build the optimizer over all parameters of `module`; a parameter without gradient gets no update and no decay."""
    return config.over([{key: value for key, value in group.items() if key != "names"} for group in parameter_groups(module, config)])


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set every group's rate; `rate` is that of a group with multiplier 1."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["multiplier"]


def optimizer_tensors(optimizer: torch.optim.Optimizer, module: nn.Module) -> dict[str, torch.Tensor]:
    """Return the optimizer's state as named tensors: "PARAMETER:exp_avg" and the like; empty before the first update."""
    names: dict[torch.Tensor, str] = {parameter: name for name, parameter in module.named_parameters()}
    return {
        f"{names[parameter]}:{key}": torch.as_tensor(value) for parameter, state in optimizer.state.items() for key, value in state.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, module: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Put back what `optimizer_tensors` returned, exactly."""
    parameters = dict(module.named_parameters())
    optimizer.state.clear()
    for key, value in tensors.items():
        name, _, kind = key.rpartition(":")
        parameter = parameters[name]
        own = value.to(parameter.device, copy=True)  # the fused step counts live there too
        # the fused optimizer walks through memory: the state must lie as its parameter does (channels-last), or it is another's
        optimizer.state[parameter][kind] = torch.empty_like(parameter, dtype=own.dtype).copy_(own) if own.shape == parameter.shape else own


class AveragedWeights:
    """Exponential moving average of a module's weights and float buffers; other buffers are copied.

    Attributes:
        module: A copy of the given module in evaluation mode, holding the averages; needs no gradients.

    Args:
        module: The module that learns, already on its device: the averages follow these very tensors.
        decay: Greatest decay, see `update`.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.decay = decay
        pairs = list(zip(self.module.state_dict().values(), module.state_dict().values(), strict=True))
        self._floats = [pair for pair in pairs if pair[0].is_floating_point()]
        self._others = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the averages towards the module after the 0-based update `step`; decay min(decay, (1 + step) / (10 + step))."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_([ours for ours, _ in self._floats], [theirs for _, theirs in self._floats], 1 - decay)
        for ours, theirs in self._others:
            ours.copy_(theirs)
