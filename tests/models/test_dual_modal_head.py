from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.models.heads.dual_modal import DualModalHead  # noqa: E402
from lockon.ops.grid import AnchorGrid, Grid  # noqa: E402

GRID = Grid(2, 8, offset=31)
FIVE, SQUARE = AnchorGrid(GRID), AnchorGrid(GRID, ratios=(1.0,))
CHANNELS = 8


def make_head(scores: AnchorGrid | None, *, boxes: AnchorGrid = FIVE, levels: int = 3, padding: bool = False) -> DualModalHead:
    torch.manual_seed(0)
    return DualModalHead(levels, CHANNELS, boxes, scores, padding=padding).eval()


def make_levels(cells: int, levels: int = 3, batch: int = 2) -> tuple:
    generator = torch.Generator().manual_seed(cells)
    return tuple(torch.randn(batch, CHANNELS, cells, cells, generator=generator) for _ in range(levels))


@pytest.mark.parametrize(("scores", "shapes"), [(FIVE, 5), (SQUARE, 1), (None, 0)])
@pytest.mark.parametrize("padding", [False, True])
def test_shapes_of_every_kind_of_scores(scores: AnchorGrid | None, shapes: int, padding: bool) -> None:
    """Maps of 7 and 8 cells give 2 x 2 points; with padding the search map of 2 x 2 keeps its size. Boxes are five per point always."""
    head = make_head(scores, padding=padding)
    template, search = make_levels(7), make_levels(2 if padding else 8)
    maps = head.maps(template, search)
    assert [None if one is None else tuple(one.shape) for one in maps] == [(2, shapes, 2, 2) if shapes else None, (2, 25, 2, 2)]
    out = head(template, search)
    assert (out.logits.shape, out.boxes.shape, out.quality.shape) == ((2, 20), (2, 20, 4), (2, 20))
    assert {name: tuple(value.shape) for name, value in out.extras.items()} == {
        "deltas": (2, 20, 4),
        **({"localization": (2, 4 * shapes)} if shapes else {}),
    }
    assert head.extras == tuple(out.extras)
    assert head.candidates.anchors.shape == (20, 4)
    assert (None if scores is None else tuple(head.score_candidates.anchors.shape)) == ((4 * shapes, 4) if shapes else None)
    assert shapes or (head.score_candidates is None and not out.logits.any())


def with_maps(head: DualModalHead, monkeypatch, scores, boxes):
    monkeypatch.setattr(head, "maps", lambda template, search: (scores, boxes))
    return head((), ())


def test_slots_by_hand(monkeypatch) -> None:
    """Anchor 64 x 64 on pixel (39, 31): moved by a quarter of its width, twice as wide, half as high, its IoU's logit 3."""
    boxes = torch.zeros(1, 5, 5, 2, 2)  # slot, anchor, row, column
    boxes[0, :, 2, 0, 1] = torch.tensor([0.25, -0.125, math.log(2), math.log(0.5), 3.0])
    scores = torch.arange(20.0).view(1, 5, 2, 2)
    out = with_maps(make_head(FIVE), monkeypatch, scores, boxes.flatten(1, 2))
    candidate = 2 * 4 + 1  # anchor by anchor, then row by row
    assert out.boxes[0, candidate].tolist() == pytest.approx([55 - 64, 23 - 16, 55 + 64, 23 + 16])
    assert out.boxes[0, 0].tolist() == pytest.approx([31 - 52, 31 - 16, 31 + 52, 31 + 16])  # an anchor itself
    assert out.extras["deltas"][0, candidate].tolist() == pytest.approx([0.25, -0.125, math.log(2), math.log(0.5)])
    assert out.quality.nonzero().tolist() == [[0, candidate]]
    assert float(out.quality[0, candidate]) == 3
    assert out.logits[0].tolist() == out.extras["localization"][0].tolist() == list(range(20))


def test_one_score_counts_for_all_boxes_of_its_point(monkeypatch) -> None:
    scores = torch.tensor([[[[0.5, -1.0], [2.0, 3.0]]]])
    out = with_maps(make_head(SQUARE), monkeypatch, scores, torch.zeros(1, 25, 2, 2))
    assert out.logits.tolist() == [[0.5, -1.0, 2.0, 3.0] * 5]
    assert out.extras["localization"].tolist() == [[0.5, -1.0, 2.0, 3.0]]


def test_one_box_per_point_is_an_option() -> None:
    out = make_head(SQUARE, boxes=SQUARE)(make_levels(7), make_levels(8))
    assert (out.logits.shape, out.boxes.shape) == ((2, 4), (2, 4, 4))
    with pytest.raises(LockonError, match="5 scores for 1 boxes per point given"):
        make_head(FIVE, boxes=SQUARE)


def test_levels_are_weighed_for_scores_and_boxes_apart(monkeypatch) -> None:
    """Softmax weights 1/4, 1/4, 1/2 of maps 1, 2, 6 are 3.75; the other kind has equal ones: 3."""
    head = make_head(FIVE)
    for blocks, channels in ((head.scores, 5), (head.boxes, 25)):
        for block, value in zip(blocks, (1.0, 2.0, 6.0), strict=True):
            monkeypatch.setattr(block, "forward", lambda z, x, k=channels, v=value: torch.full((1, k, 2, 2), v))
    with torch.no_grad():
        head.score_weight.copy_(torch.tensor([0.0, 0.0, math.log(2)]))
    scores, boxes = head.maps(make_levels(7), make_levels(8))
    assert scores.unique().tolist() == pytest.approx([3.75])
    assert boxes.unique().tolist() == pytest.approx([3])


def test_boxes_are_the_same_whatever_the_scores_are() -> None:
    states = [make_head(scores).state_dict() for scores in (FIVE, SQUARE, None)]
    for name, value in states[2].items():
        assert all(torch.equal(state[name], value) for state in states), name


def test_rows_of_a_batch_do_not_meet() -> None:
    head, template, search = make_head(FIVE), make_levels(7), make_levels(8)
    together = head(template, search)
    alone = head(*(tuple(level[1:] for level in levels) for levels in (template, search)))
    for name in ("logits", "boxes", "quality"):
        torch.testing.assert_close(getattr(alone, name), getattr(together, name)[1:], rtol=1e-4, atol=1e-4)


def test_every_parameter_learns() -> None:
    head = make_head(FIVE).train()
    out = head(make_levels(7), make_levels(8))
    (out.logits.square().sum() + out.quality.square().sum() + out.extras["deltas"].square().sum()).backward()
    still = [name for name, value in head.named_parameters() if value.grad is None or not value.grad.any()]
    assert not still
