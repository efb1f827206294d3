"""A tiny task for tests of the engine; as a program it trains it: ``tiny_run.py RUN STEPS [resume] [key=value ...]``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import nn

from lockon.config import apply_overrides
from lockon.train.checkpoint import save_weights
from lockon.train.config import MachineConfig, OutputConfig, TrainConfig
from lockon.train.engine import Engine
from lockon.train.optim import AdamW
from lockon.train.recipe import Recipe
from lockon.train.schedules import CosineDecay


class Backbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.conv(image))

    def set_trainable(self, stages: int) -> None:
        self.requires_grad_(stages > 0)


class Net(nn.Module):
    def __init__(self, dropout: float = 0.2, norm: bool = True) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.norm = nn.BatchNorm2d(4) if norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(4, 4)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.dropout(self.norm(self.backbone(image)).mean((2, 3))))


class TinyTask:
    """Regresses the mean of an image; `slow` seconds per step make a run that a test can kill."""

    def __init__(self, module: nn.Module, *, slow: float = 0.0, bad_step: int = -1) -> None:
        self.module = module
        self.slow, self.bad_step, self.steps_seen = slow, bad_step, []

    def on_step(self, step: int) -> None:
        self.steps_seen.append(step)
        time.sleep(self.slow)

    def loss(self, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
        output = self.module(batch["search"].permute(0, 3, 1, 2).float() / 255)
        loss = (output.float() - batch["box"]).square().mean()
        if self.steps_seen and self.steps_seen[-1] == self.bad_step:
            loss = loss * torch.nan
        return {"loss": loss, "regression": loss.detach()}


class TinyPipeline:
    def sample(self, index: int) -> dict[str, Any]:
        random = np.random.default_rng(index)
        search = random.integers(0, 256, (9, 9, 3), dtype=np.uint8)
        box = np.full(4, search.mean() / 255, np.float32)
        return {"search": search, "box": box, "present": np.bool_(index % 3 > 0), "ids": f"sample {index}"}


BASE = TrainConfig(
    steps=40,
    batch_size=4,
    optimizer=AdamW(learning_rate=0.01),
    schedule=CosineDecay(warmup_steps=4),
    output=OutputConfig(save_every=5, log_every=5),
    machine=MachineConfig(workers=0, threads=1, precision="fp32"),
)


def config(changes: Mapping[str, Any] | None = None, /, **top: Any) -> TrainConfig:
    """Return `BASE` with changes by dotted name."""
    return apply_overrides(BASE, {**(changes or {}), **top})


def recipe(settings: TrainConfig, *, dropout: float = 0.2, norm: bool = True, **task: Any) -> Recipe:
    torch.manual_seed(0)
    return Recipe(task=TinyTask(Net(dropout, norm), **task), pipeline=TinyPipeline(), config=settings, header={"architecture": "tiny"})


def quiet() -> Console:
    return Console(file=open(os.devnull, "w"))  # lives as long as the test


def main(run: str, *words: str) -> None:
    values = dict(word.split("=") for word in words if "=" in word)
    slow = float(values.pop("slow", 0))
    net = {"dropout": float(values.pop("dropout", 0.2)), "norm": values.pop("norm", "1") == "1"}
    settings = apply_overrides(config(), values)
    made = recipe(settings, slow=slow, **net)
    outcome = Engine(made, Path(run), device="cpu", resume="resume" in words, console=quiet()).fit()
    if "RANK" in os.environ:
        save_weights(made.task.module, Path(run) / f"rank-{os.environ['RANK']}.safetensors")
    sys.exit(130 if outcome.status == "interrupted" else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
