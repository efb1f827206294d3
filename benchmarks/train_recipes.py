"""Does every full-size recipe train here? A few optimizer steps each: the loss falls, the run saves, resumes, tracks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

import lockon
from lockon.bench.metrics import average_overlap
from lockon.data.datasets.registry import load_videos
from lockon.train.engine import Engine
from lockon.train.recipe import Pipeline, Recipe, TrainSources
from lockon.zoo.registry import TRACKERS, card
from lockon.zoo.training import recipe
from scene import machine, report, run, table


class Few:
    """The first samples of a pipeline over and over: on so few pairs a loss that falls cannot be chance."""

    def __init__(self, pipeline: Pipeline, count: int) -> None:
        self.samples = [pipeline.sample(index) for index in range(count)]

    def sample(self, index: int) -> dict[str, Any]:
        """Return sample `index`, modulo the count."""
        return self.samples[index % len(self.samples)]


def make(name: str, sources: TrainSources, *, steps: int, batch: int, pairs: int, settings: Iterable[str]) -> Recipe:
    """Make a recipe of the published settings, but for the length, the batch and the data."""
    overrides = {
        "train.steps": steps,
        "train.batch_size": batch,
        "train.gradients.accumulate": 1,
        "train.machine.workers": 0,
        "train.output.log_every": 1,
    }
    given = dict(text.split("=", 1) for text in settings)
    experiments = card(name).experiments
    if experiments is not None and hasattr(experiments()["default"].data, "negative"):
        overrides["data.negative"] = 0.0
    made = recipe(sources, {**overrides, **given}, name)
    return Recipe(**{**vars(made), "pipeline": Few(made.pipeline, pairs), "validate": None})


def train(name: str, sources: TrainSources, folder: Path, options: dict[str, Any]) -> list[float]:
    """Train half of the steps, press Ctrl-C, train the other half by a resumed run; return the loss of every step."""
    shutil.rmtree(folder, ignore_errors=True)
    half = options["steps"] // 2
    console = Console(stderr=True, quiet=True)
    first = make(name, sources, **options)
    on_step = getattr(first.task, "on_step", lambda step: None)
    first.task.on_step = lambda step: (on_step(step), os.kill(os.getpid(), signal.SIGINT) if step == half - 1 else None)  # type: ignore[attr-defined]
    outcome = Engine(first, folder, console=console).fit()
    if (outcome.status, outcome.state.step) != ("interrupted", half):
        raise RuntimeError(f"{name}: {outcome.status} at step {outcome.state.step}, expected to be interrupted at {half}")
    del first
    outcome = Engine(make(name, sources, **options), folder, resume=True, console=console).fit()
    if outcome.status != "finished":
        raise RuntimeError(f"{name}: the resumed run {outcome.status}")
    records = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    return [record["loss"] for record in records if record["kind"] == "train"]


def track(name: str, weights: Path, videos: Path, frames: int) -> str:
    """Track the first frames of the first video; return the mean overlap, a sign of life after so few steps and no more."""
    sequence = load_videos(videos)[0]
    tracker = lockon.load(name, weights=weights)
    tracker.init(sequence.frames[0], sequence.boxes[0])
    boxes = [sequence.boxes[0]]
    for index in range(1, frames + 1):
        result = tracker.track(sequence.frames[index])
        if not (np.isfinite(result.box).all() and 0 <= result.score <= 1):
            raise RuntimeError(f"{name}: box {result.box}, score {result.score} at frame {index}")
        boxes.append(result.box)
    return f"{average_overlap(np.stack(boxes), sequence.boxes[: frames + 1]):.2f}"


def main(
    names: Annotated[list[str] | None, typer.Argument(help="trackers; all of the published ones with a recipe by default")] = None,
    *,
    videos: Annotated[Path, typer.Option(help="training videos; the first is also tracked")],
    stills: Annotated[Path | None, typer.Option(help="images with boxes")] = None,
    steps: Annotated[int, typer.Option(help="optimizer steps")] = 20,
    batch: Annotated[int, typer.Option(help="pairs (or sequences) per step")] = 2,
    pairs: Annotated[int, typer.Option(help="different pairs (or sequences)")] = 4,
    settings: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE of a recipe's setting")] = None,
    runs: Annotated[Path, typer.Option(help="folder for the runs")] = Path("runs/recipes"),
    out: Annotated[Path, typer.Option(help="folder for train_recipes.md")] = Path("results/benchmarks"),
) -> None:
    """Train, interrupt, resume and track with each recipe.

    Examples:
    python benchmarks/train_recipes.py siamban-r50 --stills data/train --videos data/train_video --set backbone_weights=siammask.pth
    python benchmarks/train_recipes.py dimp50 superdimp --videos data/train_video --set data.size=192
    python benchmarks/train_recipes.py rtrack256 rtrack384 --stills data/train --videos data/train_video
    """
    sources = TrainSources(stills=stills, videos=videos)
    options = {"steps": steps, "batch": batch, "pairs": pairs, "settings": settings or []}
    turn = max(1, pairs // batch)  # steps in which every pair is seen once
    rows, failed = [], []
    for name in names or [name for name in TRACKERS if "-s" not in name and "compact" not in name and card(name).experiments is not None]:
        start = time.monotonic()
        losses = train(name, sources, runs / name, options)
        seconds = time.monotonic() - start
        before, after = np.mean(list(islice(losses, turn))), np.mean(losses[-turn:])
        overlap = track(name, runs / name / "last.safetensors", videos, 10)
        rows.append([name, f"{before:.3f}", f"{after:.3f}", f"{min(losses):.3f}", f"{seconds / len(losses):.1f}", overlap])
        typer.echo("  ".join(rows[-1]), err=True)
        if not after < before:
            failed.append(name)
    columns = ["tracker", "loss, first pass", "loss, last pass", "lowest", "s per step", "overlap, 10 frames"]
    text = f"{steps} steps of {batch} pairs, {pairs} different ones; interrupted and resumed half way."
    report(out / "train_recipes.md", f"# Recipes\n\n{machine()}\n\n{text}\n\n{table(columns, rows)}")
    if failed:
        raise RuntimeError(f"the loss did not fall: {', '.join(failed)}")


if __name__ == "__main__":
    run(main)
