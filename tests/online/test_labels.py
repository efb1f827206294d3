"""Labels of filters that are learnt online: by distance on any stride, and of anchors; and several filters with one step length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lockon.errors import LockonError
from lockon.online.filters import apply_filter, filter_gradient
from lockon.online.labels import AnchorLabels, DistanceLabels
from lockon.online.steepest_descent import HingeLeastSquares, descend

DISTANCE = np.arange(100) * 0.1
SQUARES = AnchorLabels(shapes=((16.0, 16.0), (32.0, 8.0)), stride=8, first=4)
FIVE = AnchorLabels()


def numbers(convert: Any = np.asarray) -> dict[str, Any]:
    """A label that is the distance itself, so that it can be read off."""
    made = {"log_step_length": np.full(1, 0.3), "filter_reg": np.full(1, 0.2), "label_map": DISTANCE}
    made |= {"target_mask": 3 * np.tanh(4 - DISTANCE), "spatial_weight": np.linspace(1, 0.5, 100)}
    return {name: convert(value) for name, value in made.items()}


def distances(labels: DistanceLabels, center: tuple[float, float], cells: int, size: int) -> np.ndarray:
    """(S, S) distances of one target in cells."""
    x, y = center
    problem = labels(numbers(), np.zeros((1, 1, 1, cells, cells)), np.array([[[x - 6, y - 3, x + 6, y + 3.0]]]), np.ones((1, 1)), size=size)
    assert isinstance(problem, HingeLeastSquares)
    return problem.labels[0, 0]


@pytest.mark.parametrize(
    ("labels", "center", "size", "place"),
    [
        (DistanceLabels(), (8.0, 8.0), 5, (0, 0)),  # DiMP's stride, an odd filter: the middle of the first cell
        (DistanceLabels(), (16.0, 16.0), 4, (1, 1)),  # an even one: between two cells
        (DistanceLabels(stride=8, first=7.5), (7.5, 23.5), 5, (2, 0)),  # 127.5 of 255 pixels would be cell 15
        (DistanceLabels(stride=8, first=7.5), (11.5, 3.5), 4, (0, 1)),
        (DistanceLabels(stride=4, first=0), (4.0, 8.0), 3, (2, 1)),
    ],
)
def test_the_distance_is_0_on_the_cell_of_the_centre_and_grows_by_1_a_cell(
    labels: DistanceLabels, center: tuple[float, float], size: int, place: tuple[int, int]
) -> None:
    found = distances(labels, center, 6, size)
    row, column = place
    assert found[row, column] == pytest.approx(0, abs=1e-12)
    assert found[row + 1, column] == pytest.approx(1)
    assert found[row + 3, column + 4 - column] == pytest.approx(np.hypot(3, 4 - column))


def test_the_middle_of_255_pixels_is_the_middle_of_31_cells() -> None:
    assert np.unravel_index(distances(DistanceLabels(stride=8, first=7.5), (127.5, 127.5), 31, 5).argmin(), (31, 31)) == (15, 15)


def test_anchors_by_hand() -> None:
    """Cells at 4, 12, 20 pixels, a target of 16 x 16 around (12, 12).

    A square anchor overlaps by 1 there; beside it by 8 * 16 = 128 of 384 (0.33), diagonally by 64 of 448 (0.14). A wide one, 32 x 8, there
    and a cell to the left or right holds all of the target's columns but 8 of its rows: 128 of 384; above and below 4 rows: 64 of 448.
    """
    label, counts = SQUARES.labels(np.zeros((1, 1, 1, 3, 3)), np.array([[[4.0, 4, 20, 20]]]), 3)
    assert label[0, 0, 0].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert counts[0, 0, 0].tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    assert label[0, 0, 1].tolist() == [[0, 0, 0]] * 3
    assert counts[0, 0, 1].tolist() == [[1, 1, 1], [0, 0, 0], [1, 1, 1]]


@pytest.mark.parametrize(
    ("box", "positive", "ignored"),
    [
        ([-100.0, -100, -90, -90], [], 0),  # outside: nothing is 1
        ([4.0, 4, 21, 20], [(0, 1, 1)], 4),  # 256 of 272: 0.94; beside it 128 of 400 is 0.32, to the right 144 of 384 is 0.375
        ([5.0, 5, 15, 15], [(0, 1, 1)], 0),  # 100 of 256 is 0.39, the highest; all others are below 0.3
    ],
)
def test_the_best_anchor_is_1_wherever_there_is_one(box: list[float], positive: list[tuple[int, int, int]], ignored: int) -> None:
    only = AnchorLabels(shapes=SQUARES.shapes[:1], stride=8, first=4)
    label, counts = only.labels(np.zeros((1, 1, 1, 3, 3)), np.array([[box]]), 3)
    assert label.shape == (1, 1, 3, 3)
    assert [(0, int(row), int(column)) for row, column in np.argwhere(label[0, 0])] == positive
    assert int((counts == 0).sum()) == ignored


def test_five_shapes_at_full_size_against_plain_loops() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(60, 130, (2, 3, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(30, 100, (2, 3, 2))], -1)
    label, counts = FIVE.labels(np.zeros((2, 3, 1, 31, 31)), boxes, 5)
    assert label.shape == counts.shape == (2, 3, 5, 31, 31)
    for b, m in np.ndindex(2, 3):
        overlap = np.zeros((5, 31, 31))
        for a, row, column in np.ndindex(5, 31, 31):
            w, h = FIVE.shapes[a]
            x, y = 7.5 + 8 * column, 7.5 + 8 * row
            x1, y1, x2, y2 = boxes[b, m]
            shared = max(min(x2, x + w / 2) - max(x1, x - w / 2), 0) * max(min(y2, y + h / 2) - max(y1, y - h / 2), 0)
            overlap[a, row, column] = shared / (w * h + (x2 - x1) * (y2 - y1) - shared)
        ties = np.argwhere(overlap == overlap.max())
        near = np.hypot(*((7.5 + 8 * ties[:, 1:]) - [(y1 + y2) / 2, (x1 + x2) / 2]).T).argmin()
        positive = overlap > 0.8
        positive[tuple(ties[near])] = True
        np.testing.assert_array_equal(label[b, m], positive)
        np.testing.assert_array_equal(counts[b, m], positive | (overlap < 0.3))


def samples(filters: int, convert: Any = np.asarray) -> tuple[list[Any], Any]:
    """Features, boxes and weights of 2 targets with 3 samples each, and their filters of 3 x 3, in float64."""
    rng = np.random.default_rng(5)
    corners = rng.uniform(20, 40, (2, 3, 2))
    arrays = [rng.normal(size=(2, 3, 4, 9, 9)), np.concatenate([corners, corners + rng.uniform(12, 30, (2, 3, 2))], -1)]
    arrays.append(rng.uniform(0.1, 0.6, (2, 3)))
    return [convert(one) for one in arrays], convert(rng.normal(size=(2, filters, 4, 3, 3)) * 0.3)


SEVERAL = AnchorLabels(shapes=((26.0, 8.0), (22, 10), (16, 16), (10, 20), (8, 24)), stride=8, first=4)


def test_five_filters_are_five_loops_that_share_the_step_length() -> None:
    """The length is the sum of the squared gradients over that of the curvatures."""
    (features, boxes, weights), start = samples(5)
    problem = SEVERAL(numbers(), features, boxes, weights, size=3)
    assert isinstance(problem, HingeLeastSquares)
    found = descend(problem, start, 3)
    assert [one.shape for one in found] == [(2, 5, 4, 3, 3)] * 4
    alone = [
        HingeLeastSquares(
            features, problem.labels[:, :, a], problem.mask[:, :, 0], problem.weights[:, :, a], problem.regularization, problem.step_factor
        )
        for a in range(5)
    ]
    filters = [start[:, a] for a in range(5)]
    for step in range(1, 4):
        scores = [one.scores(own) for one, own in zip(alone, filters, strict=True)]
        gradients = [one.gradient(own, seen) for one, own, seen in zip(alone, filters, scores, strict=True)]
        curvature = sum(one.curvature(seen, g, one.scores(g)) for one, seen, g in zip(alone, scores, gradients, strict=True))
        length = np.exp(0.3) * sum((g**2).sum((1, 2, 3)) for g in gradients) / curvature
        filters = [own - length[:, None, None, None] * g for own, g in zip(filters, gradients, strict=True)]
        np.testing.assert_allclose(found[step], np.stack(filters, axis=1), atol=1e-12)


def test_one_filter_of_several_is_one_filter_to_the_bit() -> None:
    (features, _, _), start = samples(1)
    scores = apply_filter(start, features)
    assert np.array_equal(scores[:, :, 0], apply_filter(start[:, 0], features))
    assert np.array_equal(filter_gradient(features, scores, 3)[:, 0], filter_gradient(features, scores[:, :, 0], 3))


@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_gradient_is_the_adjoint_of_several_filters(size: int) -> None:
    rng = np.random.default_rng(size)
    filters, features = rng.normal(size=(2, 3, 4, size, size)), rng.normal(size=(2, 5, 4, 7, 6))
    scores = apply_filter(filters, features)
    for a in range(3):
        np.testing.assert_allclose(scores[:, :, a], apply_filter(filters[:, a], features), atol=1e-12)
    residuals = rng.normal(size=scores.shape)
    assert (scores * residuals).sum() == pytest.approx((filter_gradient(features, residuals, size) * filters).sum(), abs=1e-9)


@pytest.mark.parametrize("labels", [SEVERAL, AnchorLabels(shapes=((16.0, 16.0),), first=4), DistanceLabels(stride=8, first=4)], ids=repr)
def test_torch_gives_what_numpy_gives(labels: AnchorLabels | DistanceLabels) -> None:
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    several = len(getattr(labels, "shapes", "1")) > 1
    arrays, start = samples(5 if several else 1)
    start = start if several else start[:, 0]
    ours = descend(labels(numbers(), *arrays, size=3), start, 4)[-1]
    theirs = descend(labels(numbers(torch.from_numpy), *map(torch.from_numpy, arrays), size=3), torch.from_numpy(start), 4)[-1]
    np.testing.assert_allclose(theirs.numpy(), ours, atol=1e-12)


def test_steps_of_several_filters_pass_a_gradient_check() -> None:
    """To the features, the start, and all that is trained but the label's function, which anchors do not ask."""
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    labels = AnchorLabels(shapes=((16.0, 16.0), (24.0, 8.0)), stride=8, first=4)
    rng = np.random.default_rng(2)
    features, start = (torch.from_numpy(rng.normal(size=size)).requires_grad_() for size in ((1, 2, 2, 4, 4), (1, 2, 2, 3, 3)))
    boxes, weights = torch.tensor([[[3.0, 5, 18, 20], [9, 9, 26, 25]]]).double(), torch.tensor([[0.3, 0.7]]).double()
    trained = numbers(torch.from_numpy)
    names = ("log_step_length", "filter_reg", "target_mask", "spatial_weight")

    def last(features: Any, start: Any, *values: Any) -> Any:
        return descend(labels({**trained, **dict(zip(names, values, strict=True))}, features, boxes, weights, size=3), start, 2)[-1]

    assert torch.autograd.gradcheck(last, (features, start, *(trained[name].requires_grad_() for name in names)))


def test_anchors_need_an_optimiser_with_maps() -> None:
    (features, boxes, weights), _ = samples(5)
    none = numbers() | dict.fromkeys(("label_map", "target_mask", "spatial_weight"))
    with pytest.raises(LockonError, match="no maps; leave labels=distance-labels"):
        SEVERAL(none, features, boxes, weights, size=3)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (DistanceLabels, {"stride": 0.0}),
        (DistanceLabels, {"first": float("nan")}),
        (AnchorLabels, {"positive": 1.5}),
        (AnchorLabels, {"negative": -0.1}),
        (AnchorLabels, {"shapes": ()}),
        (AnchorLabels, {"shapes": ((0.0, 4.0),)}),
    ],
)
def test_wrong_numbers_name_themselves(kind: Any, change: dict[str, Any]) -> None:
    with pytest.raises(LockonError, match=next(iter(change))):
        kind(**change)
