"""`lockon bench compare`: results two by two, without and with a refiner or the true centre; milliseconds side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lockon.cli._analysis import Convention, Save
from lockon.cli._groups import DataOptions, RefinerOptions, TrackerOptions, split_names
from lockon.cli._options import option_groups

if TYPE_CHECKING:
    from lockon.analysis.latency import LatencyScene


@dataclass(frozen=True, kw_only=True)
class PairOptions:
    """Which stored results stand side by side."""

    oracle: Annotated[bool, typer.Option("--oracle", help="Without and with the true centre, instead of without and with a refiner.")] = (
        False
    )
    datasets: Annotated[list[str] | None, typer.Option("--datasets", help="Only these datasets; repeat or separate by commas.")] = None
    convention: Convention = None


@dataclass(frozen=True, kw_only=True)
class TimingOptions:
    """How milliseconds are measured."""

    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of the networks and of OpenCV.")] = 1
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Times that everything is tracked.")] = 3
    frames: Annotated[int, typer.Option("--frames", min=2, help="Most frames of each video.")] = 100
    warmup: Annotated[int, typer.Option("--warmup", min=0, help="Frames after each start that do not count.")] = 10


@option_groups
def compare(
    *,
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Results of `lockon bench run`; none measures speed.")] = None,
    pairs: PairOptions,
    trackers: TrackerOptions,
    data: DataOptions,
    refiner: RefinerOptions,
    timing: TimingOptions,
    save: Save = None,
) -> None:
    """Compare trackers two by two: metrics of both, the gain with its interval, milliseconds added, overlap of masks.

    With DIR: stored results of X and X+REFINER, or with --oracle one pass and the true centre given; what is lost by the box, what by the
    place. Without DIR: milliseconds per frame without and with --refine, by default on the bundled clip. Both trackers run in this process
    and take turns on every frame; nothing else should run on the machine.

    [bold]Examples[/bold]

      lockon bench run --trackers lockon-s csrt --data OTB100:/data/OTB100 --out runs/otb

      lockon bench run --trackers lockon-s csrt --data OTB100:/data/OTB100 --out runs/otb --refine refine-s

      lockon bench compare runs/otb --save refined.json

      lockon bench run --trackers lockon-s refine-s --protocol one-pass oracle --data pool:/data/val --out runs/oracle

      lockon bench compare runs/oracle --oracle

      lockon bench compare --trackers lockon-s csrt --refine refine-s --threads 2 --rounds 5 --save latency.json
    """
    from lockon.cli._analysis import check_save, write_table
    from lockon.errors import LockonError

    check_save(save)
    if folder is not None:
        text, content = _stored(folder, pairs, trackers.names)
    elif refiner.refine is not None:
        text, content = _measured(trackers, data, refiner, timing)
    else:
        raise LockonError("nothing to compare; give a folder of results, or --refine NAME to measure what a refiner costs")
    typer.echo(text, nl=False)
    for path in write_table(save, text, content):
        typer.echo(f"wrote {path}", err=True)


def _stored(folder: Path, options: PairOptions, labels: list[str]) -> tuple[str, dict[str, object]]:
    """Return the table of stored results, and its JSON values."""
    from dataclasses import asdict

    from lockon.analysis.pairs import ORACLE, REFINER, pair_markdown, pairs_of

    question = ORACLE if options.oracle else REFINER
    found = pairs_of(folder, question, trackers=labels, datasets=split_names(options.datasets), convention=options.convention)
    return pair_markdown(found, question), {"question": question.name, "rows": [asdict(pair) for pair in found]}


def _measured(trackers: TrackerOptions, data: DataOptions, refiner: RefinerOptions, timing: TimingOptions) -> tuple[str, dict[str, object]]:
    """Return the table of milliseconds that are measured now, and its JSON values."""
    import os

    import cv2

    from lockon.analysis.latency import latency_json, latency_markdown, measure
    from lockon.bench.machine import machine, versions
    from lockon.cli._analysis import phases
    from lockon.cli._trackers import with_and_without
    from lockon.zoo.specs import load_spec

    threads, rounds, frames, warmup = timing.threads, timing.rounds, timing.frames, timing.warmup
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read when networks are loaded
    cv2.setNumThreads(threads)
    specs = with_and_without(trackers.specs(), refiner.refine, refiner.refiner_weights)
    pairs = list(zip(specs[: len(specs) // 2], specs[len(specs) // 2 :], strict=True))
    scenes = _scenes(data, frames)
    rows = []
    with phases() as phase:
        for base, refined in pairs:
            advance = phase(base.label, rounds * sum(len(scene.frames) for scene in scenes))
            both = load_spec(base.on_worker(0)), load_spec(refined.on_worker(0))
            labels = (base.label, refined.label)
            rows.append(measure(*both, scenes, rounds=rounds, warmup=warmup, labels=labels, advance=advance))
    here, load = machine(), round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    names = ", ".join(scene.name for scene in scenes[:5]) + (", ..." if len(scenes) > 5 else "")
    conditions = (
        f"{here['processor']}, {here['cores']} cores, {threads} thread{'' if threads == 1 else 's'}, load average {load} at the end.",
        f"{rounds} round{'' if rounds == 1 else 's'} of {names}, at most {frames} frames each, {warmup} of them warm-up.",
    )
    how = {"machine": here, "versions": versions(), "threads": threads, "load": load, "rounds": rounds, "frames": frames, "warmup": warmup}
    content = {"question": "latency", **how, "videos": [scene.name for scene in scenes], **latency_json(rows)}
    return latency_markdown(rows, conditions), content


def _scenes(data: DataOptions, frames: int) -> list[LatencyScene]:
    """Return the sequences that are asked for, or the bundled clip."""
    from lockon.analysis.latency import scene_of
    from lockon.errors import LockonError

    if data.data:
        return [scene_of(sequence, frames) for sequence in data.load()[0]]
    if data.sequences:
        raise LockonError("--sequences chooses from datasets; give them, for example --data OTB100:/data/OTB100")
    return [_bundled(frames)]


def _bundled(frames: int) -> LatencyScene:
    """Return the bundled clip (see its licence beside it), read now: its decoder's thread must not run beside the trackers."""
    import json
    from importlib import resources
    from itertools import islice

    import numpy as np

    from lockon.analysis.latency import LatencyScene
    from lockon.video import open_frames

    assets = resources.files("lockon") / "assets"
    start = json.loads((assets / "big_buck_bunny.json").read_text(encoding="utf-8"))
    with resources.as_file(assets / start["clip"]) as clip, open_frames(clip) as reader:
        return LatencyScene(start["clip"], [image for _, image in islice(reader, frames)], np.array(start["box"], dtype=np.float64))
