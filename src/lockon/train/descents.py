"""`UnrolledDescent`: how a `SequenceTask` improves filters on the train frames, with gradients to all that they are made of.

Bhat et al., DiMP, ICCV 2019 (arXiv 1904.07220), Sec. 3.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from lockon._config_values import check_range
from lockon.errors import LockonError
from lockon.models.online import DescentParameters
from lockon.online.labels import AnchorLabels, DistanceLabels
from lockon.online.steepest_descent import descend


@dataclass(frozen=True, kw_only=True, slots=True)
class UnrolledDescent:
    """Some steps of the optimiser whose numbers the network has: DiMP's with maps, PrDiMP's without.

    Attributes:
        steps: Of the optimiser; one more iterate than that is scored.
        labels: What the filter should answer on the train frames, on which cells; as of the tracker's learner.

    Raises:
        LockonError: No step.
    """

    steps: int = 5
    labels: DistanceLabels | AnchorLabels = field(default_factory=DistanceLabels)

    def __post_init__(self) -> None:
        check_range("steps", self.steps, 1, 100)

    def __call__(self, parameters: DescentParameters, features: Tensor, boxes: Tensor, start: Tensor) -> list[Tensor]:
        """Return the filters (B, C, K, K), or (B, A, C, K, K) of several, the start first.

        Args:
            parameters: Trained numbers of the optimiser.
            features: (B, N, C, h, h) of the train frames, which count alike.
            boxes: (B, N, 4) x1, y1, x2, y2 of the targets in crop pixels.
            start: As they are returned.

        Raises:
            LockonError: Labels for another number of filters.
        """
        count = 1 if start.ndim == 4 else start.shape[1]
        if count != self.labels.filters:
            raise LockonError(f"descent.labels for {self.labels.filters} filters given, but the network has {count}; leave it out")
        weights = features.new_full(features.shape[:2], 1 / features.shape[1])  # (B, N)
        problem = self.labels(parameters.numbers(), features, boxes, weights, size=start.shape[-1])
        return descend(problem, start, self.steps)


__all__ = ["UnrolledDescent"]
