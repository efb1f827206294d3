"""Does memory grow with the length of a video? Resident size after 10 frames against the end of a long streamed video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import psutil
import typer

import lockon
from scene import Scene, machine, report, run, table

MEGABYTE = 2**20


def main(
    *,
    weights: Annotated[Path | None, typer.Option(help="deployed model; the embedded lockon-s by default")] = None,
    frames: Annotated[int, typer.Option(help="length of the video")] = 5000,
    early: Annotated[int, typer.Option(help="frames after which memory is first taken")] = 10,
    limit: Annotated[float, typer.Option(help="allowed growth in MB; the exit status is 1 above it")] = 20,
    out: Annotated[Path, typer.Option(help="folder for memory.md")] = Path("results/benchmarks"),
) -> None:
    """Measure the resident memory of lockon-s while it tracks a synthetic 1280x720 video whose frames are made one by one.

    Example: python benchmarks/memory.py --frames 5000 --out results/benchmarks
    """
    if not 0 < early < frames:
        raise typer.BadParameter(f"--early {early} must be between 1 and --frames {frames}")
    process = psutil.Process()
    scene = Scene()
    marks = sorted({early, *(frames * tenth // 10 for tenth in range(1, 11))} - {0})
    sizes: dict[int, int] = {}
    tracked = 0
    for _ in lockon.track(scene.frames(frames), scene.boxes(0)[0], lockon.load("lockon-s", weights=weights)):
        tracked += 1
        if tracked in marks:
            sizes[tracked] = process.memory_info().rss
    if tracked != frames:
        raise RuntimeError(f"{tracked} results for {frames} frames")
    growth = (sizes[frames] - sizes[early]) / MEGABYTE
    rows = [[str(count), f"{size / MEGABYTE:.1f}", f"{(size - sizes[early]) / MEGABYTE:+.1f}"] for count, size in sizes.items()]
    verdict = f"Growth from {early} to {frames} frames: {growth:+.1f} MB (allowed {limit:g} MB)."
    report(
        out / "memory.md", f"# Memory\n\n{machine()}\n\n{verdict}\n\n{table(['frames', 'resident MB', f'against {early} frames'], rows)}"
    )
    if growth > limit:
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
