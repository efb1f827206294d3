"""Conjugate gradients, and Gauss-Newton steps that are found with them, for B independent problems of N unknowns at once.

Danelljan et al., ATOM, CVPR 2019 (arXiv 1811.07628), Sec. 3.2 and Algorithm 1. Arrays are NumPy's or torch's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from lockon.ops.array_math import clip_min
from lockon.types import Array

Product = Callable[[Array], Array]


class Linearized(NamedTuple):
    """The Gauss-Newton model of a sum of squares at one place.

    Attributes:
        descent: (B, N) minus the transposed Jacobian times the residuals: the right-hand side of the normal equations.
        product: Multiplies (B, N) by the transposed Jacobian times the Jacobian.
    """

    descent: Array
    product: Product


class LeastSquares(Protocol):
    """A sum of squares of N unknowns."""

    @property
    def scale(self) -> Array | float:
        """What the preconditioner divides by: (N,), or 1 for none."""

    def linearized(self, unknowns: Array) -> Linearized:
        """Return the model at unknowns (B, N)."""


class Direction(Protocol):
    """How much of the last direction the next one keeps."""

    def __call__(self, residuals: Array, scaled: Array, before: Array, last: Array) -> Array:
        """Return the (B,) share.

        Args:
            residuals: (B, N).
            scaled: (B, N) after the preconditioner.
            before: (B, N) residuals of the step before.
            last: (B,) product of residuals and scaled residuals of the step before.
        """


def fletcher_reeves(residuals: Array, scaled: Array, before: Array, last: Array) -> Array:
    """Return Fletcher and Reeves' share, see `Direction`: exact while the matrix does not change."""
    return _ratio((residuals * scaled).sum(1), last)


def polak_ribiere(residuals: Array, scaled: Array, before: Array, last: Array) -> Array:
    """Return Polak and Ribiere's share, at least 0, see `Direction`: it forgets directions that rounding has spoilt."""
    return clip_min(_ratio(((residuals - before) * scaled).sum(1), last), 0.0)


def conjugate_gradient(
    product: Product, right: Array, steps: int, *, direction: Direction = fletcher_reeves, scale: Array | float = 1.0
) -> list[Array]:
    """Solve symmetric positive definite systems, starting at 0; return what is reached after each step.

    A system that is solved exactly stays as it is.

    Args:
        product: Multiplies (B, N) by the matrices.
        right: (B, N) right-hand sides.
        steps: At most so many.
        direction: Rule of the next direction.
        scale: The preconditioner divides by it: (N,), positive, or 1.
    """
    residuals, solution, path, iterates = right, right * 0, right * 0, []
    before, last = residuals, right[:, 0] * 0
    for _ in range(steps):
        scaled = residuals / scale
        share = direction(residuals, scaled, before, last)
        path = scaled + share[:, None] * path
        last, before = (residuals * scaled).sum(1), residuals
        image = product(path)
        length = _ratio(last, (path * image).sum(1))[:, None]
        solution, residuals = solution + length * path, residuals - length * image
        iterates.append(solution)
    return iterates


def gauss_newton(problem: LeastSquares, unknowns: Array, outer: int, inner: int, direction: Direction = fletcher_reeves) -> list[Array]:
    """Return the unknowns (B, N) before and after each of `outer` steps, each found with `inner` steps of conjugate gradients."""
    iterates = [unknowns]
    for _ in range(outer):
        model = problem.linearized(unknowns)
        changes = conjugate_gradient(model.product, model.descent, inner, direction=direction, scale=problem.scale)
        unknowns = unknowns + changes[-1] if changes else unknowns
        iterates.append(unknowns)
    return iterates


def _ratio(part: Array, whole: Array) -> Array:
    """Return part / whole, and `part` itself where the whole is 0: then both are."""
    return part / (whole + (whole == 0))


__all__ = ["Direction", "LeastSquares", "Linearized", "Product", "conjugate_gradient", "fletcher_reeves", "gauss_newton", "polak_ribiere"]
