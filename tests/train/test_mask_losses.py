from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from lockon.errors import LockonError  # noqa: E402
from lockon.models.heads.mask import MaskHead, RefineHead  # noqa: E402
from lockon.models.heads.rpn import RPNHead  # noqa: E402
from lockon.models.neck import LevelNeck  # noqa: E402
from lockon.models.siammask import SiamMaskModel  # noqa: E402
from lockon.ops.grid import AnchorGrid, unpadded_grid  # noqa: E402
from lockon.train.losses.masks import FineMaskLoss, mask_iou, mask_loss, mask_windows  # noqa: E402
from lockon.train.mask_task import MaskSampling, MaskTask  # noqa: E402
from lockon.zoo.dense_losses import RPN, MaskLosses  # noqa: E402


def test_loss_by_hand() -> None:
    """log(1 + exp(-y m)) at m = 2 for y = +1 and -1, and at 0."""
    logits = torch.tensor([[[2.0, 2.0], [0.0, 0.0]]])
    truth = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(2)) + 2 * math.log(2)) / 4
    assert mask_loss(logits, truth).item() == pytest.approx(expected, rel=1e-6)
    signed = F.soft_margin_loss(logits, 2 * truth - 1)
    assert mask_loss(logits, truth).item() == pytest.approx(signed.item(), rel=1e-6)


def test_a_coarse_mask_is_enlarged_corner_on_corner() -> None:
    coarse = torch.randn(2, 63, 63, generator=torch.Generator().manual_seed(0)) * 3
    truth = (torch.rand(2, 127, 127, generator=torch.Generator().manual_seed(1)) > 0.5).float()
    axis = np.arange(127) * 62 / 126
    low = np.minimum(axis.astype(int), 61)
    part = torch.from_numpy(axis - low).float()
    rows = coarse[:, low] * (1 - part)[:, None] + coarse[:, low + 1] * part[:, None]
    large = rows[..., low] * (1 - part) + rows[..., low + 1] * part
    assert mask_loss(coarse, truth).item() == pytest.approx(mask_loss(large, truth).item(), rel=1e-5)


def test_extreme_logits_and_no_cells_stay_finite() -> None:
    logits = torch.full((1, 4, 4), 300.0, requires_grad=True)
    value = mask_loss(logits, torch.zeros(1, 4, 4))
    value.backward()
    assert value.item() == pytest.approx(300)
    assert torch.isfinite(logits.grad).all()
    none = torch.zeros(0, 63, 63, requires_grad=True)
    value = mask_loss(none, torch.zeros(0, 127, 127))
    value.backward()
    assert value.item() == 0
    assert mask_iou(torch.zeros(0, 127, 127), torch.zeros(0, 127, 127)).shape == (0,)


def test_windows_of_the_truth_are_those_of_the_cells() -> None:
    """Cell n's window begins at search pixel 8 n - 32; a mask of one pixel shows where it ends up."""
    masks = torch.zeros(2, 255, 255, dtype=torch.bool)
    masks[1, 130, 101] = True
    found = mask_windows(masks, torch.tensor([1, 0, 1]), torch.tensor([12, 12, 0]), torch.tensor([10, 10, 0]))
    assert found.shape == (3, 127, 127)
    assert torch.nonzero(found[0]).tolist() == [[130 - 64, 101 - 48]]
    assert found[1].sum() == 0
    assert found[2].sum() == 0  # pixel 130 is beyond -32 + 127
    whole = mask_windows(torch.ones(1, 255, 255), torch.tensor([0]), torch.tensor([0]), torch.tensor([24]))
    assert whole[0, :32].sum() == 0
    assert whole[0, :, 95:].sum() == 0
    assert whole[0, 32:, :95].mean() == 1


def test_iou_of_masks() -> None:
    logits = torch.tensor([[[5.0, 5.0], [-5.0, -5.0]], [[-5.0, -5.0], [-5.0, -5.0]]])
    truth = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    assert mask_iou(logits, truth).tolist() == pytest.approx([1 / 3, 0.0])


class Trunk(nn.Module):
    """Three strided stages with the map sizes of the dilated ResNet-50: 61 / 125, 31 / 63, 15 / 31."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = (3,)
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 7, 2), nn.BatchNorm2d(8), nn.ReLU())
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU())
        self.layer2 = nn.Sequential(nn.Conv2d(8, 16, 3, 2), nn.BatchNorm2d(16), nn.ReLU())
        self.layer3 = nn.Sequential(nn.Conv2d(16, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU())

    def features(self, image):
        stem = self.stem(image / 128 - 1)
        layer1 = self.layer1(self.pool(stem))
        layer2 = self.layer2(layer1)
        return {"stem": stem, "layer1": layer1, "layer2": layer2, "layer3": self.layer3(layer2)}

    def forward(self, image):
        return (self.features(image)["layer3"],)


def tiny() -> SiamMaskModel:
    torch.manual_seed(0)
    return SiamMaskModel(
        backbone=Trunk(),
        neck=LevelNeck((16,), 16),
        head=RPNHead(1, 16, AnchorGrid(unpadded_grid(255))),
        mask_head=MaskHead(16),
        refine_head=RefineHead(16, (8, 8, 16)),
        template_size=127,
        search_size=255,
        template_cells=7,
    )


def masked(**sampling: int) -> MaskTask:
    return MaskTask(tiny(), MaskLosses(), RPN["assigner"], RPN["sampling"], MaskSampling(**sampling))


def batch(count: int = 3) -> dict:
    """Bright ellipses on dark noise, with their masks; the last one's mask is not known."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:255, :255]
    template, search = (rng.integers(0, 60, (count, side, side, 3)).astype(np.uint8) for side in (127, 255))
    boxes, masks = np.zeros((count, 4), np.float32), np.zeros((count, 255, 255), bool)
    for i in range(count):
        cx, cy = rng.integers(100, 150, 2)
        masks[i] = ((x - cx) / 30) ** 2 + ((y - cy) / 34) ** 2 < 1
        search[i][masks[i]] += 150
        template[i][((x[:127, :127] - 63) / 30) ** 2 + ((y[:127, :127] - 63) / 34) ** 2 < 1] += 150
        boxes[i] = [cx - 30, cy - 34, cx + 30, cy + 34]
    known = np.arange(count) < count - 1
    masks[~known] = False
    arrays = {"template": template, "search": search, "box": boxes, "present": np.ones(count, bool), "mask": masks, "has_mask": known}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def test_cells_are_positive_and_their_masks_known() -> None:
    task = masked()
    _, targets = task.predict(batch())
    image, row, col = task._cells(targets, batch()["has_mask"], 25)
    positive = (targets.labels == 1).view(3, 5, 25, 25).any(1)
    assert set(image.tolist()) == {0, 1}
    assert positive[image, row, col].all()
    assert len(image) == int(positive[:2].sum())
    task.masks = MaskSampling(max_cells=3)
    assert 1 <= len(task._cells(targets, batch()["has_mask"], 25)[0]) <= 3


def test_without_masks_the_losses_are_those_of_boxes() -> None:
    task = masked()
    torch.manual_seed(1)
    plain = task.loss({name: value for name, value in batch().items() if "mask" not in name})
    assert "mask_fine" not in plain
    unknown = {**batch(), "has_mask": torch.zeros(3, dtype=torch.bool)}
    losses = task.loss(unknown)
    losses["loss"].backward()
    assert losses["mask_coarse"].item() == losses["mask_fine"].item() == losses["mask_iou"].item() == 0
    assert all(torch.isfinite(p.grad).all() for p in task.module.parameters() if p.grad is not None)


@pytest.mark.slow
def test_masks_are_learnt() -> None:
    """An ellipse: from chance to its outline in both branches, while scores learn too."""
    task = masked(max_cells=8)
    task.module.train()
    optimizer = torch.optim.Adam(task.module.parameters(), lr=5e-3)
    history = []
    for _ in range(15):
        losses = task.loss(batch(2))
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
        history.append({name: value.item() for name, value in losses.items()})
    first, last = history[0], history[-1]
    assert last["mask_fine"] < 0.5 * first["mask_fine"]
    assert last["mask_coarse"] < 0.6 * first["mask_coarse"]
    assert last["cls"] < 0.8 * first["cls"]
    assert last["mask_iou"] > 0.7


def test_bad_numbers_are_named() -> None:
    with pytest.raises(LockonError, match="max_cells must be 1"):
        MaskSampling(max_cells=0)
    with pytest.raises(LockonError, match="weight must be 0 or more"):
        FineMaskLoss(weight=-1.0)


def test_published_weights() -> None:
    losses = masked().loss(batch())
    torch.testing.assert_close(losses["loss"], losses["cls"] + 1.2 * losses["box"] + 32 * losses["mask_coarse"] + 32 * losses["mask_fine"])
