"""`Trial`: one set of parameters and how it fared; and `SearchResult`: all of a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from lockon.bench.report.model import SequenceScore
from lockon.bench.search.objective import Objective
from lockon.bench.search.space import Parameter, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One set of parameters.

    Attributes:
        number: From 0; trial 0 has the tracker's own parameters.
        parameters: What differs from them, by dotted name.
        state: "complete", "pruned" (given up after some of the sequences) or "failed".
        value: The metric over the sequences in `scores`; NaN for a failed trial.
        scores: Of each sequence that was run, in the order in which they count for pruning.
        seconds: Duration of the trial.
        error: Why it failed; empty if it did not.
        same_as: Number of an earlier trial with equal parameters, whose outcome this one has without being run.
    """

    number: int
    parameters: Mapping[str, Value]
    state: Literal["complete", "pruned", "failed"]
    value: float
    scores: Mapping[str, SequenceScore] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""
    same_as: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One finished sequence of one trial.

    Attributes:
        trial: Number of the trial.
        sequence: Name of the sequence.
        frames: Its length.
    """

    trial: int
    sequence: str
    frames: int


OnProgress = Callable[[Step | Trial], None]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The trials of a search.

    Attributes:
        objective: What was maximised.
        space: What was searched.
        trials: All trials, by number; the first has the tracker's own parameters.
    """

    objective: Objective
    space: tuple[Parameter, ...]
    trials: tuple[Trial, ...]

    @property
    def default(self) -> Trial:
        """The trial with the tracker's own parameters."""
        return self.trials[0]

    @property
    def complete(self) -> list[Trial]:
        """The complete trials, by number."""
        return [trial for trial in self.trials if trial.state == "complete"]

    @property
    def best(self) -> Trial:
        """The complete trial of the highest value; of equal ones the first."""
        return max(self.complete, key=lambda trial: trial.value)

    @property
    def gain(self) -> float:
        """How much higher the best value is than the default's; too large by chance, see `lockon.bench.search.summary.cross_validate`."""
        return self.best.value - self.default.value


__all__ = ["OnProgress", "SearchResult", "Step", "Trial"]
