"""Jobs over processes of this machine. Each worker has a pipe of its own, so that a dead one is known with the job that it had.

A job whose worker dies goes to another one. Where that dies too, a batch of sequences is taken apart, and a single one has failed.
Workers end when the main process does, however it ends.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

import cv2

from lockon.bench.jobs import BenchmarkContext, Job, Outcome, run_job
from lockon.bench.store import Store
from lockon.errors import LockonError

TRIES = 2  # a worker may be killed from outside once; a job that kills two is at fault
DIED = "the tracker's process died (a crash in native code, or out of memory)"
Tell = Callable[[Outcome], None]


@dataclass(slots=True)
class _Worker:
    """A process and our end of its pipe; the task that it has, if any."""

    process: SpawnProcess
    pipe: Connection
    number: int
    task: _Task | None = None


@dataclass(slots=True)
class _Task:
    """A job and how many workers it has cost."""

    job: Job
    deaths: int = 0


@dataclass(slots=True)
class _Pool:
    context: BenchmarkContext
    out: Path
    threads: int
    workers: list[_Worker] = field(default_factory=list)

    def start(self, number: int) -> _Worker:
        """A new worker; workers are numbered from 0, and one that takes a dead one's place takes its number."""
        return _Worker(*start_process(_serve, self.threads, f"lockon-bench-{number}"), number)

    def give(self, worker: _Worker, task: _Task) -> None:
        """Send a task to an idle worker.

        Raises:
            LockonError: it cannot be sent to another process.
        """
        worker.task = task
        job = replace(task.job, spec=task.job.spec.on_worker(worker.number))
        try:
            worker.pipe.send((self.context, self.out, job))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise LockonError(
                f"{task.job.spec.label} cannot be sent to a worker process ({error}); "
                "give a `make` of the top level of a module, or workers=0"
            ) from None
        except OSError:  # it died idle; its end is seen like that of any other
            pass

    def stop(self) -> None:
        """End all processes; those that are working are ended in the middle."""
        for worker in self.workers:
            worker.pipe.close()
            if worker.task is not None:
                worker.process.terminate()
        for worker in self.workers:
            worker.process.join(5)
            if worker.process.is_alive():
                worker.process.kill()


def run_in_processes(jobs: Iterable[Job], context: BenchmarkContext, out: Path, *, workers: int, threads: int, tell: Tell) -> None:
    """Run all jobs in `workers` processes of `threads` threads; results go into the store at `out`.

    Raises:
        LockonError: jobs that cannot be sent to another process, or that cannot be read there.
    """
    tasks = deque(_Task(job) for job in jobs)
    pool = _Pool(context, out, threads)
    try:
        pool.workers = [pool.start(number) for number in range(min(workers, len(tasks)))]
        while True:
            for worker in pool.workers:
                if worker.task is None and tasks:
                    pool.give(worker, tasks.popleft())
            busy = [worker for worker in pool.workers if worker.task is not None]
            if not busy:
                return
            ready = set(wait([worker.pipe for worker in busy]))
            for worker in busy:
                if worker.pipe in ready:
                    _receive(pool, worker, tasks, tell)
    finally:
        pool.stop()


def _receive(pool: _Pool, worker: _Worker, tasks: deque[_Task], tell: Tell) -> None:
    """A worker's outcomes, or what becomes of its task when it is dead."""
    task, worker.task = worker.task, None
    if task is None:
        return
    try:
        answer = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join()
        worker.pipe.close()
        pool.workers[pool.workers.index(worker)] = pool.start(worker.number)
        _after_death(task, tasks, tell)
        return
    if isinstance(answer, str):
        raise LockonError(f"a worker process cannot read its task: {answer}")
    for outcome in answer:
        tell(outcome)


def _after_death(task: _Task, tasks: deque[_Task], tell: Tell) -> None:
    task.deaths += 1
    spec, sequences = task.job.spec, task.job.sequences
    if task.deaths < TRIES:
        tasks.append(task)
    elif len(sequences) > 1:
        tasks.extend(_Task(Job(spec, (sequence,))) for sequence in sequences)
    else:
        tell(Outcome(spec.label, sequences[0].name, len(sequences[0]), "failed", DIED))


def _serve(pipe: Connection, threads: int) -> None:
    """The life of a worker process."""
    become_worker(threads)
    while True:
        try:
            context, out, job = pipe.recv()
        except (EOFError, OSError):
            return
        except Exception as error:  # noqa: BLE001  # the tracker's module cannot be imported here, or the like
            pipe.send(f"{type(error).__name__}: {error}")
            return
        pipe.send(run_job(context, Store(out), job))


def start_process(serve: Callable[[Connection, int], None], threads: int, name: str) -> tuple[SpawnProcess, Connection]:
    """A running process that lives `serve(its end of a pipe, threads)`, and our end of the pipe."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, threads), name=name, daemon=True)
    process.start()
    theirs.close()
    return process, ours


def become_worker(threads: int) -> None:
    """Make this process one that leaves Ctrl-C to its parent, uses so many threads, and ends with its parent, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read by torch when it is imported, and by lockon.export.runtime
    cv2.setNumThreads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # in the middle of whatever it is: files appear only when they are complete


__all__ = ["DIED", "become_worker", "run_in_processes", "start_process"]
