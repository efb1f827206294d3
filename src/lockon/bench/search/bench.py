"""Where trials run: in this process, or over worker processes that each keep their own share of the sequences in memory.

Which process runs a sequence is fixed, so that each decodes only its own. What a sequence gives does not depend on it: the random
generators are seeded before each, and a tracker forgets the last video on `init`.
"""

from __future__ import annotations

import pickle
import warnings
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Protocol

from lockon.bench.jobs import seed_all
from lockon.bench.report.model import SequenceScore
from lockon.bench.search.frames import keep_frames
from lockon.bench.search.objective import Objective
from lockon.bench.spec import Make, TrackerSpec
from lockon.bench.workers import DIED, become_worker, start_process
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError, LockonWarning
from lockon.session import Tracker

Scores = Generator[tuple[int, SequenceScore], None, None]


class TrialError(Exception):
    """The tracker failed on a sequence; the text says where and how."""


@dataclass(frozen=True, slots=True)
class Task:
    """The parts that all trials share.

    Attributes:
        make: Makes the tracker of a trial.
        sequences: What it is run on.
        objective: What is measured.
        seed: Of the random generators, set before the tracker is made and before each sequence.
        cache: Bytes of decoded frames that are kept per process.
    """

    make: Make
    sequences: tuple[VideoSequence, ...]
    objective: Objective
    seed: int
    cache: int


class Bench(Protocol):
    """Runs a tracker over sequences."""

    def measure(self, spec: TrackerSpec, order: Sequence[int]) -> Scores:
        """Yield number and score of each sequence in `order`, in that order or as they are finished.

        Raises:
            TrialError: The tracker cannot be made, or fails on a sequence.
        """

    def close(self) -> None:
        """End what was started."""


class Runner:
    """Trials in this process: a tracker is made once per trial.

    Args:
        task: What is run.
    """

    def __init__(self, task: Task) -> None:
        self.task = replace(task, sequences=tuple(keep_frames(task.sequences, task.cache)))

    def measure(self, spec: TrackerSpec, order: Sequence[int]) -> Scores:
        """Run as `Bench.measure`, in that order."""
        tracker = self.make(spec.on_worker(0))
        for number in order:
            yield number, self.run(tracker, number)

    def make(self, spec: TrackerSpec) -> Tracker:
        """Make the tracker of a trial.

        Raises:
            TrialError: It cannot be made.
        """
        try:
            seed_all(self.task.seed)
            return self.task.make(spec)
        except Exception as error:  # whatever a foreign tracker raises must not stop the others
            raise TrialError(_line(error)) from error

    def run(self, tracker: Tracker, number: int) -> SequenceScore:
        """Run one sequence.

        Raises:
            TrialError: The tracker failed on it, or it cannot be read.
        """
        sequence = self.task.sequences[number]
        try:
            seed_all(self.task.seed)
            return self.task.objective.measure(tracker, sequence)
        except Exception as error:  # as above
            raise TrialError(f"{sequence.name}: {_line(error)}") from error

    def close(self) -> None:
        """Do nothing, because nothing was started."""


@dataclass(slots=True)
class _Worker:
    """A process, our end of its pipe, its sequences, and whether it is at one of them."""

    process: SpawnProcess
    pipe: Connection
    number: int
    busy: bool = False


@dataclass(slots=True)
class Pool:
    """Trials over `workers` processes of `threads` threads each.

    Raises:
        LockonError: the task cannot be sent to another process.
    """

    task: Task
    workers: int
    threads: int
    _owner: list[int] = field(default_factory=list)
    _processes: list[_Worker] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.workers = min(self.workers, len(self.task.sequences))
        self._owner = share(list(map(len, self.task.sequences)), self.workers)
        try:
            for number in range(self.workers):
                self._processes.append(self._start(number))
        except BaseException:
            self.close()
            raise

    def measure(self, spec: TrackerSpec, order: Sequence[int]) -> Scores:
        """As `Bench.measure`, in the order in which they are finished; each process keeps to the given one."""
        queues = [deque(number for number in order if self._owner[number] == worker) for worker in range(self.workers)]
        try:
            while True:
                for worker in self._processes:
                    if not worker.busy and queues[worker.number]:
                        self._give(worker, spec, queues[worker.number].popleft())
                if not any(worker.busy for worker in self._processes):
                    return
                yield from self._receive()
        except KeyboardInterrupt:
            self.close()
            raise
        finally:
            while any(worker.busy for worker in self._processes):  # given up: what is running must not answer the next trial
                for _ in self._receive(drop=True):
                    pass

    def close(self) -> None:
        """End all processes, also in the middle of a sequence."""
        for worker in self._processes:
            _end(worker)

    def _start(self, number: int) -> _Worker:
        process, ours = start_process(_serve, self.threads, f"lockon-search-{number}")
        worker = _Worker(process, ours, number)
        try:
            ours.send(replace(self.task, cache=self.task.cache // self.workers))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            _end(worker)
            raise LockonError(
                f"the tracker cannot be sent to a worker process ({error}); give a `make` of the top level of a module, or workers=0"
            ) from None
        return worker

    def _give(self, worker: _Worker, spec: TrackerSpec, number: int) -> None:
        worker.busy = True
        with suppress(OSError):  # it died idle; seen when it is listened to
            worker.pipe.send((spec.on_worker(worker.number), number))

    def _receive(self, *, drop: bool = False) -> Scores:
        """Wait for any process that is at something."""
        busy = {worker.pipe: worker for worker in self._processes if worker.busy}
        for pipe in wait(list(busy)):
            worker = busy[pipe]  # type: ignore[index]  # only pipes were waited for
            worker.busy = False
            try:
                answer = worker.pipe.recv()
            except (EOFError, OSError):
                worker.process.join()
                worker.pipe.close()
                self._processes[worker.number] = self._start(worker.number)
                answer = DIED
            if drop:
                continue
            if isinstance(answer, str):
                raise TrialError(answer)
            number, score, notes = answer
            for note in notes:
                warnings.warn(note, LockonWarning, stacklevel=2)
            yield number, score


def _end(worker: _Worker) -> None:
    worker.busy = False
    worker.pipe.close()
    worker.process.terminate()
    worker.process.join(5)
    if worker.process.is_alive():
        worker.process.kill()


def share(lengths: Sequence[int], workers: int) -> list[int]:
    """Return the worker of each sequence: the longest first, each to the one that has least.

    >>> share([10, 90, 50, 40], 2)
    [0, 0, 1, 1]
    """
    load, owner = [0] * workers, [0] * len(lengths)
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        owner[number] = load.index(min(load))
        load[owner[number]] += lengths[number]
    return owner


def _serve(pipe: Connection, threads: int) -> None:
    """The life of a worker process: the task, then one sequence per question; a tracker per trial."""
    become_worker(threads)
    try:
        runner = Runner(pipe.recv())
    except EOFError:
        return
    except Exception as error:  # noqa: BLE001  # the tracker's module cannot be imported here, or the like
        pipe.send(f"a worker process cannot read its task: {_line(error)}")
        return
    made: tuple[str, Tracker] | None = None
    while True:
        try:
            spec, number = pipe.recv()
        except (EOFError, OSError):
            return
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", LockonWarning)
            try:
                if made is None or made[0] != repr(spec):
                    made = None  # frees the last one first
                    made = (repr(spec), runner.make(spec))
                answer: object = (number, runner.run(made[1], number), _notes(caught))
            except TrialError as error:
                answer = str(error)
        pipe.send(answer)


def _notes(caught: Iterable[warnings.WarningMessage]) -> list[str]:
    return list(dict.fromkeys(str(item.message) for item in caught if issubclass(item.category, LockonWarning)))


def _line(error: Exception) -> str:
    text = str(error).strip()
    return text if isinstance(error, LockonError) else f"{type(error).__name__}: {text.splitlines()[-1] if text else 'no text'}"


__all__ = ["Bench", "Pool", "Runner", "Task", "TrialError", "share"]
