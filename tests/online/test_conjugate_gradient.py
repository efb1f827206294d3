"""Conjugate gradients against dense solves, ATOM's problems against autograd and the official optimisers, up-sampled maps likewise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import golden_data
from lockon.online.compressed_filters import FilterProblem, JointProblem, combined, mlu, mlu_slope, projected, same_gradient, same_scores
from lockon.online.conjugate_gradient import FletcherReeves, PolakRibiere, conjugate_gradient, gauss_newton
from lockon.online.fourier import upsampled

RULES = {"fletcher_reeves": FletcherReeves(), "polak_ribiere": PolakRibiere()}
LIMIT = 1e-4  # of the largest value


def _stored() -> dict[str, Any]:
    return {key.removeprefix("atom."): value for key, value in np.load(golden_data.FOLDER / "pytracking_gauss_newton.npz").items()}


def _joint(convert: Any = np.asarray) -> tuple[JointProblem, Any]:
    """Problem and start."""
    stored = _stored()
    arrays = (convert(one[None]) for one in (stored["x"], stored["y"][:, 0], stored["sample_weight"]))
    problem = JointProblem(*arrays, channels=4)
    return problem, problem.flat(convert(stored["filter0"]), convert(stored["projection0"][None, :, :, 0, 0]))


def _close(found: Any, official: np.ndarray, limit: float = LIMIT) -> None:
    np.testing.assert_allclose(np.asarray(found).reshape(official.shape), official, atol=limit * np.abs(official).max())


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("scaled", [False, True])
def test_as_many_steps_as_unknowns_solve_a_system(rule: str, scaled: bool) -> None:
    rng = np.random.default_rng(0)
    root = rng.normal(size=(3, 8, 6))
    matrix, right = root.swapaxes(1, 2) @ root + 0.1 * np.eye(6), rng.normal(size=(3, 6))
    scale = rng.uniform(0.5, 2, 6) if scaled else 1.0
    found = conjugate_gradient(lambda v: (matrix @ v[:, :, None])[..., 0], right, 6, direction=RULES[rule], scale=scale)
    np.testing.assert_allclose(found[-1], np.linalg.solve(matrix, right[:, :, None])[..., 0], atol=1e-8)


def test_a_solved_system_stays_as_it_is_beside_one_that_is_not() -> None:
    right = np.array([[0.0, 0], [1, 3]])
    found = conjugate_gradient(lambda v: v * np.array([1.0, 2]), right, 5)
    np.testing.assert_allclose(found[-1], [[0, 0], [1, 1.5]], atol=1e-12)
    assert found[-1][0].tolist() == [0, 0]


@pytest.mark.parametrize("rule", RULES)
def test_the_joint_problem_goes_as_the_official_one(rule: str) -> None:
    stored = {key.removeprefix(f"joint_{rule}."): value for key, value in _stored().items()}
    problem, start = _joint()
    iterates = gauss_newton(problem, start, 3, 5, RULES[rule])
    for number, unknowns in enumerate(iterates):
        filters, projections = problem.parts(unknowns)
        _close(filters, stored["filters"][number])
        _close(projections, stored["projections"][number])
    for outer, unknowns in enumerate(iterates[:-1]):
        model = problem.linearized(unknowns)
        changes = conjugate_gradient(model.product, model.descent, 5, direction=RULES[rule], scale=problem.scale)
        for inner, change in enumerate(changes):
            filters, projections = problem.parts(change)
            _close(filters, stored["cg_delta_filter"][5 * outer + inner])
            _close(projections, stored["cg_delta_projection"][5 * outer + inner])
            norm = 2**0.5 * np.linalg.norm(model.descent - model.product(change))  # the official one counts both parts twice
            assert norm == pytest.approx(stored["residual_norms"][6 * outer + inner + 1], rel=1e-3)


@pytest.mark.parametrize("rule", RULES)
def test_the_filter_alone_goes_as_the_official_one(rule: str) -> None:
    values = _stored()
    stored = {key.removeprefix(f"conv_{rule}."): value for key, value in values.items()}
    problem = FilterProblem(stored["samples"][None], values["y"][None, :, 0], values["sample_weight"][None])
    start = stored["start"].reshape(1, -1)
    model = problem.linearized(start)
    for change, official in zip(conjugate_gradient(model.product, model.descent, 5, direction=RULES[rule]), stored["deltas"], strict=True):
        _close(change, official)
    _close(gauss_newton(problem, start, 1, 5, RULES[rule])[-1], stored["end"])


def test_the_activation_is_the_official_one_and_its_slope_its_derivative() -> None:
    stored = _stored()
    np.testing.assert_allclose(mlu(stored["mlu_in"]), stored["mlu_out"], atol=1e-7)
    scores = np.array([-0.4, -0.01, 0.02, 3])
    np.testing.assert_allclose(mlu_slope(scores), (mlu(scores + 1e-6) - mlu(scores - 1e-6)) / 2e-6, rtol=1e-6)


@pytest.mark.parametrize("kind", ["joint", "filter"])
def test_products_are_those_of_autograds_jacobian(kind: str) -> None:
    """In float64: of the residuals as published, with convolutions."""
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    joint, unknowns = _joint(lambda one: np.asarray(one, dtype=np.float64))
    filters, projections = joint.parts(unknowns)
    few = np.einsum("cd,bmdhw->bmchw", projections[0], joint.features)
    problem: Any = joint if kind == "joint" else FilterProblem(few, joint.labels, joint.weights)
    unknowns = unknowns if kind == "joint" else filters.reshape(1, -1)
    x, y, w = (torch.from_numpy(one[0]) for one in (problem.features, problem.labels, problem.weights))

    def residuals(flat: Any) -> Any:
        held = [0.1**0.5 * flat[:64], 1e-2 * flat[64:]]
        seen = torch.einsum("cd,mdhw->mchw", flat[64:].reshape(4, -1), x) if kind == "joint" else x
        scores = torch.nn.functional.conv2d(seen, flat[:64].reshape(1, 4, 4, 4), padding=2)[:, 0, :-1, :-1]
        active = torch.nn.functional.elu(torch.nn.functional.leaky_relu(scores, 20.0), 0.05)
        return torch.cat([(w.sqrt()[:, None, None] * (active - y)).ravel(), *held])

    flat = torch.from_numpy(unknowns[0])
    jacobian = torch.autograd.functional.jacobian(residuals, flat).numpy()
    model = problem.linearized(unknowns)
    np.testing.assert_allclose(model.descent[0], -jacobian.T @ residuals(flat).numpy(), atol=1e-10)
    change = np.random.default_rng(1).normal(size=unknowns.shape)
    np.testing.assert_allclose(model.product(change)[0], jacobian.T @ (jacobian @ change[0]), atol=1e-9)


@pytest.mark.parametrize("size", [3, 4])
def test_scores_of_the_features_size_have_an_adjoint(size: int) -> None:
    rng = np.random.default_rng(size)
    filters, features, residuals = rng.normal(size=(2, 3, size, size)), rng.normal(size=(2, 4, 3, 7, 6)), rng.normal(size=(2, 4, 7, 6))
    product = (same_scores(filters, features) * residuals).sum()
    assert product == pytest.approx((same_gradient(features, residuals, size) * filters).sum(), abs=1e-10)


def test_filter_and_projection_are_one_filter() -> None:
    rng = np.random.default_rng(0)
    filters, projections, features = rng.normal(size=(2, 3, 4, 4)), rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 2, 5, 6, 6))
    few = projected(features, projections[:, None])
    np.testing.assert_allclose(few, np.einsum("bcd,bmdhw->bmchw", projections, features), atol=1e-12)
    np.testing.assert_allclose(same_scores(combined(filters, projections), features), same_scores(filters, few), atol=1e-10)


@pytest.mark.parametrize(("wide", "limit"), [(True, 1e-12), (False, 1e-5)])
def test_torch_gives_what_numpy_gives(wide: bool, limit: float) -> None:
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    kind = np.float64 if wide else np.float32
    ours = gauss_newton(*_joint(lambda one: one.astype(kind)), 2, 3)[-1]
    theirs = gauss_newton(*_joint(lambda one: torch.from_numpy(one.astype(kind))), 2, 3)[-1]
    np.testing.assert_allclose(theirs.numpy(), ours, atol=limit * np.abs(ours).max())


@pytest.mark.parametrize(("count", "size", "taps", "step"), [(18, 288, 4, 16), (6, 24, 4, 1), (7, 21, 3, 1), (8, 32, 5, 1)])
def test_maps_are_sampled_as_by_the_official_fourier_series(count: int, size: int, taps: int, step: int) -> None:
    """The official map begins at displacement 0."""
    stored = np.load(golden_data.FOLDER / "pytracking_gauss_newton.npz")
    key = f"fourier.{count}_{size}_k{taps}"
    found = upsampled(stored[f"{key}.in"][None].astype(np.float64), size, even=taps % 2 == 0)[0]
    unrotated = np.roll(found, (-(size // 2), -(size // 2)), axis=(0, 1))
    _close(unrotated[::step, ::step], stored[f"{key}.out"])
    assert np.unravel_index(unrotated.argmax(), unrotated.shape) == tuple(stored[f"{key}.argmax"])


def test_a_fit_of_many_steps_is_that_of_float64() -> None:
    """A scaled system of widely spread eigenvalues, on which plain conjugate gradients in float32 lose all digits."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(40, 40)))[0]
    matrix, right = basis * np.logspace(0, 6, 40) @ basis.T, rng.normal(size=(1, 40))

    def fitted(kind: type) -> np.ndarray:
        narrow = matrix.astype(kind)
        return conjugate_gradient(lambda v: v @ narrow, right.astype(kind), 12)[-1]

    wide = fitted(np.float64)
    np.testing.assert_allclose(fitted(np.float32), wide, atol=1e-3 * np.abs(wide).max())
