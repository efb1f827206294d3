"""Kill commands with SIGKILL at random points: files must be whole or absent, and the next run must give what no kill gives."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Annotated

import typer

from scene import machine, report, run, table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "fuzz"))

from command_jobs import JOBS, in_child, load_libraries, prepare
from killing import Deaths, kill_often, missing


def main(
    *,
    points: Annotated[int, typer.Option(min=1, help="Kills of all commands together.")] = 100,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 0,
    command: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(job.name for job in JOBS)}; may be repeated.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for kill.md.")] = Path("results/benchmarks"),
) -> None:
    """Kill commands half of the time at a random moment, and half of the time before a random change of a file.

    Example: python benchmarks/kill.py --points 100
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    jobs = [job for job in JOBS if (command is None or job.name in command) and not missing(job)]
    load_libraries(torch=any(job.needs for job in jobs))
    found = []
    with tempfile.TemporaryDirectory(prefix="kill-") as temporary:
        inputs = Path(temporary) / "inputs"
        inputs.mkdir()
        made = in_child(lambda: prepare(inputs, torch=any(job.needs for job in jobs)), inputs)
        if made.status:
            raise RuntimeError(f"the inputs cannot be made: {made.said[-2000:]}")
        for number, job in enumerate(jobs):
            share = points // len(jobs) + (number < points % len(jobs))
            found.append(kill_often(job, inputs, Path(temporary) / job.name, share, Random(f"{seed}/{job.name}")))
            print(f"{job.name}: {found[-1].points} of {share} killed, {len(found[-1].faults)} faults", file=sys.stderr)
    report(out / "kill.md", f"# Killed commands\n\n{machine()}\n\nSeed {seed}.\n\n{_table(found)}\n\n{_faults(found)}")
    if any(one.faults for one in found):
        raise typer.Exit(1)


def _table(found: list[Deaths]) -> str:
    rows = [[one.name, str(one.points), str(one.whole), str(len(one.faults))] for one in found]
    return table(["command", "killed", "whole files after the kill", "faults"], rows)


def _faults(found: list[Deaths]) -> str:
    return "\n".join(f"- {fault}" for one in found for fault in one.faults) or "No faults."


if __name__ == "__main__":
    run(main)
