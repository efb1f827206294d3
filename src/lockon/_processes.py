"""A pool of worker processes of this machine. Each has a pipe of its own, so that a dead one is known with the item that it had.

Workers use a fixed number of threads, leave Ctrl-C to their parent, and end when it does, however it ends.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar

import cv2

from lockon.errors import LockonError, OutputError

DIED = "the tracker's process died (a crash in native code, or out of memory)"
Item = TypeVar("Item")
Send = Callable[[Any], None]
Work = Callable[[Item, Send], Any]  # runs in the worker: (item, send) -> answer; `send` reports progress on the way


@dataclass(frozen=True, slots=True)
class Message(Generic[Item]):
    """What is heard of an item.

    Attributes:
        kind: "progress", "done", or "died": its process has ended, and another one has taken the place.
        item: What the worker was given.
        worker: Number of the worker, from 0.
        value: What was sent on the way, or the answer; None of the dead.
    """

    kind: Literal["progress", "done", "died"]
    item: Item
    worker: int
    value: Any = None


@dataclass(slots=True)
class _Worker(Generic[Item]):
    """A process, this end of its pipe, and the item that it has, if any."""

    process: SpawnProcess
    pipe: Connection
    item: Item | None = None


class ProcessPool(Generic[Item]):
    """Worker processes that do one kind of work.

    Args:
        work: Called in each worker with an item and a function that sends progress; its return value is the answer. It is sent to
            each process once, at its start, and may keep what it likes between items there. An exception ends its process.
        workers: Number of processes.
        threads: Threads of OpenCV and of OpenMP libraries in each.
        name: Of the processes, before their numbers.
        patience: Seconds that a worker has to end after it was asked to, by SIGTERM in the middle of an item.

    Raises:
        LockonError: The work cannot be sent to another process.
    """

    def __init__(self, work: Work[Item], *, workers: int, threads: int, name: str, patience: float = 5.0) -> None:
        self._work, self._threads, self._name, self._patience = work, threads, name, patience
        self._workers: list[_Worker[Item]] = []
        try:
            for number in range(workers):
                self._workers.append(self._start(number))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> ProcessPool[Item]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def busy(self) -> bool:
        """Tell whether any worker is at an item."""
        return any(worker.item is not None for worker in self._workers)

    def idle(self) -> list[int]:
        """List the numbers of the workers that have no item."""
        return [number for number, worker in enumerate(self._workers) if worker.item is None]

    def give(self, number: int, item: Item) -> None:
        """Send an item to an idle worker.

        Raises:
            LockonError: The item cannot be sent to another process.
        """
        worker = self._workers[number]
        worker.item = item
        with suppress(OSError):  # it died idle, which is seen when it is listened to
            _send(worker.pipe, item)

    def receive(self, timeout: float | None = None) -> Iterator[Message[Item]]:
        """Wait until any busy worker reports, and yield what there is; nothing if `timeout` seconds pass before.

        Raises:
            LockonError: A worker cannot read what was sent to it.
            OutputError: A worker cannot write its files.
        """
        busy = {worker.pipe: number for number, worker in enumerate(self._workers) if worker.item is not None}
        for pipe in wait(list(busy), timeout):
            yield self._read(busy[pipe])  # type: ignore[index]  # only pipes were waited for

    def close(self) -> None:
        """End all processes; those that are at an item are asked to stop in the middle of it."""
        with _uninterrupted():
            for worker in self._workers:
                if worker.item is not None:
                    worker.process.terminate()
                else:
                    worker.pipe.close()
            for worker in self._workers:
                worker.process.join(self._patience)
                if worker.process.is_alive():
                    worker.process.kill()
                worker.pipe.close()
            self._workers.clear()

    def _start(self, number: int) -> _Worker[Item]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._threads), name=f"{self._name}-{number}", daemon=True)
        process.start()
        theirs.close()
        try:
            _send(ours, self._work)
        except BaseException:
            process.terminate()
            process.join(self._patience)
            raise
        return _Worker(process, ours)

    def _read(self, number: int) -> Message[Item]:
        worker = self._workers[number]
        item = worker.item
        assert item is not None  # only busy workers are listened to
        try:
            kind, value = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            worker.pipe.close()
            self._workers[number] = self._start(number)
            return Message("died", item, number)
        if kind == "stopped":
            raise OutputError(value)
        if kind == "unreadable":
            raise LockonError(f"a worker process cannot read its task: {value}")
        if kind == "done":
            worker.item = None
        return Message(kind, item, number, value)


def _send(pipe: Connection, value: object) -> None:
    try:
        pipe.send(value)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise LockonError(
            f"the tracker cannot be sent to a worker process ({error}); give a `make` of the top level of a module, or workers=0"
        ) from None


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C for as long as the block lasts: a second one must not leave processes behind."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not the main thread, which alone is interrupted
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(pipe: Connection, threads: int) -> None:
    """Live as a worker: read the work, then one item after the other, and answer each."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read by torch when it is imported, and by lockon.export.runtime
    cv2.setNumThreads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work: Work[Any] | None = None
    while True:
        try:
            item = pipe.recv()
        except (EOFError, OSError):
            return
        except Exception as error:  # noqa: BLE001  # the tracker's module cannot be imported here, or the like
            pipe.send(("unreadable", f"{type(error).__name__}: {error}"))
            return
        if work is None:
            work = item
            continue
        try:
            answer = work(item, lambda value: pipe.send(("progress", value)))
        except OutputError as error:
            pipe.send(("stopped", str(error)))
            return
        except KeyboardInterrupt:  # it was asked to stop, and has saved what it had
            return
        with suppress(BrokenPipeError):  # nobody wants it any more; seen at the next turn
            pipe.send(("done", answer))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # in the middle of whatever it is: files appear only when they are complete


__all__ = ["DIED", "Message", "ProcessPool", "Send", "Work"]
