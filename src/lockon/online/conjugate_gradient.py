"""Conjugate gradients, and Gauss-Newton steps that are found with them, for B independent problems of N unknowns at once.

Danelljan et al., ATOM, CVPR 2019 (arXiv 1811.07628), Sec. 3.2 and Algorithm 1. Arrays are NumPy's or torch's.

Residuals are kept orthogonal to all before (Golub and Van Loan, Matrix Computations, Sec. 10.3: complete reorthogonalization). Without it
ATOM's first fit multiplies rounding errors a thousandfold every few steps, so that in float32 the filter depends on the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from lockon.ops.array_math import clip_min, stack
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


@dataclass(frozen=True, slots=True)
class FletcherReeves:
    """Fletcher and Reeves' share: exact as long as the matrix stays the same."""

    def __call__(self, residuals: Array, scaled: Array, before: Array, last: Array) -> Array:
        """Return the (B,) share, see `Direction`."""
        return _ratio((residuals * scaled).sum(1), last)


@dataclass(frozen=True, slots=True)
class PolakRibiere:
    """Polak and Ribiere's share, at least 0: it forgets directions that rounding has spoilt."""

    def __call__(self, residuals: Array, scaled: Array, before: Array, last: Array) -> Array:
        """Return the (B,) share, see `Direction`."""
        return clip_min(_ratio(((residuals - before) * scaled).sum(1), last), 0.0)


FLETCHER_REEVES = FletcherReeves()


def conjugate_gradient(
    product: Product, right: Array, steps: int, *, direction: Direction = FLETCHER_REEVES, scale: Array | float = 1.0
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
    residuals, solution, path, iterates, earlier = right, right * 0, right * 0, [], []
    before, last = residuals, right[:, 0] * 0
    for _ in range(steps):
        scaled = residuals / scale
        share = direction(residuals, scaled, before, last)
        path = scaled + share[:, None] * path
        last, before = (residuals * scaled).sum(1), residuals
        earlier.append(residuals / _or_one(last**0.5)[:, None])
        image = product(path)
        length = _ratio(last, (path * image).sum(1))[:, None]
        solution, residuals = solution + length * path, _orthogonal(residuals - length * image, stack(earlier), scale)
        iterates.append(solution)
    return iterates


def gauss_newton(problem: LeastSquares, unknowns: Array, outer: int, inner: int, direction: Direction = FLETCHER_REEVES) -> list[Array]:
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
    return part / _or_one(whole)


def _or_one(numbers: Array) -> Array:
    return numbers + (numbers == 0)


def _orthogonal(residuals: Array, earlier: Array, scale: Array | float) -> Array:
    """Return residuals (B, N) without their parts along the normalised ones before (k, B, N); twice is enough."""
    basis = earlier.swapaxes(0, 1)  # (B, k, N)
    for _ in range(2):
        along = basis @ (residuals / scale)[:, :, None]  # (B, k, 1)
        residuals = residuals - (basis.swapaxes(1, 2) @ along)[:, :, 0]
    return residuals


__all__ = [
    "Direction",
    "FletcherReeves",
    "LeastSquares",
    "Linearized",
    "PolakRibiere",
    "Product",
    "conjugate_gradient",
    "gauss_newton",
]
