"""Which parameters to try next: Optuna's samplers and pruner behind two questions, and its journal file for its own tools.

(T. Akiba et al., Optuna: A Next-generation Hyperparameter Optimization Framework, KDD 2019; TPE: J. Bergstra et al., NIPS 2011;
CMA-ES: N. Hansen, 2016; importances: PED-ANOVA, S. Watanabe et al., IJCAI 2023.)

The log of trials is what a search goes on from. The samplers' memory is made from it anew by asking and telling again, so that a
resumed search goes the way of one that never stopped, and Optuna never unpickles anything from a file (its CMA-ES sampler would).
"""

from __future__ import annotations

import itertools
import math
import os
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from lockon._require import require
from lockon.bench.search.space import Parameter, Value
from lockon.bench.search.trials import Trial
from lockon.errors import LockonError, LockonWarning, unknown_name

if TYPE_CHECKING:
    import optuna

Sampler = Literal["tpe", "random", "grid", "cmaes"]
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)
GRID_POINTS = 5  # of a range without a step
STARTUP = 5  # complete trials before any is pruned
ENOUGH = 10  # complete trials before importances mean anything


class Suggester(Protocol):
    """Where parameters come from."""

    def ask(self) -> dict[str, Value] | None:
        """The next parameters, or None when there are no more."""

    def hopeless(self, step: int, value: float) -> bool:
        """Whether a trial with this value after `step` sequences can be given up."""

    def tell(self, trial: Trial, values: Sequence[float]) -> None:
        """How what was asked for last fared; `values` after each of its sequences."""

    def replay(self, trial: Trial, values: Sequence[float]) -> None:
        """A trial of an earlier run, as if it were asked for and told now."""


class Grid:
    """Every combination of the parameters' `Parameter.points`, in an order shuffled by the seed.

    Args:
        space: what is searched. seed: of the order.
    """

    def __init__(self, space: Sequence[Parameter], seed: int) -> None:
        names = [parameter.name for parameter in space]
        rows = [dict(zip(names, row, strict=True)) for row in itertools.product(*(one.points(GRID_POINTS) for one in space))]
        random.Random(seed).shuffle(rows)
        self._rows = iter(rows)

    def ask(self) -> dict[str, Value] | None:
        """The next row."""
        return next(self._rows, None)

    def hopeless(self, step: int, value: float) -> bool:
        """A grid is run whole."""
        return False

    def tell(self, trial: Trial, values: Sequence[float]) -> None:
        """A grid learns nothing."""

    def replay(self, trial: Trial, values: Sequence[float]) -> None:
        """Go past the row."""
        if trial.number:
            self.ask()


class Study:
    """One of Optuna's samplers, with its median pruner.

    Args:
        space: what is searched. sampler: "tpe", "random" or "cmaes". seed: of the sampler. sequences: number of them, for the pruner.

    Raises:
        LockonError: Optuna (or, for "cmaes", its package) is not installed.
    """

    def __init__(self, space: Sequence[Parameter], sampler: Sampler, seed: int, sequences: int) -> None:
        self._optuna = require("optuna")
        self.space = tuple(space)
        optuna = self._optuna
        pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=max(1, sequences // 4))
        with _quiet(optuna):
            self._study = optuna.create_study(direction="maximize", sampler=_sampler(optuna, sampler, seed), pruner=pruner)
        self._asked: Any = None
        self._steps = 0  # of it that were reported
        self._warned = False

    def ask(self) -> dict[str, Value] | None:
        """What the sampler suggests."""
        with _quiet(self._optuna):
            self._asked, self._steps = self._study.ask(), 0
            return {one.name: one.clean(_suggest(self._asked, one)) for one in self.space}

    def hopeless(self, step: int, value: float) -> bool:
        """Optuna's median pruner: worse than half of the earlier trials were after as many sequences."""
        self._asked.report(value, step)
        self._steps = step
        return bool(self._asked.should_prune())

    def tell(self, trial: Trial, values: Sequence[float]) -> None:
        """Parameters that were not asked for (the tracker's own) are told where the space has them."""
        states = self._optuna.trial.TrialState
        state = {"complete": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}[trial.state]
        with _quiet(self._optuna):
            if self._asked is None:
                if (frozen := frozen_trial(self._optuna, self.space, trial, values, whole=True)) is not None:
                    self._study.add_trial(frozen)
                return
            for step in range(self._steps, len(values)):
                self._asked.report(values[step], step + 1)
            self._study.tell(self._asked, trial.value if trial.state == "complete" else None, state)
        self._asked = None

    def replay(self, trial: Trial, values: Sequence[float]) -> None:
        """Ask again; where something else comes (another version of Optuna), what was logged counts, and a warning says so."""
        if trial.number:
            asked = self.ask()
            if asked != dict(trial.parameters):
                self._study.tell(self._asked, None, self._optuna.trial.TrialState.FAIL)
                self._asked = None
                if not self._warned:
                    text = "the sampler no longer suggests what was logged; the search goes on, but not as one that never stopped"
                    warnings.warn(f"trial {trial.number}: {text}", LockonWarning, stacklevel=2)
                self._warned = True
        self.tell(trial, values)


def make_suggester(space: Sequence[Parameter], sampler: str, seed: int, sequences: int) -> Suggester:
    """The suggester of a sampler's name.

    Raises:
        LockonError: unknown name, or a package that is not installed.
    """
    if sampler == "grid":
        return Grid(space, seed)
    if sampler not in SAMPLERS:
        raise unknown_name("sampler", sampler, SAMPLERS)
    return Study(space, sampler, seed, sequences)  # type: ignore[arg-type]  # one of SAMPLERS


def grid_size(space: Sequence[Parameter]) -> int:
    """Number of rows of a grid."""
    return math.prod(len(parameter.points(GRID_POINTS)) for parameter in space)


def importances(space: Sequence[Parameter], trials: Sequence[Trial]) -> dict[str, float]:
    """How much each parameter decides whether a trial is among the best, as parts of 1 (PED-ANOVA), the largest first.

    Empty with fewer than `ENOUGH` complete trials, or fewer than two parameters.

    Raises:
        LockonError: Optuna is not installed.
    """
    optuna = require("optuna")
    complete = [trial for trial in trials if trial.state == "complete" and trial.number]
    if len(complete) < ENOUGH or len(space) < 2 or len({trial.value for trial in complete}) < 2:
        return {}
    with _quiet(optuna):
        study = optuna.create_study(direction="maximize")
        for trial in complete:
            frozen = frozen_trial(optuna, space, trial, ())
            study.add_trial(frozen)
        found: dict[str, float] = optuna.importance.get_param_importances(study, evaluator=optuna.importance.PedAnovaImportanceEvaluator())
    return {name: float(value) for name, value in found.items()}


class Journal:
    """The trials in Optuna's own format (`JournalStorage` over a file, study "lockon"), for optuna-dashboard and the like.

    Args:
        path: of the file; written anew from `trials`, because the log is what counts. space: what is searched.
        running: prefix values of each trial, for Optuna's plots of intermediate values.

    Raises:
        LockonError: Optuna is not installed, or the file cannot be written.
    """

    def __init__(self, path: Path, space: Sequence[Parameter], trials: Sequence[Trial], running: Sequence[Sequence[float]]) -> None:
        self._optuna, self._space = require("optuna"), tuple(space)
        fresh = path.with_name(f".{path.name}.new")
        try:
            for old in (fresh, *(one.with_name(f"{one.name}.lock") for one in (fresh, path))):  # a killed process leaves its lock
                old.unlink(missing_ok=True)
            with _quiet(self._optuna):
                self._study = self._open(fresh)
                for trial, values in zip(trials, running, strict=True):
                    self.add(trial, values)
                os.replace(fresh, path)
                self._study = self._open(path)
        except OSError as error:
            raise LockonError(f"cannot write {path}: {error.strerror}") from None

    def add(self, trial: Trial, values: Sequence[float]) -> None:
        """Append one trial with its intermediate `values`."""
        with _quiet(self._optuna):
            self._study.add_trial(frozen_trial(self._optuna, self._space, trial, values))

    def _open(self, path: Path) -> optuna.Study:
        journal = require("optuna.storages.journal")
        backend = journal.JournalFileBackend(str(path), lock_obj=journal.JournalFileOpenLock(str(path)))  # links are not for Windows
        storage = self._optuna.storages.JournalStorage(backend)
        study: optuna.Study = self._optuna.create_study(study_name="lockon", storage=storage, direction="maximize", load_if_exists=True)
        return study


def frozen_trial(optuna: Any, space: Sequence[Parameter], trial: Trial, values: Sequence[float], *, whole: bool = False) -> Any:
    """A finished trial as Optuna keeps it. Parameters outside the space (the tracker's own may be) are left out.

    With `whole`, None for such a trial: it would spoil the samplers' common space.
    """
    states = optuna.trial.TrialState
    state = {"complete": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}[trial.state]
    tried: Mapping[str, Value | None] = {one.name: trial.parameters.get(one.name, one.default) for one in space}
    inside = [one for one in space if one.contains(tried[one.name])]
    if whole and len(inside) < len(space):
        return None
    return optuna.trial.create_trial(
        state=state,
        value=trial.value if trial.state == "complete" else None,
        params={one.name: tried[one.name] for one in inside},
        distributions={one.name: _distribution(optuna, one) for one in inside},
        intermediate_values=dict(enumerate(values, start=1)),
        user_attrs={"number": trial.number, "seconds": trial.seconds, "error": trial.error},
    )


def _distribution(optuna: Any, one: Parameter) -> Any:
    kinds = optuna.distributions
    if one.choices:
        return kinds.CategoricalDistribution(one.choices)
    if one.whole:
        return kinds.IntDistribution(round(one.low), round(one.top), log=one.log, step=1 if one.log else round(one.spacing))
    return kinds.FloatDistribution(one.low, one.top, log=one.log, step=None if one.log else one.spacing)


def _suggest(asked: Any, one: Parameter) -> Any:
    if one.choices:
        return asked.suggest_categorical(one.name, one.choices)
    if one.whole:
        return asked.suggest_int(one.name, round(one.low), round(one.top), log=one.log, step=1 if one.log else round(one.spacing))
    return asked.suggest_float(one.name, one.low, one.top, log=one.log, step=None if one.log else one.spacing)


def _sampler(optuna: Any, name: Sampler, seed: int) -> Any:
    samplers = optuna.samplers
    if name == "random":
        return samplers.RandomSampler(seed=seed)
    if name == "cmaes":
        require("cmaes")
        return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
    with _quiet(optuna):
        return samplers.TPESampler(seed=seed, multivariate=True)


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Without Optuna's messages about new studies and about what is experimental in it."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)


__all__ = ["SAMPLERS", "Grid", "Journal", "Sampler", "Study", "Suggester", "grid_size", "importances", "make_suggester"]
