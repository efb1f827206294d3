from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.heads.corner import CornerHead  # noqa: E402


class Fixed(torch.nn.Module):
    """A tower whose heat map is given."""

    def __init__(self, heat) -> None:
        super().__init__()
        self.heat = heat

    def forward(self, features):
        return self.heat


def _with_heat(top_left, bottom_right, **options) -> CornerHead:
    head = CornerHead(8, cells=top_left.shape[-1], hidden=8, **options)
    head.towers = torch.nn.ModuleList([Fixed(top_left[None, None]), Fixed(bottom_right[None, None])])
    return head


def test_published_size() -> None:
    assert sum(parameter.numel() for parameter in CornerHead().parameters()) == 1_072_002
    assert "places" not in CornerHead().state_dict()


@pytest.mark.parametrize(("middle", "shift"), [(False, 0), (True, 8)])
def test_a_sharp_peak_is_its_cell(middle: bool, shift: float) -> None:
    """Row is y, column is x; published coordinates are the cells' top-left corners."""
    first, last = torch.zeros(16, 16), torch.zeros(16, 16)
    first[2, 5] = last[11, 14] = 100.0
    out = _with_heat(first, last, middle=middle)(torch.zeros(1))
    assert out.boxes[:, 0].tolist() == [pytest.approx([5 * 16 + shift, 2 * 16 + shift, 14 * 16 + shift, 11 * 16 + shift])]
    assert out.logits.tolist() == [[0.0]]


def test_soft_argmax_is_the_mean_place() -> None:
    """Two cells, one of logit ln 3 more: three quarters and one quarter of the way; all others next to nothing."""
    first, last = torch.full((4, 4), -50.0), torch.full((4, 4), -50.0)
    first[1, 0], first[1, 2] = 0.0, math.log(3)
    last[3, 3], last[1, 3] = 0.0, 0.0
    out = _with_heat(first, last, stride=8)(torch.zeros(1))
    assert out.boxes[:, 0].tolist() == [pytest.approx([8 * 2 * 0.75, 8, 24, 8 * 2])]
    assert out.extras["heat"].tolist() == [[first.tolist(), last.tolist()]]


def test_a_flat_map_is_the_middle_of_the_places() -> None:
    assert _with_heat(torch.zeros(16, 16), torch.ones(16, 16))(torch.zeros(1)).boxes[:, 0].tolist() == [pytest.approx([120.0] * 4)]


def test_gradients_pull_the_corner() -> None:
    """A target to the right raises the logits on the right."""
    heat = torch.zeros(4, 4, requires_grad=True)
    out = _with_heat(heat, torch.zeros(4, 4))(torch.zeros(1))
    (out.boxes[0, 0, 0] - 60).square().backward()
    assert (-heat.grad).mean(0).diff().min() > 0


def test_batches_and_half_precision() -> None:
    head = CornerHead(8, cells=4, hidden=16).eval()
    features = torch.randn(3, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole = head(features).boxes
        single = torch.cat([head(one[None]).boxes for one in features])
        torch.testing.assert_close(whole, single)
        half = head.bfloat16()(features.bfloat16())
    assert half.boxes.dtype == torch.float32
    assert (half.boxes - whole).abs().max() < 2
