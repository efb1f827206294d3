"""Where trials run: in this process, or over worker processes that each keep their own share of the sequences in memory.

Which process runs a sequence is fixed, so that each decodes only its own. What a sequence gives does not depend on it: the random
generators are seeded before each, and a tracker forgets the last video on `init`.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from lockon._processes import DIED, Message, ProcessPool, Send
from lockon.bench.jobs import seed_all
from lockon.bench.report.model import SequenceScore
from lockon.bench.search.frames import keep_frames
from lockon.bench.search.objective import Objective
from lockon.bench.spec import Make, TrackerSpec
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError, LockonWarning
from lockon.session import Tracker

Scores = Generator[tuple[int, SequenceScore], None, None]


class TrialError(Exception):
    """The tracker failed on a sequence; the text says where and how."""


@dataclass(frozen=True, slots=True)
class SearchTask:
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

    def __init__(self, task: SearchTask) -> None:
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


class Pool:
    """Trials over `workers` processes of `threads` threads each.

    Raises:
        LockonError: The task cannot be sent to another process.
    """

    def __init__(self, task: SearchTask, workers: int, threads: int) -> None:
        workers = min(workers, len(task.sequences))
        self._owner = share(list(map(len, task.sequences)), workers)
        trial = _Trial(replace(task, cache=task.cache // workers))
        self._pool = ProcessPool[tuple[TrackerSpec, int]](trial, workers=workers, threads=threads, name="lockon-search")

    def measure(self, spec: TrackerSpec, order: Sequence[int]) -> Scores:
        """Run as `Bench.measure`, in the order in which sequences are finished; each process keeps to the given one."""
        queues = [deque(number for number in order if self._owner[number] == worker) for worker in range(max(self._owner) + 1)]
        try:
            while True:
                for worker in self._pool.idle():
                    if queues[worker]:
                        self._pool.give(worker, (spec.on_worker(worker), queues[worker].popleft()))
                if not self._pool.busy:
                    return
                for message in self._pool.receive():
                    yield _result(message)
        except KeyboardInterrupt:
            self.close()
            raise
        finally:
            while self._pool.busy:  # given up: what is running must not answer the next trial
                deque(self._pool.receive(), maxlen=0)

    def close(self) -> None:
        """End all processes, also in the middle of a sequence."""
        self._pool.close()


def _result(message: Message[tuple[TrackerSpec, int]]) -> tuple[int, SequenceScore]:
    """Return number and score of a sequence, and pass on the warnings of its process.

    Raises:
        TrialError: The tracker failed, or its process died.
    """
    answer = DIED if message.kind == "died" else message.value
    if isinstance(answer, str):
        raise TrialError(answer)
    score, notes = answer
    for note in notes:
        warnings.warn(note, LockonWarning, stacklevel=2)
    return message.item[1], score


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


@dataclass(slots=True)
class _Trial:
    """What a process does with a tracker and the number of a sequence; it keeps the sequences, and the tracker of a trial."""

    task: SearchTask
    runner: Runner | None = None
    made: tuple[str, Tracker] | None = None

    def __call__(self, item: tuple[TrackerSpec, int], send: Send) -> tuple[SequenceScore, list[str]] | str:
        """Return the score and the warnings, or what failed."""
        spec, number = item
        self.runner = self.runner or Runner(self.task)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", LockonWarning)
            try:
                if self.made is None or self.made[0] != repr(spec):
                    self.made = None  # frees the last one first
                    self.made = (repr(spec), self.runner.make(spec))
                return self.runner.run(self.made[1], number), _notes(caught)
            except TrialError as error:
                return str(error)


def _notes(caught: Iterable[warnings.WarningMessage]) -> list[str]:
    return list(dict.fromkeys(str(item.message) for item in caught if issubclass(item.category, LockonWarning)))


def _line(error: Exception) -> str:
    text = str(error).strip()
    return text if isinstance(error, LockonError) else f"{type(error).__name__}: {text.splitlines()[-1] if text else 'no text'}"


__all__ = ["Bench", "Pool", "Runner", "SearchTask", "TrialError", "share"]
