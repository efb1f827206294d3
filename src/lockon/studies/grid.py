"""The rows of the study of RBO: which tracker is trained with which ranking losses.

Tang and Ling, Ranking-Based Siamese Visual Tracking, CVPR 2022, Table 4 (classification ranking CR, the IoU-guided ranking of
RankDetNet IGR-ori, the paper's own IGR) and Sec. 4.2 (cross entropy in two stages).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence as Items
from dataclasses import dataclass
from typing import Any

from lockon.errors import LockonError, unknown_name

_CR = {"loss.ranking.classification": 0.5}
_OFF = {"loss.ranking.classification": 0.0, "loss.ranking.iou": 0.0}


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to train.

    Attributes:
        title: in tables. settings: dotted names of a recipe's configuration and their values.
        against: the variant that it is compared with, beside the baseline; "" for none.
    """

    title: str
    settings: Mapping[str, Any]
    against: str = ""


BASE = "base"
VARIANTS: dict[str, Variant] = {
    BASE: Variant("baseline", _OFF),
    "cr": Variant("+ CR", _OFF | _CR),
    "cr-igr-ori": Variant("+ CR + IGR-ori", _OFF | _CR | {"loss.ranking.iou": 0.25, "loss.ranking.form": "rankdetnet"}, "cr"),
    "cr-igr": Variant("+ CR + IGR (RBO)", _OFF | _CR | {"loss.ranking.iou": 0.25, "loss.ranking.form": "rbo"}, "cr"),
    "two-stage": Variant("two-stage cross entropy", _OFF | {"loss.hard_negative_weight": 1.0}),
}
TABLE4 = (BASE, "cr", "cr-igr-ori", "cr-igr")
COMPACT = "compact-"  # trackers that share backbone, data and crops, so that one cache of samples serves them all
DEFAULT: dict[str, tuple[str, ...]] = {"compact-ban": TABLE4, "compact-rpn": (BASE, "cr-igr"), "compact-pw": (BASE, "cr-igr")}


@dataclass(frozen=True, slots=True)
class Row:
    """A tracker trained in one way.

    Attributes:
        tracker: name of a training recipe. variant: of `VARIANTS`.
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

    @property
    def settings(self) -> dict[str, Any]:
        """What this row sets in its recipe."""
        return dict(VARIANTS[self.variant].settings)


@dataclass(frozen=True, slots=True)
class Run:
    """One row with one seed: of initial weights and samples."""

    row: Row
    seed: int

    @property
    def label(self) -> str:
        """Name of its folder and of its results."""
        return f"{self.row.name}.s{self.seed}"


def rows(trackers: Items[str] = (), only: Items[str] = ()) -> list[Row]:
    """The rows of a study.

    Args:
        trackers: each with the four rows of Table 4; the compact ones of `DEFAULT` if there is none.
        only: names of rows, "compact-ban.cr", or of variants, "cr" of every tracker; rows that are not in the grid are added.

    Raises:
        LockonError: unknown row or variant, or a tracker given twice.
    """
    if len(set(trackers)) < len(trackers):
        raise LockonError(f"trackers {', '.join(trackers)}: one is given twice; give each once")
    grid = dict.fromkeys(trackers, TABLE4) if trackers else DEFAULT
    if not only:
        return [Row(tracker, variant) for tracker, variants in grid.items() for variant in variants]
    chosen: list[Row] = []
    for name in only:
        tracker, _, variant = name.rpartition(".")
        if variant not in VARIANTS:
            raise unknown_name("row's variant", variant, VARIANTS)
        if tracker and tracker not in grid:
            raise unknown_name("row's tracker", tracker, grid)
        chosen += [Row(one, variant) for one in ([tracker] if tracker else grid)]
    return list(dict.fromkeys(chosen))


__all__ = ["BASE", "DEFAULT", "TABLE4", "VARIANTS", "Row", "Run", "Variant", "rows"]
