"""What the metrics of the VOT challenges share: the lengths that count for expected average overlap, its curve, and one convention."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lockon.bench.metrics import EAO_RANGES
from lockon.bench.protocols.table import protocol_text
from lockon.bench.report.model import Axis
from lockon.bench.report.scoring import Scoring
from lockon.errors import LockonError, unknown_name

LONGEST = 20_000  # frames of the longest sequence that curves by length are kept for


@dataclass(frozen=True, slots=True)
class VotScoring(Scoring):
    """A protocol of the VOT challenges on one dataset.

    Attributes:
        base: Name of the protocol.
        dataset: Its name; decides the lengths that count for EAO.
        given_convention: One of `conventions`; None for the first.
        protocol: `base`, or "realtime" around it.
        given: The lengths instead of the dataset's.

    Raises:
        LockonError: Unknown convention, or lengths that are no range.
    """

    per_dataset = True  # the lengths that count for EAO are the dataset's
    headline = "EAO"
    detail = "A"
    base: ClassVar[str]
    dataset: str
    given_convention: str | None = None
    protocol: str = ""
    given: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.convention not in self.conventions:
            raise unknown_name(f"convention of the protocol {self.protocol} on {self.dataset}", self.convention, self.conventions)
        if self.given is not None and not 1 <= self.given[0] < self.given[1]:
            raise LockonError(f"lengths {self.given[0]} to {self.given[1]}; expected 1 <= LOW < HIGH, for example --lengths 100 356")

    @property
    def convention(self) -> str:
        """How overlaps are counted."""
        return self.given_convention or self.conventions[0]

    @property
    def lengths(self) -> tuple[int, int] | None:
        """First and last length that count for EAO; None where the dataset is none of the challenges'."""
        return self.given or EAO_RANGES.get(self.dataset)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The expected overlap by sequence length, for 1, 2, ... frames."""
        lengths = np.arange(1, LONGEST + 1, dtype=np.float64)
        return (Axis("expected_overlap", "Expected overlap", "sequence length (frames)", "expected overlap", "EAO", lengths),)

    @property
    @abstractmethod
    def counted(self) -> str:
        """What accuracy and robustness count, in sentences."""

    def notes(self) -> list[str]:
        """Say what counts."""
        if self.lengths is None:
            eao = f"EAO: no range of lengths is known for {self.dataset}; give --lengths LOW HIGH."
        else:
            eao = f"EAO: expected average overlap of lengths {self.lengths[0]} to {self.lengths[1]}."
        return [f"{eao} {self.counted}", f"Protocol: {protocol_text(self.protocol, self.base)}."]


__all__ = ["LONGEST", "VotScoring"]
