"""RPN, BAN, attention and CAR heads: decoding by hand, order of candidates, levels, padding, gradients."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from matching_heads import CHANNELS, KINDS, LEVELLED, SEARCH, make_head, make_levels, make_network  # noqa: E402

from lockon.models.heads.ban import BANHead  # noqa: E402
from lockon.models.heads.blocks import mean_of_levels  # noqa: E402
from lockon.models.heads.rpn import RPNHead  # noqa: E402
from lockon.ops.grid import AnchorGrid, Grid  # noqa: E402
from lockon.types import Prediction, Template  # noqa: E402

ANCHORS = {"rpn": 3, "rpn-up": 3, "ban": 1, "attention": 1, "centerness": 1, "localization": 1}


def with_maps(head, monkeypatch, cls, loc) -> Prediction:
    """What the head decodes of the given maps."""
    monkeypatch.setattr(head, "maps", lambda template, search: (cls, loc))
    return head((), ())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("levels", [1, 2])
def test_maps_and_predictions_of_every_head_have_the_documented_shapes(kind: str, padding: bool, levels: int) -> None:
    torch.manual_seed(0)
    head = make_head(kind, levels, padding=padding).eval()
    template, search = make_levels(levels)
    cls, loc, *quality = head.maps(template, search)
    side, anchors = SEARCH if padding else SEARCH - 6, ANCHORS[kind]
    assert (cls.shape, loc.shape) == ((2, 2 * anchors, side, side), (2, 4 * anchors, side, side))
    assert [one.shape for one in quality] == [(2, 1, side, side)] * (kind not in LEVELLED)
    out = head(template, search)
    assert (out.logits.shape, out.boxes.shape) == ((2, anchors * side**2), (2, anchors * side**2, 4))
    assert (None if out.quality is None else out.quality.shape) == (out.logits.shape if quality else None)
    assert [extra.shape for extra in out.extras.values()] == [out.boxes.shape]
    assert list(out.extras) == (["deltas"] if kind.startswith("rpn") else ["distances"])


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_a_batch_do_not_meet(kind: str) -> None:
    torch.manual_seed(0)
    head = make_head(kind).eval()
    template, search = make_levels()
    together = head(template, search)
    for b in range(2):
        alone = head(*([level[b : b + 1] for level in levels] for levels in (template, search)))
        torch.testing.assert_close(alone.boxes, together.boxes[b : b + 1], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(alone.logits, together.logits[b : b + 1], rtol=1e-4, atol=1e-4)
        if together.quality is not None:
            torch.testing.assert_close(alone.quality, together.quality[b : b + 1], rtol=1e-4, atol=1e-4)


def test_anchor_decoding_by_hand(monkeypatch) -> None:
    """Anchor 64x64 on pixel (39, 31): moved by a quarter of its width, twice as wide, half as high."""
    head = RPNHead(1, CHANNELS, AnchorGrid(Grid(2, 8, offset=31)))
    loc = torch.zeros(1, 4, 5, 2, 2)
    loc[0, :, 2, 0, 1] = torch.tensor([0.25, -0.125, math.log(2), math.log(0.5)])
    cls = torch.zeros(1, 2, 5, 2, 2)
    cls[0, :, 2, 0, 1] = torch.tensor([0.5, 2.0])
    out = with_maps(head, monkeypatch, cls.flatten(1, 2), loc.flatten(1, 2))
    candidate = 2 * 4 + 1
    assert int(out.logits.argmax()) == candidate
    assert float(out.logits[0, candidate]) == pytest.approx(1.5)  # foreground minus background
    center = 39 + 16, 31 - 8
    assert out.boxes[0, candidate].tolist() == pytest.approx([center[0] - 64, center[1] - 16, center[0] + 64, center[1] + 16])
    assert out.boxes[0, 0].tolist() == pytest.approx([31 - 52, 31 - 16, 31 + 52, 31 + 16])  # an anchor itself
    assert out.extras["deltas"][0, candidate].tolist() == pytest.approx([0.25, -0.125, math.log(2), math.log(0.5)])


def test_point_decoding_by_hand(monkeypatch) -> None:
    head = BANHead(1, CHANNELS, Grid(2, 8, offset=31))
    loc = torch.ones(1, 4, 2, 2)
    loc[0, :, 1, 0] = torch.tensor([10.0, 20, 30, 40])
    cls = torch.zeros(1, 2, 2, 2)
    cls[0, 0, 1, 0] = -3
    out = with_maps(head, monkeypatch, cls, loc)
    assert out.logits.tolist() == [[0, 0, 3, 0]]
    assert out.boxes[0, 2].tolist() == [21, 19, 61, 79]  # the point (31, 39)
    assert out.extras["distances"][0, 2].tolist() == [10, 20, 30, 40]


@pytest.mark.parametrize("kind", ["ban", "attention"])
def test_distances_are_averaged_after_the_exponential(kind: str, monkeypatch) -> None:
    """exp(1 * scale) and exp(2 * scale), weighed by the softmax of the level weights, in units of 8 pixels."""
    head = make_head(kind)
    raw = iter([torch.ones(1, 4, 9, 9), torch.full((1, 4, 9, 9), 2.0)])
    for level in head.levels:
        monkeypatch.setattr(level, "forward", lambda z, x: (torch.zeros(1, 2, 9, 9), next(raw)))
    with torch.no_grad():
        head.loc_scale.copy_(torch.tensor([0.5, 1.5]))
        head.loc_weight.copy_(torch.tensor([0.0, math.log(3)]))
    loc = head.maps(*make_levels(batch=1))[1]
    assert loc.unique().tolist() == pytest.approx([8 * (0.25 * math.exp(0.5) + 0.75 * math.exp(3))])


def test_level_weights() -> None:
    maps = [torch.full((1, 2, 3, 3), value) for value in (1.0, 2.0, 6.0)]
    assert mean_of_levels(maps, None).unique().tolist() == [3]
    weights = torch.tensor([0.0, 0.0, math.log(2)])
    assert mean_of_levels(maps, weights).unique().tolist() == pytest.approx([(1 + 2 + 12) / 4])
    assert {"cls_weight", "loc_weight"} <= set(make_head("rpn", 3).state_dict())
    grid = AnchorGrid(Grid(9, 8))
    assert not {"cls_weight", "loc_weight"} & {*RPNHead(3, 8, grid, weighted=False).state_dict(), *RPNHead(1, 8, grid).state_dict()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_and_both_inputs_learn(kind: str) -> None:
    torch.manual_seed(0)
    head = make_head(kind).train()
    template, search = make_levels()
    for level in (*template, *search):
        level.requires_grad_()
    out = head(template, search)
    quality = 0 if out.quality is None else out.quality.square().mean()
    (out.logits.square().mean() + next(iter(out.extras.values())).square().mean() + out.boxes.square().mean() + quality).backward()
    assert [name for name, parameter in head.named_parameters() if parameter.grad is None] == []
    assert all(level.grad is not None and bool(level.grad.any()) for level in (*template, *search))


@pytest.mark.parametrize("kind", LEVELLED)
def test_huge_outputs_stay_finite(kind: str, monkeypatch) -> None:
    head = make_head(kind)
    for level in head.levels:
        channels = ANCHORS[kind]
        monkeypatch.setattr(
            level,
            "forward",
            lambda z, x, channels=channels: (torch.zeros(1, 2 * channels, 9, 9), torch.full((1, 4 * channels, 9, 9), 500.0)),
        )
    boxes = head(*make_levels(batch=1)).boxes
    assert torch.isfinite(boxes).all()
    assert (boxes[..., 2:] > boxes[..., :2]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_candidates_are_not_stored_with_the_weights(kind: str) -> None:
    assert not {"points", "anchors"} & set(make_head(kind).state_dict())


@pytest.mark.parametrize("kind", ["attention", "centerness", "localization"])
def test_heads_with_towers_start_undecided_with_small_boxes(kind: str) -> None:
    torch.manual_seed(0)
    out = make_head(kind).eval()(*make_levels())
    assert out.logits.abs().max() < 0.5  # both classes have the same bias
    assert out.extras["distances"].mean().item() == pytest.approx(8, rel=0.1)


@pytest.mark.parametrize("cells", [None, 7, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_networks_have_no_state(kind: str, cells: int | None) -> None:
    model = make_network(kind, cells)
    images, search = torch.rand(2, 3, model.template_size, model.template_size) * 255, torch.rand(2, 3, 127, 127) * 255
    with torch.no_grad():
        template = model.encode(images)
        assert [feature.shape for feature in template.features] == [(2, CHANNELS, cells or 7, cells or 7)] * 2
        first = model(template, search)
        model(model.encode(images[:1] / 2), search[:1])  # another target in between
        torch.testing.assert_close(model(template, search).boxes, first.boxes, rtol=0, atol=0)
        row = model(Template(tuple(feature[1:] for feature in template.features)), search[1:])
    torch.testing.assert_close(row.logits, first.logits[1:], rtol=1e-4, atol=1e-4)
