"""`StudySpec`: all that one study has and another has not, as a value: its grid of runs, metrics, and the words of its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lockon._config_values import check_field
from lockon.errors import LockonError, unknown_name
from lockon.studies.metrics import TRACKING

BASE = "base"  # name of the variant that all others are compared with
COMPACT = "compact-"  # trackers that share backbone, data and crops, so that one cache of samples serves them all


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to train, or another way to track with what was trained.

    Attributes:
        title: In tables.
        settings: Dotted names of a recipe's configuration and their values.
        against: The variant that it is compared with, beside the baseline; "" for none.
        trackers: Those that have what it sets; () for all.
        inference: Overrides of the tracker's inference parameters.
        of: The variant whose weights it tracks with; it trains none of its own. "" for its own.
        samples: Name of what it learns from, for variants of one tracker that learn from different samples.
    """

    title: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    against: str = ""
    trackers: tuple[str, ...] = ()
    inference: Mapping[str, Any] = field(default_factory=dict)
    of: str = ""
    samples: str = ""

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """The paper's own metrics.

    Attributes:
        text: What they are.
        columns: Of the table, after that of the variants.
        values: One per column, by variant; with the baseline's.
        digits: That are shown.
    """

    text: str
    columns: tuple[str, ...]
    values: Mapping[str, tuple[float, ...]]
    digits: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StudySpec:
    """One study.

    Attributes:
        name: Of its command and page.
        variants: Ways to train, by name, in the order of tables; among them `BASE`, which the others are compared with.
        table: Variants of a tracker that is asked for by name.
        grid: Trackers and their variants if none is.
        metrics: What is counted.
        curve: Shares of a run, above 0 and below 1, after which it is judged too: the curve of its learning; () for none.
        bases: Trackers whose boxes the runs refine, for a study of refiners; () for a study of trackers.
        budget: Settings of all runs of a tracker, by its name, which `--set` may change.
        column: What the variants differ in, over their column of the tables.
        title: Of the page.
        intro: Of the page; Markdown.
        networks: What the trackers of `grid` are.
        conditions: Further ones of all runs.
        published: The paper's metrics.
        scale: How to repeat it at the paper's scale, or with more rows.

    Raises:
        LockonError: A variant that is named but not there, one that tracks with another's weights and sets what is learnt, or a share of
            the curve that is out of its range.
    """

    name: str
    variants: Mapping[str, Variant]
    table: tuple[str, ...]
    grid: Mapping[str, tuple[str, ...]]
    metrics: tuple[str, ...] = TRACKING
    curve: tuple[float, ...] = ()
    bases: tuple[str, ...] = ()
    budget: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    column: str
    title: str
    intro: str
    networks: str
    conditions: tuple[str, ...]
    published: Published
    scale: str

    def __post_init__(self) -> None:
        check_field(self, "curve", all(0 < share < 1 for share in self.curve), "shares above 0 and below 1")
        named = [BASE, *self.table, *self.published.values, *(name for names in self.grid.values() for name in names)]
        named += [other for variant in self.variants.values() for other in (variant.against, variant.of) if other]
        for name in named:
            if name not in self.variants:
                raise unknown_name(f"variant of the study {self.name}", name, self.variants)
        for name, variant in self.variants.items():
            if variant.of and (variant.settings or self.variants[variant.of].of):
                raise LockonError(f"variant {name} takes the weights of {variant.of}: it can set nothing that is learnt, nor be taken from")

    def rows(self, trackers: Sequence[str] = (), only: Sequence[str] = ()) -> list[Row]:
        """Return the rows of a study.

        Args:
            trackers: Each with the variants of `table` that suit it; those of `grid` if there is none.
            only: Names of rows, "compact-ban.cr", or of variants, "cr" of every tracker that it suits; rows that are not in the grid are
                added.

        Raises:
            LockonError: Unknown row or variant, one that does not suit its tracker, or a tracker given twice.
        """
        if len(set(trackers)) < len(trackers):
            raise LockonError(f"trackers {', '.join(trackers)}: one is given twice; give each once")
        grid = {tracker: tuple(name for name in self.table if self.variants[name].suits(tracker)) for tracker in trackers} or self.grid
        for tracker, variants in grid.items():
            if not variants:
                able = " or ".join(self.variants[BASE].trackers)
                raise LockonError(f"tracker {tracker} given, but no row of the study {self.name} suits it; give {able}")
        if not only:
            return [Row(tracker, variant) for tracker, variants in grid.items() for variant in variants]
        chosen: dict[Row, None] = {}  # in order
        for name in only:
            tracker, _, variant = name.rpartition(".")
            if variant not in self.variants:
                raise unknown_name("row's variant", variant, self.variants)
            if tracker and tracker not in grid:
                raise unknown_name("row's tracker", tracker, grid)
            asked = [tracker] if tracker else list(grid)
            suited = [Row(one, variant) for one in asked if self.variants[variant].suits(one)]
            if not suited:
                able = " or ".join(self.variants[variant].trackers)
                raise LockonError(f"row {name} given, but {', '.join(asked)} has no part of that kind; {variant} needs {able}")
            chosen |= dict.fromkeys(suited)
        return list(chosen)

    def settings(self, row: Row) -> dict[str, Any]:
        """Return what a row sets in its recipe."""
        return dict(self.variants[row.variant].settings)

    def trained(self, run: StudyRun) -> StudyRun:
        """Return the run whose weights a run tracks with: itself, or one that it shares them with."""
        other = self.variants[run.row.variant].of
        return StudyRun(Row(run.row.tracker, other), run.seed) if other else run

    def title_of(self, row: Row) -> str:
        """Return the row's variant in words."""
        return self.variants[row.variant].title


__all__ = ["BASE", "COMPACT", "Published", "Row", "StudyRun", "StudySpec", "Variant"]
