"""Damage small valid inputs of six kinds in thousands of ways, and look at what lockon does with each."""

from __future__ import annotations

import shlex
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from scene import machine, report, run, table

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS / "fuzz"), str(TESTS)]  # the tests run the same with few inputs

from fuzz_inputs import KINDS  # noqa: E402
from fuzzing import BATCH, Findings, fuzz  # noqa: E402


def main(
    *,
    inputs: Annotated[int, typer.Option(min=1, help="Inputs of each kind.")] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed and number give the same input.")] = 0,
    kind: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(KINDS)}; may be repeated. Default: all.")] = None,
    first: Annotated[int, typer.Option(min=0, help="Number of the first input, to look at one again.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Inputs that share a process.")] = BATCH,
    work: Annotated[Path | None, typer.Option(help="Folder to work in; what the last input read and wrote stays there.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for fuzz.md.")] = Path("results/benchmarks"),
) -> None:
    """Read damaged inputs; exit with 1 if one raises anything but a LockonError, gives NaN, writes outside, runs, hangs or bloats.

    Example: python benchmarks/fuzz.py --inputs 10000 --seed 0 --kind boxes
    """
    names = kind or list(KINDS)
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        raise typer.BadParameter(f"unknown kind {unknown[0]}; known: {', '.join(KINDS)}")
    found = []
    with tempfile.TemporaryDirectory(prefix="fuzz-") as temporary:
        for name in names:
            if KINDS[name].missing:
                print(f"{name} left out: it needs {', '.join(KINDS[name].missing)}", file=sys.stderr)
                continue
            found.append(fuzz(name, inputs, seed, work or Path(temporary), first=first, batch=batch))
            print(f"{name}: {len(found[-1].faults)} different faults in {found[-1].inputs} inputs", file=sys.stderr)
    report(out / "fuzz.md", f"# Damaged inputs\n\n{machine()}\n\nSeed {seed}.\n\n{_summary(found)}\n\n{_faults(found)}")
    if any(one.faults for one in found):
        raise typer.Exit(1)


def _summary(found: list[Findings]) -> str:
    rows = []
    for one in found:
        endings = ", ".join(f"{count} {name}" for name, count in one.endings.most_common(6))
        bad = sum(count for count, _ in one.faults.values())
        rows.append(
            [one.kind, str(one.inputs), endings, str(bad), f"{one.seconds / max(one.inputs, 1) * 1e3:.0f}", f"{one.grown / 2**20:.0f}"]
        )
    return table(["kind", "inputs", "commands ended", "faults", "ms each", "largest growth, MB"], rows)


def _faults(found: list[Findings]) -> str:
    if not any(one.faults for one in found):
        return "No faults."
    lines = []
    for one in found:
        for count, first in sorted(one.faults.values(), key=lambda pair: -pair[0]):
            again = shlex.join(["--kind", one.kind, "--first", str(first["input"]), "--inputs", "1"])
            lines.append(f"- {one.kind}, {count} times, `{again}`: {first['fault']!r}")
            lines += [f"    - `{command[:200]}`" for command in first["commands"]]
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
