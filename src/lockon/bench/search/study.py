"""The trials of a search as Optuna has them: on disk, where a search goes on from, and in memory, where the sampler learns from them.

(T. Akiba et al., Optuna: A Next-generation Hyperparameter Optimization Framework, KDD 2019; TPE: J. Bergstra et al., NIPS 2011.)

`journal.log` is Optuna's own storage, which its tools can read. It holds one study, "lockon". Its attribute "search" says what is searched;
each trial is one line, written when it is finished, with the score of every sequence as an attribute.

The sampler's memory is never stored. It is made anew from the journal by asking and recording again, so that a resumed search goes the way
of one that never stopped, and Optuna never unpickles anything from a file.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lockon._require import require
from lockon.bench.search.objective import score_from_json, score_json
from lockon.bench.search.space import GRID_POINTS, Parameter, Value
from lockon.bench.search.trials import Trial
from lockon.bench.tables.records import nulls
from lockon.config import differences
from lockon.errors import LockonError, LockonWarning

NAME = "journal.log"
FORMAT = 4
SAMPLERS: Mapping[str, Mapping[str, Any]] = {  # of Optuna, and their options
    "tpe": {"name": "TPESampler", "multivariate": True},
    "random": {"name": "RandomSampler"},
    "grid": {"name": "RandomSampler"},  # is never asked: every trial of a grid is enqueued
}
STARTUP = 5  # complete trials before any is pruned
_STATES = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
_NO_JOURNAL = (KeyError, TypeError, ValueError, AttributeError, IndexError, AssertionError)  # what foreign lines raise


class SearchStudy:
    """The trials of one search.

    Args:
        folder: Folder of the search; made when the study is opened.
        space: What is searched.
        sampler: A name of `SAMPLERS`. A grid is every combination of `Parameter.points`, in an order shuffled by the seed.
        seed: Of the sampler.
        sequences: Number of them, for the pruner.

    Raises:
        LockonError: Optuna is not installed.
    """

    def __init__(self, folder: Path, space: Sequence[Parameter], sampler: str, seed: int, sequences: int) -> None:
        self.path = folder / NAME
        self._optuna = optuna = require("optuna")
        self._space = tuple(space)
        self._grid = _grid(space, seed) if sampler == "grid" else None
        pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=max(1, sequences // 4))
        options = dict(SAMPLERS[sampler])
        asked = getattr(optuna.samplers, options.pop("name"))(seed=seed, **options)
        self._memory = optuna.create_study(direction="maximize", sampler=asked, pruner=pruner)
        self._disk: Any = None
        self._asked: Any = None
        self._steps = 0  # of the asked trial, that were reported

    def open(self, description: Mapping[str, Any], about: Mapping[str, Any]) -> list[Trial]:
        """Begin a journal, or open the one of the same search.

        Where the sampler does not suggest again what was run (another version of Optuna), it warns.

        Args:
            description: JSON values that decide what the trials are.
            about: JSON values to keep beside them; not compared.

        Returns:
            The finished trials, by number. A last line that was cut off is dropped, with a warning.

        Raises:
            LockonError: The folder holds another search, the journal is damaged, or it cannot be written to.
        """
        wanted = json.loads(json.dumps({"format": FORMAT, **description}))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.with_name(f"{NAME}.lock").unlink(missing_ok=True)  # a killed process leaves it
            cut = self._drop_cut_line()
            self._disk = self._open()
            stored = self._disk.get_trials(deepcopy=False)
            known = self._disk.user_attrs.get("search")
            if known is None and not stored:
                self._disk.set_user_attr("about", dict(about))
                self._disk.set_user_attr("search", known := wanted)
        except OSError as error:
            raise LockonError(f"cannot write {self.path}: {error.strerror}") from None
        if not isinstance(known, dict):
            raise LockonError(f"{self.path} does not say what was searched; give another --out")
        if changed := differences(known, wanted):
            raise LockonError(f"{self.path.parent} holds another search: {', '.join(changed[:3])}; give another --out, or the same options")
        trials = [self._read(number, frozen) for number, frozen in enumerate(stored)]
        if cut:
            warnings.warn(f"{self.path}: the last line was cut off; trial {len(trials)} is run again", LockonWarning, stacklevel=2)
        strays = [trial.number for trial, frozen in zip(trials, stored, strict=True) if not self._replay(trial, frozen)]
        if strays:
            text = "the sampler no longer suggests what was logged; the search goes on, but not as one that never stopped"
            warnings.warn(f"trial {strays[0]}: {text}", LockonWarning, stacklevel=2)
        return trials

    def ask(self) -> dict[str, Value]:
        """Return the parameters to try next.

        Raises:
            StopIteration: All rows of a grid were asked for.
        """
        if self._grid is not None:
            self._memory.enqueue_trial(next(self._grid))
        self._asked, self._steps = self._memory.ask({one.name: _distribution(self._optuna, one) for one in self._space}), 0
        return {parameter.name: parameter.clean(self._asked.params[parameter.name]) for parameter in self._space}

    def should_prune(self, step: int, value: float) -> bool:
        """Return whether the asked trial, with this value after `step` sequences, is worse than half of the earlier ones were."""
        self._asked.report(value, step)
        self._steps = step
        return bool(self._asked.should_prune())

    def append(self, trial: Trial, values: Sequence[float]) -> None:
        """Add one trial; it is on the disk when this returns.

        Args:
            trial: The finished trial: of the asked parameters, or with the tracker's own.
            values: The metric after each of its sequences.

        Raises:
            LockonError: The file cannot be written.
        """
        frozen = frozen_trial(self._space, trial, values)
        try:
            self._disk.add_trial(frozen)  # first: it is what a search goes on from
        except OSError as error:
            raise LockonError(f"cannot write {self.path}: {error.strerror}") from None
        self._record(frozen)

    def _record(self, frozen: Any) -> None:
        """Let the sampler learn from a trial; from one that was not asked for, where the space has all its parameters."""
        if self._asked is not None:
            for step in range(self._steps + 1, len(frozen.intermediate_values) + 1):
                self._asked.report(frozen.intermediate_values[step], step)
            self._memory.tell(self._asked, frozen.value, frozen.state)
        elif len(frozen.params) == len(self._space):  # a part of them would spoil the samplers' common space
            self._memory.add_trial(frozen)
        self._asked = None

    def _replay(self, trial: Trial, frozen: Any) -> bool:
        """Ask again for a trial of an earlier run, and record what was run; return whether the same was suggested."""
        same = trial.number == 0 or self.ask() == trial.parameters
        if not same:
            self._memory.tell(self._asked, None, self._optuna.trial.TrialState.FAIL)
            self._asked = None
        self._record(frozen)
        return same

    def _open(self) -> Any:
        journal = require("optuna.storages.journal")
        backend = journal.JournalFileBackend(str(self.path), lock_obj=journal.JournalFileOpenLock(str(self.path)))  # not links: Windows
        try:
            storage = self._optuna.storages.JournalStorage(backend)
            if not self.path.stat().st_size:
                return self._optuna.create_study(study_name="lockon", storage=storage, direction="maximize")
            return self._optuna.load_study(study_name="lockon", storage=storage)
        except (*_NO_JOURNAL, self._optuna.exceptions.OptunaError) as error:
            raise LockonError(
                f"{self.path} is damaged, or no journal of a search ({type(error).__name__}: {error}); give another --out, or remove it"
            ) from None

    def _drop_cut_line(self) -> bool:
        """Remove a last line without an end, which a killed process leaves; return whether there was one."""
        content = self.path.read_bytes() if self.path.exists() else b""
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with self.path.open("r+b") as stream:
                stream.truncate(whole)
        return whole < len(content)

    def _read(self, number: int, frozen: Any) -> Trial:
        """Return what `frozen_trial` was made of."""
        try:
            stored = dict(frozen.user_attrs)
            scores = {name: score_from_json(name, score) for name, score in stored.pop("sequences").items()}
            value = math.nan if stored["value"] is None else float(stored["value"])
            trial = Trial(**{**stored, "value": value, "scores": scores})
            if trial.number != number or _STATES[trial.state] != frozen.state.name:
                raise ValueError("trials are missing")
        except _NO_JOURNAL:
            raise LockonError(f"{self.path}: trial {number} is not as it was written; give another --out, or remove the file") from None
        return trial


def frozen_trial(space: Sequence[Parameter], trial: Trial, values: Sequence[float]) -> Any:
    """Return a finished trial as Optuna keeps it, without parameters outside the space, which the tracker's own may be.

    Args:
        space: What is searched.
        trial: The trial.
        values: The metric after each of its sequences.
    """
    optuna = require("optuna")
    inside = [one for one in space if one.contains(trial.parameters.get(one.name, one.default))]
    kept = {name: getattr(trial, name) for name in ("number", "state", "value", "error", "same_as")}
    sequences = {name: score_json(score) for name, score in trial.scores.items()}
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState[_STATES[trial.state]],
        value=trial.value if trial.state == "complete" else None,
        params={one.name: trial.parameters.get(one.name, one.default) for one in inside},
        distributions={one.name: _distribution(optuna, one) for one in inside},
        intermediate_values=dict(enumerate(values, start=1)),
        user_attrs=nulls({**kept, "parameters": trial.parameters, "seconds": round(trial.seconds, 3), "sequences": sequences}),
    )


def _distribution(optuna: Any, parameter: Parameter) -> Any:
    kinds = optuna.distributions
    if parameter.choices:
        return kinds.CategoricalDistribution(parameter.choices)
    low, top, log = parameter.low, parameter.top, parameter.log
    if parameter.whole:
        return kinds.IntDistribution(round(low), round(top), log=log, step=1 if log else round(parameter.spacing))
    return kinds.FloatDistribution(low, top, log=log, step=None if log else parameter.spacing)


def _grid(space: Sequence[Parameter], seed: int) -> Iterator[dict[str, Value]]:
    names = [parameter.name for parameter in space]
    rows = [dict(zip(names, row, strict=True)) for row in itertools.product(*(parameter.points(GRID_POINTS) for parameter in space))]
    random.Random(seed).shuffle(rows)
    return iter(rows)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep back Optuna's messages about new studies and about what is experimental in it.

    Raises:
        LockonError: Optuna is not installed.
    """
    optuna = require("optuna")
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)


__all__ = ["SAMPLERS", "SearchStudy", "frozen_trial", "quiet"]
