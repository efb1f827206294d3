"""The grid of a study: which tracker is trained in which way, with which seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BASE = "base"  # name of the variant that all others are compared with
COMPACT = "compact-"  # trackers that share backbone, data and crops, so that one cache of samples serves them all


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to train.

    Attributes:
        title: In tables.
        settings: Dotted names of a recipe's configuration and their values.
        against: The variant that it is compared with, beside the baseline; "" for none.
        trackers: Those that have what it sets; () for all.
    """

    title: str
    settings: Mapping[str, Any]
    against: str = ""
    trackers: tuple[str, ...] = ()

    def suits(self, tracker: str) -> bool:
        """Return whether a tracker can be trained in this way."""
        return not self.trackers or tracker in self.trackers


@dataclass(frozen=True, slots=True)
class Row:
    """A tracker trained in one way.

    Attributes:
        tracker: Name of a training recipe.
        variant: Of the study's variants.
    """

    tracker: str
    variant: str

    @property
    def name(self) -> str:
        """For the command line and folders: "compact-ban.cr"."""
        return f"{self.tracker}.{self.variant}"

    @property
    def family(self) -> str:
        """Rows of one family learn from the same samples."""
        return COMPACT.rstrip("-") if self.tracker.startswith(COMPACT) else self.tracker


@dataclass(frozen=True, slots=True)
class StudyRun:
    """One row with one seed: of initial weights and samples."""

    row: Row
    seed: int

    @property
    def label(self) -> str:
        """Name of its folder and of its results."""
        return f"{self.row.name}.s{self.seed}"


__all__ = ["BASE", "COMPACT", "Row", "StudyRun", "Variant"]
