"""Write every kind of output to disks that fill up: the older file stays, no half file appears, one line says why."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from scene import machine, report, run, table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "fuzz"))

from command_jobs import OUTPUTS, in_child, load_libraries, prepare
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
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    mounted = can_mount() and not limit
    jobs = [job for job in OUTPUTS if (output is None or job.name in output) and not missing(job)]
    load_libraries(torch=any(job.needs for job in jobs))
    found = []
    with tempfile.TemporaryDirectory(prefix="fill-") as temporary:
        inputs = Path(temporary) / "inputs"
        inputs.mkdir()
        made = in_child(lambda: prepare(inputs, torch=any(job.needs for job in jobs)), inputs)
        if made.status:
            raise RuntimeError(f"the inputs cannot be made: {made.said[-2000:]}")
        for job in jobs:
            found.append(fill(job, inputs, Path(temporary) / job.name, sizes, mounted=mounted))
            print(f"{job.name}: {dict(found[-1].outcomes)}, {len(found[-1].faults)} faults", file=sys.stderr)
    how = "disks in memory, and between pages a limit on the size of each file" if mounted else "a limit on the size of each file"
    report(out / "fill_disk.md", f"# Disks that fill up\n\n{machine()}\n\nWith {how}.\n\n{_table(found)}\n\n{_faults(found)}")
    if any(one.faults for one in found):
        raise typer.Exit(1)


def _table(found: list[Fillings]) -> str:
    rows = []
    for one in found:
        outcomes = ", ".join(f"{count} {name}" for name, count in one.outcomes.most_common())
        rows.append([one.name, f"{min(one.sizes)}-{max(one.sizes)}", outcomes, str(len(one.faults))])
    return table(["output", "bytes", "outcomes", "faults"], rows)


def _faults(found: list[Fillings]) -> str:
    return "\n".join(f"- {fault}" for one in found for fault in one.faults) or "No faults."


if __name__ == "__main__":
    run(main)
