"""`Updates`: one optimizer update after another: forward passes, gradients, and what happens to a bad one."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from lockon.errors import LockonError
from lockon.train.config import TrainConfig
from lockon.train.launch import agree
from lockon.train.loader import Batch, next_batch
from lockon.train.optim import AveragedWeights, build_optimizer, set_learning_rate
from lockon.train.recipe import Task

SKIPS_IN_A_ROW = 50  # updates left out one after another before the run is given up

Part = tuple[list[str], dict[str, float]]  # one forward pass: ids of its samples, its scalars


class _Loss(nn.Module):
    """The task's loss as a forward pass, which is what DistributedDataParallel and autocast wrap."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.module = task.module
        self._loss = task.loss

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        return self._loss(batch)


class Updates:
    """The optimizer, the averaged weights, and how one update is made.

    Attributes:
        optimizer: Over all parameters of the task's module.
        average: The averaged weights.

    Args:
        fabric: Launched.
        task: What is learnt.
        config: With its steps resolved.
        run: Folder for reports of bad batches.
    """

    def __init__(self, fabric: Fabric, task: Task, config: TrainConfig, run: Path) -> None:
        self.fabric, self.task, self.config, self.run = fabric, task, config, run
        self.optimizer = build_optimizer(task.module, config.optimizer)
        self._model, self._fabric_optimizer = fabric.setup(_Loss(task), self.optimizer)
        self.average = AveragedWeights(task.module, config.ema_decay)
        self._skipped = 0
        on_run = getattr(task, "on_run", None)
        if on_run is not None:
            on_run(config)

    def update(self, step: int, batches: Iterator[Batch]) -> tuple[dict[str, float], float]:
        """Make the 0-based update `step`; return its scalars and the seconds that it waited for samples.

        Raises:
            LockonError: A loss or gradient that is not finite where `gradients.skip_above` is 0, or too many updates left out.
        """
        config = self.config
        self._set_trainable(step)
        rate = config.rate_at(step)
        set_learning_rate(self.optimizer, rate)
        self.optimizer.zero_grad(set_to_none=True)
        parts, waited = self._gradients(batches)
        values = {name: sum(part[name] for _, part in parts) / config.gradients.accumulate for name in parts[0][1]}
        norm = torch.nn.utils.clip_grad_norm_(self.task.module.parameters(), config.gradients.clip_norm or math.inf)
        values |= {"gradient_norm": float(norm), "learning_rate": rate}
        if self._is_bad(values, parts):
            self._skip_or_raise(step, values, parts)
            return {"learning_rate": rate, "skipped": 1.0}, waited
        self._skipped = 0
        self.optimizer.step()
        self.average.update(step)
        return values if config.gradients.skip_above == 0 else {**values, "skipped": 0.0}, waited

    def _gradients(self, batches: Iterator[Batch]) -> tuple[list[Part], float]:
        """Run the forward and backward passes of one update. Processes are averaged by DistributedDataParallel; "sum" undoes it."""
        config, parts, waited = self.config.gradients, [], 0.0
        share = config.accumulate if config.reduction == "mean" else 1 / self.fabric.world_size
        for index in range(config.accumulate):
            before = time.monotonic()
            batch = next_batch(batches)
            waited += time.monotonic() - before
            batch = {name: self._to_device(value) for name, value in batch.items()}
            with self.fabric.no_backward_sync(self._model, enabled=index < config.accumulate - 1):
                losses = self._model(batch)
                self.fabric.backward(losses["loss"] / share)
            parts.append((batch.get("ids", []), {name: float(value.detach()) for name, value in losses.items()}))
        return parts, waited

    def _to_device(self, value: Any) -> Any:
        return value.to(self.fabric.device, non_blocking=True) if isinstance(value, torch.Tensor) else value

    def _set_trainable(self, step: int) -> None:
        config = self.config
        if config.unfreeze:
            backbone: Any = getattr(self.task.module, "backbone", None)
            if not hasattr(backbone, "set_trainable"):
                raise LockonError(f"{type(self.task.module).__name__} has no backbone.set_trainable; leave train.unfreeze empty for it")
            backbone.set_trainable(config.stages_at(step))
            if config.optimizer.forget_momentum and step > 0 and config.stages_at(step) != config.stages_at(step - 1):
                self.optimizer.state.clear()
        on_step = getattr(self.task, "on_step", None)
        if on_step is not None:
            on_step(step)

    def _is_bad(self, values: Mapping[str, float], parts: list[Part]) -> bool:
        """Return whether any process has a loss or gradient that is not finite, or a loss above the limit."""
        finite = math.isfinite(values["loss"]) and math.isfinite(values["gradient_norm"])
        limit = self.config.gradients.skip_above or math.inf
        return agree(self.fabric, not finite or any(losses["loss"] > limit for _, losses in parts))[0]

    def _skip_or_raise(self, step: int, values: Mapping[str, float], parts: list[Part]) -> None:
        self._skipped += 1
        (broken,) = agree(self.fabric, not all(bool(value.isfinite().all()) for value in self.task.module.state_dict().values()))
        if self.config.gradients.skip_above and not broken and self._skipped < SKIPS_IN_A_ROW:
            return
        rank = self.fabric.global_rank
        path = self.run / ("nonfinite.json" if rank == 0 else f"nonfinite-{rank}.json")
        batches = [{"ids": ids, "losses": {name: repr(value) for name, value in losses.items()}} for ids, losses in parts]
        path.write_text(json.dumps({"step": step + 1, "gradient_norm": repr(values["gradient_norm"]), "batches": batches}, indent=1))
        ids = [name for part, _ in parts for name in part]
        named = ", ".join(ids[:8]) + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")
        what = f"{self._skipped} updates in a row left out, the last" if self._skipped >= SKIPS_IN_A_ROW else "not finite"
        values_text = f"loss {values['loss']}, gradient norm {values['gradient_norm']}"
        raise LockonError(
            f"{what} at step {step + 1} ({values_text}); samples {named}; all in {path}; "
            "look at them or lower train.optimizer.learning_rate"
        )


__all__ = ["SKIPS_IN_A_ROW", "Updates"]
