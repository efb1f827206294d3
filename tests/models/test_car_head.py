"""SiamCAR's head: matching, decoding, the branches, and what learns from which."""

from __future__ import annotations

import math

import pytest
from matching_heads import CHANNELS, make_head, make_levels

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.models.choices import LocalizationConfig  # noqa: E402
from lockon.models.fusion import depthwise_correlation, naive_correlation  # noqa: E402
from lockon.models.heads.car import CARHead  # noqa: E402
from lockon.ops.grid import Grid  # noqa: E402

BRANCHES = ("centerness", "localization", "none")
GRID = Grid(9, 8, offset=32)


def test_the_correlations_lie_side_by_side() -> None:
    template, search = make_levels()
    for padding in (False, True):
        found = make_head("centerness", padding=padding).match(template, search)
        expected = [depthwise_correlation(z, x, valid=not padding) for z, x in zip(template, search, strict=True)]
        torch.testing.assert_close(found, torch.cat(expected, dim=1), rtol=0, atol=0)


def test_decoding_by_hand(monkeypatch) -> None:
    head = CARHead(1, CHANNELS, Grid(2, 8, offset=32))
    loc = torch.ones(1, 4, 2, 2)
    loc[0, :, 1, 0] = torch.tensor([10.0, 20, 30, 40])
    cls = torch.zeros(1, 2, 2, 2)
    cls[0, 0, 1, 0] = -3
    cen = torch.tensor([[[[1.0, 2], [3, 4]]]])
    monkeypatch.setattr(head, "maps", lambda template, search: (cls, loc, cen))
    out = head((), ())
    assert out.logits.tolist() == [[0, 0, 3, 0]]
    assert out.boxes[0, 2].tolist() == [22, 20, 62, 80]  # the point (32, 40)
    assert out.extras["distances"][0, 2].tolist() == [10, 20, 30, 40]
    assert out.quality.tolist() == [[1, 2, 3, 4]]


def test_the_quality_is_what_the_branch_says() -> None:
    torch.manual_seed(0)
    template, search = make_levels()
    heads = {branch: CARHead(2, CHANNELS, GRID, branch=branch).eval() for branch in BRANCHES}
    assert {branch: head(template, search).quality is None for branch, head in heads.items()} == {
        "centerness": False,
        "localization": False,
        "none": True,
    }
    center = heads["centerness"]
    by_class = center.cls_tower(center.reduce(center.match(template, search)))
    torch.testing.assert_close(center(template, search).quality, center.centerness(by_class).flatten(1))
    with pytest.raises(LockonError, match="branch=iou given, expected centerness, localization or none"):
        CARHead(1, CHANNELS, GRID, branch="iou")  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_shared_weights_with_every_branch() -> None:
    states = []
    for branch in BRANCHES:
        torch.manual_seed(0)
        states.append(CARHead(2, CHANNELS, GRID, branch=branch).state_dict())
    shared = set.intersection(*map(set, states))
    assert shared == set(states[2])
    assert all(torch.equal(states[0][key], one[key]) for one in states[1:] for key in shared)


def test_published_start() -> None:
    torch.manual_seed(0)
    head = CARHead(3, 64, GRID)
    assert head.cls.bias.tolist() == pytest.approx([-math.log(99)] * 2)
    assert not head.box.bias.any()
    assert not head.cls_tower[0].bias.any()
    for conv in (head.cls_tower[0], head.box_tower[9], head.cls, head.box, head.centerness):
        assert conv.weight.std().item() == pytest.approx(0.01, rel=0.15)
    assert head.cls_tower[1].num_groups == 32
    assert head.reduce.weight.shape == (64, 3 * 64, 1, 1)


def test_huge_outputs_stay_finite() -> None:
    """Boxes of a hundred thousand pixels, whose corners are read at the map's border."""
    head = make_head("localization").eval()
    torch.nn.init.constant_(head.box.bias, 500)
    out = head(*make_levels())
    assert torch.isfinite(out.boxes).all()
    assert torch.isfinite(out.quality).all()
    assert (out.boxes[..., 2:] > out.boxes[..., :2]).all()


@pytest.mark.parametrize("padding", [False, True])
def test_the_branch_sees_the_naive_correlation_as_a_mean_product(padding: bool, monkeypatch) -> None:
    """Equation 8's h over all levels, divided by how many products it has."""
    head = make_head("localization", padding=padding).eval()
    template, search = make_levels()
    seen = []
    monkeypatch.setattr(head.localization.non_local, "forward", lambda x, h: (seen.append(h), x)[1])
    head(template, search)
    margin = (0, 0, 0, 0) if not padding else (3, 3, 3, 3)
    padded = torch.nn.functional.pad(torch.cat(search, dim=1), margin)
    expected = naive_correlation(torch.cat(template, dim=1), padded) / (2 * CHANNELS * 49)
    torch.testing.assert_close(seen[0], expected, rtol=1e-4, atol=1e-5)


def test_cells_and_points_differ() -> None:
    """The points lie a pixel right and below the cells; features are read where they lie."""
    cells = Grid(9, 8, offset=31)
    head = CARHead(1, CHANNELS, GRID, branch="localization", cells=cells)
    assert (head.points[0].tolist(), head.localization.aggregation.first) == ([32, 32], 31)
    assert CARHead(1, CHANNELS, GRID, branch="localization").localization.aggregation.first == 32
    corner = CARHead(1, CHANNELS, Grid(15, 16), branch="localization", padding=True)  # coordinates from the corner of the first pixel
    assert corner.localization.aggregation.first == 8


@pytest.mark.parametrize(
    ("source", "learning"), [("fused", {"reduce", "localization"}), ("box-tower", {"reduce", "box_tower", "localization"})]
)
def test_the_quality_does_not_teach_the_boxes(source: str, learning: set[str]) -> None:
    torch.manual_seed(0)
    head = CARHead(2, CHANNELS, GRID, branch="localization", localization=LocalizationConfig(source=source))
    head(*make_levels()).quality.square().sum().backward()
    learned = {name.partition(".")[0] for name, parameter in head.named_parameters() if parameter.grad is not None}
    assert learned == learning


def test_centerness_teaches_the_classification_tower() -> None:
    torch.manual_seed(0)
    head = make_head("centerness")
    head(*make_levels()).quality.square().sum().backward()
    learned = {name.partition(".")[0] for name, parameter in head.named_parameters() if parameter.grad is not None}
    assert learned == {"reduce", "cls_tower", "centerness"}
