"""`Assigner`: what labels the candidates of a dense head; `Selection`: what one with a threshold on an IoU saw."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor

from lockon.errors import LockonError
from lockon.types import Candidates, Prediction, Targets


class Assigner(Protocol):
    """Label every candidate for every target. Assigners are frozen values, so that configurations can hold them."""

    def __call__(self, candidates: Candidates, boxes: Tensor, present: Tensor, prediction: Prediction | None = None) -> Targets:
        """Label every candidate for every target.

        Args:
            candidates: Where the N candidates lie in the search crop.
            boxes: (B, 4) x1, y1, x2, y2 in crop pixels; of an unrelated object where the target is absent.
            present: (B,) bool; False for a negative pair, which has no positive.
            prediction: What the network gives for the batch, for assigners that follow it; they give no gradient.

        Returns:
            `Targets` with labels (B, N), before any sampling.
        """
        ...


class Selection(NamedTuple):
    """What a threshold on an IoU makes of B samples and N candidates, before any candidate that is positive whatever the threshold.

    Attributes:
        overlap: (B, N) IoU that is compared with the threshold.
        chosen: (B, N) bool, the candidates that can pass it.
        threshold: (B, 1).
        passed: (B, N) bool, those that do. A sample with none falls back on what the assigner keeps: its best or nearest candidate.
    """

    overlap: Tensor
    chosen: Tensor
    threshold: Tensor
    passed: Tensor


class ThresholdAssigner(Protocol):
    """An `Assigner` whose positives are those above a threshold on an IoU; `lockon analyze assignment` shows what it saw."""

    def select(self, candidates: Candidates, boxes: Tensor, prediction: Prediction | None) -> Selection:
        """Compare the IoUs of all candidates with the threshold, for targets that are all there; arguments as of `Assigner`."""
        ...


def require_fractions(inner: float, outer: float, names: tuple[str, str] = ("inner", "outer")) -> None:
    """Check that 0 < inner <= outer.

    Raises:
        LockonError: If not.
    """
    if not 0 < inner <= outer:
        raise LockonError(f"{names[0]} must be above 0 and at most {names[1]}, got {inner!r} and {outer!r}")


__all__ = ["Assigner", "Selection", "ThresholdAssigner", "require_fractions"]
