from __future__ import annotations

import json

import numpy as np
import pytest

import golden_data
from lockon.ops.gaussian_labels import gaussian_density, gaussian_label

GOLDEN = golden_data.losses("dimp_losses")


@pytest.mark.parametrize("name", ["dimp", "super_dimp", "odd_kernel", "density", "no_end_pad"])
def test_labels_agree_with_the_official_ones(name: str) -> None:
    """Even filters have their first score at pixel 0, odd ones half a cell later; without padding at the end the last score is missing."""
    config, expected = json.loads(str(GOLDEN[f"label.{name}.config"])), GOLDEN[f"label.{name}"]
    stride = config["image_sz"] / config["feat_sz"]
    make = gaussian_density if config["density"] else gaussian_label
    boxes = GOLDEN["label.boxes"].astype(np.float64)
    found = make(
        boxes[:, :2] + boxes[:, 2:] / 2,
        expected.shape[-1],
        sigma=config["sigma_factor"] * config["feat_sz"],
        stride=stride,
        first=stride / 2 if config["kernel_sz"] % 2 else 0.0,
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_label_by_hand() -> None:
    """The centre lies on cell (1, 2): 1 there, exp(-1 / 2) a cell beside it, exp(-1) across."""
    label = gaussian_label([32.0, 16.0], 4, sigma=1.0)
    assert label[1, 2] == 1
    assert label[1, 1] == pytest.approx(np.exp(-0.5))
    assert label[2, 3] == pytest.approx(np.exp(-1))


def test_a_target_far_outside_has_no_density_and_no_nan() -> None:
    assert not gaussian_density([1e5, 0.0], 5, sigma=0.9).any()
    assert gaussian_density([40.0, 30.0], 5, sigma=0.9).sum() == pytest.approx(1)
