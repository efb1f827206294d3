"""Trackers times sequences, in parallel over processes; what is finished stays, whatever happens to the rest.

Every pair runs in a worker process of its own pool slot, with a fresh tracker and a fixed number of threads, so that the
times of one tracker do not depend on the others. A tracker that raises is reported and the rest goes on; one that kills
its process is found by running the suspects alone.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import platform
import random
import signal
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence as Items
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from lockon.bench.protocols.one_pass import run_one_pass
from lockon.bench.store import Record, Store
from lockon.config import as_json
from lockon.data.sequence import Sequence
from lockon.errors import LockonError, LockonWarning
from lockon.tracker import Tracker

_PACKAGES = ("lockon", "numpy", "opencv-contrib-python-headless", "onnxruntime", "openvino", "torch")


@dataclass(frozen=True, slots=True)
class TrackerSpec:
    """A tracker to be made in a worker process; has to be picklable.

    Attributes:
        label: its name in tables and folders. name: its name for `lockon.load`.
        weights, preset, device, overrides: arguments of `lockon.load`.
        files: weight files, whose hash tells configurations apart and whose bytes are the model's size.
    """

    label: str
    name: str
    weights: Path | None = None
    preset: str = "default"
    device: str = "auto"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()

    def configuration(self, seed: int) -> dict[str, Any]:
        """JSON values that decide the results."""
        return {
            "name": self.name,
            "preset": self.preset,
            "device": self.device,
            "overrides": as_json(self.overrides),
            "weights": {path.name: sha256(path) for path in self.files},
            "seed": seed,
        }

    def size(self) -> int:
        """Bytes of the weight files."""
        return sum(path.stat().st_size for path in self.files)


Make = Callable[[TrackerSpec], Tracker]


@dataclass(frozen=True, slots=True)
class Job:
    """One tracker on one sequence."""

    spec: TrackerSpec
    sequence: Sequence


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    Attributes:
        label, sequence: which job. frames: length of the sequence.
        status: "done", "skipped" (it was finished before) or "failed".
        error: one line for a failed job, else empty. warnings: texts of the `LockonWarning`s on the way.
    """

    label: str
    sequence: str
    frames: int
    status: Literal["done", "skipped", "failed"]
    error: str = ""
    warnings: tuple[str, ...] = ()


def run_benchmark(
    specs: Items[TrackerSpec],
    sequences: Items[Sequence],
    out: str | Path,
    make: Make,
    *,
    workers: int = 1,
    threads: int = 1,
    seed: int = 0,
    overwrite: bool = False,
    report: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Run every tracker once over every sequence and store the results.

    Args:
        specs: trackers with different labels. sequences: with different (dataset, name).
        out: folder of the results; finished pairs in it are skipped.
        make: a module-level function, so that worker processes can import it.
        workers: processes; 0 runs in this process, one pair after the other, and leaves its threads alone.
        threads: of OpenCV and of OpenMP libraries in each worker process.
        seed: of the random generators of Python, NumPy and OpenCV, set before each pair.
        overwrite: run finished pairs again; drop the results of other configurations.
        report: called here with each outcome as it arrives.

    Returns:
        One outcome per pair, skipped ones first.

    Raises:
        LockonError: double labels or sequences, workers below 0, threads below 1, or results of another configuration in `out`.
        KeyboardInterrupt: stopped by Ctrl-C; running pairs are dropped, finished ones are stored.
    """
    _check_arguments(specs, sequences, workers, threads)
    store = Store(out)
    for spec in specs:
        store.claim(spec.label, spec.configuration(seed), spec.size(), overwrite=overwrite)
    outcomes: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if report is not None:
            report(outcome)

    todo: deque[Job] = deque()
    for sequence in sequences:
        for spec in specs:
            if not overwrite and store.finished(spec.label, sequence):
                tell(Outcome(spec.label, sequence.name, len(sequence), "skipped"))
            else:
                todo.append(Job(spec, replace(sequence, masks=None)))  # masks are not needed and cost time to send
    setup = {"versions": _versions(), "machine": _machine(), "workers": workers, "threads": threads if workers else cv2.getNumThreads()}
    call = partial(_run_job, make, Path(out), seed, setup)
    if workers == 0:
        for job in todo:
            tell(call(job))
    else:
        _run_pool(todo, call, workers, threads, tell)
    return outcomes


def sha256(path: Path) -> str:
    """Hexadecimal digest of a file.

    Raises:
        LockonError: the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise LockonError(f"cannot read {path}: {error.strerror}; check the path of the weights") from None
    return digest.hexdigest()


def _check_arguments(specs: Items[TrackerSpec], sequences: Items[Sequence], workers: int, threads: int) -> None:
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
    if workers < 0 or threads < 1:
        raise LockonError(f"workers={workers}, threads={threads}; expected workers of 0 or more and threads of 1 or more")


def _run_job(make: Make, out: Path, seed: int, setup: Mapping[str, Any], job: Job) -> Outcome:
    """Run one pair and store its result; any exception becomes a failed outcome."""
    spec, sequence = job.spec, job.sequence
    random.seed(seed)
    np.random.seed(seed)
    cv2.setRNGSeed(seed)
    store = Store(out)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", LockonWarning)
        try:
            run = run_one_pass(make(spec), sequence)
            store.save(spec.label, Record(sequence.name, sequence.dataset, run, sequence.boxes, sequence.visible, setup))
            error = ""
        except Exception as failure:  # noqa: BLE001  # whatever a foreign tracker raises must not stop the others
            text = str(failure).strip()
            error = (
                text if isinstance(failure, LockonError) else f"{type(failure).__name__}: {text.splitlines()[-1] if text else 'no text'}"
            )
            store.save_error(spec.label, sequence, traceback.format_exc())
    notes = tuple(str(item.message) for item in caught if issubclass(item.category, LockonWarning))
    return Outcome(spec.label, sequence.name, len(sequence), "failed" if error else "done", error, notes)


def _run_pool(todo: deque[Job], call: Callable[[Job], Outcome], workers: int, threads: int, tell: Callable[[Outcome], None]) -> None:
    """All jobs in worker processes; a job whose process dies alone is reported as failed."""
    while todo:
        for job in _run_until_broken(todo, call, workers, threads, tell):  # one of these killed its process: which one?
            if _run_until_broken(deque([job]), call, 1, threads, tell):
                error = "the tracker's process died (a crash in native code, or out of memory)"
                tell(Outcome(job.spec.label, job.sequence.name, len(job.sequence), "failed", error))


def _run_until_broken(
    todo: deque[Job], call: Callable[[Job], Outcome], workers: int, threads: int, tell: Callable[[Outcome], None]
) -> list[Job]:
    """Take jobs from `todo` until it is empty or a process dies; the jobs that were running then."""
    with _pool(min(workers, len(todo)), threads) as pool:
        running: dict[Future[Outcome], Job] = {}
        while todo or running:
            lost: list[Job] = []
            while todo and len(running) < workers and not lost:
                job = todo.popleft()
                try:
                    running[pool.submit(call, job)] = job
                except BrokenProcessPool:
                    lost.append(job)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                try:
                    tell(future.result())
                except BrokenProcessPool:
                    lost.append(job)
            if lost:
                return lost + list(running.values())
    return []


@contextmanager
def _pool(workers: int, threads: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes are ended at once when the block raises, Ctrl-C included."""
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker, (threads,))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    pool.shutdown()


def _start_worker(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read by torch when it is imported, and by lockon.export.runtime
    cv2.setNumThreads(threads)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {**found, "cv2": cv2.__version__}


def _machine() -> dict[str, Any]:
    """Processor and number of cores, because frames per second mean nothing without."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"processor": named[0] if named else platform.processor() or platform.machine(), "cores": cores, "system": platform.system()}


__all__ = ["Job", "Make", "Outcome", "TrackerSpec", "run_benchmark", "sha256"]
