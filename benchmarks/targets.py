"""What 2, 4 and 8 targets in one video cost against one target, and against that many separate runs.

Several targets share one decode and one batched forward pass.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import lockon
from lockon.types import FloatArray
from lockon.video import open_frames
from scene import Scene, machine, report, run, table

COUNTS = (1, 2, 4, 8)


def main(
    *,
    weights: Annotated[Path | None, typer.Option(help="deployed model; the embedded lockon-s by default")] = None,
    device: Annotated[str, typer.Option(help="as in lockon.load: auto, cpu, cuda, openvino, openvino-bf16")] = "auto",
    frames: Annotated[int, typer.Option(help="frames per run")] = 200,
    warmup: Annotated[int, typer.Option(help="frames at the start of each run that are not counted")] = 10,
    rounds: Annotated[int, typer.Option(help="runs per number of targets")] = 3,
    out: Annotated[Path, typer.Option(help="folder for targets.md and the synthetic video")] = Path("results/benchmarks"),
) -> None:
    """Measure milliseconds per frame of lockon-s with 1, 2, 4 and 8 targets in a synthetic 1280x720 video, decoding included.

    Example: python benchmarks/targets.py --out results/benchmarks
    """
    if not 0 <= warmup < frames:
        raise typer.BadParameter(f"--warmup {warmup} must be below --frames {frames}")
    scene = Scene(targets=max(COUNTS))
    video = scene.write(out / "scene-720p-8.mp4", frames + 1)
    tracker = lockon.load("lockon-s", weights=weights, device=device)
    seconds: dict[int, list[float]] = {count: [] for count in COUNTS}
    for _ in range(rounds):
        for count in COUNTS:
            seconds[count].append(_run(tracker, video, scene.boxes(0)[:count], warmup))
    single = float(np.median(seconds[1]))
    rows = []
    for count, runs in seconds.items():
        cost = float(np.median(runs))
        each = f"{cost * 1e3:.2f} ({min(runs) * 1e3:.2f}-{max(runs) * 1e3:.2f})"
        rows.append([str(count), each, f"{cost / single:.2f}", f"{count * single * 1e3:.2f}", f"{cost / (count * single):.2f}"])
    header = ["targets", "ms per frame", "against 1 target", "ms per frame, separate runs", "against separate runs"]
    text = (
        f"# Several targets in one video\n\n{machine()}\n\n"
        f"Device {device!r}; {rounds} runs of {frames - warmup} frames after {warmup} warm-up frames, decoding included: median "
        f"(lowest-highest). Separate runs: that many times one target.\n\n{table(header, rows)}"
    )
    report(out / "targets.md", text)


def _run(tracker: lockon.Tracker, video: Path, boxes: FloatArray, warmup: int) -> float:
    """Track the whole video; return the seconds per frame."""
    with open_frames(video) as reader:
        tracker.init(next(reader).image, boxes)
        counted, began = 0, time.perf_counter()
        for index, numbered in enumerate(reader):
            if index == warmup:
                counted, began = 0, time.perf_counter()
            tracker.track(numbered.image)
            counted += 1
        return (time.perf_counter() - began) / counted


if __name__ == "__main__":
    run(main)
