"""The trials of a search in Optuna's own storage, a journal file, which a search goes on from and Optuna's tools can read.

`journal.log` holds one study, "lockon". Its attribute "search" says what is searched; each trial is one line, written when it is finished,
with the score of every sequence as an attribute. The samplers' memory is never stored: see `lockon.bench.search.suggest`.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

from lockon._require import require
from lockon.bench.search.objective import score_from_json, score_json
from lockon.bench.search.space import Parameter, Value
from lockon.bench.search.trials import State, Trial
from lockon.config import differences
from lockon.errors import LockonError, LockonWarning

NAME = "journal.log"
STUDY = "lockon"
FORMAT = 2
_NO_JOURNAL = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
    AssertionError,
)  # what Optuna raises for lines that are not its own


class Journal:
    """The journal of one folder.

    Args:
        folder: Folder of the search; made when the journal is claimed.
        space: What is searched.

    Raises:
        LockonError: Optuna is not installed.
    """

    def __init__(self, folder: Path, space: Sequence[Parameter]) -> None:
        self.path = folder / NAME
        self._space = tuple(space)
        self._optuna = require("optuna")
        self._study: Any = None

    def claim(self, description: Mapping[str, Any], about: Mapping[str, Any] | None = None) -> list[Trial]:
        """Begin a journal, or open the one of the same search.

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
            with quiet(self._optuna):
                self._study = self._open()
                stored = self._study.get_trials(deepcopy=False)
                known = self._study.user_attrs.get("search")
                if known is None and not stored:
                    self._study.set_user_attr("about", dict(about or {}))
                    self._study.set_user_attr("search", wanted)
                    known = wanted
        except OSError as error:
            raise LockonError(f"cannot write {self.path}: {error.strerror}") from None
        if not isinstance(known, dict):
            raise LockonError(f"{self.path} does not say what was searched; give another --out")
        if changed := differences(known, wanted):
            raise LockonError(f"{self.path.parent} holds another search: {', '.join(changed[:3])}; give another --out, or the same options")
        trials = [self._read(number, frozen) for number, frozen in enumerate(stored)]
        if cut:
            warnings.warn(f"{self.path}: the last line was cut off; trial {len(trials)} is run again", LockonWarning, stacklevel=2)
        return trials

    def append(self, trial: Trial, values: Sequence[float]) -> None:
        """Add one trial; it is on the disk when this returns.

        Args:
            trial: The trial.
            values: The metric after each of its sequences.

        Raises:
            LockonError: The file cannot be written.
        """
        try:
            with quiet(self._optuna):
                self._study.add_trial(frozen_trial(self._optuna, self._space, trial, values))
        except OSError as error:
            raise LockonError(f"cannot write {self.path}: {error.strerror}") from None

    def _open(self) -> Any:
        journal = require("optuna.storages.journal")
        backend = journal.JournalFileBackend(str(self.path), lock_obj=journal.JournalFileOpenLock(str(self.path)))  # not links: Windows
        try:
            storage = self._optuna.storages.JournalStorage(backend)
            if not self.path.stat().st_size:
                return self._optuna.create_study(study_name=STUDY, storage=storage, direction="maximize")
            return self._optuna.load_study(study_name=STUDY, storage=storage)
        except (*_NO_JOURNAL, self._optuna.exceptions.OptunaError) as error:
            raise LockonError(
                f"{self.path} is damaged, or no journal of a search ({type(error).__name__}: {error}); give another --out, or remove it"
            ) from None

    def _drop_cut_line(self) -> bool:
        """Remove a last line without an end, which a killed process leaves; return whether there was one."""
        if not self.path.exists():
            return False
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) == len(content):
            return False
        with self.path.open("r+b") as stream:
            stream.truncate(len(whole))
        return True

    def _read(self, number: int, frozen: Any) -> Trial:
        try:
            return _trial(number, frozen)
        except _NO_JOURNAL:
            raise LockonError(f"{self.path}: trial {number} is not as it was written; give another --out, or remove the file") from None


def _trial(number: int, frozen: Any) -> Trial:
    """Return what `frozen_trial` was made of.

    Raises:
        KeyError: An attribute is missing.
        TypeError: An attribute is of another type.
        ValueError: An attribute has no such value, or trials are missing.
    """
    states = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    state, stored = states[frozen.state.name], frozen.user_attrs
    if stored["number"] != number or state not in get_args(State):
        raise ValueError("trials are missing")
    value = frozen.value if state == "complete" else frozen.last_step and frozen.intermediate_values[frozen.last_step]
    return Trial(
        number=number,
        parameters=dict(stored["parameters"]),
        state=state,  # type: ignore[arg-type]  # one of them
        value=math.nan if value is None else float(value),
        scores={name: score_from_json(name, score) for name, score in stored["sequences"].items()},
        seconds=float(stored["seconds"]),
        error=str(stored["error"]),
        same_as=stored["same_as"],
    )


def frozen_trial(optuna: Any, space: Sequence[Parameter], trial: Trial, values: Sequence[float]) -> Any:
    """Return a finished trial as Optuna keeps it, without parameters outside the space, which the tracker's own may be.

    Args:
        optuna: The package.
        space: What is searched.
        trial: The trial.
        values: The metric after each of its sequences.
    """
    states = optuna.trial.TrialState
    state = {"complete": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}[trial.state]
    tried: Mapping[str, Value | None] = {parameter.name: trial.parameters.get(parameter.name, parameter.default) for parameter in space}
    inside = [parameter for parameter in space if parameter.contains(tried[parameter.name])]
    return optuna.trial.create_trial(
        state=state,
        value=trial.value if trial.state == "complete" else None,
        params={parameter.name: tried[parameter.name] for parameter in inside},
        distributions=distributions(optuna, inside),
        intermediate_values=dict(enumerate(values, start=1)),
        user_attrs={
            "number": trial.number,
            "parameters": dict(trial.parameters),
            "seconds": round(trial.seconds, 3),
            "error": trial.error,
            "same_as": trial.same_as,
            "sequences": {name: score_json(score) for name, score in trial.scores.items()},
        },
    )


def distributions(optuna: Any, space: Sequence[Parameter]) -> dict[str, Any]:
    """Return Optuna's distribution of each parameter by its name."""
    return {parameter.name: _distribution(optuna.distributions, parameter) for parameter in space}


def _distribution(kinds: Any, parameter: Parameter) -> Any:
    if parameter.choices:
        return kinds.CategoricalDistribution(parameter.choices)
    low, top, log = parameter.low, parameter.top, parameter.log
    if parameter.whole:
        return kinds.IntDistribution(round(low), round(top), log=log, step=1 if log else round(parameter.spacing))
    return kinds.FloatDistribution(low, top, log=log, step=None if log else parameter.spacing)


@contextmanager
def quiet(optuna: Any) -> Iterator[None]:
    """Keep back Optuna's messages about new studies and about what is experimental in it."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)


__all__ = ["Journal", "distributions", "frozen_trial", "quiet"]
