"""Tasks that wait for each other, over processes of this machine; each is resumable, so that it can be stopped at any moment."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Literal, Protocol

from lockon.bench.workers import become_worker, start_process
from lockon.errors import LockonError

PATIENCE = 120.0  # seconds that a stopped task has for saving
POLL = 2.0  # seconds between looks at the progress
Say = Callable[[str], None]


class Task(Protocol):
    """Something to do in any process; has to be picklable."""

    @property
    def key(self) -> str:
        """Its name, different from all others'."""

    @property
    def needs(self) -> frozenset[str]:
        """Keys of the tasks that must be done before."""

    def do(self, say: Say) -> None:
        """Do what is missing of it, telling what it is at.

        Raises:
            LockonError: it cannot be done.
            KeyboardInterrupt: it was asked to stop, and has saved what it had.
        """


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a task: it began, says what it is at, is done, or failed; `text` is what it says, or the error."""

    task: Task
    kind: Literal["begun", "at", "done", "failed"]
    text: str = ""


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection
    task: Task | None = None


def run_tasks(tasks: Sequence[Task], *, jobs: int, threads: int) -> Iterator[Event | None]:
    """Do all tasks, each as soon as what it needs is done; tasks that need a failed one fail with it.

    Args:
        tasks: in the order in which they are wanted.
        jobs: processes; 0 does all in this one. threads: of each process.

    Yields:
        events as they come, and None every two seconds in which there was none.

    Raises:
        KeyboardInterrupt: Ctrl-C; running tasks have been asked to save and stop.
    """
    if jobs == 0:
        yield from _here(tasks)
        return
    pool = [_start(threads, number) for number in range(min(jobs, len(tasks)))]
    waiting, finished, failed = list(tasks), set[str](), set[str]()
    try:
        while waiting or any(worker.task is not None for worker in pool):
            yield from _give_up(waiting, failed)
            for worker in pool:
                ready = next((task for task in waiting if task.needs <= finished), None)
                if worker.task is None and ready is not None:
                    waiting.remove(ready)
                    worker.task = ready
                    worker.pipe.send(ready)
                    yield Event(ready, "begun")
            busy = [worker for worker in pool if worker.task is not None]
            if not busy:
                continue
            heard = wait([worker.pipe for worker in busy], POLL)
            if not heard:
                yield None
            for worker in busy:
                if worker.pipe in heard:
                    event = _receive(worker, pool, threads)
                    if event.kind in ("done", "failed"):
                        (finished if event.kind == "done" else failed).add(event.task.key)
                    yield event
    finally:
        _stop(pool)


def _here(tasks: Sequence[Task]) -> Iterator[Event]:
    finished, failed = set[str](), set[str]()
    waiting = list(tasks)
    while waiting:
        yield from _give_up(waiting, failed)
        task = next((task for task in waiting if task.needs <= finished), None)
        if task is None:
            return
        waiting.remove(task)
        yield Event(task, "begun")
        said: list[str] = []
        try:
            task.do(said.append)
        except LockonError as error:
            failed.add(task.key)
            yield Event(task, "failed", str(error))
            continue
        finished.add(task.key)
        yield Event(task, "done", said[-1] if said else "")


def _give_up(waiting: list[Task], failed: set[str]) -> Iterator[Event]:
    """Takes out the tasks that need a failed one."""
    while doomed := [task for task in waiting if task.needs & failed]:
        for task in doomed:
            waiting.remove(task)
            failed.add(task.key)
            yield Event(task, "failed", f"needs {', '.join(sorted(task.needs & failed))}, which failed")


def _start(threads: int, number: int) -> _Worker:
    return _Worker(*start_process(_serve, threads, f"lockon-study-{number}"))


def _receive(worker: _Worker, pool: list[_Worker], threads: int) -> Event:
    """One message of a worker; a dead one is replaced, and its task has failed."""
    task = worker.task
    assert task is not None
    try:
        kind, text = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join()
        pool[pool.index(worker)] = _start(threads, pool.index(worker))
        return Event(task, "failed", "its process died (out of memory, or a crash in native code); the same command goes on")
    if kind != "at":
        worker.task = None
    return Event(task, kind, text)


def _stop(pool: list[_Worker]) -> None:
    """Ask the busy ones to save and end; the idle ones end with their pipe."""
    with _uninterrupted():
        for worker in pool:
            if worker.task is not None:
                worker.process.terminate()
            else:
                worker.pipe.close()
        for worker in pool:
            worker.process.join(PATIENCE)
            if worker.process.is_alive():
                worker.process.kill()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """A second Ctrl-C must not leave processes behind."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(pipe: Connection, threads: int) -> None:
    """The life of a worker process."""
    become_worker(threads)
    import torch

    torch.set_num_threads(threads)
    while True:
        try:
            task: Task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            task.do(lambda text: pipe.send(("at", text)))
            answer = ("done", "")
        except LockonError as error:
            answer = ("failed", str(error))
        except KeyboardInterrupt:
            return
        except Exception as error:  # noqa: BLE001  # the other tasks go on; the trace says where it was
            last = traceback.extract_tb(error.__traceback__)[-1]
            answer = ("failed", f"{type(error).__name__}: {error} ({last.name}, line {last.lineno} of {last.filename})")
        try:
            pipe.send(answer)
        except OSError:
            return


__all__ = ["Event", "Task", "run_tasks"]
