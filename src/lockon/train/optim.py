"""The optimizer over named parameter groups, the learning-rate schedules, and averaged weights.

Decoupled weight decay: Loshchilov and Hutter, ICLR 2019 (1711.05101). Cosine decay: the same authors, ICLR 2017 (1608.03983),
one cycle without restarts, behind a linear warm-up. The schedule in epochs is that of PySOT (SiamRPN++, CVPR 2019).
Averaged weights: Polyak and Juditsky, in the exponential form.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import nn

from lockon.train.config import TrainConfig


def parameter_groups(module: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
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


def build_optimizer(module: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Build AdamW or SGD over all parameters of `module`; a parameter without gradient gets no update and no decay."""
    groups = parameter_groups(module, config)
    unnamed = [{key: value for key, value in group.items() if key != "names"} for group in groups]
    if config.optimizer == "sgd":
        return torch.optim.SGD(unnamed, lr=config.learning_rate, momentum=config.momentum, fused=True)
    return torch.optim.AdamW(unnamed, lr=config.learning_rate, fused=True)


def learning_rate_factor(step: int, config: TrainConfig) -> float:
    """Return the factor on the peak rate for the 0-based update `step` of a run whose steps are known (`TrainConfig.resolved`)."""
    if config.schedule == "step":
        return float(config.decay_factor ** (config.epoch_at(step) // config.decay_epochs))
    return _epoch_factor(config.epoch_at(step), config) if config.schedule == "log" else _cosine_factor(step, config)


def _cosine_factor(step: int, config: TrainConfig) -> float:
    """Compute the linear warm-up, then half a cosine down to `final_lr_ratio`.

    The first update has 1 / warm-up of the peak, the last one `final_lr_ratio` of it.
    """
    warmup = min(config.warmup_steps, config.steps // 2)
    if step < warmup:
        return (step + 1) / warmup
    span = max(1, config.steps - 1 - warmup)
    progress = min(1.0, (step - warmup) / span)
    return config.final_lr_ratio + (1 - config.final_lr_ratio) * 0.5 * (1 + math.cos(math.pi * progress))


def _epoch_factor(epoch: int, config: TrainConfig) -> float:
    """Compute PySOT's rates: W warm-up epochs climb from `warmup_ratio` by its -1/W-th power each, and so end one factor below the peak.

    The epochs after them are spaced evenly in the logarithm from the peak to `final_lr_ratio`, both included.
    """
    warmup = min(config.warmup_epochs, config.epochs - 1)
    if epoch < warmup:
        return float(config.warmup_ratio ** (1 - epoch / warmup))
    return float(config.final_lr_ratio ** ((epoch - warmup) / max(1, config.epochs - 1 - warmup)))


def set_learning_rate(optimizer: torch.optim.Optimizer, step: int, config: TrainConfig) -> float:
    """Set every group's rate for `step`; return the rate of a group with multiplier 1."""
    rate = config.learning_rate * learning_rate_factor(step, config)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["multiplier"]
    return rate


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
