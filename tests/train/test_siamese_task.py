from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

torch = pytest.importorskip("torch", reason="needs the torch extra")

from torch import nn  # noqa: E402

from lockon.models.fusion import PixelwiseFusion  # noqa: E402
from lockon.models.heads.point import PointHead  # noqa: E402
from lockon.models.siamese import SiameseModel  # noqa: E402
from lockon.ops.grid import Grid  # noqa: E402
from lockon.train.task import SiameseLossConfig, SiameseTask  # noqa: E402
from lockon.types import Prediction, Targets  # noqa: E402

SIZE, CELLS = 64, 4


def tiny(quality: bool = False) -> SiameseModel:
    torch.manual_seed(0)
    backbone = nn.Sequential(
        nn.Conv2d(3, 16, 5, 4, 2), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 5, 4, 2), nn.BatchNorm2d(16), nn.ReLU()
    )
    head = PointHead(16, grid=Grid(CELLS, 16), depth=1, kernel=3, quality=quality)
    fusion = PixelwiseFusion(16, template_cells=4, out=16)
    return SiameseModel(backbone=backbone, neck=nn.Identity(), fusion=fusion, head=head, template_size=32, search_size=SIZE)


def batch(count: int = 4, present: bool = True, seed: int = 0) -> dict:
    rng = np.random.default_rng(seed)
    template = rng.integers(0, 80, (count, 32, 32, 3), dtype=np.uint8)
    search = rng.integers(0, 80, (count, SIZE, SIZE, 3), dtype=np.uint8)
    boxes = np.zeros((count, 4), np.float32)
    for i in range(count):
        color = rng.integers(150, 256, 3)
        template[i, 8:24, 8:24] = color
        x, y = rng.integers(8, 36, 2)
        search[i, y : y + 18, x : x + 18] = color
        boxes[i] = [x, y, x + 18, y + 18]
    arrays = {"template": template, "search": search, "box": boxes, "present": np.full(count, present)}
    return {name: torch.from_numpy(array) for name, array in arrays.items()} | {"ids": [str(i) for i in range(count)]}


@pytest.mark.parametrize("quality", [False, True])
def test_a_batch_can_be_learnt(quality: bool) -> None:
    task = SiameseTask(tiny(quality), SiameseLossConfig())
    optimizer = torch.optim.Adam(task.module.parameters(), lr=1e-2)
    data, totals = batch(), []
    for _ in range(40):
        losses = task.loss(data)
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
        totals.append(losses["loss"].item())
    assert totals[-1] < 0.35 * totals[0]
    assert float(losses["iou"]) > 0.6
    expected = {"loss", "cls", "box", "corner", "iou"} | ({"quality"} if quality else set())
    assert set(losses) == expected


def test_a_total_is_the_weighted_sum() -> None:
    c = SiameseLossConfig(box_weight=3.0, corner_weight=0.25, quality_weight=0.5)
    losses = SiameseTask(tiny(True), c).loss(batch())
    total = losses["cls"] + 3.0 * losses["box"] + 0.25 * losses["corner"] + 0.5 * losses["quality"]
    torch.testing.assert_close(losses["loss"], total)


def _losses(prediction: Prediction, boxes, labels, config: SiameseLossConfig | None = None) -> dict:
    task = SiameseTask(tiny(), config or SiameseLossConfig())
    return task._losses(prediction, Targets(labels=labels, boxes=boxes))


def test_iou_targets_carry_no_gradient() -> None:
    """The classification loss moves scores only: boxes must not be made worse to fit a low score."""
    logits = torch.zeros(1, 3, requires_grad=True)
    boxes = torch.tensor([[[0.0, 0, 10, 10], [2, 2, 12, 12], [50, 50, 60, 60]]], requires_grad=True)
    quality = torch.zeros(1, 3, requires_grad=True)
    losses = _losses(Prediction(logits, boxes, quality), torch.tensor([[0.0, 0, 10, 10]]), torch.tensor([[1.0, 1.0, 0.0]]))
    for name in ("cls", "quality"):
        gradients = torch.autograd.grad(losses[name], (logits, boxes, quality), retain_graph=True, allow_unused=True)
        assert gradients[1] is None
        assert gradients[0 if name == "cls" else 2].abs().sum() > 0
    assert not losses["iou"].requires_grad


def test_losses_by_hand() -> None:
    """One exact positive, one negative and one ignored candidate."""
    logits = torch.tensor([[0.0, 0.0, 0.0]])
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 1, 1], [3, 3, 4, 4]]])
    losses = _losses(Prediction(logits, boxes), boxes[:, 0], torch.tensor([[1.0, 0.0, -1.0]]), SiameseLossConfig(positive_weight=3.0))
    assert float(losses["cls"]) == pytest.approx((3 + 1) * 0.25 * np.log(2), rel=1e-5)
    assert float(losses["box"]) == pytest.approx(0, abs=1e-5)
    assert float(losses["corner"]) == pytest.approx(0, abs=1e-6)
    assert float(losses["iou"]) == pytest.approx(1)


def test_corner_loss_is_in_target_sizes() -> None:
    prediction = Prediction(torch.zeros(1, 1), torch.tensor([[[1.0, 2, 11, 24]]]))
    losses = _losses(prediction, torch.tensor([[0.0, 0, 10, 20]]), torch.ones(1, 1))
    assert float(losses["corner"]) == pytest.approx((1 / 10 + 2 / 20 + 1 / 10 + 4 / 20) / 4)


def test_hard_targets() -> None:
    """With hard targets a positive with a bad box is still pulled to 1; with IoU targets to its IoU."""
    logits = torch.zeros(1, 1, requires_grad=True)
    prediction = Prediction(logits, torch.tensor([[[0.0, 0, 1, 1]]]))
    truth, labels = torch.tensor([[0.0, 0, 10, 10]]), torch.ones(1, 1)
    signs = {}
    for kind in ("hard", "iou"):
        (gradient,) = torch.autograd.grad(_losses(prediction, truth, labels, SiameseLossConfig(score_target=kind))["cls"], logits)
        signs[kind] = float(gradient.sign())
    assert signs == {"hard": -1, "iou": 1}


def test_a_batch_of_negative_pairs() -> None:
    task = SiameseTask(tiny(True), SiameseLossConfig())
    losses = task.loss(batch(present=False))
    losses["loss"].backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert losses["box"].item() == losses["corner"].item() == losses["quality"].item() == 0
    assert losses["cls"].item() > 0
    gradients = [parameter.grad for parameter in task.module.parameters() if parameter.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


corner = st.floats(-300, 300, width=32)


@settings(max_examples=25)
@given(box=st.tuples(corner, corner, corner, corner), present=st.booleans())
def test_degenerate_boxes_give_finite_losses(box, present: bool) -> None:
    task = SiameseTask(_TINY, SiameseLossConfig())
    data = batch(1, present) | {"box": torch.tensor([box], dtype=torch.float32)}
    losses = task.loss(data)
    _TINY.zero_grad()
    losses["loss"].backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert all(torch.isfinite(parameter.grad).all() for parameter in _TINY.parameters() if parameter.grad is not None)


_TINY = tiny(True).eval()  # one row is too few for batch statistics
