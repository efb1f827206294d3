from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.models.heads.track_points import PointConv, TrackPointsHead, point_pairs, start_points  # noqa: E402
from lockon.models.point_choices import GridStart, MinMax, Moment, PartialMinMax, TrackPointsConfig  # noqa: E402
from lockon.ops.grid import Grid  # noqa: E402

SMALL = {"widths": (8, 8)}


def head(channels: int = 4, cells: int = 3, **choices) -> TrackPointsHead:
    torch.manual_seed(0)
    return TrackPointsHead(channels, grid=Grid(cells, 16), config=TrackPointsConfig(**{**SMALL, **choices})).eval()


def loud(module: TrackPointsHead) -> TrackPointsHead:
    """Larger weights, so that points move by cells."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.3)
    return module


def test_parameters_of_the_published_size() -> None:
    full = TrackPointsHead(768, grid=Grid(16, 16))
    assert sum(parameter.numel() for parameter in full.parameters()) == 7_680_549


def test_decoding_by_hand() -> None:
    """Layers that give constants: the first points lie at (k - 4) / 4 cells in x and k / 8 in y; the second stage moves all by 1/2."""
    module = head()
    with torch.no_grad():
        for layer in (module.init_points, module.refine_points, module.cls):
            layer.weight.zero_()
        k = torch.arange(9.0)
        module.init_points.bias.copy_(torch.stack([k / 8, (k - 4) / 4], 1).flatten())  # y1, x1, y2, x2 ...
        module.refine_points.bias.fill_(0.5)
        module.cls.bias.fill_(1.5)
    out = module(torch.randn(2, 4, 3, 3))
    assert out.logits.shape == (2, 9)
    assert out.logits.unique().tolist() == [1.5]
    cells = [(x, y) for y in (8, 24, 40) for x in (8, 24, 40)]
    expected = torch.tensor([[x - 16.0, y, x + 16, y + 16] for x, y in cells])
    torch.testing.assert_close(out.extras["init_boxes"][0], expected)
    torch.testing.assert_close(out.boxes[1], expected + 8)
    assert out.extras["points"].shape == (2, 9, 9, 2)
    assert out.extras["points"][0, 5, 2].tolist() == [40 - 8 + 8, 24 + 4 + 8]


def test_scores_start_low() -> None:
    module = head()
    with torch.no_grad():
        module.cls.weight.zero_()
    assert torch.sigmoid(module(torch.randn(1, 4, 3, 3)).logits).unique().item() == pytest.approx(0.01)
    assert module.cls.bias.item() == pytest.approx(-math.log(99))


def test_channels_are_y_and_x_of_each_point() -> None:
    maps = torch.arange(6.0).view(1, 6, 1, 1)
    assert point_pairs(maps).tolist() == [[[[1, 0], [3, 2], [5, 4]]]]


@pytest.mark.parametrize("points", [4, 9, 16, 25, 36, 49])
def test_all_numbers_of_points(points: int) -> None:
    out = head(points=points)(torch.randn(2, 4, 3, 3))
    assert out.extras["points"].shape == (2, 9, points, 2)
    assert out.boxes.shape == (2, 9, 4)
    assert head(points=points).cls_conv.weight.shape == (8, 8, points)


@pytest.mark.parametrize(
    "choices",
    [
        {"norm": "batch", "widths": (8, 4)},
        {"projection": True},
        {"start": GridStart()},
        {"boxes": PartialMinMax()},
        {"boxes": Moment()},
    ],
)
def test_every_choice_learns(choices) -> None:
    module = head(**choices).train()
    out = module(torch.randn(2, 4, 3, 3))
    (out.logits.sum() + out.boxes.square().sum() + out.extras["init_boxes"].square().sum()).backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in module.parameters())
    assert all(parameter.grad.abs().sum() > 0 for name, parameter in module.named_parameters() if "norm" not in name and parameter.ndim > 1)


def test_first_points_on_a_grid_around_the_center() -> None:
    grid = start_points(TrackPointsConfig(start=GridStart()))
    assert grid.tolist() == [[x, y] for y in (-2, 0, 2) for x in (-2, 0, 2)]
    assert start_points(TrackPointsConfig(points=16, start=GridStart(reach=3))).amax().item() == 3
    assert start_points(TrackPointsConfig()).abs().sum() == 0


def test_refined_boxes_give_the_first_points_a_tenth_of_the_gradient_and_only_through_the_features() -> None:
    """With `gradient` 0 the second stage leaves the layers of the first alone."""
    found = []
    for share in (0.0, 0.1, 1.0):
        module = loud(head(gradient=share).double())
        out = module(torch.randn(1, 4, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
        (out.boxes.sum() + out.logits.sum()).backward()
        found.append(module.init_points.weight.grad)
    assert found[0] is None or (found[0] == 0).all()
    assert found[2].abs().sum() > 0
    torch.testing.assert_close(found[1], 0.1 * found[2])


def test_shift_does_not_reach_the_first_points_directly() -> None:
    """Without features under the points nothing of the refined boxes reaches the first stage."""
    module = loud(head())
    with torch.no_grad():
        module.refine_conv.weight.zero_()
    module(torch.randn(1, 4, 3, 3)).boxes.sum().backward()
    assert (module.init_points.weight.grad == 0).all()


def test_gradients_of_a_small_head_agree_with_finite_differences() -> None:
    """With share 1 nothing is cut off; at shares below, the gradient is not that of the function, by design."""
    module = loud(head(2, cells=2, gradient=1.0, points=4, widths=(2,), norm="batch").double())

    def scores_and_first_boxes(features):
        out = module(features)
        return out.logits, out.extras["init_boxes"]

    torch.autograd.gradcheck(scores_and_first_boxes, torch.randn(1, 2, 2, 2, dtype=torch.float64, requires_grad=True), atol=1e-4)


def test_point_convolution_at_the_cells_is_a_1x1_convolution() -> None:
    torch.manual_seed(0)
    layer, features = PointConv(4, 9), torch.randn(2, 4, 3, 3)
    expected = torch.nn.functional.conv2d(features, layer.weight.sum(2)[..., None, None])
    torch.testing.assert_close(layer(features, torch.zeros(2, 9, 9, 2)), expected)


def test_features_far_from_every_scale_give_finite_boxes() -> None:
    module = loud(head())
    for scale in (0.0, 1e4):
        out = module(torch.full((1, 4, 3, 3), scale))
        assert torch.isfinite(out.boxes).all()
        assert (out.boxes[..., 2:] >= out.boxes[..., :2]).all()


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"points": 8}, "points must be a square number"),
        ({"points": -9}, "points must be a square number"),
        ({"widths": ()}, "widths must be"),
        ({"gradient": 1.5}, "gradient must be"),
        ({"point_offset": 2}, "point_offset must be"),
        ({"points": 4, "boxes": PartialMinMax(first=5)}, "points must be at least"),
    ],
)
def test_bad_choices_are_refused(choices, words: str) -> None:
    with pytest.raises(LockonError, match=words):
        TrackPointsConfig(**choices)


@pytest.mark.parametrize(
    ("make", "words"),
    [(lambda: PartialMinMax(first=1), "first"), (lambda: Moment(multiplier=2), "multiplier"), (lambda: GridStart(reach=0), "reach")],
)
def test_bad_parts_are_refused(make, words: str) -> None:
    with pytest.raises(LockonError, match=f"{words} must be"):
        make()


def test_default_conversion_is_min_max() -> None:
    assert TrackPointsConfig().boxes == MinMax()
