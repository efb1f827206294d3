"""The training loop: ``Engine(recipe, run_folder, ...).fit() -> TrainOutcome``.

Interface (stable):

- `Recipe(task=, pipeline=, config=, validate=, header=, settings=)` of train/recipe.py is all that the engine takes.
- ``task.module``, ``task.loss(batch) -> {"loss": total, ...}``, optional ``task.on_step(step)`` before every update.
- If ``config.unfreeze`` is given, ``task.module.backbone.set_trainable(stages)`` is called before every update, ahead of `on_step`.
- Batches are the pipeline's arrays stacked, with their dtype (images uint8), on the device; ``batch["ids"]`` is a list of str.
- RUN/: checkpoints/step-NNNNNN/, last.safetensors and best.safetensors (averaged weights with header; step-NNNNNN.safetensors after the
  updates of `OutputConfig.marks`), log.jsonl, tensorboard/.

Under ``torchrun`` every process takes its part of each batch (DistributedDataParallel: gloo on CPUs, NCCL on GPUs).
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from rich.console import Console

from lockon.config import PART, as_json, differences, flatten
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
from lockon.train.launch import StopRequest, agree, make_fabric
from lockon.train.loader import make_loader
from lockon.train.optim import optimizer_tensors, restore_optimizer
from lockon.train.recipe import Recipe
from lockon.train.report import Meter, ProgressBar, RunLog
from lockon.train.update import Updates


@dataclass(frozen=True)
class TrainOutcome:
    """How a call of `Engine.fit` ended: at the last step, at the time limit, or by a signal; and the state that was saved."""

    status: Literal["finished", "paused", "interrupted"]
    state: RunState


class Engine:
    """One training run in one folder.

    Args:
        recipe: What to train.
        run: Folder of the run; made if need be.
        device: "auto", "cpu", "cuda" or "mps".
        resume: Continue from the newest checkpoint in `run` (from the start if there is none).
        stop_after_minutes: Save and stop when this time is over; a later call with `resume` continues.
        console: Where progress goes; default stderr.

    Raises:
        LockonError: A used folder without `resume`, a resumed run with other settings, an unwritable folder, an unknown device.
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
        self.recipe, self.task, self.run = recipe, recipe.task, run
        self.deadline = None if stop_after_minutes is None else time.monotonic() + 60 * stop_after_minutes
        self.fabric: Fabric = make_fabric(device, recipe.config.machine.precision)
        self.config: TrainConfig = recipe.config.resolved(self.fabric.world_size)
        self.console = console or Console(stderr=True, quiet=not self.fabric.is_global_zero)
        self.checkpoints = Checkpoints(run, self.config.output.keep)
        self._check_folder(resume)
        if self.fabric.is_global_zero:
            self.checkpoints.sweep()  # also where there is nothing left to train
        if self.config.machine.threads:
            torch.set_num_threads(self.config.machine.threads)
        torch.manual_seed(self.config.seed + self.fabric.global_rank)
        self.task.module.train()
        self.updates = Updates(self.fabric, self.task, self.config, run)
        self.average = self.updates.average
        self.state = RunState(settings=self._settings())
        if resume and self.checkpoints.steps():
            self._restore(self.checkpoints.steps()[-1])

    def fit(self) -> TrainOutcome:
        """Train until the last step, the time limit or a signal; always save before returning.

        Raises:
            LockonError: A loss or gradient that is not finite (RUN/nonfinite.json has the samples; `GradientConfig.skip_above`
                leaves such updates out), or a validation without the metric that chooses the best weights.
        """
        if self.state.step >= self.config.steps:
            return TrainOutcome("finished", self.state)
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

    def _loop(self, log: RunLog | None, bar: ProgressBar, stop: StopRequest) -> TrainOutcome:
        config, output, meter = self.config, self.config.output, Meter()
        samples = config.batch_size * config.gradients.accumulate * self.fabric.world_size
        start, seconds_before = time.monotonic(), self.state.seconds
        if self.state.validation_due:
            self._validate(log, bar, stop)
        batches = iter(self._loader())
        while self.state.step < config.steps:
            values, waited = self.updates.update(self.state.step, batches)
            self.state.step += 1
            step = self.state.step
            self.state.seconds = seconds_before + time.monotonic() - start
            meter.add(values, samples=samples, waited=waited)
            bar.step(step)
            if log is not None and (step % output.log_every == 0 or step == config.steps):
                record = meter.record(config.steps - step)
                log.write("train", step, record)
                bar.record(step, record)
            paused_at = time.monotonic()
            interrupted, over = agree(self.fabric, stop.requested, self.deadline is not None and time.monotonic() >= self.deadline)
            due = output.validate_every and (step % output.validate_every == 0 or step == config.steps)
            self.state.validation_due = bool(due and self.recipe.validate is not None)
            if self.state.validation_due and not interrupted:
                self._validate(log, bar, stop)
                (interrupted,) = agree(self.fabric, stop.requested)
            if step in output.marks and log is not None:
                save_weights(self.average.module, marked(self.run, step), self._header())
            if step % output.save_every == 0 or step == config.steps or interrupted or over:
                self._save()
            meter.pause(time.monotonic() - paused_at)
            if (interrupted or over) and step < config.steps:
                return TrainOutcome("interrupted" if interrupted else "paused", self.state)
        return TrainOutcome("finished", self.state)

    def _validate(self, log: RunLog | None, bar: ProgressBar, stop: StopRequest) -> None:
        """Compute the metrics of the averaged weights, on the first process; a signal during it leaves `validation_due` set."""
        if self.recipe.validate is not None and log is not None:
            devices = [self.fabric.device] if self.fabric.device.type == "cuda" else []
            with stop.raising(), bar.paused(), torch.no_grad(), torch.random.fork_rng(devices):
                metrics = {key: float(value) for key, value in self.recipe.validate(self.average.module.eval()).items()}
                self.state.validation_due = False
            if not self.state.validation_due:
                self._judge(metrics, log, bar)
        self.fabric.barrier()

    def _judge(self, metrics: dict[str, float], log: RunLog, bar: ProgressBar) -> None:
        """Record a validation and save the weights if they are the best so far."""
        state, name = self.state, self.config.output.best_metric
        if name not in metrics:
            raise LockonError(f"validation gives no {name!r}; set train.output.best_metric to one of {', '.join(sorted(metrics))}")
        state.metrics, state.metrics_step = metrics, state.step
        better = state.best_value is None or metrics[name] > state.best_value
        if better:
            state.best_step, state.best_value = state.step, metrics[name]
            save_weights(self.average.module, self.run / "best.safetensors", self._header())
        log.write("val", state.step, metrics)
        shown = "  ".join(f"{key} {value:.4f}" for key, value in metrics.items())
        bar.log(f"step {state.step}: {shown}" + ("  (best)" if better else f"  (best {state.best_value:.4f} at {state.best_step})"))

    def _save(self) -> None:
        """Write the whole state as one checkpoint, and last.safetensors; nothing of it stays where that fails, such as on a full disk."""
        whole = False
        try:
            self._write()
            whole = True
        finally:
            if not whole and self.fabric.is_global_zero:
                self.checkpoints.sweep()

    def _write(self) -> None:
        """Write what `_save` saves. Every process writes its generators."""
        temporary, first = self.checkpoints.temporary(self.state.step), self.fabric.is_global_zero
        if first:
            self.checkpoints.begin(self.state.step)
            save_weights(self.task.module, temporary / "model.safetensors")
            save_weights(self.average.module, temporary / "ema.safetensors", self._header())
            save_weights(optimizer_tensors(self.updates.optimizer, self.task.module), temporary / "optimizer.safetensors")
        self.fabric.barrier()
        save_weights(random_state(self.fabric.device), temporary / f"rng-{self.fabric.global_rank}.safetensors")
        self.fabric.barrier()
        if first:
            save_weights(self.average.module, self.run / "last.safetensors", self._header())
            self.checkpoints.commit(temporary, self.state)
        self.fabric.barrier()

    def _restore(self, step: int) -> None:
        state, folder = self.checkpoints.read(step), self.checkpoints.path(step)
        known = {"train": as_json(TrainConfig()), **as_json(self.recipe.defaults)}
        changed = differences(_decisive(_completed(state.settings, known)), _decisive(self.state.settings))
        if changed:
            raise LockonError(
                f"{self.run} was trained with other settings: {', '.join(changed)}; give the same, or start in another folder with --init"
            )
        advice = "resume with the code that wrote it"
        for module, name in ((self.task.module, "model"), (self.average.module, "ema")):
            path = folder / f"{name}.safetensors"
            load_state(module, read_weights(path)[0], str(path), advice)
        restore_optimizer(self.updates.optimizer, self.task.module, read_weights(folder / "optimizer.safetensors")[0])
        set_random_state(read_weights(folder / f"rng-{self.fabric.global_rank}.safetensors")[0], self.fabric.device)
        self.state = RunState(**{**vars(state), "settings": self.state.settings})

    def _check_folder(self, resume: bool) -> None:
        used = self.run.exists() and (not self.run.is_dir() or any(self.run.iterdir()))
        self.fabric.barrier()  # nobody writes before everybody has looked
        if used and not self.run.is_dir():
            raise LockonError(f"{self.run} is a file; give --out a folder")
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

    def _settings(self) -> dict[str, Any]:
        return {"train": as_json(self.config), "processes": self.fabric.world_size, **as_json(self.recipe.settings)}

    def _header(self) -> dict[str, Any]:
        state = self.state
        training = {"step": state.step, "steps": self.config.steps, "hours": round(state.seconds / 3600, 3), "seed": self.config.seed}
        return {**self.recipe.header, "metrics": state.metrics if state.metrics_step == state.step else {}, "training": training}


def marked(run: Path, step: int) -> Path:
    """Return where the averaged weights after `step` updates lie, if that is one of the run's `OutputConfig.marks`."""
    return run / f"step-{step:06d}.safetensors"


def _decisive(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that decide what is learnt."""
    train = {name: value for name, value in flatten(settings["train"]).items() if name not in OPERATIONAL}
    return {**settings, "train": train}


def _completed(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Complete the settings of an earlier version, which lacks those that came later: they had the effect of their defaults."""
    if settings.get(PART) != defaults.get(PART):
        return dict(settings)  # the fields of another part are not those that it lacks
    merged = {**defaults, **settings}
    both = [name for name in defaults if isinstance(defaults[name], Mapping) and isinstance(settings.get(name), Mapping)]
    return {**merged, **{name: _completed(settings[name], defaults[name]) for name in both}}


__all__ = ["Engine", "TrainConfig", "TrainOutcome", "marked"]
