"""`lockon bench latency`: what a refiner costs, per frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lockon.cli._analysis import Data, Devices, Presets, Save, Sequences, Settings, Trackers, Weights
from lockon.cli.bench import RefinerWeights

if TYPE_CHECKING:
    from lockon.analysis.latency import Scene


def latency(  # noqa: PLR0917 - a command line
    refine: Annotated[
        str, typer.Option("--refine", metavar="[LABEL=]NAME[:PRESET]", help="Refiner behind every tracker, for example refine-s.")
    ],
    trackers: Trackers = None,
    data: Data = None,
    sequences: Sequences = None,
    refiner_weights: RefinerWeights = None,
    weights: Weights = None,
    preset: Presets = None,
    device: Devices = None,
    settings: Settings = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of the networks and of OpenCV.")] = 1,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Times that everything is tracked.")] = 3,
    frames: Annotated[int, typer.Option("--frames", min=2, help="Most frames of each video.")] = 100,
    warmup: Annotated[int, typer.Option("--warmup", min=0, help="Frames after each start that do not count.")] = 10,
    save: Save = None,
) -> None:
    """Milliseconds per frame without and with a refiner, measured side by side; without --data on the bundled clip.

    Both trackers run in this process and take turns on every frame. Nothing else should run on the machine.

    [bold]Examples[/bold]

      lockon bench latency --trackers lockon-s csrt --refine refine-s

      lockon bench latency --trackers lockon-s --refine refine-s --threads 2 --data OTB100:/data/OTB100 --rounds 5 --save latency.json

      lockon bench latency --trackers lockon-s --refine alpha-refine-r34 --refiner-weights alpha-refine-r34.onnx
    """
    import os

    import cv2

    from lockon.analysis.latency import latency_json, latency_markdown, measure
    from lockon.bench.machine import machine, versions
    from lockon.cli._analysis import check_save, phases, write_table
    from lockon.cli._trackers import make_tracker, tracker_specs, with_and_without
    from lockon.cli.bench import split_names

    check_save(save)
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read when networks are loaded
    cv2.setNumThreads(threads)
    given = (split_names(trackers), weights or [], preset or [], device or [], settings or [])
    specs = with_and_without(tracker_specs(*given), refine, refiner_weights)
    pairs = list(zip(specs[: len(specs) // 2], specs[len(specs) // 2 :], strict=True))
    scenes = _scenes(data or [], split_names(sequences), frames)
    rows = []
    with phases() as phase:
        for base, refined in pairs:
            advance = phase(base.label, rounds * sum(len(scene.frames) for scene in scenes))
            both = make_tracker(base.on_worker(0)), make_tracker(refined.on_worker(0))
            labels = (base.label, refined.label)
            rows.append(measure(*both, scenes, rounds=rounds, warmup=warmup, labels=labels, advance=advance))
    here, load = machine(), round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    names = ", ".join(scene.name for scene in scenes[:5]) + (", ..." if len(scenes) > 5 else "")
    conditions = (
        f"{here['processor']}, {here['cores']} cores, {threads} thread{'' if threads == 1 else 's'}, load average {load} at the end.",
        f"{rounds} round{'' if rounds == 1 else 's'} of {names}, at most {frames} frames each, {warmup} of them warm-up.",
    )
    text = latency_markdown(rows, conditions)
    typer.echo(text, nl=False)
    how = {"machine": here, "versions": versions(), "threads": threads, "load": load, "rounds": rounds, "frames": frames, "warmup": warmup}
    content = {**how, "videos": [scene.name for scene in scenes], **latency_json(rows)}
    for path in write_table(save, text, content):
        typer.echo(f"wrote {path}", err=True)


def _scenes(data: list[str], sequences: list[str], frames: int) -> list[Scene]:
    """The sequences that are asked for, or the bundled clip."""
    from lockon.analysis.latency import scene_of
    from lockon.cli._trackers import load_sequences
    from lockon.errors import LockonError

    if data:
        return [scene_of(sequence, frames) for sequence in load_sequences(data, sequences)[0]]
    if sequences:
        raise LockonError("--sequences chooses from datasets; give them, for example --data OTB100:/data/OTB100")
    return [_bundled(frames)]


def _bundled(frames: int) -> Scene:
    """The bundled clip (see its licence beside it), read now: its decoder's thread must not run beside the trackers."""
    import json
    from importlib import resources
    from itertools import islice

    import numpy as np

    from lockon.analysis.latency import Scene
    from lockon.video import open_frames

    assets = resources.files("lockon") / "assets"
    start = json.loads((assets / "big_buck_bunny.json").read_text(encoding="utf-8"))
    with resources.as_file(assets / start["clip"]) as clip, open_frames(clip) as reader:
        return Scene(start["clip"], [image for _, image in islice(reader, frames)], np.array(start["box"], dtype=np.float64))
