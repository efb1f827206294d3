"""Trackers times sequences, in parallel over processes or a cluster; what is finished stays, whatever happens to the rest.

Every pair runs with a fresh tracker and a fixed number of threads, so that the times of one tracker do not depend on the others.
A tracker that raises is reported and the rest goes on; so is one that kills its process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from lockon.bench.jobs import BenchmarkContext, Job, Outcome, open_runs, run_job
from lockon.bench.machine import machine, versions
from lockon.bench.protocols.one_pass import OnePass
from lockon.bench.protocols.plan import Protocol
from lockon.bench.spec import Make, TrackerSpec, sha256
from lockon.bench.store import Store
from lockon.bench.workers import run_in_processes
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError

PER_SLOT = 2  # sequences of a job for each slot of its batch: few jobs, but several for each worker


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchmarkOptions:
    """How trackers are run over sequences.

    Attributes:
        workers: Processes; 0 runs in this process, one pair after the other, and leaves its threads alone.
        threads: Of OpenCV and of OpenMP libraries in each worker process.
        batch: Batch size: sequences that a `SteppedTracker` tracks side by side; 1 for one after the other.
        seed: Of the random generators of Python, NumPy, OpenCV and torch, set before each run; repetition k has seed + k - 1.
        ray: Address of a Ray cluster to run on instead of processes here, or "local" for one that lives as long as the run.
        overwrite: Whether to run finished pairs again, and drop the results of other configurations.
    """

    workers: int = 1
    threads: int = 1
    batch: int = 1
    seed: int = 0
    ray: str | None = None
    overwrite: bool = False


def run_benchmark(
    specs: Sequence[TrackerSpec],
    sequences: Sequence[VideoSequence],
    out: str | Path,
    make: Make,
    *,
    protocol: Protocol | None = None,
    options: BenchmarkOptions | None = None,
    data: Mapping[str, str] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Run every tracker over every sequence and store the results.

    Args:
        specs: Trackers with different labels.
        sequences: With different (dataset, name).
        out: Folder of the results; what is finished in it is skipped, run by run.
        make: Gives an object with ``init(frame, box)`` and ``track(frame)`` for a spec; a module-level function, so that worker
            processes can import it.
        protocol: How trackers are run; one pass by default.
        options: Workers, threads, batch size, seed and the like; the defaults of `BenchmarkOptions` by default.
        data: NAME:ROOT by name of the dataset, kept in the results for those who reproduce them.
        on_outcome: Called here with each outcome as it arrives.

    Returns:
        One outcome per pair, skipped ones first.

    Raises:
        LockonError: Double labels or sequences, numbers out of range, or results of another configuration in `out`.
        KeyboardInterrupt: Stopped by Ctrl-C; running pairs are dropped, finished ones are stored.
    """
    protocol, options = protocol or OnePass(), options or BenchmarkOptions()
    _check_arguments(specs, sequences, options, protocol)
    store = Store(out)
    for spec in specs:
        store.claim(spec.label, spec.configuration(options.seed), spec.size(), overwrite=options.overwrite)
    outcomes: list[Outcome] = []

    def keep(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if on_outcome is not None:
            on_outcome(outcome)

    context = BenchmarkContext(make, protocol, options.seed, _setup(options), options.batch, data or {})
    todo = _missing(specs, sequences, context, store, overwrite=options.overwrite, on_outcome=keep)
    jobs = _jobs(todo, options.batch)
    if options.ray is not None:
        from lockon.bench.ray_workers import run_on_ray

        run_on_ray(jobs, context, store, options.ray, threads=options.threads, on_outcome=keep)
    elif options.workers == 0:
        for job in jobs:
            for outcome in run_job(context, store, Job(job.spec.on_worker(0), job.sequences)):
                keep(outcome)
    else:
        run_in_processes(jobs, context, Path(out), workers=options.workers, threads=options.threads, on_outcome=keep)
    return outcomes


def _missing(
    specs: Sequence[TrackerSpec],
    sequences: Sequence[VideoSequence],
    context: BenchmarkContext,
    store: Store,
    *,
    overwrite: bool,
    on_outcome: Callable[[Outcome], None],
) -> list[tuple[TrackerSpec, VideoSequence]]:
    """Return the pairs with anything to do; results that are to be made again are dropped."""
    todo = []
    for sequence in sequences:
        for spec in specs:
            if overwrite:
                store.remove(spec.label, sequence, context.protocol.name)
            if next(open_runs(context, store, spec.label, sequence), None) is None:
                on_outcome(Outcome(spec.label, sequence.name, len(sequence), "skipped"))
            else:
                todo.append((spec, sequence))
    return todo


def _jobs(todo: list[tuple[TrackerSpec, VideoSequence]], batch: int) -> list[Job]:
    """Make a job per pair; in batches several sequences of one tracker, those of about one length together."""
    if batch == 1:
        return [Job(spec, (sequence,)) for spec, sequence in todo]
    jobs = []
    for label in dict.fromkeys(spec.label for spec, _ in todo):
        spec = next(spec for spec, _ in todo if spec.label == label)
        own = sorted((sequence for other, sequence in todo if other.label == label), key=len, reverse=True)
        size = PER_SLOT * batch
        jobs += [Job(spec, tuple(own[first : first + size])) for first in range(0, len(own), size)]
    return jobs


def _setup(options: BenchmarkOptions) -> dict[str, Any]:
    """Return what is the same for all records of this call."""
    threads = options.threads if options.workers else cv2.getNumThreads()
    setup = {"versions": versions(), "machine": machine(), "workers": options.workers, "threads": threads}
    if options.ray is not None:
        setup |= {"workers": "ray", "threads": options.threads}
    return setup if options.batch == 1 else {**setup, "batch": options.batch}


def _check_arguments(
    specs: Sequence[TrackerSpec], sequences: Sequence[VideoSequence], options: BenchmarkOptions, protocol: Protocol
) -> None:
    labels = [spec.label for spec in specs]
    for label in labels:
        if labels.count(label) > 1:
            raise LockonError(f"tracker {label!r} is given twice; give one of them another label: other={label}")
    names = [(sequence.dataset, sequence.name) for sequence in sequences]
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise LockonError(f"sequence {double[1]!r} of {double[0]} is given twice; give each dataset once")
    if not labels or not names:
        raise LockonError(f"{len(labels)} trackers and {len(names)} sequences given; expected at least one of each")
    workers, threads, batch = options.workers, options.threads, options.batch
    if workers < 0 or threads < 1 or batch < 1:
        raise LockonError(f"workers={workers}, threads={threads}, batch={batch}; expected workers of 0 or more, the others of 1 or more")
    if batch > 1 and protocol.is_timed:
        raise LockonError("real time cannot be measured in batches, where a frame waits for the others; give seconds per frame, or batch=1")


__all__ = ["BenchmarkOptions", "Job", "Make", "Outcome", "TrackerSpec", "run_benchmark", "sha256"]
