from __future__ import annotations

import math

import numpy as np
import pytest

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.ops.grid import Grid  # noqa: E402
from lockon.train.losses.base import LossInput  # noqa: E402
from lockon.train.losses.gaussian_focal import (  # noqa: E402
    GaussianFocal,
    GaussianTarget,
    OneHotTarget,
    PositivesGaussian,
    cornernet_radius,
    gaussian_focal,
)
from lockon.types import Candidates, Prediction, Targets  # noqa: E402


def case(boxes, labels=None, logits=None, *, cells: int = 4, offset: float | None = None, present=None) -> LossInput:
    """Samples on a map of 16-pixel cells; labels are 0 and logits too where they are not given."""
    boxes = torch.as_tensor(boxes, dtype=torch.float32)
    count = cells * cells
    labels = torch.zeros(len(boxes), count) if labels is None else torch.as_tensor(labels, dtype=torch.float32)
    logits = torch.zeros(len(boxes), count) if logits is None else logits
    points = torch.from_numpy(Grid(cells, 16, offset=offset).points())
    return LossInput(
        prediction=Prediction(logits, boxes[:, None].expand(-1, count, -1)),
        targets=Targets(labels, boxes, present=None if present is None else torch.tensor(present)),
        candidates=Candidates(points, None, 16),
        size=cells * 16,
    )


def at(*places: int, value: float = 1.0, cells: int = 16) -> list[float]:
    return [value if place in places else 0.0 for place in range(cells)]


@pytest.mark.parametrize(("cells", "name"), [(16, "heatmap"), (24, "heatmap_384")])
def test_map_equals_that_of_the_official_code(cells: int, name: str) -> None:
    golden = golden_data.losses("ostrack_losses")
    x, y, w, h = golden["gt_xywh"].T * cells * 16
    target, positive = GaussianTarget(origin="crop")(case(np.stack([x, y, x + w, y + h], 1), cells=cells))
    stored = torch.from_numpy(golden[name]).flatten(1)
    assert (target - stored).abs().max() < 1e-6
    assert torch.equal(positive, stored == 1)


def test_loss_and_gradient_equal_those_of_the_official_code() -> None:
    golden = golden_data.losses("ostrack_losses")
    score = torch.from_numpy(golden["score"]).flatten(1)
    x, y, w, h = golden["gt_xywh"].T * 256
    logits = torch.logit(score.double()).requires_grad_()
    loss = GaussianFocal(target=GaussianTarget(origin="crop"))(case(np.stack([x, y, x + w, y + h], 1), logits=logits, cells=16))
    loss.backward()
    assert loss.item() == pytest.approx(float(golden["loss.focal"]), rel=golden_data.LOSS_LIMIT)
    stored = torch.from_numpy(golden["grad.focal.score"]).flatten(1) * score * (1 - score)  # by the logits
    assert (logits.grad - stored).abs().max() < golden_data.GRADIENT_LIMIT * stored.abs().max()


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


def test_loss_by_hand() -> None:
    """All scores 1/2: a positive gives ln 2 / 4, a negative of target t (1 - t)^4 ln 2 / 4."""
    x = case([[-16.0, -16.0, 64.0, 64.0]])
    quarter = math.log(2) / 4
    negatives = 4 * (1 - math.exp(-2)) ** 4 + 4 * (1 - math.exp(-4)) ** 4 + 7
    assert float(GaussianFocal()(x)) == pytest.approx(quarter * (1 + negatives), rel=1e-6)
    assert float(GaussianFocal(target=OneHotTarget())(x)) == pytest.approx(quarter * 16, rel=1e-6)  # no positive: undivided


def test_normalizer_is_the_number_of_positives_of_the_batch_or_nothing() -> None:
    x = case([[0.0, 0.0, 32.0, 32.0]] * 2, [at(0, 1, 2), at(5)])
    total = float(GaussianFocal(target=OneHotTarget(), divide_by="none")(x))
    assert float(GaussianFocal(target=OneHotTarget())(x)) == pytest.approx(total / 4)


@pytest.mark.parametrize("part", [GaussianTarget(), GaussianTarget(union=True), OneHotTarget(), PositivesGaussian()])
def test_ignored_candidates_weigh_nothing(part) -> None:
    logits = torch.zeros(1, 16, requires_grad=True)
    labels = [[-1.0 if place in (5, 6) else float(place == 0) for place in range(16)]]
    GaussianFocal(target=part)(case([[-16.0, -16.0, 64.0, 64.0]], labels, logits)).backward()
    assert (logits.grad[0, [5, 6]] == 0).all()
    assert (logits.grad[0, 7:] > 0).all()


@pytest.mark.parametrize("part", [GaussianTarget(), GaussianTarget(union=True), OneHotTarget(), PositivesGaussian()])
@pytest.mark.parametrize("box", [[10.0, 10.0, 10.0, 10.0], [300.0, 300.0, 340.0, 340.0], [-1e6, -1e6, 1e6, 1e6], [40.0, 40.0, 20.0, 20.0]])
def test_degenerate_boxes_and_scores_give_finite_losses(part, box: list[float]) -> None:
    logits = torch.tensor([[1e4 if place == 3 else -1e4 for place in range(16)]], requires_grad=True)
    loss = GaussianFocal(target=part)(case([box], logits=logits))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_sample_without_a_target_has_no_positive() -> None:
    target, positive = GaussianTarget()(case([[0.0, 0.0, 32.0, 32.0]] * 2, present=[True, False]))
    assert positive.any(1).tolist() == [True, False]
    assert (target[1] == 0).all()


def test_center_outside_the_map_leaves_no_positive() -> None:
    _, positive = GaussianTarget()(case([[80.0, 0.0, 120.0, 32.0]]))
    assert not positive.any()


def test_gradient_agrees_with_finite_differences() -> None:
    probability = torch.rand(3, 5, dtype=torch.float64).mul(0.8).add(0.1).requires_grad_()
    target = torch.rand(3, 5, dtype=torch.float64)
    torch.autograd.gradcheck(lambda p: gaussian_focal(p, target, target > 0.7), probability)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GaussianFocal(power=-1), "power must be"),
        (lambda: GaussianFocal(clamp=0.5), "clamp must be"),
        (lambda: GaussianTarget(overlap=1), "overlap must be"),
        (lambda: PositivesGaussian(overlap=0), "overlap must be"),
    ],
)
def test_bad_settings_are_refused(make, words: str) -> None:
    with pytest.raises(LockonError, match=words):
        make()
