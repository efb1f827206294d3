"""Jobs over processes of this machine.

A job whose worker dies goes to another one. Where that dies too, a batch of sequences is taken apart, and a single one has failed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from lockon._processes import DIED, ProcessPool, Send
from lockon.bench.jobs import BenchmarkContext, Job, Outcome, run_job
from lockon.bench.store import Store

TRIES = 2  # a worker may be killed from outside once; a job that kills two is at fault
OnOutcome = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class _Task:
    """A job, how many workers it has cost, and the one that has it."""

    job: Job
    deaths: int = 0
    worker: int = 0

    def after_death(self) -> list[_Task]:
        """List what is to be tried now: the job once more, then each of its sequences alone; nothing if it is at fault itself."""
        if self.deaths + 1 < TRIES:
            return [replace(self, deaths=self.deaths + 1)]
        sequences = self.job.sequences
        return [_Task(Job(self.job.spec, (sequence,))) for sequence in sequences] if len(sequences) > 1 else []


@dataclass(frozen=True, slots=True)
class _RunJob:
    """What workers do with a task: run its job, and put the results into the store at `out`."""

    context: BenchmarkContext
    out: Path

    def __call__(self, task: _Task, send: Send) -> list[Outcome]:
        job = replace(task.job, spec=task.job.spec.on_worker(task.worker))
        return run_job(self.context, Store(self.out), job)


def run_in_processes(
    jobs: Iterable[Job], context: BenchmarkContext, out: Path, *, workers: int, threads: int, on_outcome: OnOutcome
) -> None:
    """Run all jobs in `workers` processes of `threads` threads; results go into the store at `out`.

    Raises:
        LockonError: The jobs cannot be sent to another process, or cannot be read there.
    """
    tasks = deque(_Task(job) for job in jobs)
    with ProcessPool[_Task](_RunJob(context, out), workers=min(workers, len(tasks)), threads=threads, name="lockon-bench") as pool:
        while tasks or pool.busy:
            for number in pool.idle()[: len(tasks)]:
                pool.give(number, replace(tasks.popleft(), worker=number))
            for message in pool.receive():
                if message.kind == "done":
                    for outcome in message.value:
                        on_outcome(outcome)
                    continue
                again = message.item.after_death()
                tasks.extend(again)
                if not again:
                    spec, (sequence,) = message.item.job.spec, message.item.job.sequences
                    on_outcome(Outcome(spec.label, sequence.name, len(sequence), "failed", DIED))


__all__ = ["OnOutcome", "run_in_processes"]
