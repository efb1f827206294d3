"""One trial: a tracker with some parameters over all sequences, given up early where that is wanted."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from lockon.bench.report.model import SequenceScore
from lockon.bench.search.bench import Bench, TrialError
from lockon.bench.search.objective import Objective
from lockon.bench.search.space import Value
from lockon.bench.search.suggest import Suggester
from lockon.bench.search.trials import Trial
from lockon.bench.spec import TrackerSpec


@dataclass(frozen=True, slots=True)
class Step:
    """One sequence of one trial is done.

    Attributes:
        trial: its number. sequence: name. frames: its length.
    """

    trial: int
    sequence: str
    frames: int


Report = Callable[[Step | Trial], None]


@dataclass(frozen=True, slots=True)
class SearchContext:
    """What all trials of a search have in common."""

    spec: TrackerSpec
    names: list[str]
    order: list[int]
    suggester: Suggester
    objective: Objective
    prune: bool
    report: Report

    def run(self, bench: Bench, number: int, parameters: dict[str, Value]) -> Trial:
        """One trial; what it gives does not depend on which sequence is finished first."""
        begin = time.perf_counter()
        spec = replace(self.spec, overrides={**self.spec.overrides, **parameters})
        found: dict[int, SequenceScore] = {}
        known, pruned = 0, False  # sequences at the start of the order that are finished
        scores = bench.measure(spec, self.order)
        try:
            for index, score in scores:
                found[index] = score
                self.report(Step(number, self.names[index], score.frames))
                while not pruned and known < len(self.order) and self.order[known] in found:
                    known += 1
                    pruned = self._hopeless(number, [found[one] for one in self.order[:known]])
                if pruned:
                    break
        except TrialError as error:
            return _failed(number, parameters, str(error), begin)
        finally:
            scores.close()
        kept = {self.names[one]: found[one] for one in self.order[:known]}
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

    def _hopeless(self, number: int, scores: list[SequenceScore]) -> bool:
        """Asked for every step, so that the pruner knows the same of this trial as a resumed search will tell it."""
        if number == 0 or not self.prune:
            return False
        value = self.objective.value(scores)
        worse = self.suggester.hopeless(len(scores), float(np.nan_to_num(value)))
        return worse and not math.isnan(value) and len(scores) < len(self.order)


def _failed(number: int, parameters: dict[str, Value], error: str, begin: float) -> Trial:
    seconds = time.perf_counter() - begin
    return Trial(number=number, parameters=parameters, state="failed", value=math.nan, seconds=seconds, error=error)


def running_values(objective: Objective, trial: Trial) -> list[float]:
    """The figure after each sequence of a trial; 0 where no frame counted yet, which Optuna takes."""
    scores = list(trial.scores.values())
    values = [objective.value(scores[: index + 1]) for index in range(len(scores))]
    return list(np.nan_to_num(values).tolist())


__all__ = ["Report", "SearchContext", "Step", "running_values"]
