"""Filters, their adjoint, and steepest descent on DiMP's and PrDiMP's objectives: against the official ones, NumPy as torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import golden_data
from lockon.online.filters import apply_filter, filter_gradient, score_size
from lockon.online.labels import DistanceLabels, interpolated
from lockon.online.steepest_descent import DensityCrossEntropy, HingeLeastSquares, descend

OFFICIAL_NAMES = {
    "log_step_length": "log_step_length",
    "filter_reg": "filter_reg",
    "label_map": "label_map_predictor.weight",
    "target_mask": "target_mask_predictor.0.weight",
    "spatial_weight": "spatial_weight_predictor.weight",
}
LABELS = DistanceLabels()
GOLDEN = [("dimp", "mean"), ("dimp", "weighted"), ("prdimp", "weighted"), ("prdimp_softmax_reg", "weighted")]


def _stored() -> Any:
    return np.load(golden_data.FOLDER / "pytracking_descent.npz")


def _inputs(kind: str, case: str, size: str) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Trained numbers by name; features, boxes as corners, weights and the first filters, targets first, in float32."""
    stored = _stored()
    features, boxes, weights = (stored[f"{size}.{name}"].swapaxes(0, 1) for name in ("feat", "boxes", "sample_weight"))
    corners = np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)
    if kind == "dimp":
        numbers = {ours: stored[f"{size}.dimp.param.{theirs}"].ravel() for ours, theirs in OFFICIAL_NAMES.items()}
    else:
        numbers = dict.fromkeys(OFFICIAL_NAMES) | {"log_step_length": np.zeros(1, np.float32), "filter_reg": np.full(1, 0.05, np.float32)}
    weights = np.full_like(weights, 1 / weights.shape[1]) if case == "mean" else weights
    return numbers, [np.ascontiguousarray(one, dtype=np.float32) for one in (features, corners, weights, stored[f"{size}.filter0"])]


def _problem(kind: str, case: str, size: str = "even", convert: Any = np.asarray) -> tuple[Any, Any]:
    """Problem and start."""
    numbers, arrays = _inputs(kind, case, size)
    converted = {name: None if value is None else convert(value) for name, value in numbers.items()}
    *samples, start = map(convert, arrays)
    reserve = 0.5 if kind == "prdimp_softmax_reg" else None
    return DistanceLabels(reserve=reserve)(converted, *samples, size=start.shape[-1]), start


def _wide(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float64)


@pytest.mark.parametrize("size", ["even", "odd"])
@pytest.mark.parametrize(("kind", "case"), GOLDEN)
def test_iterates_are_the_official_ones(kind: str, case: str, size: str) -> None:
    problem, start = _problem(kind, case, size)
    official = _stored()[f"{size}.{kind}.{case}.iterates" if kind == "dimp" else f"{size}.{kind}.iterates"]
    assert isinstance(problem, HingeLeastSquares if kind == "dimp" else DensityCrossEntropy)
    iterates = np.stack(descend(problem, start, 5))
    np.testing.assert_allclose(iterates, official, atol=1e-4 * np.abs(official).max())


@pytest.mark.parametrize("size", ["even", "odd"])
@pytest.mark.parametrize("case", ["mean", "weighted"])
def test_gradients_through_all_steps_are_the_official_ones(case: str, size: str) -> None:
    """Of the sum of squares of all later iterates, to the first, to the features, and to every trained number."""
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    numbers, arrays = _inputs("dimp", case, size)
    trained = {name: torch.from_numpy(value).requires_grad_() for name, value in numbers.items()}
    features, boxes, weights, start = map(torch.from_numpy, arrays)
    features.requires_grad_()
    start.requires_grad_()
    problem = LABELS(trained, features, boxes, weights, size=start.shape[-1])
    sum((one**2).sum() for one in descend(problem, start, 5)[1:]).backward()
    stored, key = _stored(), f"{size}.dimp.{case}.gradient_of_sum_of_squares"
    found = {OFFICIAL_NAMES[name]: value.grad for name, value in trained.items()}
    found |= {"filter0": start.grad, "feat": features.grad.swapaxes(0, 1)}
    for name, gradient in found.items():
        official = stored[f"{key}.{name}"].reshape(gradient.shape)
        np.testing.assert_allclose(gradient, official, atol=2e-4 * np.abs(official).max(), err_msg=name)


@pytest.mark.parametrize("kind", ["dimp", "prdimp"])
def test_unrolled_steps_pass_a_gradient_check(kind: str) -> None:
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    rng = np.random.default_rng(3)
    features, start = (torch.from_numpy(rng.normal(size=size)).requires_grad_() for size in ((1, 2, 2, 3, 3), (1, 2, 2, 2)))
    numbers = dict.fromkeys(OFFICIAL_NAMES) | {
        name: torch.full((1,), 0.3, dtype=torch.float64) for name in ("log_step_length", "filter_reg")
    }
    if kind == "dimp":
        numbers |= {name: torch.from_numpy(rng.uniform(0.2, 1, 100)) for name in ("label_map", "target_mask", "spatial_weight")}
    boxes, weights = torch.tensor([[[3.0, 5, 30, 33], [9, 9, 28, 30]]]).double(), torch.tensor([[0.3, 0.7]]).double()
    names = [name for name, value in numbers.items() if value is not None]

    def last(features: Any, start: Any, *values: Any) -> Any:
        return descend(LABELS({**numbers, **dict(zip(names, values, strict=True))}, features, boxes, weights, size=2), start, 2)[-1]

    values = [numbers[name].requires_grad_() for name in names]
    assert torch.autograd.gradcheck(last, (features, start, *values))


@pytest.mark.parametrize("size", ["even", "odd"])
def test_a_step_of_least_squares_is_exactly_that_of_the_dense_gauss_newton_matrix(size: str) -> None:
    """In float64, with the Jacobian that autograd finds of the residuals."""
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    numbers, arrays = _inputs("dimp", "weighted", size)
    numbers, arrays = {name: _wide(value) for name, value in numbers.items()}, [_wide(one) for one in arrays]
    problem = LABELS(numbers, *arrays[:3], size=arrays[3].shape[-1])
    assert isinstance(problem, HingeLeastSquares)
    found = descend(problem, arrays[3], 1)[-1]
    for target, start in enumerate(arrays[3]):
        row = replace(
            problem, **{name: torch.from_numpy(getattr(problem, name)[target]) for name in ("features", "labels", "mask", "weights")}
        )
        np.testing.assert_allclose(found[target], _dense_step(torch, row, start), atol=1e-12)


def _dense_step(torch: Any, problem: HingeLeastSquares, start: np.ndarray) -> Any:
    """The step from a filter (C, K, K) on the arrays of one target."""
    regularization, factor = float(problem.regularization[0]), float(problem.step_factor[0])

    def residuals(flat: Any) -> Any:
        scores = torch.nn.functional.conv2d(problem.features, flat.reshape(1, *start.shape), padding=start.shape[-1] // 2)[:, 0]
        active = problem.mask * scores + (1 - problem.mask) * torch.relu(scores)
        return torch.cat([(problem.weights * (active - problem.labels)).ravel(), regularization**0.5 * flat])

    flat = torch.from_numpy(start.ravel())
    jacobian = torch.autograd.functional.jacobian(residuals, flat)
    gradient = jacobian.T @ residuals(flat)
    length = factor * gradient @ gradient / (gradient @ (jacobian.T @ (jacobian @ gradient)))
    return (flat - length * gradient).reshape(start.shape)


@pytest.mark.parametrize(("wide", "limit"), [(True, 1e-12), (False, 1e-5)])
@pytest.mark.parametrize("targets", [1, 3, 16])
@pytest.mark.parametrize("kind", ["dimp", "prdimp"])
def test_torch_gives_what_numpy_gives(kind: str, targets: int, wide: bool, limit: float) -> None:
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    numbers, arrays = _inputs(kind, "weighted", "even")
    convert = _wide if wide else np.float32
    numbers = {name: None if value is None else convert(value) for name, value in numbers.items()}
    arrays = [convert(np.concatenate([one * (1 + 0.01 * i) for i in range(8)])[:targets]) for one in arrays]
    ours = np.stack(descend(LABELS(numbers, *arrays[:3], size=4), arrays[3], 5))
    tensors = {name: None if value is None else torch.from_numpy(value) for name, value in numbers.items()}
    *samples, start = map(torch.from_numpy, arrays)
    theirs = np.stack([one.numpy() for one in descend(LABELS(tensors, *samples, size=4), start, 5)])
    np.testing.assert_allclose(theirs, ours, atol=limit * np.abs(ours).max())


@pytest.mark.parametrize("kind", ["dimp", "prdimp"])
def test_samples_of_weight_zero_change_nothing(kind: str) -> None:
    numbers, (features, boxes, weights, start) = _inputs(kind, "weighted", "even")
    padded = [np.concatenate([one, one[:, :2]], axis=1) for one in (features, boxes)]
    found = descend(LABELS(numbers, *padded, np.pad(weights, ((0, 0), (0, 2))), size=4), start, 5)[-1]
    np.testing.assert_allclose(found, descend(LABELS(numbers, features, boxes, weights, size=4), start, 5)[-1], rtol=1e-4, atol=1e-6)


def test_features_of_zeros_shrink_the_filter_and_give_numbers() -> None:
    problem, start = _problem("dimp", "weighted")
    found = descend(replace(problem, features=np.zeros_like(problem.features)), start, 5)
    assert all(np.isfinite(one).all() for one in found)
    assert np.abs(found[-1]).sum() < np.abs(start).sum()


@pytest.mark.parametrize("size", [1, 3, 4, 5])
def test_the_gradient_is_the_adjoint_of_the_filter(size: int) -> None:
    rng = np.random.default_rng(size)
    filters, features = rng.normal(size=(2, 3, size, size)), rng.normal(size=(2, 4, 3, 7, 6))
    scores = apply_filter(filters, features)
    assert scores.shape == (2, 4, *score_size(7, 6, size))
    residuals = rng.normal(size=scores.shape)
    assert (scores * residuals).sum() == pytest.approx((filter_gradient(features, residuals, size) * filters).sum(), abs=1e-10)


def test_an_even_filter_by_hand() -> None:
    """Two taps per side, all 1, on one cell of 1: each of the four scores around it sees it once."""
    features = np.zeros((1, 1, 1, 3, 3))
    features[..., 1, 1] = 1
    assert apply_filter(np.ones((1, 1, 2, 2)), features)[0, 0].tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]


def test_functions_of_the_distance_are_linear_between_bins_and_constant_after_the_last() -> None:
    found = interpolated(np.array([0.0, 1, 4]), np.array([0, 0.05, 0.1, 0.15, 0.2, 0.25, 10]))
    np.testing.assert_allclose(found, [0, 0.5, 1, 2.5, 4, 4, 4])


@pytest.mark.parametrize("kind", ["dimp", "prdimp", "prdimp_softmax_reg"])
def test_gradients_agree_with_finite_differences_of_the_objective(kind: str) -> None:
    """In float64: half the squared residuals, or the cross entropy, and half the regularization."""
    problem, start = _problem(kind, "weighted")
    names = [name for name in type(problem).__slots__ if name != "reserve"]
    wide = replace(problem, **{name: _wide(np.asarray(getattr(problem, name))) for name in names})
    filters = start.astype(np.float64)
    direction = np.random.default_rng(0).normal(size=filters.shape)
    step = 1e-6
    rise = (_value(wide, filters + step * direction) - _value(wide, filters - step * direction)) / (2 * step)
    assert rise == pytest.approx((wide.gradient(filters, wide.scores(filters)) * direction).sum(), rel=1e-5)


def _value(problem: Any, filters: np.ndarray) -> float:
    scores = apply_filter(filters, problem.features)
    regular = 0.5 * float(problem.regularization[0]) * (filters**2).sum()
    if isinstance(problem, HingeLeastSquares):
        active = np.where(scores > 0, scores, problem.mask * scores)
        return float(0.5 * ((problem.weights * (active - problem.labels)) ** 2).sum() + regular)
    nowhere = 0 if problem.reserve is None else np.exp(problem.reserve)
    likelihood = np.log(np.exp(scores).sum((2, 3)) + nowhere) - (scores * problem.labels).sum((2, 3))
    return float((problem.weights * likelihood).sum() + regular)
