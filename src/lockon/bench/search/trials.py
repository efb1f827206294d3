"""`Trial`: one set of parameters and how it fared; and how one is run, given up early where that is wanted."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from lockon.bench.report.model import SequenceScore
from lockon.bench.search.bench import Bench, TrialError
from lockon.bench.search.objective import Objective
from lockon.bench.search.space import Value
from lockon.bench.spec import TrackerSpec

State = Literal["complete", "pruned", "failed"]


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
    state: State
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
ShouldPrune = Callable[[int, float], bool]
"""(number of sequences so far, metric over them) -> whether the trial can be given up."""


@dataclass(frozen=True, slots=True)
class TrialRunner:
    """Runs trials over the same sequences.

    Attributes:
        spec: The tracker, with the overrides that are the same in all trials.
        names: Name of each sequence.
        order: Numbers of the sequences in the order in which they count for pruning.
        objective: What is measured.
        should_prune: Asked after each sequence; None runs all trials whole.
        on_progress: Called after each sequence.
    """

    spec: TrackerSpec
    names: list[str]
    order: list[int]
    objective: Objective
    should_prune: ShouldPrune | None
    on_progress: OnProgress

    def run(self, bench: Bench, number: int, parameters: dict[str, Value]) -> Trial:
        """Run one trial; its outcome does not depend on which sequence is finished first."""
        begin = time.perf_counter()
        spec = replace(self.spec, overrides={**self.spec.overrides, **parameters})
        finished: dict[int, SequenceScore] = {}
        counted, pruned = 0, False  # `counted` sequences at the start of the order are finished
        scores = bench.measure(spec, self.order)
        try:
            for index, score in scores:
                finished[index] = score
                self.on_progress(Step(number, self.names[index], score.frames))
                while not pruned and counted < len(self.order) and self.order[counted] in finished:
                    counted += 1
                    pruned = self._is_hopeless(number, [finished[place] for place in self.order[:counted]])
                if pruned:
                    break
        except TrialError as error:
            return _failed(number, parameters, str(error), begin)
        finally:
            scores.close()
        kept = {self.names[place]: finished[place] for place in self.order[:counted]}
        value = self.objective.value(kept.values())
        if math.isnan(value):
            return _failed(number, parameters, f"{self.objective.metric} is no number on these sequences: no frame of them counts", begin)
        return Trial(
            number=number,
            parameters=parameters,
            state="pruned" if pruned else "complete",
            value=value,
            scores=kept,
            seconds=time.perf_counter() - begin,
        )

    def _is_hopeless(self, number: int, scores: list[SequenceScore]) -> bool:
        """Ask the pruner at every step, so that it knows the same of this trial as in a search that is resumed."""
        if number == 0 or self.should_prune is None:
            return False
        value = self.objective.value(scores)
        worse = self.should_prune(len(scores), float(np.nan_to_num(value)))
        return worse and not math.isnan(value) and len(scores) < len(self.order)


def _failed(number: int, parameters: dict[str, Value], error: str, begin: float) -> Trial:
    seconds = time.perf_counter() - begin
    return Trial(number=number, parameters=parameters, state="failed", value=math.nan, seconds=seconds, error=error)


def running_values(objective: Objective, trial: Trial) -> list[float]:
    """Return the metric after each sequence of a trial; 0 where no frame counted yet, which Optuna takes."""
    scores = list(trial.scores.values())
    values = [objective.value(scores[: index + 1]) for index in range(len(scores))]
    return list(np.nan_to_num(values).tolist())


def repeat_of(trials: Sequence[Trial], parameters: Mapping[str, Value], own: Mapping[str, Value | None]) -> Trial | None:
    """Return the next trial with the outcome of an earlier one, where that had equal parameters.

    Args:
        trials: Those that are finished.
        parameters: What is to be tried next.
        own: The tracker's own values of the parameters, which trial 0 was run with.
    """
    for trial in trials:
        if parameters == (trial.parameters if trial.number else own) and trial.same_as is None:
            return replace(trial, number=len(trials), parameters=parameters, seconds=0.0, same_as=trial.number)
    return None


__all__ = ["OnProgress", "ShouldPrune", "State", "Step", "Trial", "TrialRunner", "repeat_of", "running_values"]
