"""Tasks that wait for each other, over processes of this machine; each is resumable, so that it can be stopped at any moment."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from lockon._processes import ProcessPool, Send
from lockon.errors import LockonError

PATIENCE = 120.0  # seconds that a stopped task has for saving
POLL = 2.0  # seconds between looks at the progress
DIED = "its process died (out of memory, or a crash in native code); the same command goes on"
OnProgress = Callable[[str], None]


class StudyTask(Protocol):
    """Something to do in any process; has to be picklable."""

    @property
    def key(self) -> str:
        """Its name, different from all others'."""

    @property
    def needs(self) -> frozenset[str]:
        """Keys of the tasks that must be done before."""

    def do(self, on_progress: OnProgress) -> None:
        """Do what is missing of it, telling what it is at.

        Raises:
            LockonError: It cannot be done.
            KeyboardInterrupt: It was asked to stop, and has saved what it had.
        """


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a task: it has begun, is at something, is done, or has failed; `text` says at what, or is the error."""

    task: StudyTask
    kind: Literal["begun", "at", "done", "failed"]
    text: str = ""


def run_tasks(tasks: Sequence[StudyTask], *, jobs: int, threads: int) -> Iterator[Event | None]:
    """Do all tasks, each as soon as what it needs is done; tasks that need a failed one fail with it.

    Args:
        tasks: In the order in which they are wanted.
        jobs: Processes; 0 does all in this one.
        threads: Of each process.

    Yields:
        Events as they come, and None every two seconds in which there was none.

    Raises:
        KeyboardInterrupt: Ctrl-C; running tasks have been asked to save and stop.
    """
    if jobs == 0:
        yield from _here(tasks)
        return
    waiting, finished, failed = list(tasks), set[str](), set[str]()
    workers = min(jobs, len(tasks))
    with ProcessPool[StudyTask](_Do(threads), workers=workers, threads=threads, name="lockon-study", patience=PATIENCE) as pool:
        while waiting or pool.busy:
            yield from _give_up(waiting, failed)
            for number in pool.idle():
                ready = next((task for task in waiting if task.needs <= finished), None)
                if ready is not None:
                    waiting.remove(ready)
                    pool.give(number, ready)
                    yield Event(ready, "begun")
            if not pool.busy:
                continue
            quiet = True
            for message in pool.receive(POLL):
                quiet = False
                event = Event(message.item, *(("at", message.value) if message.kind == "progress" else message.value or ("failed", DIED)))
                if event.kind != "at":
                    (finished if event.kind == "done" else failed).add(event.task.key)
                yield event
            if quiet:
                yield None


def _here(tasks: Sequence[StudyTask]) -> Iterator[Event]:
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


def _give_up(waiting: list[StudyTask], failed: set[str]) -> Iterator[Event]:
    """Take out the tasks that need a failed one."""
    while doomed := [task for task in waiting if task.needs & failed]:
        for task in doomed:
            waiting.remove(task)
            failed.add(task.key)
            yield Event(task, "failed", f"needs {', '.join(sorted(task.needs & failed))}, which failed")


@dataclass(frozen=True, slots=True)
class _Do:
    """What a process does with a task: how it ended, "done" or "failed", and the error."""

    threads: int

    def __call__(self, task: StudyTask, send: Send) -> tuple[Literal["done", "failed"], str]:
        import torch

        torch.set_num_threads(self.threads)
        try:
            task.do(send)
        except LockonError as error:
            return "failed", str(error)
        except Exception as error:  # noqa: BLE001  # the other tasks go on; the trace says where it was
            last = traceback.extract_tb(error.__traceback__)[-1]
            return "failed", f"{type(error).__name__}: {error} ({last.name}, line {last.lineno} of {last.filename})"
        return "done", ""


__all__ = ["Event", "OnProgress", "StudyTask", "run_tasks"]
