"""A network of both modalities with a few thousand parameters, and batches: cells of 8 pixels, 6 of a template, 10 of a search crop."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lockon.models.dual_modal import DualModalModel, OnlineBranch
from lockon.models.heads.dual_modal import DualModalHead
from lockon.models.neck import LevelNeck
from lockon.models.online import DescentParameters, InstanceL2Norm
from lockon.online.labels import AnchorLabels, DistanceLabels
from lockon.ops.gaussian_labels import gaussian_label
from lockon.ops.grid import AnchorGrid, Grid
from lockon.train.assigners.one_to_many import atss_max_iou
from lockon.train.descents import UnrolledDescent
from lockon.train.dual_modal_task import Assigners, DualModalLosses, DualModalTask

CHANNELS, TEMPLATE, SEARCH = 4, 48, 80
ANCHORS = AnchorGrid(Grid(10, 8, offset=4.0), scales=(3.0,))
SHAPES = tuple((float(w), float(h)) for w, h in ANCHORS.shapes())
BOX = (22.0, 30.0, 52.0, 49.0)


class Backbone(nn.Module):
    """Two levels at stride 8."""

    channels = (3, 3)

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        first = nn.functional.avg_pool2d(torch.tanh(4 * self.conv(image.to(self.conv.weight.dtype) / 255 - 0.25)), 8)
        return first, first**3


def make_model(*, scores: int = 5, filters: int = 1) -> DualModalModel:
    """`scores` and `filters` per point; 0 leaves the modality out."""
    torch.manual_seed(0)
    online = None
    if filters:
        optimizer = DescentParameters(maps=True, label_sigma=1.0, log_step=0.0, regularization=0.1, mask_switch=2.0)
        online = OnlineBranch(2, optimizer, InstanceL2Norm((1 / (CHANNELS * 9)) ** 0.5), shapes=filters, filter_size=3, cells=4)
    kinds = {5: ANCHORS, 1: AnchorGrid(ANCHORS.grid, ratios=(1.0,), scales=(3.0,)), 0: None}
    return DualModalModel(
        backbone=Backbone(),
        neck=LevelNeck(Backbone.channels, CHANNELS),
        head=DualModalHead(2, CHANNELS, ANCHORS, kinds[scores], padding=True),
        online=online,
        template_size=TEMPLATE,
        search_size=SEARCH,
    )


def make_task(model: DualModalModel, losses: DualModalLosses | None = None, **changes: Any) -> DualModalTask:
    labels = AnchorLabels(shapes=SHAPES, stride=8, first=4) if filters_of(model) > 1 else DistanceLabels(stride=8, first=4)
    given = {"arrays": ("label",), "descent": UnrolledDescent(steps=2, labels=labels)} if model.online is not None else {}
    return DualModalTask(model, losses or DualModalLosses(), Assigners(atss_max_iou(15), atss_max_iou(15)), **(given | changes))


def filters_of(model: DualModalModel) -> int:
    return 0 if model.online is None else model.online.shapes


def picture(rng: np.random.Generator, size: int, box: Any) -> np.ndarray:
    image = rng.integers(0, 90, (size, size, 3), dtype=np.uint8)
    x1, y1, x2, y2 = (round(float(value)) for value in box)
    image[max(y1, 0) : y2, max(x1, 0) : x2] = (230, 180, 40)
    return image


def sequences(count: int = 2, *, support: int = 3, query: int = 2, filters: int = 1, margin: int = 0) -> dict[str, Tensor]:
    """A bright rectangle on noise, at another place in every crop."""
    rng = np.random.default_rng(1)
    shifts = rng.uniform(-10, 10, (count, support + query, 1, 2)).round()
    boxes = np.array(BOX) + np.tile(shifts[..., 0, :], 2)  # (B, N + T, 4)
    crops = np.stack([[picture(rng, SEARCH, box) for box in row] for row in boxes])
    middle = (TEMPLATE - 30) / 2, (TEMPLATE - 19) / 2
    templates = [[picture(rng, TEMPLATE, (*middle, middle[0] + 30, middle[1] + 19)) for _ in range(support)] for _ in range(count)]
    side, found = 10 - 2 * margin, boxes[:, support:]
    if filters > 1:
        from lockon.data.samples.score_labels import AnchorLabel

        kind = AnchorLabel(shapes=SHAPES, stride=8, first=4.0 + 8 * margin)
        label = np.stack([kind(row, SEARCH) for row in found])
    else:
        label = gaussian_label((found[..., :2] + found[..., 2:]) / 2, side, sigma=1.0, stride=8, first=4 + 8 * margin)
    arrays = {
        "template": np.array(templates),
        "train": crops[:, :support],
        "test": crops[:, support:],
        "train_box": boxes[:, :support].astype(np.float32),
        "test_box": found.astype(np.float32),
        "label": label.astype(np.float32),
    }
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays.items()}


def pairs(count: int = 4) -> dict[str, Tensor]:
    """The first support and query frames of `sequences` as pairs; the last one is a negative pair."""
    batch = sequences(count)
    present = torch.ones(count, dtype=torch.bool)
    present[-1] = False
    return {"template": batch["template"][:, 0], "search": batch["test"][:, 0], "box": batch["test_box"][:, 0], "present": present}
