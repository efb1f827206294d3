"""The unrolled optimisers of a `SequenceTask`: every iterate of the filter, with gradients to all that it is made of."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lockon._config_values import check_range
from lockon.models.online import DescentParameters


@dataclass(frozen=True, kw_only=True, slots=True)
class HingeDescent:
    """DiMP's steepest descent on the hinge-like squared error with learned maps (ICCV 2019, Sec. 3.2-3.4).

    Attributes:
        steps: Of the optimiser; one more iterate than that is scored.

    Raises:
        LockonError: No step.
    """

    steps: int = 5

    def __post_init__(self) -> None:
        check_range("steps", self.steps, 1, 100)

    def __call__(self, parameters: DescentParameters, features: Tensor, boxes: Tensor, start: Tensor) -> list[Tensor]:
        """Return the filters (B, C, K, K), the start first.

        Args:
            parameters: Trained numbers of the optimiser.
            features: (B, N, C, h, h) of the train frames.
            boxes: (B, N, 4) x1, y1, x2, y2 of the targets in crop pixels.
            start: (B, C, K, K).
        """
        from plain_descent import plain_descent

        return plain_descent(parameters, features, boxes, start, self.steps)


@dataclass(frozen=True, kw_only=True, slots=True)
class DensityDescent:
    """PrDiMP's steepest descent on the cross entropy with the density of the target's centre, by Newton's step (CVPR 2020, Sec. 4.3).

    Attributes:
        steps: Of the optimiser; one more iterate than that is scored.
        sigma: Standard deviation of the density in the train frames, in cells.

    Raises:
        LockonError: No step, or a deviation that is not above 0.
    """

    steps: int = 5
    sigma: float = 0.9

    def __post_init__(self) -> None:
        check_range("steps", self.steps, 1, 100)
        check_range("sigma", self.sigma, 0, 100, above=True)

    def __call__(self, parameters: DescentParameters, features: Tensor, boxes: Tensor, start: Tensor) -> list[Tensor]:
        """Return the filters (B, C, K, K), the start first; arguments as of `HingeDescent`."""
        from plain_descent import plain_newton

        return plain_newton(parameters, features, boxes, start, self.sigma, self.steps)


Descent = HingeDescent | DensityDescent

__all__ = ["DensityDescent", "Descent", "HingeDescent"]
