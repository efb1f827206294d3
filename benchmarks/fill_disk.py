"""Write every kind of output to disks that fill up: the older file stays, no half file appears, one line says why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from scene import machine, report, run, table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "fuzz"))

from command_jobs import OUTPUTS, list_faults, prepared
from filling import Fillings, can_mount, fill
from killing import missing


def main(
    *,
    sizes: Annotated[int, typer.Option(min=2, help="Sizes of the disk for each kind of output.")] = 20,
    output: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(job.name for job in OUTPUTS)}; may be repeated.")] = None,
    limit: Annotated[bool, typer.Option("--limit", help="Limit the size of each file instead of mounting small disks.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for fill_disk.md.")] = Path("results/benchmarks"),
) -> None:
    """Run commands on disks in memory (as root), from one page to more than they need; without root each file's size is limited.

    Example: python benchmarks/fill_disk.py --sizes 20
    """
    mounted = can_mount() and not limit
    jobs = [job for job in OUTPUTS if (output is None or job.name in output) and not missing(job)]
    found = []
    with prepared(jobs, "fill") as (temporary, inputs):
        for job in jobs:
            found.append(fill(job, inputs, temporary / job.name, sizes, mounted=mounted))
            print(f"{job.name}: {dict(found[-1].outcomes)}, {len(found[-1].faults)} faults", file=sys.stderr)
    how = "disks in memory, and between pages a limit on the size of each file" if mounted else "a limit on the size of each file"
    faults = list_faults(fault for one in found for fault in one.faults)
    report(out / "fill_disk.md", f"# Disks that fill up\n\n{machine()}\n\nWith {how}.\n\n{_table(found)}\n\n{faults}")
    if any(one.faults for one in found):
        raise typer.Exit(1)


def _table(found: list[Fillings]) -> str:
    rows = []
    for one in found:
        outcomes = ", ".join(f"{count} {name}" for name, count in one.outcomes.most_common())
        rows.append([one.name, f"{min(one.sizes)}-{max(one.sizes)}", outcomes, str(len(one.faults))])
    return table(["output", "bytes", "outcomes", "faults"], rows)


if __name__ == "__main__":
    run(main)
