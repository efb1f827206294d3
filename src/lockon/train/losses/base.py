"""`Loss`: one term of what a network learns, as a value; and `LossInput`, all that a term may look at.

A task's losses are a frozen dataclass whose fields are such values. The name of a field is the name under which its term is logged.
Letters: B samples, N candidates, P those of them that a term is about, K masks.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, TypeAlias

import torch
from torch import Tensor

from lockon._config_values import check_field
from lockon.errors import LockonError
from lockon.ops.torch.boxes import iou
from lockon.types import BOUNDARY, Candidates, Prediction, Targets

Scalars: TypeAlias = Tensor | Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Masks:
    """Predicted masks and their truth.

    Attributes:
        truth: (K, H, W), 0 or 1 of any type.
        fine: (K, h, w) logits.
        coarse: (K, h', w') logits of a second, coarser branch, or None.
    """

    truth: Tensor
    fine: Tensor
    coarse: Tensor | None = None


class Regressed(NamedTuple):
    """The candidates that learn boxes.

    Attributes:
        members: (B, N) bool, which they are.
        boxes: (P, 4) x1, y1, x2, y2 that they predict.
        truth: (P, 4) what they should have predicted.
    """

    members: Tensor
    boxes: Tensor
    truth: Tensor


@dataclass(frozen=True)
class LossInput:
    """All that a loss may look at.

    Attributes:
        prediction: What the network gave, in float32.
        targets: What it should have given.
        candidates: Where its candidates lie.
        size: Side of the search crops in pixels.
        step: Number of the update that is being made, from 0.
        masks: Predicted masks with their truth, or None where the batch has none.
        teacher: (B, N) scores in [0, 1] of a teacher, NaN where it sees nothing, or None without a teacher.
    """

    prediction: Prediction
    targets: Targets
    candidates: Candidates
    size: int
    step: int = 0
    masks: Masks | None = None
    teacher: Tensor | None = None

    @cached_property
    def overlap(self) -> Tensor:
        """(B, N) IoU of each candidate's own box with the ground truth, without gradient."""
        return iou(self.prediction.boxes, self.targets.boxes[:, None]).detach()

    @cached_property
    def probability(self) -> Tensor:
        """(B, N) foreground probabilities, with gradient."""
        return torch.sigmoid(self.prediction.logits)

    @cached_property
    def positive(self) -> Tensor:
        """(B, N) bool, the positives."""
        positive: Tensor = self.targets.labels == 1
        return positive

    def regressed(self, boundary: bool) -> Regressed:
        """Return where boxes and their quality are learnt: at the positives, and with `boundary` also at what is marked `BOUNDARY`."""
        return self._with_boundary if boundary else self._positives

    @cached_property
    def _positives(self) -> Regressed:
        return self._at(self.positive)

    @cached_property
    def _with_boundary(self) -> Regressed:
        return self._at(self.positive | (self.targets.labels == BOUNDARY))

    def _at(self, members: Tensor) -> Regressed:
        boxes: Tensor = self.prediction.boxes
        return Regressed(members, boxes[members], self.targets.boxes[:, None].expand_as(boxes)[members])

    def ranked_labels(self, all_negatives: bool) -> Tensor:
        """Return the labels (B, N) of losses that compare candidates: the sampled ones, or those with all negatives."""
        labels: Tensor = self.targets.labels
        return labels if not all_negatives or self.targets.all_labels is None else self.targets.all_labels


@dataclass(frozen=True, kw_only=True)
class Loss(ABC):
    """One term of what a network learns.

    Attributes:
        weight: Factor on the term in the total; a term of weight 0 is not computed.
        reads: Names of the head's `Prediction.extras` that the term needs.

    Raises:
        LockonError: If the weight is below 0 or not finite.
    """

    weight: float = 1.0
    reads: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        check_field(self, "weight", 0 <= self.weight < math.inf, "0 or more")

    @abstractmethod
    def __call__(self, x: Any) -> Scalars:
        """Compute the term without its weight.

        Args:
            x: A `LossInput`, or what else the task of these losses gives them.

        Returns:
            A scalar, or several by name, which share the weight; no name at all where there is nothing to learn.
        """


def active_terms(losses: Any, extras: Collection[str]) -> dict[str, Loss]:
    """Return the terms whose weight is above 0, by the names of their fields.

    Args:
        losses: A dataclass whose fields are values of `Loss`.
        extras: Names of the `Prediction.extras` that the head makes.

    Raises:
        LockonError: If no term is left, or one reads extras that the head does not make.
    """
    every: dict[str, Loss] = {item.name: getattr(losses, item.name) for item in dataclasses.fields(losses)}
    terms = {name: term for name, term in every.items() if term.weight}
    if not terms:
        raise LockonError(f"nothing is learnt: every loss has weight 0; set one above 0, for example loss.{next(iter(every))}.weight=1")
    for name, term in terms.items():
        missing = [extra for extra in term.reads if extra not in extras]
        if missing:
            raise LockonError(
                f"{name} ({type(term).__name__}) given for a head that makes no {missing[0]}; "
                f"set loss.{name}.weight=0, or take another loss or head"
            )
    return terms


def evaluate(terms: Mapping[str, Loss], x: Any) -> dict[str, Tensor]:
    """Return "loss", the weighted total, and each term without its weight by name."""
    values: dict[str, Tensor] = {}
    weighted: list[Tensor] = []
    for name, term in terms.items():
        found = term(x)
        named = found if isinstance(found, Mapping) else {name: found}
        values |= named
        weighted += [term.weight * value for value in named.values()]
    total = weighted[0]
    for value in weighted[1:]:
        total = total + value
    return {"loss": total, **values}


def average(values: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the mean of (P,) or (P, C) values of P candidates; 0 without candidates or weight.

    Args:
        values: What is averaged.
        weight: (P,) how much each candidate counts, or None: all alike.
    """
    if weight is None:
        return values.sum() / max(1, values.numel())
    each = values.flatten(1).mean(1) if values.ndim > 1 else values
    return (each * weight).sum() / weight.sum().clamp(min=1e-6)


__all__ = ["Loss", "LossInput", "Masks", "Regressed", "Scalars", "active_terms", "average", "evaluate"]
