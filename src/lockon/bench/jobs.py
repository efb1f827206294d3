"""One job: a tracker on one sequence, or on several in one batch; every run of it is stored as soon as it is finished.

A job never raises: whatever a foreign tracker does becomes a failed outcome. It can be run again at any time, by any process,
and does what is missing.
"""

from __future__ import annotations

import random
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from lockon._seeds import seed_opencv
from lockon.bench.protocols.plan import Protocol
from lockon.bench.protocols.trajectory import Trajectory
from lockon.bench.record import MaskTexts, Record, RunKey
from lockon.bench.spec import Make, TrackerSpec
from lockon.bench.store import Store
from lockon.data.sequence import VideoSequence
from lockon.driver import Episode, drive, drive_together, seeded
from lockon.errors import LockonError, LockonWarning, OutputError
from lockon.session import SteppedTracker

READERS = 4  # threads that decode the frames of one batch


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a tracker fared on a sequence.

    Attributes:
        label: The tracker's name.
        sequence: Name of the sequence.
        frames: Length of the sequence.
        status: "done", "skipped" (it was finished before) or "failed".
        error: One line for a failed pair, else empty.
        warnings: Texts of the `LockonWarning`s on the way.
    """

    label: str
    sequence: str
    frames: int
    status: Literal["done", "skipped", "failed"]
    error: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """One tracker on some sequences: one, or several in one batch."""

    spec: TrackerSpec
    sequences: tuple[VideoSequence, ...]


@dataclass(frozen=True, slots=True)
class BenchmarkContext:
    """What all jobs of a benchmark share.

    Attributes:
        make: Makes a tracker of a spec.
        protocol: How it is run.
        seed: Of the first repetition; each next has the next.
        setup: Versions, machine and the like, kept in every record.
        batch: Sequences in one batch, 1 for one after the other.
        data: NAME:ROOT by name of the dataset, so that a result knows what it was made of; may be empty.
    """

    make: Make
    protocol: Protocol
    seed: int
    setup: Mapping[str, Any]
    batch: int = 1
    data: Mapping[str, str] = field(default_factory=dict)

    def seed_of(self, run_key: RunKey) -> int:
        """Return the seed of a run."""
        return self.seed + run_key.repetition - 1

    def record(self, spec: TrackerSpec, sequence: VideoSequence, run_key: RunKey, run: Trajectory, masks: MaskTexts) -> Record:
        """Return what is kept of a run."""
        setup = {**self.setup, "device": spec.device, "seed": self.seed_of(run_key)}
        if sequence.dataset in self.data:
            setup["data"] = self.data[sequence.dataset]
        if spec.weights is not None:
            setup["weights"] = str(spec.weights.resolve())
        for key, companion in spec.companions().items():
            if companion.weights is not None:
                setup[f"{key}_weights"] = str(companion.weights.resolve())
        return self.protocol.record(sequence, run_key, run, setup, masks)


def open_runs(context: BenchmarkContext, sink: Store, label: str, sequence: VideoSequence) -> Iterator[RunKey]:
    """Return the runs that are missing. Each must be in the sink before the next is asked for; repetitions end when two in a row agree.

    Raises:
        LockonError: A result of other ground truth or rules.
    """
    rules = context.protocol.rules(sequence)
    for group in context.protocol.runs(sequence):
        before: Record | None = None
        for run_key in group:
            record = sink.find(label, sequence, run_key, rules)
            if record is None:
                yield run_key
                record = sink.find(label, sequence, run_key, rules)
            if record is None or (before is not None and record.same_answers(before)):
                break
            before = record


def run_job(context: BenchmarkContext, sink: Store, job: Job) -> list[Outcome]:
    """Run what is missing of a job; one outcome per sequence. Raises `OutputError` alone: what cannot be stored."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", LockonWarning)
        if context.batch > 1:
            outcomes = _in_batch(context, sink, job)
        else:
            outcomes = [_one_by_one(context, sink, job.spec, sequence) for sequence in job.sequences]
    notes = dict.fromkeys(str(item.message) for item in caught if issubclass(item.category, LockonWarning))
    return [replace(outcomes[0], warnings=tuple(notes)), *outcomes[1:]]  # the warnings of a batch belong to no one sequence


def _one_by_one(context: BenchmarkContext, sink: Store, spec: TrackerSpec, sequence: VideoSequence) -> Outcome:
    """Run all runs of one pair; a new tracker for each repetition, so that none inherits anything."""
    at, tracker, repetition, masks = _At(), None, 0, MaskTexts()
    try:
        for run_key in open_runs(context, sink, spec.label, sequence):
            at.run_key = run_key
            if tracker is None or repetition != run_key.repetition:
                seed_all(context.seed_of(run_key))
                tracker, repetition = context.make(spec), run_key.repetition
            seed_all(context.seed_of(run_key))  # again: making it may have loaded torch
            run = drive(tracker, _seeded_episode(context, sequence, run_key))
            sink.save(spec.label, context.record(spec, sequence, run_key, run, masks))
    except OutputError:  # a full disk is no failure of the tracker, and the next one would meet it too
        raise
    except Exception as failure:  # noqa: BLE001  # whatever a foreign tracker raises must not stop the others
        return _failed(sink, spec, sequence, at, failure)
    return Outcome(spec.label, sequence.name, len(sequence), "done")


def _in_batch(context: BenchmarkContext, sink: Store, job: Job) -> list[Outcome]:
    """Run all pairs of a job side by side in one batch; the tracker is made once."""
    spec = job.spec
    ats = [_At() for _ in job.sequences]
    try:
        seed_all(context.seed)
        tracker = context.make(spec)
        if not isinstance(tracker, SteppedTracker):
            raise LockonError(
                f"{spec.label} cannot run in batches: it has no start, step and moved, which step many targets at once; give batch=1"
            )
    except Exception as failure:  # noqa: BLE001  # as above
        return [_failed(sink, spec, sequence, at, failure) for sequence, at in zip(job.sequences, ats, strict=True)]
    outcomes: dict[int, Outcome] = {}
    episodes = (_all_runs(context, sink, spec, sequence, at) for sequence, at in zip(job.sequences, ats, strict=True))
    for number, result in drive_together(tracker, episodes, context.batch, readers=READERS):
        sequence = job.sequences[number]
        if isinstance(result, OutputError):
            raise result
        if isinstance(result, Exception):
            outcomes[number] = _failed(sink, spec, sequence, ats[number], result)
        else:
            outcomes[number] = Outcome(spec.label, sequence.name, len(sequence), "done")
    return [outcomes[number] for number in range(len(job.sequences))]


@dataclass(slots=True)
class _At:
    """The run that a pair is at: a failure is noted beside its place."""

    run_key: RunKey = field(default_factory=RunKey)


def _seeded_episode(context: BenchmarkContext, sequence: VideoSequence, run_key: RunKey) -> Episode[Trajectory]:
    """Return the episode of a run with the run's own seed, so that it repeats alone, in a batch and after a resume."""
    return seeded(context.protocol.episode(sequence, run_key), context.seed_of(run_key))


def _all_runs(context: BenchmarkContext, sink: Store, spec: TrackerSpec, sequence: VideoSequence, at: _At) -> Episode[None]:
    """Run one run of a sequence after the other, as one course."""
    masks = MaskTexts()
    for run_key in open_runs(context, sink, spec.label, sequence):
        at.run_key = run_key
        run = yield from _seeded_episode(context, sequence, run_key)
        sink.save(spec.label, context.record(spec, sequence, run_key, run, masks))


def _failed(sink: Store, spec: TrackerSpec, sequence: VideoSequence, at: _At, failure: Exception) -> Outcome:
    text = str(failure).strip()
    error = text if isinstance(failure, LockonError) else f"{type(failure).__name__}: {text.splitlines()[-1] if text else 'no text'}"
    sink.save_error(spec.label, sequence, "".join(traceback.format_exception(failure)), at.run_key)
    return Outcome(spec.label, sequence.name, len(sequence), "failed", error)


def seed_all(seed: int) -> None:
    """Seed the random generators of Python, NumPy and OpenCV, and torch's where it is loaded."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    seed_opencv(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


__all__ = ["BenchmarkContext", "Job", "Outcome", "open_runs", "run_job", "seed_all"]
