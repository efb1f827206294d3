"""The training loop: ``Engine(recipe, run_folder, ...).fit() -> Outcome``.

Interface (stable):

- `Recipe(task=, pipeline=, config=, validate=, header=, settings=)` of train/recipe.py is all that the engine takes.
- ``task.module``, ``task.loss(batch) -> {"loss": total, ...}``, optional ``task.on_step(step)`` before every update.
- If ``config.unfreeze`` is given, ``task.module.backbone.set_trainable(stages)`` is called before every update, ahead of `on_step`.
- Batches are the pipeline's arrays stacked, with their dtype (images uint8), on the device; ``batch["ids"]`` is a list of str.
- RUN/: checkpoints/step-NNNNNN/, last.safetensors and best.safetensors (averaged weights with header), log.jsonl, tensorboard/.

Under ``torchrun`` every process takes its part of each batch (DistributedDataParallel: gloo on CPUs, NCCL on GPUs).
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from rich.console import Console
from torch import nn

from lockon.config import as_json, differences
from lockon.errors import LockonError
from lockon.train.checkpoint import (
    Checkpoints,
    RunState,
    load_state,
    random_state,
    read_weights,
    save_weights,
    set_random_state,
)
from lockon.train.config import OPERATIONAL, TrainConfig
from lockon.train.launch import StopRequest, make_fabric
from lockon.train.loader import Batch, make_loader, next_batch
from lockon.train.optim import AveragedWeights, build_optimizer, optimizer_tensors, restore_optimizer, set_learning_rate
from lockon.train.recipe import Recipe, Task
from lockon.train.report import Meter, ProgressBar, RunLog


@dataclass(frozen=True)
class Outcome:
    """How a call of `Engine.fit` ended: at the last step, at the time limit, or by a signal; and the state that was saved."""

    status: Literal["finished", "paused", "interrupted"]
    state: RunState


class _Loss(nn.Module):
    """The task's loss as a forward pass, which is what DistributedDataParallel and autocast wrap."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.module = task.module
        self._loss = task.loss

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        return self._loss(batch)


class Engine:
    """One training run in one folder.

    Args:
        recipe: what to train.
        run: folder of the run; made if need be.
        device: "auto", "cpu", "cuda" or "mps".
        resume: continue from the newest checkpoint in `run` (from the start if there is none).
        stop_after_minutes: save and stop when this time is over; a later call with `resume` continues.
        console: where progress goes; default stderr.

    Raises:
        LockonError: a used folder without `resume`, a resumed run with other settings, an unwritable folder, an unknown device.
    """

    def __init__(
        self,
        recipe: Recipe,
        run: Path,
        *,
        device: str = "auto",
        resume: bool = False,
        stop_after_minutes: float | None = None,
        console: Console | None = None,
    ) -> None:
        self.recipe, self.config, self.task, self.run = recipe, recipe.config, recipe.task, run
        self.deadline = None if stop_after_minutes is None else time.monotonic() + 60 * stop_after_minutes
        self.fabric: Fabric = make_fabric(device, self.config.precision)
        self.console = console or Console(stderr=True, quiet=not self.fabric.is_global_zero)
        self.checkpoints = Checkpoints(run, self.config.keep)
        self._check_folder(resume)
        if self.config.threads:
            torch.set_num_threads(self.config.threads)
        torch.manual_seed(self.config.seed + self.fabric.global_rank)
        self.task.module.train()
        self.optimizer = build_optimizer(self.task.module, self.config)
        self.model, self._fabric_optimizer = self.fabric.setup(_Loss(self.task), self.optimizer)
        self.average = AveragedWeights(self.task.module, self.config.ema_decay)
        self.state = RunState(settings=self._settings())
        if resume and self.checkpoints.steps():
            self._restore(self.checkpoints.steps()[-1])

    def fit(self) -> Outcome:
        """Trains until the last step, the time limit or a signal; always saves before it returns.

        Raises:
            LockonError: a loss or gradient that is not finite (RUN/nonfinite.json has the samples), or a validation without the
                metric that chooses the best weights.
        """
        if self.state.step >= self.config.steps:
            return Outcome("finished", self.state)
        if not self.checkpoints.steps():
            self._save()  # a run that is killed early still resumes from its own initial weights
        first = self.fabric.is_global_zero
        log = RunLog(self.run, self.state.step) if first else None
        try:
            with ProgressBar(self.console, self.config.steps, self.state.step) as bar, StopRequest() as stop:
                return self._loop(log, bar, stop)
        finally:
            if log is not None:
                log.close()

    def _loop(self, log: RunLog | None, bar: ProgressBar, stop: StopRequest) -> Outcome:
        config, meter = self.config, Meter()
        start, seconds_before = time.monotonic(), self.state.seconds
        if self.state.validation_due:
            self._validate(log, bar, stop)
        batches = iter(self._loader())
        while self.state.step < config.steps:
            values, waited = self._update(batches)
            self.state.step += 1
            step = self.state.step
            self.state.seconds = seconds_before + time.monotonic() - start
            meter.add(values, samples=config.batch_size * config.accumulate * self.fabric.world_size, waited=waited)
            bar.step(step)
            if log is not None and (step % config.log_every == 0 or step == config.steps):
                record = meter.record(config.steps - step)
                log.write("train", step, record)
                bar.record(step, record)
            paused_at = time.monotonic()
            interrupted, over = self._agree(stop.requested, self.deadline is not None and time.monotonic() >= self.deadline)
            due = config.validate_every and (step % config.validate_every == 0 or step == config.steps)
            self.state.validation_due = bool(due and self.recipe.validate is not None)
            if self.state.validation_due and not interrupted:
                self._validate(log, bar, stop)
                (interrupted,) = self._agree(stop.requested)
            if step % config.save_every == 0 or step == config.steps or interrupted or over:
                self._save()
            meter.pause(time.monotonic() - paused_at)
            if (interrupted or over) and step < config.steps:
                return Outcome("interrupted" if interrupted else "paused", self.state)
        return Outcome("finished", self.state)

    def _update(self, batches: Any) -> tuple[dict[str, float], float]:
        """One optimizer update; returns its scalars and the seconds that it waited for samples."""
        config, step = self.config, self.state.step
        self._set_trainable(step)
        rate = set_learning_rate(self.optimizer, step, config)
        self.optimizer.zero_grad(set_to_none=True)
        parts: list[tuple[list[str], dict[str, float]]] = []
        waited = 0.0
        for index in range(config.accumulate):
            before = time.monotonic()
            batch = next_batch(batches)
            waited += time.monotonic() - before
            batch = {name: self._to_device(value) for name, value in batch.items()}
            with self.fabric.no_backward_sync(self.model, enabled=index < config.accumulate - 1):
                losses = self.model(batch)
                self.fabric.backward(losses["loss"] / config.accumulate)
            parts.append((batch.get("ids", []), {name: float(value.detach()) for name, value in losses.items()}))
        values = {name: sum(part[name] for _, part in parts) / config.accumulate for name in parts[0][1]}
        norm = torch.nn.utils.clip_grad_norm_(self.task.module.parameters(), config.clip_norm or math.inf)
        values |= {"gradient_norm": float(norm), "learning_rate": rate}
        self._require_finite(values, parts)
        self.optimizer.step()
        self.average.update(step)
        return values, waited

    def _set_trainable(self, step: int) -> None:
        if self.config.unfreeze:
            backbone: Any = getattr(self.task.module, "backbone", None)
            if not hasattr(backbone, "set_trainable"):
                raise LockonError(f"{type(self.task.module).__name__} has no backbone.set_trainable; leave train.unfreeze empty for it")
            backbone.set_trainable(self.config.stages_at(step))
        on_step = getattr(self.task, "on_step", None)
        if on_step is not None:
            on_step(step)

    def _require_finite(self, values: Mapping[str, float], parts: list[tuple[list[str], dict[str, float]]]) -> None:
        (bad,) = self._agree(not (math.isfinite(values["loss"]) and math.isfinite(values["gradient_norm"])))
        if not bad:
            return
        rank, step = self.fabric.global_rank, self.state.step + 1
        path = self.run / ("nonfinite.json" if rank == 0 else f"nonfinite-{rank}.json")
        batches = [{"ids": ids, "losses": {name: repr(value) for name, value in losses.items()}} for ids, losses in parts]
        path.write_text(json.dumps({"step": step, "gradient_norm": repr(values["gradient_norm"]), "batches": batches}, indent=1))
        ids = [name for part, _ in parts for name in part]
        named = ", ".join(ids[:8]) + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")
        figures = f"loss {values['loss']}, gradient norm {values['gradient_norm']}"
        raise LockonError(
            f"not finite at step {step} ({figures}); samples {named}; all in {path}; look at them or lower train.learning_rate"
        )

    def _validate(self, log: RunLog | None, bar: ProgressBar, stop: StopRequest) -> None:
        """Metrics of the averaged weights, on the first process; a signal during it leaves `validation_due` set."""
        if self.recipe.validate is not None and log is not None:
            devices = [self.fabric.device] if self.fabric.device.type == "cuda" else []
            with stop.raising(), bar.paused(), torch.no_grad(), torch.random.fork_rng(devices):
                metrics = {key: float(value) for key, value in self.recipe.validate(self.average.module.eval()).items()}
                self.state.validation_due = False
            if not self.state.validation_due:
                self._judge(metrics, log, bar)
        self.fabric.barrier()

    def _judge(self, metrics: dict[str, float], log: RunLog, bar: ProgressBar) -> None:
        """Records a validation and saves the weights if they are the best so far."""
        state, name = self.state, self.config.best_metric
        if name not in metrics:
            raise LockonError(f"validation gives no {name!r}; set train.best_metric to one of {', '.join(sorted(metrics))}")
        state.metrics, state.metrics_step = metrics, state.step
        better = state.best_value is None or metrics[name] > state.best_value
        if better:
            state.best_step, state.best_value = state.step, metrics[name]
            save_weights(self.average.module, self.run / "best.safetensors", self._header())
        log.write("val", state.step, metrics)
        shown = "  ".join(f"{key} {value:.4f}" for key, value in metrics.items())
        bar.say(f"step {state.step}: {shown}" + ("  (best)" if better else f"  (best {state.best_value:.4f} at {state.best_step})"))

    def _save(self) -> None:
        """The whole state as one checkpoint, and last.safetensors. Every process writes its generators."""
        folder, first = self.checkpoints.path(self.state.step), self.fabric.is_global_zero
        temporary = folder.with_name(f".{folder.name}.tmp")
        if first:
            self.checkpoints.begin(self.state.step)
            save_weights(self.task.module, temporary / "model.safetensors")
            save_weights(self.average.module, temporary / "ema.safetensors", self._header())
            save_weights(optimizer_tensors(self.optimizer, self.task.module), temporary / "optimizer.safetensors")
        self.fabric.barrier()
        save_weights(random_state(self.fabric.device), temporary / f"rng-{self.fabric.global_rank}.safetensors")
        self.fabric.barrier()
        if first:
            save_weights(self.average.module, self.run / "last.safetensors", self._header())
            self.checkpoints.commit(temporary, self.state)
        self.fabric.barrier()

    def _restore(self, step: int) -> None:
        state, folder = self.checkpoints.read(step), self.checkpoints.path(step)
        changed = differences(_decisive(state.settings), _decisive(self.state.settings))
        if changed:
            raise LockonError(
                f"{self.run} was trained with other settings: {', '.join(changed)}; give the same, or start in another folder with --init"
            )
        advice = "resume with the code that wrote it"
        for module, name in ((self.task.module, "model"), (self.average.module, "ema")):
            path = folder / f"{name}.safetensors"
            load_state(module, read_weights(path)[0], str(path), advice)
        restore_optimizer(self.optimizer, self.task.module, read_weights(folder / "optimizer.safetensors")[0])
        set_random_state(read_weights(folder / f"rng-{self.fabric.global_rank}.safetensors")[0], self.fabric.device)
        self.state = RunState(**{**vars(state), "settings": self.state.settings})

    def _check_folder(self, resume: bool) -> None:
        used = self.run.exists() and (not self.run.is_dir() or any(self.run.iterdir()))
        self.fabric.barrier()  # nobody writes before everybody has looked
        if used and not resume:
            raise LockonError(f"{self.run} is not empty; add --resume to continue that run, or give another --out")
        try:
            self.run.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LockonError(f"cannot make {self.run}: {error.strerror}; give an --out that can be written") from None
        if not os.access(self.run, os.W_OK):
            raise LockonError(f"{self.run} cannot be written; give another --out")

    def _loader(self) -> Any:
        fabric = self.fabric
        pin = fabric.device.type == "cuda"
        return make_loader(
            self.recipe.pipeline, self.config, start=self.state.step, rank=fabric.global_rank, world=fabric.world_size, pin_memory=pin
        )

    def _to_device(self, value: Any) -> Any:
        return value.to(self.fabric.device, non_blocking=True) if isinstance(value, torch.Tensor) else value

    def _agree(self, *flags: bool) -> tuple[bool, ...]:
        """Each flag, true everywhere if it is true in any process."""
        if self.fabric.world_size == 1:
            return flags
        total = self.fabric.all_reduce(torch.tensor([float(flag) for flag in flags], device=self.fabric.device), reduce_op="sum")
        return tuple(bool(value > 0) for value in total.tolist())  # type: ignore[union-attr]  # a tensor in, a tensor out

    def _settings(self) -> dict[str, Any]:
        return {"train": as_json(self.config), "processes": self.fabric.world_size, **as_json(self.recipe.settings)}

    def _header(self) -> dict[str, Any]:
        state = self.state
        training = {"step": state.step, "steps": self.config.steps, "hours": round(state.seconds / 3600, 3), "seed": self.config.seed}
        return {**self.recipe.header, "metrics": state.metrics if state.metrics_step == state.step else {}, "training": training}


def _decisive(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that decide what is learnt."""
    train = {name: value for name, value in settings["train"].items() if name not in OPERATIONAL}
    return {**settings, "train": train}


__all__ = ["Engine", "Outcome", "TrainConfig"]
