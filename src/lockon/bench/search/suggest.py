"""Which parameters to try next: Optuna's samplers and pruner.

(T. Akiba et al., Optuna: A Next-generation Hyperparameter Optimization Framework, KDD 2019; TPE: J. Bergstra et al., NIPS 2011.)

The samplers' memory is made anew from the trials of the journal by asking and recording again, so that a resumed search goes the way of
one that never stopped, and Optuna never unpickles anything from a file.
"""

from __future__ import annotations

import itertools
import math
import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lockon._require import require
from lockon.bench.search.journal import distributions, frozen_trial, quiet
from lockon.bench.search.space import Parameter, Value
from lockon.bench.search.trials import Trial
from lockon.errors import LockonWarning, unknown_name

SAMPLERS: Mapping[str, Callable[[Any, int], Any]] = {
    "tpe": lambda samplers, seed: samplers.TPESampler(seed=seed, multivariate=True),
    "random": lambda samplers, seed: samplers.RandomSampler(seed=seed),
    "grid": lambda samplers, seed: samplers.RandomSampler(seed=seed),  # is never asked: every trial of a grid is enqueued
}
GRID_POINTS = 5  # of a range without a step
STARTUP = 5  # complete trials before any is pruned


class Suggester:
    """One of Optuna's samplers with its median pruner, over a study in memory.

    Args:
        space: What is searched.
        sampler: A name of `SAMPLERS`. A grid is every combination of `Parameter.points`, in an order shuffled by the seed.
        seed: Of the sampler.
        sequences: Number of them, for the pruner.

    Raises:
        LockonError: The sampler is unknown, or Optuna is not installed.
    """

    def __init__(self, space: Sequence[Parameter], sampler: str, seed: int, sequences: int) -> None:
        check_sampler(sampler)
        self._optuna = optuna = require("optuna")
        self._space = tuple(space)
        self._grid = _rows(space, seed) if sampler == "grid" else None
        pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=max(1, sequences // 4))
        with quiet(optuna):
            self._distributions = distributions(optuna, space)
            self._study = optuna.create_study(direction="maximize", sampler=SAMPLERS[sampler](optuna.samplers, seed), pruner=pruner)
        self._asked: Any = None
        self._steps = 0  # of the asked trial, that were reported
        self._warned = False

    def ask(self) -> dict[str, Value]:
        """Return the parameters to try next.

        Raises:
            StopIteration: All rows of a grid were asked for.
        """
        with quiet(self._optuna):
            if self._grid is not None:
                self._study.enqueue_trial(next(self._grid))
            self._asked, self._steps = self._study.ask(self._distributions), 0
            suggested = self._asked.params
        return {parameter.name: parameter.clean(suggested[parameter.name]) for parameter in self._space}

    def should_prune(self, step: int, value: float) -> bool:
        """Return whether the asked trial, with this value after `step` sequences, is worse than half of the earlier ones were."""
        self._asked.report(value, step)
        self._steps = step
        return bool(self._asked.should_prune())

    def record(self, trial: Trial, values: Sequence[float]) -> None:
        """Record how the asked parameters fared; or a trial that was not asked for, where the space has all its parameters.

        Args:
            trial: The finished trial.
            values: The metric after each of its sequences.
        """
        states = self._optuna.trial.TrialState
        state = {"complete": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}[trial.state]
        with quiet(self._optuna):
            if self._asked is None:
                frozen = frozen_trial(self._optuna, self._space, trial, values)
                if len(frozen.params) == len(self._space):  # a part of them would spoil the samplers' common space
                    self._study.add_trial(frozen)
                return
            for step in range(self._steps, len(values)):
                self._asked.report(values[step], step + 1)
            self._study.tell(self._asked, trial.value if trial.state == "complete" else None, state)
        self._asked = None

    def replay(self, trial: Trial, values: Sequence[float]) -> None:
        """Ask again for a trial of an earlier run; where something else comes (another version of Optuna), warn and record what was run."""
        if trial.number:
            asked = self.ask()
            if asked != dict(trial.parameters):
                self._study.tell(self._asked, None, self._optuna.trial.TrialState.FAIL)
                self._asked = None
                if not self._warned:
                    text = "the sampler no longer suggests what was logged; the search goes on, but not as one that never stopped"
                    warnings.warn(f"trial {trial.number}: {text}", LockonWarning, stacklevel=2)
                self._warned = True
        self.record(trial, values)


def check_sampler(name: str) -> None:
    """Check the name of a sampler.

    Raises:
        LockonError: It is unknown.
    """
    if name not in SAMPLERS:
        raise unknown_name("sampler", name, SAMPLERS)


def grid_size(space: Sequence[Parameter]) -> int:
    """Return the number of rows of a grid."""
    return math.prod(len(parameter.points(GRID_POINTS)) for parameter in space)


def _rows(space: Sequence[Parameter], seed: int) -> Iterator[dict[str, Value]]:
    names = [parameter.name for parameter in space]
    rows = [dict(zip(names, row, strict=True)) for row in itertools.product(*(parameter.points(GRID_POINTS) for parameter in space))]
    random.Random(seed).shuffle(rows)
    return iter(rows)


__all__ = ["SAMPLERS", "Suggester", "check_sampler", "grid_size"]
