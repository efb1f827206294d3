from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.heads.point_boxes import MomentBoxes, point_boxes  # noqa: E402
from lockon.models.point_choices import MinMax, Moment, PartialMinMax  # noqa: E402

SQUARE = torch.tensor([[x, y] for y in (-1.0, 0.0, 1.0) for x in (-1.0, 0.0, 1.0)])
ALL = [MinMax(), PartialMinMax(), Moment()]


@pytest.mark.parametrize(
    ("config", "points", "expected"),
    [
        (MinMax(), [[1, 5], [3, -2], [2, 9]], [1, -2, 3, 9]),
        (PartialMinMax(first=2), [[1, 5], [3, -2], [2, 9]], [1, -2, 3, 5]),
        (PartialMinMax(), [[0, 0], [1, 1], [2, 2], [3, 3], [40, -40]], [0, 0, 3, 3]),
        (Moment(), [[0, 10], [2, 10], [4, 16]], [0, 12 - math.sqrt(12), 4, 12 + math.sqrt(12)]),  # x: (4 + 0 + 4) / 2; y: (4 + 4 + 16) / 2
    ],
)
def test_boxes_by_hand(config, points: list[list[float]], expected: list[float]) -> None:
    torch.testing.assert_close(point_boxes(config)(torch.tensor(points, dtype=torch.float64)), torch.tensor(expected, dtype=torch.float64))


def test_moment_box_of_a_square_is_smaller_than_the_square() -> None:
    """Six of nine coordinates are +-1: the deviation is sqrt(6 / 8) = 0.866, and 1 / 0.866 = 1.155."""
    assert point_boxes(Moment())(SQUARE).tolist() == pytest.approx([-0.8660254, -0.8660254, 0.8660254, 0.8660254])
    assert point_boxes(MinMax())(SQUARE).tolist() == [-1, -1, 1, 1]


def test_learnt_scale_is_the_logarithm_of_a_factor_and_learns_slowly() -> None:
    """d (x2) / d m_x = deviation exp(m_x), a hundredth of which arrives."""
    module = MomentBoxes(0.01)
    with torch.no_grad():
        module.log_scale.copy_(torch.tensor([math.log(2), 0.0]))
    box = module(SQUARE)
    assert box.tolist() == pytest.approx([-1.7320508, -0.8660254, 1.7320508, 0.8660254])
    box[2].backward()
    assert module.log_scale.grad.tolist() == pytest.approx([0.01 * 1.7320508, 0.0])


@pytest.mark.parametrize("config", ALL)
def test_gradients_agree_with_finite_differences(config) -> None:
    torch.manual_seed(0)
    torch.autograd.gradcheck(point_boxes(config).double(), torch.randn(2, 3, 9, 2, dtype=torch.float64, requires_grad=True))


@pytest.mark.parametrize("config", ALL)
def test_all_points_on_one_place_give_an_empty_box_and_finite_gradients(config) -> None:
    points = torch.full((9, 2), 3.0, requires_grad=True)
    box = point_boxes(config)(points)
    box.sum().backward()
    assert box.tolist() == [3, 3, 3, 3]
    assert torch.isfinite(points.grad).all()
