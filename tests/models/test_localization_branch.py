"""SiamLA's localization branch against its equations, worked out by hand; every option; boxes outside the map; gradients."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.models.choices import LocalizationConfig  # noqa: E402
from lockon.models.heads.localization import FivePointAggregation, LocalizationBranch, NonLocalBlock  # noqa: E402
from lockon.ops.grid import Grid  # noqa: E402

SIZE, CHANNELS, LEVELS = 5, 8, 2
CELLS = Grid(SIZE, 8, offset=31)  # cells at 31, 39, 47, 55, 63


def inputs(batch: int = 2, seed: int = 0):
    """Features, correlation, and boxes of which some leave the map."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(batch, CHANNELS, SIZE, SIZE, generator=generator)
    correlation = torch.randn(batch, LEVELS * CHANNELS, SIZE, SIZE, generator=generator)
    first = 20 + 40 * torch.rand(batch, SIZE**2, 2, generator=generator)
    return features, correlation, torch.cat([first, first + 5 + 30 * torch.rand(batch, SIZE**2, 2, generator=generator)], dim=-1)


def make_branch(**changes: object) -> LocalizationBranch:
    """With weights that are large enough to tell."""
    torch.manual_seed(0)
    branch = LocalizationBranch(CHANNELS, LEVELS, CELLS, LocalizationConfig(**changes)).eval()
    for parameter in branch.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return branch


def layer(conv: torch.nn.Conv2d, vectors: torch.Tensor) -> torch.Tensor:
    """A 1x1 convolution as a matrix on (N, C) vectors."""
    return vectors @ conv.weight.flatten(1).T + conv.bias


@pytest.mark.parametrize("scaled", [False, True])
def test_the_non_local_block_is_equation_9(scaled: bool) -> None:
    torch.manual_seed(0)
    block = NonLocalBlock(CHANNELS, maps=1, inner=6, scaled=scaled)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    x, h = torch.randn(1, CHANNELS, 3, 4), torch.randn(1, 1, 3, 4)
    vectors = x.flatten(2)[0].T  # (N, C)
    located = vectors + layer(block.position, h.flatten(2)[0].T)
    products = layer(block.query, located) @ layer(block.key, located).T * (6**-0.5 if scaled else 1)
    expected = layer(block.out, products.softmax(dim=1) @ layer(block.value, vectors)) + vectors
    torch.testing.assert_close(block(x, h).flatten(2)[0].T, expected, rtol=1e-5, atol=1e-5)


def test_the_position_shapes_who_listens_but_not_what_is_said() -> None:
    """Without queries the attention is even: values must not hold the embedding."""
    torch.manual_seed(0)
    block = NonLocalBlock(CHANNELS, maps=1)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    x, h = torch.randn(2, CHANNELS, 3, 3), torch.randn(2, 1, 3, 3)
    assert not torch.equal(block(x, h), block(x, 2 * h))
    torch.nn.init.zeros_(block.query.weight)
    torch.nn.init.zeros_(block.query.bias)
    torch.testing.assert_close(block(x, h), block(x, 2 * h), rtol=0, atol=0)
    even = x + block.out(block.value(x).mean(dim=(2, 3), keepdim=True))
    torch.testing.assert_close(block(x, h), even, rtol=1e-5, atol=1e-5)


def test_five_points_by_hand() -> None:
    """A map of x + 10 y (in cells). Box 43, 31, 63, 47 has corners in cells 1.5, 0 to 4, 2; its centre is 2.75, 1."""
    y, x = torch.meshgrid(torch.arange(5.0), torch.arange(5.0), indexing="ij")
    boxes = torch.tensor([[43.0, 31, 63, 47]]).expand(SIZE**2, 4)[None]
    points = [2.75 + 10, 1.5, 4, 4 + 20, 1.5 + 20]  # centre, top left, top right, bottom right, bottom left
    block = FivePointAggregation(1, CELLS)
    for index, value in enumerate(points):
        torch.nn.init.zeros_(block.mix[0].weight)
        block.mix[0].weight.data[0, index] = 1
        assert block((x + 10 * y)[None, None], boxes).unique().tolist() == [value]
    assert FivePointAggregation(1, CELLS, fuse="sum")((x + 10 * y)[None, None], boxes).unique().tolist() == [sum(points)]


def test_the_location_instead_of_the_center() -> None:
    features, _, boxes = inputs()
    at_location, at_center = (FivePointAggregation(CHANNELS, CELLS, center=center, fuse="sum") for center in ("location", "box"))
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    point = torch.cat([middle, middle], dim=-1)  # all five at the centre
    corners = at_location(features, boxes) - features
    torch.testing.assert_close(at_center(features, boxes) - at_center(features, point) / 5, corners, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("far", [64.0, 200.0, 5e4])
def test_boxes_that_leave_the_map_get_its_border(far: float) -> None:
    """Corners beyond the last cells' centres read the corner cells; the centre stays in the middle."""
    features, correlation, _ = inputs(1)
    boxes = torch.tensor([47 - far, 47 - far, 47 + far, 47 + far]).expand(1, SIZE**2, 4)
    found = FivePointAggregation(CHANNELS, CELLS, fuse="sum")(features, boxes)
    f = features[0]
    expected = f[:, 2, 2] + f[:, 0, 0] + f[:, 0, 4] + f[:, 4, 4] + f[:, 4, 0]
    torch.testing.assert_close(found[0], expected[:, None, None].expand_as(found[0]), rtol=1e-4, atol=1e-4)
    branch = make_branch()
    features.requires_grad_()
    logits = branch(features, correlation, boxes)
    logits.sum().backward()
    assert torch.isfinite(logits).all()
    assert torch.isfinite(features.grad).all()


@pytest.mark.parametrize(("levels", "maps"), [("sum", 1), ("separate", LEVELS)])
def test_the_correlation_is_averaged_by_level(levels: str, maps: int, monkeypatch) -> None:
    branch = make_branch(levels=levels)
    features, correlation, boxes = inputs()
    seen = []
    monkeypatch.setattr(branch.non_local, "forward", lambda x, h: (seen.append(h), x)[1])
    branch(features, correlation, boxes)
    expected = torch.stack([part.mean(dim=1) for part in correlation.chunk(maps, dim=1)], dim=1)
    torch.testing.assert_close(seen[0], expected)


OPTIONS = [
    {},
    {"non_local": False},
    {"aggregation": False},
    {"non_local": False, "aggregation": False},
    {"order": "aggregation-first"},
    {"position": False},
    {"levels": "separate"},
    {"inner": 3},
    {"scaled": True},
    {"center": "location"},
    {"fuse": "sum"},
    {"depth": 4},
    {"normalize": False},
]


def test_every_option_makes_another_branch() -> None:
    features, correlation, boxes = inputs()
    found = [make_branch(**changes)(features, correlation, boxes) for changes in OPTIONS]
    assert all(logits.shape == (2, SIZE**2) and bool(torch.isfinite(logits).all()) for logits in found)
    same = [(i, j) for i in range(len(found)) for j in range(i) if torch.allclose(found[i], found[j], rtol=1e-3)]
    assert same == []


def test_parts_that_are_off_have_no_weights() -> None:
    """Table VI's rows."""
    parts = {str(changes): {key.partition(".")[0] for key in make_branch(**changes).state_dict()} for changes in OPTIONS[:4]}
    assert list(parts.values()) == [
        {"tower", "non_local", "aggregation", "out"},
        {"tower", "aggregation", "out"},
        {"tower", "non_local", "out"},
        {"tower", "out"},
    ]
    assert make_branch().non_local.query.out_channels == CHANNELS // 2
    assert "non_local.position.weight" not in make_branch(position=False).state_dict()


@pytest.mark.parametrize("changes", OPTIONS, ids=str)
def test_boxes_get_no_gradient_and_every_weight_one(changes: dict[str, object]) -> None:
    branch = make_branch(**changes)
    features, correlation, boxes = (value.requires_grad_() for value in inputs())
    branch(features, correlation, boxes).square().sum().backward()
    assert boxes.grad is None
    assert features.grad is not None
    assert bool(features.grad.any())
    assert [name for name, parameter in branch.named_parameters() if parameter.grad is None or not bool(parameter.grad.any())] == []


def test_a_bfloat16_forward_keeps_positions_exact() -> None:
    """Cells are found in float32: in bfloat16 pixel 203 would be 204."""
    branch = make_branch(center="location")
    features, correlation, boxes = inputs()
    expected = branch(features, correlation, boxes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = branch(features, correlation, boxes)
    assert found.dtype == torch.float32
    assert float((found - expected).detach().abs().max()) < 0.05 * float(expected.detach().abs().max())


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"depth": -1}, "depth=-1 given, expected at least 0"), ({"inner": 0}, "inner=0 given, expected at least 1, or none")],
)
def test_impossible_options(changes: dict[str, object], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        LocalizationConfig(**changes)
