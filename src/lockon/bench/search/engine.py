"""`search`: try parameters of a tracker on validation sequences, keep every trial, go on where it stopped."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lockon.bench.search.bench import Bench, Pool, Runner, Task
from lockon.bench.search.objective import Objective
from lockon.bench.search.space import Parameter, Value, space_json
from lockon.bench.search.suggest import Journal, grid_size, make_suggester
from lockon.bench.search.trials import Log, Trial
from lockon.bench.search.work import Report, SearchContext, running_values
from lockon.bench.spec import Make, TrackerSpec
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError

TRIALS = 50
CACHE_MB = 2000


@dataclass(frozen=True, slots=True)
class BestTrial:
    """What a search has found so far.

    Attributes:
        objective: the figure. space: what was searched. trials: all, by number; the first has the tracker's own parameters.
    """

    objective: Objective
    space: tuple[Parameter, ...]
    trials: tuple[Trial, ...]

    @property
    def default(self) -> Trial:
        """The tracker's own parameters."""
        return self.trials[0]

    @property
    def best(self) -> Trial:
        """The complete trial of the highest value; of equal ones the first."""
        return max((trial for trial in self.trials if trial.state == "complete"), key=lambda trial: trial.value)

    @property
    def gain(self) -> float:
        """How much more the best has than the default; too large by chance, see `lockon.bench.search.folds`."""
        return self.best.value - self.default.value


def search(
    make: Make,
    sequences: Sequence[VideoSequence],
    space: Sequence[Parameter],
    out: str | Path,
    *,
    spec: TrackerSpec | None = None,
    trials: int | None = None,
    objective: Objective | None = None,
    sampler: str = "tpe",
    seed: int = 0,
    prune: bool = False,
    workers: int = 0,
    threads: int = 1,
    cache_mb: float = CACHE_MB,
    about: Mapping[str, Any] | None = None,
    report: Report | None = None,
) -> BestTrial:
    """Search inference parameters of a tracker, on sequences that are for validation.

    Trial 0 has the tracker's own parameters. What is finished in `out` is not run again; the same call goes on from there, the
    way an uninterrupted one would have gone. A trial in which the tracker fails is logged and the search goes on. Equal parameters
    are run once.

    Args:
        make: gives a tracker for a spec with overrides; a module-level function where `workers` is above 0.
        sequences: with different (dataset, name). Whether they are test data is not checked here but by
            `lockon.bench.search.splits.check_splits`, which reads where they come from.
        space: what is searched, see `lockon.bench.search.space`.
        out: folder of search.json, trials.jsonl and journal.log (Optuna's format).
        spec: the tracker; its overrides are the same in all trials.
        trials: in all, those that are finished already and trial 0 included; None for `TRIALS`, or for a whole grid.
        objective: what is maximised; AO by default.
        sampler: "tpe", "random", "grid" or "cmaes".
        seed: of sampler, order of the sequences, and the tracker's random generators (set before each sequence).
        prune: give up trials that are worse than the median of the others after a part of the sequences.
        workers: processes that share the sequences; 0 runs in this process. threads: of each worker process.
        cache_mb: megabytes of decoded frames that are kept, in all processes together.
        about: JSON values to keep in search.json, such as where the data lie.
        report: called with each finished `Step` and `Trial`, those of earlier runs excepted.

    Raises:
        LockonError: numbers out of range, double names, another search in `out`, a missing package, an objective that the sequences
            do not have, or default parameters that fail.
        KeyboardInterrupt: stopped by Ctrl-C; finished trials are kept.
    """
    spec, objective = spec or TrackerSpec("tracker", "tracker"), (objective or Objective()).of(sequences)
    names = sequence_names(sequences)
    total = _check(space, spec, trials, workers=workers, threads=threads, cache_mb=cache_mb, grid=sampler == "grid")
    order = list(range(len(sequences)))
    random.Random(seed).shuffle(order)
    suggester = make_suggester(space, sampler, seed, len(order))
    log = Log(Path(out))
    log.claim(_description(spec, sequences, names, space, objective, sampler=sampler, seed=seed, prune=prune), about)
    done = log.read()
    running = [running_values(objective, trial) for trial in done]
    for trial, values in zip(done, running, strict=True):
        suggester.replay(trial, values)
    journal = Journal(log.folder / "journal.log", space, done, running)
    task = Task(make, tuple(sequences), objective, seed, round(cache_mb * 1e6))
    work = SearchContext(spec, names, order, suggester, objective, prune=prune, report=report or (lambda _: None))
    bench: Bench | None = None
    try:
        while len(done) < total and (parameters := suggester.ask() if done else {}) is not None:
            repeated = _repeated(done, space, parameters)
            if repeated is None:  # nothing is started for a search that is finished
                bench = bench or (Pool(task, workers, threads) if workers else Runner(task))
                trial = work.run(bench, len(done), parameters)
            else:
                trial = repeated
            if not done and trial.state == "failed":
                raise LockonError(f"{spec.label} fails with its own parameters, so there is nothing to search: {trial.error}")
            _keep(trial, done, log, journal, work)
    finally:
        if bench is not None:
            bench.close()
    return BestTrial(objective, tuple(space), tuple(done))


def _keep(trial: Trial, done: list[Trial], log: Log, journal: Journal, work: SearchContext) -> None:
    """The log first: it is what a search goes on from."""
    values = running_values(work.objective, trial)
    log.append(trial)
    done.append(trial)
    journal.add(trial, values)
    work.suggester.tell(trial, values)
    work.report(trial)


def sequence_names(sequences: Sequence[VideoSequence]) -> list[str]:
    """A name for each sequence; with the dataset's, where several datasets have it.

    Raises:
        LockonError: no sequences, or one that is given twice.
    """
    if not sequences:
        raise LockonError("0 sequences given; expected at least one to measure on")
    counts = Counter(sequence.name for sequence in sequences)
    names = [sequence.name if counts[sequence.name] == 1 else f"{sequence.dataset}/{sequence.name}" for sequence in sequences]
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise LockonError(f"sequence {double!r} is given twice; give each dataset once")
    return names


def _repeated(done: Sequence[Trial], space: Sequence[Parameter], parameters: dict[str, Value]) -> Trial | None:
    """The outcome of an earlier trial with equal parameters, written out for trial 0."""
    own = {one.name: one.default for one in space}
    for trial in done:
        if parameters == (trial.parameters if trial.number else own) and trial.same_as is None:
            return replace(trial, number=len(done), parameters=parameters, seconds=0.0, same_as=trial.number)
    return None


def _check(
    space: Sequence[Parameter], spec: TrackerSpec, trials: int | None, *, workers: int, threads: int, cache_mb: float, grid: bool
) -> int:
    """Number of trials in all."""
    names = [parameter.name for parameter in space]
    if not names:
        raise LockonError("the space has no parameters; give at least one, for example --vary localizer.rank.window_influence=0.1:0.5")
    for name in names:
        if names.count(name) > 1:
            raise LockonError(f"{name} is in the space twice; give it once")
        if name in spec.overrides:
            raise LockonError(f"{name} is fixed and in the space; give one of the two")
    if (trials is not None and trials < 1) or workers < 0 or threads < 1 or not cache_mb >= 0:
        raise LockonError(
            f"trials={trials}, workers={workers}, threads={threads}, cache_mb={cache_mb:g}; "
            "expected at least one trial and thread, the others of 0 or more"
        )
    return trials if trials is not None else 1 + grid_size(space) if grid else TRIALS


def _description(
    spec: TrackerSpec,
    sequences: Sequence[VideoSequence],
    names: Sequence[str],
    space: Sequence[Parameter],
    objective: Objective,
    *,
    sampler: str,
    seed: int,
    prune: bool,
) -> dict[str, Any]:
    """JSON values that decide what the trials are."""
    return {
        "tracker": spec.configuration(seed),
        "space": space_json(space),
        "metric": objective.metric,
        "convention": objective.scoring().convention,
        "lengths": objective.scoring().lengths,
        "sampler": sampler,
        "seed": seed,
        "prune": prune,
        "sequences": {name: {"frames": len(one), "truth": _digest(one)} for name, one in zip(names, sequences, strict=True)},
    }


def _digest(sequence: VideoSequence) -> str:
    """The start of a hash of the ground truth."""
    parts = [sequence.boxes] if sequence.visible is None else [sequence.boxes, sequence.visible]
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()[:16]


__all__ = ["CACHE_MB", "TRIALS", "BestTrial", "search", "sequence_names"]
