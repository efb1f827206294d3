"""Siamese networks small enough to learn in a test, batches for them, and a task without a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from lockon.config import apply_overrides
from lockon.models.fusion import PixelwiseFusion
from lockon.models.heads.point import PointHead
from lockon.models.heads.rpn import RPNHead
from lockon.models.siamese import SiameseModel
from lockon.ops.grid import AnchorGrid, Grid
from lockon.train.assigners.ellipse import EllipseAssigner
from lockon.train.assigners.sampling import EVERYTHING, SamplingConfig
from lockon.train.task import DenseTask
from lockon.types import Candidates
from lockon.zoo.dense_losses import DenseAssigner, PointLosses

SIZE, CELLS = 64, 4
OURS: dict[str, Any] = {"loss": PointLosses(), "assigner": EllipseAssigner(inner=0.28), "sampling": EVERYTHING}
LADL = {"loss.cls": "dynamic-labels"}
LALS = {"assigner.boundary": 0.5}
LAFA = {"loss.quality": "localization-quality"}


@dataclass(frozen=True)
class Lessons:
    """The groups of a recipe that say what is learnt."""

    loss: Any
    assigner: DenseAssigner
    sampling: SamplingConfig


def changed(what: dict[str, Any], settings: dict[str, object]) -> dict[str, Any]:
    """Return the groups with settings by their dotted names, as on a command line."""
    made = apply_overrides(Lessons(**what), settings)
    return {"loss": made.loss, "assigner": made.assigner, "sampling": made.sampling}


def dense_task(module: nn.Module, what: dict[str, Any] = OURS) -> DenseTask:
    return DenseTask(module, what["loss"], what["assigner"], what["sampling"])


def tiny(quality: bool = False) -> SiameseModel:
    torch.manual_seed(0)
    backbone = nn.Sequential(
        nn.Conv2d(3, 16, 5, 4, 2), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 5, 4, 2), nn.BatchNorm2d(16), nn.ReLU()
    )
    head = PointHead(16, grid=Grid(CELLS, 16), depth=1, kernel=3, quality=quality)
    fusion = PixelwiseFusion(16, template_cells=4, out=16)
    return SiameseModel(backbone=backbone, neck=nn.Identity(), fusion=fusion, head=head, template_size=32, search_size=SIZE)


def batch(count: int = 4, present: bool = True, seed: int = 0, side: int = 32) -> dict:
    rng = np.random.default_rng(seed)
    template = rng.integers(0, 80, (count, side, side, 3), dtype=np.uint8)
    search = rng.integers(0, 80, (count, SIZE, SIZE, 3), dtype=np.uint8)
    boxes = np.zeros((count, 4), np.float32)
    for i in range(count):
        color = rng.integers(150, 256, 3)
        template[i, side // 4 : -side // 4, side // 4 : -side // 4] = color
        x, y = rng.integers(8, 36, 2)
        search[i, y : y + 18, x : x + 18] = color
        boxes[i] = [x, y, x + 18, y + 18]
    arrays = {"template": template, "search": search, "box": boxes, "present": np.full(count, present)}
    return {name: torch.from_numpy(array) for name, array in arrays.items()} | {"ids": [str(i) for i in range(count)]}


def learn(task: DenseTask, data: dict, steps: int = 40) -> tuple[list[float], dict[str, torch.Tensor]]:
    """Total loss of each of `steps` updates on one batch, and all losses of the last."""
    optimizer, totals = torch.optim.Adam(task.module.parameters(), lr=1e-2), []
    for step in range(steps):
        task.on_step(step)
        losses = task.loss(data)
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
        totals.append(losses["loss"].item())
    return totals, losses


def anchored() -> SiameseModel:
    """The tiny model with an anchor head: 2 shapes on 4 x 4 cells."""
    torch.manual_seed(0)
    grid = AnchorGrid(Grid(CELLS, 16), ratios=(0.8, 1.0), scales=(1.25,), base=16)
    head = RPNHead(1, 16, grid, padding=True)
    return SiameseModel(backbone=tiny().backbone, neck=None, head=head, template_size=48, search_size=SIZE)


class FixedHead(nn.Module):
    """Only says where its candidates are."""

    def __init__(self, grid: Grid | AnchorGrid) -> None:
        super().__init__()
        if isinstance(grid, AnchorGrid):
            anchors = torch.from_numpy(grid.boxes())
            self.extras = ("deltas",)
            self.candidates = Candidates(anchors[:, :2], anchors, grid.grid.stride)
        else:
            self.extras = ()
            self.candidates = Candidates(torch.from_numpy(grid.points()), None, grid.stride)


def task_on(grid: Grid | AnchorGrid, what: dict[str, Any]) -> DenseTask:
    module = nn.Module()
    module.head = FixedHead(grid)
    module.search_size = SIZE
    return dense_task(module, what)
