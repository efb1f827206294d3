"""`search`: try parameters of a tracker on validation sequences, keep every trial, go on where it stopped."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lockon.bench.search.bench import Bench, Pool, Runner, Scores, SearchTask
from lockon.bench.search.journal import Journal
from lockon.bench.search.objective import Objective
from lockon.bench.search.space import Parameter, Value
from lockon.bench.search.suggest import Suggester, check_sampler, grid_size
from lockon.bench.search.trials import OnProgress, Trial, TrialRunner, repeat_of, running_values
from lockon.bench.spec import Make, TrackerSpec
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError

TRIALS = 50


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How a search is run.

    Attributes:
        trials: Number of trials in all, those that are finished already and trial 0 included; None for `TRIALS`, or for a whole grid.
        sampler: "tpe", "random" or "grid".
        seed: Of the sampler, of the order of the sequences, and of the tracker's random generators (set before each sequence).
        prune: Give up trials that are worse than the median of the others after a part of the sequences.
        workers: Number of processes that share the sequences; 0 runs in this process.
        threads: Number of threads of each worker process.
        cache_mb: Megabytes of decoded frames that are kept, in all processes together.
        about: JSON values to keep in the journal, such as where the data lie.

    Raises:
        LockonError: A number is out of range, or the sampler is unknown.
    """

    trials: int | None = None
    sampler: str = "tpe"
    seed: int = 0
    prune: bool = False
    workers: int = 0
    threads: int = 1
    cache_mb: float = 2000
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_sampler(self.sampler)
        if (self.trials is not None and self.trials < 1) or self.workers < 0 or self.threads < 1 or not self.cache_mb >= 0:
            raise LockonError(
                f"trials={self.trials}, workers={self.workers}, threads={self.threads}, cache_mb={self.cache_mb:g}; "
                "expected at least one trial and thread, the others of 0 or more"
            )

    def total(self, space: Sequence[Parameter]) -> int:
        """Return the number of trials in all."""
        if self.sampler != "grid":
            return TRIALS if self.trials is None else self.trials
        whole = 1 + grid_size(space)
        return whole if self.trials is None else min(self.trials, whole)


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


def search(
    make: Make,
    sequences: Sequence[VideoSequence],
    space: Sequence[Parameter],
    out: str | Path,
    *,
    spec: TrackerSpec | None = None,
    objective: Objective | None = None,
    options: SearchOptions | None = None,
    on_progress: OnProgress | None = None,
) -> SearchResult:
    """Search inference parameters of a tracker, on sequences that are for validation.

    Trial 0 has the tracker's own parameters. What is finished in `out` is not run again; the same call goes on from there, the
    way an uninterrupted one would have gone. A trial in which the tracker fails is logged and the search goes on. Equal parameters
    are run once.

    Args:
        make: Makes a tracker of a spec with overrides; a module-level function where there are worker processes.
        sequences: Sequences with different (dataset, name). Whether they are test data is not checked here but by
            `lockon.bench.search.splits.check_splits`, which reads where they come from.
        space: What is searched, see `lockon.bench.search.space`.
        out: Folder of the journal, see `lockon.bench.search.journal`.
        spec: The tracker; its overrides are the same in all trials.
        objective: What is maximised; AO by default.
        options: How the search is run.
        on_progress: Called with each finished `Step` and `Trial`, those of earlier runs excepted.

    Returns:
        All trials, those of earlier runs included.

    Raises:
        LockonError: Double names, another search in `out`, a missing package, an objective that the sequences do not have, or default
            parameters that fail.
        KeyboardInterrupt: Ctrl-C was pressed; finished trials are kept.

    Examples:
        >>> from lockon.bench.search import SearchOptions, parse_vary, search
        >>> space = parse_vary(["localizer.rank.window_influence=0.1:0.4"])
        >>> result = search(make, sequences, space, "searched", options=SearchOptions(trials=20))  # doctest: +SKIP
    """
    spec, options = spec or TrackerSpec("tracker", "tracker"), options or SearchOptions()
    objective, on_progress = (objective or Objective()).of(sequences), on_progress or _ignore
    names = sequence_names(sequences)
    _check_space(space, spec)
    order = list(range(len(sequences)))
    random.Random(options.seed).shuffle(order)
    suggester = Suggester(space, options.sampler, options.seed, len(order))
    journal = Journal(Path(out), space)
    trials = journal.claim(_description(spec, dict(zip(names, sequences, strict=True)), space, objective, options), options.about)
    for finished in trials:
        suggester.replay(finished, running_values(objective, finished))
    runner = TrialRunner(spec, names, order, objective, suggester.should_prune if options.prune else None, on_progress)
    task = SearchTask(make, tuple(sequences), objective, options.seed, round(options.cache_mb * 1e6))
    with closing(_LateBench(task, options)) as bench:
        own = {parameter.name: parameter.default for parameter in space}
        _Search(trials, own, suggester, journal, runner, bench).run(options.total(space))
    return SearchResult(objective, tuple(space), tuple(trials))


@dataclass(slots=True)
class _LateBench:
    """A bench that starts with its first trial: nothing is started for a search that is finished."""

    task: SearchTask
    options: SearchOptions
    bench: Bench | None = None

    def measure(self, spec: TrackerSpec, order: Sequence[int]) -> Scores:
        """Start if nothing was started, and run as `Bench.measure`."""
        if self.bench is None:
            workers = self.options.workers
            self.bench = Pool(self.task, workers, self.options.threads) if workers else Runner(self.task)
        return self.bench.measure(spec, order)

    def close(self) -> None:
        """End what was started."""
        if self.bench is not None:
            self.bench.close()


@dataclass(frozen=True, slots=True)
class _Search:
    """The parts of a search that goes on; `own` are the tracker's own values of the parameters."""

    trials: list[Trial]
    own: Mapping[str, Value | None]
    suggester: Suggester
    journal: Journal
    runner: TrialRunner
    bench: Bench

    def run(self, total: int) -> None:
        """Run trials until there are `total`."""
        trials, runner = self.trials, self.runner
        while len(trials) < total:
            parameters = self.suggester.ask() if trials else {}
            trial = repeat_of(trials, parameters, self.own) or runner.run(self.bench, len(trials), parameters)
            if not trials and trial.state == "failed":
                raise LockonError(f"{runner.spec.label} fails with its own parameters, so there is nothing to search: {trial.error}")
            values = running_values(runner.objective, trial)
            self.journal.append(trial, values)  # first: it is what a search goes on from
            trials.append(trial)
            self.suggester.record(trial, values)
            runner.on_progress(trial)


def _ignore(_: object) -> None:
    return


def sequence_names(sequences: Sequence[VideoSequence]) -> list[str]:
    """Return a name for each sequence; with the dataset's, where several datasets have it.

    Raises:
        LockonError: There are no sequences, or one is there twice.
    """
    if not sequences:
        raise LockonError("0 sequences given; expected at least one to measure on")
    counts = Counter(sequence.name for sequence in sequences)
    names = [sequence.name if counts[sequence.name] == 1 else f"{sequence.dataset}/{sequence.name}" for sequence in sequences]
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise LockonError(f"sequence {double!r} is given twice; give each dataset once")
    return names


def _check_space(space: Sequence[Parameter], spec: TrackerSpec) -> None:
    names = [parameter.name for parameter in space]
    if not names:
        raise LockonError("the space has no parameters; give at least one, for example --vary localizer.rank.window_influence=0.1:0.5")
    for name in names:
        if names.count(name) > 1:
            raise LockonError(f"{name} is in the space twice; give it once")
        if name in spec.overrides:
            raise LockonError(f"{name} is fixed and in the space; give one of the two")


def _description(
    spec: TrackerSpec, sequences: Mapping[str, VideoSequence], space: Sequence[Parameter], objective: Objective, options: SearchOptions
) -> dict[str, Any]:
    """Return the JSON values that decide what the trials are."""
    return {
        "tracker": spec.configuration(options.seed),
        "space": {parameter.name: parameter.as_json() for parameter in space},
        "metric": objective.metric,
        "convention": objective.scoring().convention,
        "lengths": objective.scoring().lengths,
        "sampler": options.sampler,
        "seed": options.seed,
        "prune": options.prune,
        "sequences": {name: {"frames": len(sequence), "truth": _digest(sequence)} for name, sequence in sequences.items()},
    }


def _digest(sequence: VideoSequence) -> str:
    """Return the start of a hash of the ground truth."""
    parts = [sequence.boxes] if sequence.visible is None else [sequence.boxes, sequence.visible]
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()[:16]


__all__ = ["TRIALS", "SearchOptions", "SearchResult", "search", "sequence_names"]
