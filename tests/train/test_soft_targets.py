from __future__ import annotations

import math

import numpy as np
import pytest

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

from soft_target_case import at, case  # noqa: E402

from lockon.errors import LockonError  # noqa: E402
from lockon.train.losses.soft_targets import (  # noqa: E402
    GaussianTarget,
    OneHotTarget,
    PositivesGaussian,
    WindowGaussian,
    cornernet_radius,
)


@pytest.mark.parametrize(("cells", "name"), [(16, "heatmap"), (24, "heatmap_384")])
def test_map_equals_that_of_the_official_code(cells: int, name: str) -> None:
    golden = golden_data.losses("ostrack_losses")
    x, y, w, h = golden["gt_xywh"].T * cells * 16
    target, positive = GaussianTarget(origin="crop")(case(np.stack([x, y, x + w, y + h], 1), cells=cells))
    stored = torch.from_numpy(golden[name]).flatten(1)
    assert (target - stored).abs().max() < 1e-6
    assert torch.equal(positive, stored == 1)


def test_points_on_the_corners_of_cells_give_the_official_map() -> None:
    boxes = [[3.0, 20.0, 50.0, 61.0]]
    ours, official = GaussianTarget()(case(boxes, offset=0.0)), GaussianTarget(origin="crop")(case(boxes))
    assert torch.equal(ours[0], official[0])


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [(0, 0, 0), (1, 1, 0), (4.8, 6.4, 1), (10, 10, 2), (100, 0, 0)],
)
def test_radius_by_hand(width: float, height: float, expected: int) -> None:
    """Third case: b = -1.4 (w + h), r = (b + sqrt(b^2 + 11.2 * 0.3 w h)) / 2; for 10 x 10: (-28 + sqrt(784 + 336)) / 2 = 2.73."""
    assert int(cornernet_radius(torch.tensor([width, height], dtype=torch.float64))) == expected


def test_gaussian_of_radius_one_by_hand() -> None:
    """A 80 x 80 box has 5 x 5 cells: (-14 + sqrt(196 + 84)) / 2 = 1.37, radius 1, sigma 1/2; cell 5 is nearest to its centre."""
    target, positive = GaussianTarget()(case([[-16.0, -16.0, 64.0, 64.0]]))
    near, corner = math.exp(-2), math.exp(-4)
    expected = [corner, near, corner, 0, near, 1, near, 0, corner, near, corner, 0, 0, 0, 0, 0]
    torch.testing.assert_close(target, torch.tensor([expected]))
    assert positive.nonzero().tolist() == [[0, 5]]


@pytest.mark.parametrize(
    ("part", "positives", "soft"),
    [
        (OneHotTarget(), [0, 10], {}),
        (GaussianTarget(), [5], {0: math.exp(-4), 10: math.exp(-4)}),
        (GaussianTarget(union=True), [0, 5, 10], {1: math.exp(-2), 15: 0.0}),
        (PositivesGaussian(), [0, 10], {5: math.exp(-4), 1: math.exp(-2), 15: math.exp(-4), 9: math.exp(-2), 3: 0.0}),
    ],
)
def test_targets_on_one_example(part, positives: list[int], soft: dict[int, float]) -> None:
    """Cells 0 and 10 are assigned, cell 5 is nearest to the centre, the radius is 1."""
    target, positive = part(case([[-16.0, -16.0, 64.0, 64.0]], [at(0, 10)]))
    assert positive[0].nonzero().flatten().tolist() == positives
    assert (target[positive] == 1).all()
    assert {place: float(target[0, place]) for place in soft} == pytest.approx(soft)
    assert ((target >= 0) & (target <= 1)).all()


def test_sample_without_a_target_has_no_positive() -> None:
    target, positive = GaussianTarget()(case([[0.0, 0.0, 32.0, 32.0]] * 2, present=[True, False]))
    assert positive.any(1).tolist() == [True, False]
    assert (target[1] == 0).all()


def test_center_outside_the_map_leaves_no_positive() -> None:
    _, positive = GaussianTarget()(case([[80.0, 0.0, 120.0, 32.0]]))
    assert not positive.any()


def test_gaussian_of_the_window_by_hand() -> None:
    """1/4 of a crop of 64 pixels is one cell of 16, whatever the box: exp(-d^2 / 2) of d cells from cell 5, and no cut."""
    for box in ([8.0, 8.0, 40.0, 40.0], [22.0, 22.0, 26.0, 26.0]):
        target, positive = WindowGaussian(sigma=0.25)(case([box]))
        distance = np.hypot(*np.meshgrid(np.arange(4) - 1, np.arange(4) - 1)).ravel()
        np.testing.assert_allclose(target[0], np.exp(-(distance**2) / 2), rtol=1e-6)
        assert positive.nonzero().tolist() == [[0, 5]]


def test_default_window_gaussian_has_the_width_of_the_online_label() -> None:
    """1/16 of 256 pixels is 16 pixels: a quarter of a target that fills a quarter of the crop."""
    target, _ = WindowGaussian()(case([[112.0, 112.0, 144.0, 144.0]], cells=16))
    assert sorted(set(np.round(target[0].numpy(), 5)))[-2] == pytest.approx(math.exp(-0.5), abs=1e-5)


def test_window_gaussian_of_no_target_and_of_one_outside_has_no_positive() -> None:
    target, positive = WindowGaussian()(case([[0.0, 0.0, 32.0, 32.0], [80.0, 0.0, 120.0, 32.0]], present=[False, True]))
    assert not positive.any()
    assert (target[0] == 0).all()
    assert (target[1] > 0).any()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GaussianTarget(overlap=1), "overlap must be"),
        (lambda: PositivesGaussian(overlap=0), "overlap must be"),
        (lambda: WindowGaussian(sigma=0), "sigma must be"),
    ],
)
def test_bad_settings_are_refused(make, words: str) -> None:
    with pytest.raises(LockonError, match=words):
        make()
