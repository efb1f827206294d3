"""Where trials run: in this process, or over worker processes that each keep their own share of the sequences in memory.

Which process runs a sequence is fixed, so that each decodes only its own. What a sequence gives does not depend on it: the random
generators are seeded before each, and a tracker forgets the last video on `init`.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from lockon._processes import DIED, ProcessPool, Send
from lockon.bench.jobs import seed_all
from lockon.bench.report.model import SequenceScore
from lockon.bench.search.objective import Objective
from lockon.bench.spec import Make, TrackerSpec
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError, LockonWarning
from lockon.session import Tracker


class TrialError(Exception):
    """The tracker failed on a sequence; the text says where and how."""


@dataclass(slots=True)
class SequenceRunner:
    """Runs one sequence after the other, in any process.

    Attributes:
        make: Makes the tracker of a trial.
        sequences: What it is run on.
        objective: What is measured.
        seed: Of the random generators, set before the tracker is made and before each sequence.
        made: The last tracker, by its parameters: it is made once per trial and process.
    """

    make: Make
    sequences: Sequence[VideoSequence]
    objective: Objective
    seed: int
    made: tuple[str, Tracker] | None = None

    def run(self, spec: TrackerSpec, number: int) -> SequenceScore:
        """Run one sequence.

        Raises:
            TrialError: The tracker cannot be made, failed on it, or it cannot be read.
        """
        place = ""
        try:
            if self.made is None or self.made[0] != repr(spec):
                self.made = None  # frees the last one first
                seed_all(self.seed)
                self.made = (repr(spec), self.make(spec))
            sequence = self.sequences[number]
            place = f"{sequence.name}: "
            seed_all(self.seed)
            return self.objective.measure(self.made[1], sequence)
        except Exception as error:  # whatever a foreign tracker raises must not stop the others
            raise TrialError(place + _line(error)) from error

    def __call__(self, item: tuple[TrackerSpec, int], send: Send) -> tuple[SequenceScore, list[str]] | str:
        """Return the score and the warnings, or what failed, in a worker process."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", LockonWarning)
            try:
                score = self.run(*item)
            except TrialError as error:
                return str(error)
        return score, list(dict.fromkeys(str(note.message) for note in caught if issubclass(note.category, LockonWarning)))


class Bench:
    """Runs trackers over sequences: with a runner in this process, or in `workers` others of `threads` threads each.

    Raises:
        LockonError: The runner cannot be sent to another process.
    """

    def __init__(self, runner: SequenceRunner, workers: int, threads: int) -> None:
        self._runner, self._owner = runner, share(list(map(len, runner.sequences)), max(workers, 1))
        self._pool: ProcessPool[tuple[TrackerSpec, int]] | None = None
        if workers:
            self._pool = ProcessPool(runner, workers=workers, threads=threads, name="lockon-search")

    def measure(self, spec: TrackerSpec, order: Sequence[int]) -> Generator[tuple[int, SequenceScore], None, None]:
        """Yield number and score of each sequence in `order`: as they are finished, each process in that order.

        Raises:
            TrialError: The tracker cannot be made, or fails on a sequence, or its process died.
        """
        pool = self._pool
        if pool is None:
            yield from ((number, self._runner.run(spec.on_worker(0), number)) for number in order)
            return
        queues = [deque(number for number in order if self._owner[number] == worker) for worker in range(max(self._owner) + 1)]
        try:
            while pool.busy or any(queues):
                for worker in pool.idle():
                    if queues[worker]:
                        pool.give(worker, (spec.on_worker(worker), queues[worker].popleft()))
                for message in pool.receive():
                    answer = DIED if message.kind == "died" else message.value
                    if isinstance(answer, str):
                        raise TrialError(answer)
                    score, notes = answer
                    for note in notes:
                        warnings.warn(note, LockonWarning, stacklevel=2)
                    yield message.item[1], score
        except KeyboardInterrupt:
            self.close()
            raise
        finally:
            while pool.busy:  # given up: what is running must not answer the next trial
                deque(pool.receive(), maxlen=0)

    def close(self) -> None:
        """End all processes, also in the middle of a sequence."""
        if self._pool is not None:
            self._pool.close()


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


def _line(error: Exception) -> str:
    text = str(error).strip()
    return text if isinstance(error, LockonError) else f"{type(error).__name__}: {text.splitlines()[-1] if text else 'no text'}"


__all__ = ["Bench", "SequenceRunner", "TrialError", "share"]
