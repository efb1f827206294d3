"""Parts of the networks of online trackers: the official initializer and normalization, the optimiser's first numbers, training."""

from __future__ import annotations

import math

import numpy as np
import pytest

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.online import DescentParameters, FilterInitializer, InstanceL2Norm  # noqa: E402
from lockon.zoo import atom, dimp  # noqa: E402

GOLDEN = dict(np.load(golden_data.FOLDER / "pytracking_initializer.npz"))


def test_the_official_normalization() -> None:
    out = InstanceL2Norm(float(GOLDEN["l2norm.scale"]))(torch.from_numpy(GOLDEN["l2norm.in"])).numpy()
    np.testing.assert_allclose(out, GOLDEN["l2norm.out"], atol=1e-5 * np.abs(GOLDEN["l2norm.out"]).max())
    assert InstanceL2Norm(1.0)(torch.zeros(1, 2, 3, 3)).abs().max() == 0, "features of zero stay finite"


def test_the_official_initializer() -> None:
    part = FilterInitializer(8)
    part.load_state_dict({f"conv.{name}": torch.from_numpy(GOLDEN[f"initializer.{name}"]) for name in ("weight", "bias")})
    features, boxes = (torch.from_numpy(GOLDEN[f"initializer.{name}"]) for name in ("feat", "boxes"))  # (3 frames, 2 targets, ...)
    corners = torch.cat([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], dim=-1).flatten(0, 1)
    with torch.no_grad():
        filters = part(features.flatten(0, 1), corners).view(3, 2, 8, 4, 4).mean(0)
    expected = GOLDEN["initializer.filter_norm_False"]
    np.testing.assert_allclose(filters.numpy(), expected, atol=1e-4 * np.abs(expected).max())
    assert FilterInitializer(2, zero=True)(torch.ones(1, 2, 4, 4), torch.tensor([[0.0, 0, 64, 64]])).abs().max() == 0


def test_the_optimiser_begins_with_a_gaussian_label_a_disc_and_even_weights() -> None:
    """0.9 cells wide; bins are a tenth of a cell: bin 9 is one deviation from the centre."""
    numbers = DescentParameters(maps=True, label_sigma=0.9, log_step=0.9, regularization=0.1).numbers()
    assert {name: tuple(value.shape) for name, value in numbers.items()} == {
        **dict.fromkeys(("log_step_length", "filter_reg"), (1,)),
        **dict.fromkeys(("label_map", "target_mask", "spatial_weight"), (100,)),
    }
    label = numbers["label_map"]
    assert label[0].item() == pytest.approx(1, abs=1e-6)
    assert label[9].item() == pytest.approx(math.exp(-0.5), abs=1e-6)
    assert label[-1].item() == 0
    assert numbers["target_mask"][20].item() == pytest.approx(0, abs=1e-5)  # two cells: half inside
    plain = DescentParameters(maps=False, label_sigma=0.9, log_step=1.0, regularization=0.05).numbers()
    assert [name for name, value in plain.items() if value is None] == ["label_map", "target_mask", "spatial_weight"]


@pytest.mark.parametrize(("name", "sigma"), [("dimp18", 0.9), ("dimp50", 0.9), ("superdimp", 0.9167)])
def test_the_label_is_a_quarter_of_the_target_wide(name: str, sigma: float) -> None:
    assert dimp.NETWORKS[name].label_sigma == pytest.approx(sigma, abs=1e-4)


@pytest.mark.parametrize("name", ["dimp18", "prdimp18", "atom"])
def test_gradients_reach_every_trained_weight(name: str) -> None:
    torch.manual_seed(0)
    model = atom.build(atom.NETWORKS[name]) if name == "atom" else dimp.build(dimp.NETWORKS[name])
    model.train()
    images = torch.rand(2, 3, 96, 96) * 255
    boxes = torch.tensor([[20.0, 20, 70, 60], [30, 25, 60, 80]])
    taps = model.taps(images)
    scores = model.iou(model.iou.features(taps[:2]), model.iou.modulation(taps[:2], boxes), boxes[:, None].repeat(1, 3, 1))
    loss = scores.square().sum() + taps.classification.square().sum()
    if name != "atom":
        loss = loss + model.initializer(taps.classification, boxes).sum()
        loss = loss + sum(value.sum() for value in model.optimizer.numbers().values() if value is not None)
    loss.backward()
    assert [key for key, weight in model.named_parameters() if weight.grad is None or not weight.grad.isfinite().all()] == []
    assert taps.classification.shape[2:] == (6, 6)
