"""Jobs over a Ray cluster (needs the `ray` extra): one task per job; results come back and are written here.

A task whose worker dies is retried by Ray, on another one. Every machine needs lockon, the tracker's code and weights, and the
data, under the same paths. Ray: Moritz et al., Ray: A Distributed Framework for Emerging AI Applications, OSDI 2018.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lockon._processes import DIED
from lockon._require import require
from lockon.bench.jobs import BenchmarkContext, Job, Outcome, run_job
from lockon.bench.record import Record, RunKey
from lockon.bench.store import FIRST, Store
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError

RETRIES = 3  # of a task whose worker died
REACH = 10.0  # seconds to reach a cluster
LOCAL = "local"
_Key = tuple[str, str, str, RunKey]


class MemoryBook(Store):
    """What a task knows of the store, and what it has to bring back. All of it can be sent.

    Args:
        known: Finished results of the job, by tracker, dataset, sequence and place.
    """

    def __init__(self, known: Mapping[_Key, Record]) -> None:
        super().__init__("")
        self._records = dict(known)
        self.new: list[tuple[str, Record]] = []
        self.errors: list[tuple[str, VideoSequence, str, RunKey]] = []

    def find(self, label: str, sequence: VideoSequence, run_key: RunKey = FIRST, rules: Mapping[str, Any] | None = None) -> Record | None:
        """Return the result, if there is one; it was checked against the rules when the book was made."""
        return self._records.get((label, sequence.dataset, sequence.name, run_key))

    def save(self, label: str, record: Record) -> None:
        """Keep a result."""
        self._records[label, record.dataset, record.sequence, record.run_key] = record
        self.new.append((label, record))

    def save_error(self, label: str, sequence: VideoSequence, text: str, run_key: RunKey = FIRST) -> None:
        """Keep a traceback."""
        self.errors.append((label, sequence, text, run_key))


def run_on_ray(
    jobs: Iterable[Job], context: BenchmarkContext, store: Store, address: str, *, threads: int, on_outcome: Callable[[Outcome], None]
) -> None:
    """Run all jobs on a cluster.

    Args:
        jobs: What to do.
        context: What all jobs have in common.
        store: Where the results go.
        address: As `ray.init` takes it ("auto", "ray://HOST:10001", ...), or "local".
        threads: Cores of each task.
        on_outcome: Called with each outcome.

    Raises:
        LockonError: Ray is not installed, there is no cluster at the address, or the cluster cannot do the job at all.
    """
    ray: Any = require("ray", "ray")
    with _cluster(ray, address):
        shared = ray.put(context)
        waiting: dict[Any, Job] = {}
        for number, job in enumerate(jobs):
            spec = job.spec.on_worker(number)
            gpus = {"num_gpus": 1} if spec.device.startswith("cuda") else {}
            task = ray.remote(num_cpus=threads, max_retries=RETRIES, **gpus)(_run_task)
            waiting[task.remote(shared, Job(spec, job.sequences), _known(store, context, job), threads)] = job
        while waiting:
            (ready,), _ = ray.wait(list(waiting), num_returns=1)
            _receive(ray, ready, waiting.pop(ready), store, on_outcome)


def _receive(ray: Any, ready: Any, job: Job, store: Store, on_outcome: Callable[[Outcome], None]) -> None:
    try:
        outcomes, records, errors = ray.get(ready)
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError):
        for sequence in job.sequences:
            on_outcome(Outcome(job.spec.label, sequence.name, len(sequence), "failed", DIED))
        return
    except ray.exceptions.RayError as error:
        raise LockonError(f"the cluster cannot run {job.spec.label}: {str(error).strip().splitlines()[-1]}") from None
    for label, record in records:
        store.save(label, record)
    for label, sequence, text, run_key in errors:
        store.save_error(label, sequence, text, run_key)
    for outcome in outcomes:
        on_outcome(outcome)


def _known(store: Store, context: BenchmarkContext, job: Job) -> dict[_Key, Record]:
    """Return the finished results of a job, so that a task does only what is missing."""
    label = job.spec.label
    run_keys = [(sequence, run_key) for sequence in job.sequences for group in context.protocol.runs(sequence) for run_key in group]
    found = {
        (label, sequence.dataset, sequence.name, run_key): store.find(label, sequence, run_key, context.protocol.rules(sequence))
        for sequence, run_key in run_keys
    }
    return {key: record for key, record in found.items() if record is not None}


def _run_task(context: BenchmarkContext, job: Job, known: Mapping[_Key, Record], threads: int) -> tuple[Any, ...]:
    """Run a job; this is what runs on the cluster."""
    import cv2

    cv2.setNumThreads(threads)  # Ray sets OMP_NUM_THREADS to the cores of the task
    book = MemoryBook(known)
    outcomes = run_job(context, book, job)
    return outcomes, book.new, book.errors


def _check_reachable(address: str) -> None:
    """Check that a machine answers: Ray itself would wait for it for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=REACH).close()
        except OSError as error:
            raise _nobody(address, error.strerror or str(error)) from None


def _nobody(address: str, reason: str) -> LockonError:
    return LockonError(f"no Ray cluster at {address!r} ({reason}); start one, or type --ray local")


@contextmanager
def _cluster(ray: Any, address: str) -> Iterator[None]:
    """Return a connection for as long as the block lasts; one that is there already is used and left."""
    if ray.is_initialized():
        yield
        return
    _check_reachable(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # of clusters that start here; who started another one decides for it
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address == LOCAL:
        options["include_dashboard"] = False
    try:
        ray.init(address=None if address == LOCAL else address, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise _nobody(address, str(error).strip().splitlines()[0]) from None
    try:
        yield
    finally:
        ray.shutdown()


__all__ = ["LOCAL", "MemoryBook", "run_on_ray"]
