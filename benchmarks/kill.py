"""Kill commands with SIGKILL at random points: files must be whole or absent, and the next run must give what no kill gives."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random
from typing import Annotated

import typer

from scene import machine, report, run, table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "fuzz"))

from command_jobs import JOBS, list_faults, prepared
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
    jobs = [job for job in JOBS if (command is None or job.name in command) and not missing(job)]
    found = []
    with prepared(jobs, "kill") as (temporary, inputs):
        for number, job in enumerate(jobs):
            share = points // len(jobs) + (number < points % len(jobs))
            found.append(kill_often(job, inputs, temporary / job.name, share, Random(f"{seed}/{job.name}")))
            print(f"{job.name}: {found[-1].points} of {share} killed, {len(found[-1].faults)} faults", file=sys.stderr)
    faults = list_faults(fault for one in found for fault in one.faults)
    report(out / "kill.md", f"# Killed commands\n\n{machine()}\n\nSeed {seed}.\n\n{_table(found)}\n\n{faults}")
    if any(one.faults for one in found):
        raise typer.Exit(1)


def _table(found: list[Deaths]) -> str:
    rows = [[one.name, str(one.points), str(one.whole), str(len(one.faults))] for one in found]
    return table(["command", "killed", "whole files after the kill", "faults"], rows)


if __name__ == "__main__":
    run(main)
