"""`search`: try parameters of a tracker on validation sequences, keep every trial, go on where it stopped."""

from __future__ import annotations

import hashlib
import math
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lockon.bench.report.model import SequenceScore
from lockon.bench.search.bench import Bench, SequenceRunner, TrialError
from lockon.bench.search.frames import keep_frames
from lockon.bench.search.objective import Objective
from lockon.bench.search.space import GRID_POINTS, Parameter, Value
from lockon.bench.search.study import SAMPLERS, SearchStudy, quiet
from lockon.bench.search.trials import OnProgress, SearchResult, Step, Trial
from lockon.bench.spec import Make, TrackerSpec
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError, unknown_name

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
        if self.sampler not in SAMPLERS:
            raise unknown_name("sampler", self.sampler, SAMPLERS)
        if (self.trials is not None and self.trials < 1) or self.workers < 0 or self.threads < 1 or not self.cache_mb >= 0:
            raise LockonError(
                f"trials={self.trials}, workers={self.workers}, threads={self.threads}, cache_mb={self.cache_mb:g}; "
                "expected at least one trial and thread, the others of 0 or more"
            )

    def total(self, space: Sequence[Parameter]) -> int:
        """Return the number of trials in all."""
        if self.sampler != "grid":
            return self.trials or TRIALS
        whole = 1 + math.prod(len(parameter.points(GRID_POINTS)) for parameter in space)
        return min(self.trials or whole, whole)


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
        out: Folder of the journal, see `lockon.bench.search.study`.
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
    objective = (objective or Objective()).of(sequences)
    names = sequence_names(sequences)
    _check_space(space, spec)
    order = list(range(len(sequences)))
    random.Random(options.seed).shuffle(order)
    description = _description(spec, dict(zip(names, sequences, strict=True)), space, objective, options)
    with quiet():
        study = SearchStudy(Path(out), space, options.sampler, options.seed, len(order))
        trials, total = study.open(description, options.about), options.total(space)
        if len(trials) < total:  # else nothing is started
            workers = min(options.workers, len(sequences))
            kept = keep_frames(sequences, round(options.cache_mb * 1e6) // max(workers, 1))
            with closing(Bench(SequenceRunner(make, kept, objective, options.seed), workers, options.threads)) as bench:
                runner = _TrialRunner(spec, names, order, objective, bench, study, options.prune, on_progress or (lambda _: None))
                runner.run_all(trials, total, {parameter.name: parameter.default for parameter in space})
    return SearchResult(objective, tuple(space), tuple(trials))


@dataclass(frozen=True, slots=True)
class _TrialRunner:
    """Runs trials over the same sequences.

    Attributes:
        spec: The tracker, with the overrides that are the same in all trials.
        names: Name of each sequence.
        order: Numbers of the sequences in the order in which they count for pruning.
        objective: What is measured.
        bench: Where they run.
        study: The finished trials, which says what to try next, and which trials can be given up.
        prune: Whether to give up any.
        on_progress: Called after each sequence and trial.
    """

    spec: TrackerSpec
    names: list[str]
    order: list[int]
    objective: Objective
    bench: Bench
    study: SearchStudy
    prune: bool
    on_progress: OnProgress

    def run_all(self, trials: list[Trial], total: int, own: Mapping[str, Value | None]) -> None:
        """Add trials until there are `total`; one with the parameters of an earlier one has its outcome.

        Args:
            trials: Those that are finished.
            total: Number of them at the end.
            own: The tracker's own values of the parameters, which trial 0 was run with.
        """
        while len(trials) < total:
            parameters = self.study.ask() if trials else {}
            equal = (one for one in trials if one.same_as is None and parameters == (one.parameters if one.number else own))
            if earlier := next(equal, None):
                trial = replace(earlier, number=len(trials), parameters=parameters, seconds=0.0, same_as=earlier.number)
            else:
                trial = self.run(len(trials), parameters)
            if not trials and trial.state == "failed":
                raise LockonError(f"{self.spec.label} fails with its own parameters, so there is nothing to search: {trial.error}")
            scores = list(trial.scores.values())
            self.study.append(trial, [self._running_value(scores[: index + 1]) for index in range(len(scores))])
            trials.append(trial)
            self.on_progress(trial)

    def run(self, number: int, parameters: dict[str, Value]) -> Trial:
        """Run one trial; its outcome does not depend on which sequence is finished first."""
        begin = time.perf_counter()
        spec = replace(self.spec, overrides={**self.spec.overrides, **parameters})
        finished: dict[str, SequenceScore] = {}
        counted: dict[str, SequenceScore] = {}  # those at the start of the order
        ordered = [self.names[index] for index in self.order]
        pruned, error = False, ""
        try:
            with closing(self.bench.measure(spec, self.order)) as scores:
                for index, score in scores:
                    finished[self.names[index]] = score
                    self.on_progress(Step(number, self.names[index], score.frames))
                    while not pruned and len(counted) < len(ordered) and (name := ordered[len(counted)]) in finished:
                        counted[name] = finished[name]
                        pruned = number > 0 and self.prune and self._is_hopeless(list(counted.values()))
                    if pruned:
                        break
            value = self.objective.value(counted.values())
            if math.isnan(value):
                error = f"{self.objective.metric} is no number on these sequences: no frame of them counts"
        except TrialError as failure:
            value, error = math.nan, str(failure)
        return Trial(
            number=number,
            parameters=parameters,
            state="failed" if error else "pruned" if pruned else "complete",
            value=value,
            scores={} if error else counted,
            seconds=time.perf_counter() - begin,
            error=error,
        )

    def _is_hopeless(self, scores: list[SequenceScore]) -> bool:
        """Ask the pruner at every step, so that it knows the same of this trial as in a search that is resumed."""
        worse = self.study.should_prune(len(scores), self._running_value(scores))
        return worse and len(scores) < len(self.order) and not math.isnan(self.objective.value(scores))

    def _running_value(self, scores: list[SequenceScore]) -> float:
        """Return the metric after some sequences; 0 where no frame counted yet, which Optuna takes."""
        return float(np.nan_to_num(self.objective.value(scores)))


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


__all__ = ["TRIALS", "SearchOptions", "search", "sequence_names"]
