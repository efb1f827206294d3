"""Filters, their adjoint, and steepest descent on DiMP's and PrDiMP's objectives: against the official ones, NumPy as torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import golden_data
from lockon.online.filters import apply_filter, filter_gradient, score_size
from lockon.online.steepest_descent import DensityCrossEntropy, HingeLeastSquares, descend, interpolated, objective

OFFICIAL_NAMES = {
    "log_step_length": "log_step_length",
    "filter_reg": "filter_reg",
    "label_map": "label_map_predictor.weight",
    "target_mask": "target_mask_predictor.0.weight",
    "spatial_weight": "spatial_weight_predictor.weight",
}


def _problem(kind: str, case: str, convert: Any = np.asarray) -> tuple[Any, Any, np.ndarray]:
    """Problem, start and official iterates (6, 2, C, 4, 4)."""
    stored = np.load(golden_data.FOLDER / "pytracking_descent.npz")
    features, boxes, weights = (stored[f"even.{name}"].swapaxes(0, 1) for name in ("feat", "boxes", "sample_weight"))
    corners = np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)
    if kind == "dimp":
        numbers = {ours: convert(stored[f"even.dimp.param.{theirs}"].ravel()) for ours, theirs in OFFICIAL_NAMES.items()}
    else:
        numbers = dict.fromkeys(OFFICIAL_NAMES) | {
            "log_step_length": convert(np.zeros(1, np.float32)),
            "filter_reg": convert(np.full(1, 0.05, np.float32)),
        }
    weights = np.full_like(weights, 1 / weights.shape[1]) if case == "mean" else weights
    arrays = (convert(np.ascontiguousarray(values, dtype=np.float32)) for values in (features, corners, weights))
    name = f"even.dimp.{case}.iterates" if kind == "dimp" else "even.prdimp.iterates"
    return objective(numbers, *arrays), convert(stored["even.filter0"]), stored[name]


@pytest.mark.parametrize(("kind", "case"), [("dimp", "mean"), ("dimp", "weighted"), ("prdimp", "weighted")])
def test_iterates_are_the_official_ones(kind: str, case: str) -> None:
    problem, start, official = _problem(kind, case)
    assert isinstance(problem, HingeLeastSquares if kind == "dimp" else DensityCrossEntropy)
    iterates = np.stack(descend(problem, start, 5))
    np.testing.assert_allclose(iterates, official, atol=1e-4 * np.abs(official).max())


@pytest.mark.parametrize(("kind", "case"), [("dimp", "weighted"), ("prdimp", "weighted")])
def test_torch_gives_what_numpy_gives(kind: str, case: str) -> None:
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    problem, start, official = _problem(kind, case, torch.from_numpy)
    iterates = np.stack([iterate.numpy() for iterate in descend(problem, start, 5)])
    np.testing.assert_allclose(iterates, np.stack(descend(*_problem(kind, case)[:2], 5)), atol=1e-5 * np.abs(official).max())


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


@pytest.mark.parametrize("kind", ["dimp", "prdimp"])
def test_gradients_agree_with_finite_differences_of_the_objective(kind: str) -> None:
    """In float64: half the squared residuals, or the cross entropy, and half the regularization."""
    problem, start, _ = _problem(kind, "weighted")
    wide = type(problem)(*(np.asarray(getattr(problem, name), dtype=np.float64) for name in type(problem).__slots__))
    filters = start.astype(np.float64)
    direction = np.random.default_rng(0).normal(size=filters.shape)
    step = 1e-6
    rise = (_value(wide, filters + step * direction) - _value(wide, filters - step * direction)) / (2 * step)
    assert rise == pytest.approx((wide.gradient(filters) * direction).sum(), rel=1e-5)


def _value(problem: Any, filters: np.ndarray) -> float:
    scores = apply_filter(filters, problem.features)
    regular = 0.5 * float(problem.regularization[0]) * (filters**2).sum()
    if isinstance(problem, HingeLeastSquares):
        active = np.where(scores > 0, scores, problem.mask * scores)
        return float(0.5 * ((problem.weights * (active - problem.labels)) ** 2).sum() + regular)
    likelihood = np.log(np.exp(scores).sum((2, 3))) - (scores * problem.labels).sum((2, 3))
    return float((problem.weights * likelihood).sum() + regular)
