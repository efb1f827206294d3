"""Frames per second end to end, and where the time of a frame goes, for every runtime on this machine in one run.

Frames are decoded in the background, as `lockon track` does it. Per frame the main thread waits for the decoder, crops,
runs the network, and decodes boxes and updates its state ("post"); the four add up to the whole frame. Runtimes take turns
for some rounds, so that a busy moment of the machine does not hit only one of them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from lockon.export.deployed import load_model
from lockon.export.runtime import default_threads
from lockon.tracker import NetworkTracker, TrackerConfig
from lockon.video import open_frames
from lockon.zoo.loading import inference_config
from lockon.zoo.networks import embedded_path
from lockon.zoo.registry import card
from scene import Scene, TimedModel, machine, report, run, spread, table

STAGES = ("wait", "crop", "network", "post")


@dataclass
class Runtime:
    """One way to run the network, and what was measured of it: seconds per stage and frame, frames per second per round."""

    name: str
    threads: int
    model: TimedModel
    seconds: dict[str, list[float]] = field(default_factory=lambda: {stage: [] for stage in STAGES})
    fps: list[float] = field(default_factory=list)


def main(
    *,
    weights: Annotated[Path | None, typer.Option(help="deployed model; the embedded lockon-s by default")] = None,
    torch_weights: Annotated[
        Path | None, typer.Option(help=".safetensors for torch; by default random weights of the same network")
    ] = None,
    video: Annotated[
        Path | None, typer.Option(help="video file, with --box; by default a synthetic 1280x720 one, written to --out")
    ] = None,
    box: Annotated[str, typer.Option(help="x,y,w,h on the first frame of --video")] = "",
    threads: Annotated[list[int] | None, typer.Option(help="threads of the network; may be repeated")] = None,
    frames: Annotated[int, typer.Option(help="frames per round")] = 300,
    warmup: Annotated[int, typer.Option(help="frames at the start of each round that are not counted")] = 20,
    rounds: Annotated[int, typer.Option(help="rounds per runtime")] = 3,
    out: Annotated[Path, typer.Option(help="folder for speed.md and the synthetic video")] = Path("results/benchmarks"),
) -> None:
    """Measure the frames per second of lockon-s with ONNX Runtime, OpenVINO and torch, broken down by stage.

    Example: python benchmarks/speed.py --threads 1 --threads 2 --out results/benchmarks
    """
    if not 0 <= warmup < frames - 1:
        raise typer.BadParameter(f"--warmup {warmup} must be below --frames {frames} - 1")
    if (video is None) != (not box):
        raise typer.BadParameter("--video and --box belong together; give both or none")
    scene = Scene()
    start = np.array([float(number) for number in box.split(",")]) if box else scene.boxes(0)[0]
    source = video or scene.write(out / "scene-720p.mp4", frames + 1)
    path = weights or embedded_path("lockon-s")
    runtimes = [runtime for count in threads or [default_threads()] for runtime in _runtimes(path, torch_weights, count)]
    config = inference_config(card("lockon-s"), header=load_model(path, "cpu").header)
    decode = _decode_alone(source, frames)
    for _ in range(rounds):
        for runtime in runtimes:
            _round(runtime, config, source, start, frames=frames, warmup=warmup)
    header = ["runtime", "threads", *(f"{stage} ms" for stage in STAGES), "frames per second"]
    rows = [
        [
            r.name,
            str(r.threads),
            *(spread(r.seconds[stage]) for stage in STAGES),
            f"{np.median(r.fps):.0f} ({min(r.fps):.0f}-{max(r.fps):.0f})",
        ]
        for r in runtimes
    ]
    text = (
        f"# Speed, end to end\n\n{machine()}\n\n"
        f"Model {path.name}, video {source.name}; {rounds} rounds of {frames - warmup} frames per runtime after {warmup} warm-up frames. "
        "Stages: median (10th-90th percentile) over all frames. Frames per second: median (lowest-highest) round.\n"
        f"Decoding alone, with no tracking beside it: {decode * 1e3:.2f} ms per frame ({1 / decode:.0f} per second).\n\n"
        f"{table(header, rows)}"
    )
    report(out / "speed.md", text)


def _runtimes(path: Path, torch_weights: Path | None, threads: int) -> list[Runtime]:
    found = [Runtime("ONNX Runtime float32", threads, TimedModel(load_model(path, "cpu", threads)))]
    if find_spec("openvino") is not None:
        found += [
            Runtime("OpenVINO float32", threads, TimedModel(load_model(path, "openvino", threads))),
            Runtime("OpenVINO bfloat16", threads, TimedModel(load_model(path, "openvino-bf16", threads))),
        ]
    if find_spec("torch") is not None:
        found.append(_torch_runtime(path, torch_weights, threads))
    return found


def _torch_runtime(path: Path, weights: Path | None, threads: int) -> Runtime:
    from lockon.config import flatten
    from lockon.export.torch_model import TorchModel
    from lockon.zoo.networks import build, load_network

    header = load_model(path, "cpu").header
    if weights is not None:
        module, name = load_network(header["architecture"], weights)[0], "torch eager float32"
    else:
        design = flatten(header["config"].get("model", {}))
        module, name = build(header["architecture"], **design), "torch eager float32 (random weights)"
    return Runtime(name, threads, TimedModel(TorchModel(module)))


def _decode_alone(source: Path, frames: int) -> float:
    """Return the seconds per decoded frame when nobody works on them."""
    with open_frames(source) as reader:
        next(reader)
        began = time.perf_counter()
        count = sum(1 for _, _ in zip(range(frames), reader, strict=False))
        return (time.perf_counter() - began) / count


def _round(runtime: Runtime, config: TrackerConfig, source: Path, box: Any, *, frames: int, warmup: int) -> None:
    """Track `frames` frames once, adding to the runtime's figures."""
    if runtime.name.startswith("torch"):
        import torch

        torch.set_num_threads(runtime.threads)
    tracker = NetworkTracker(runtime.model, config)
    with open_frames(source) as reader:
        tracker.init(next(reader).image, box)
        counted = began = 0.0
        for index in range(frames):
            asked = time.perf_counter()
            if index == warmup:
                began = asked
            numbered = next(reader, None)
            if numbered is None:
                break
            got = time.perf_counter()
            tracker.track(numbered.image)
            done = time.perf_counter()
            if index >= warmup:
                counted += 1
                timed = runtime.model
                parts = (got - asked, timed.began - got, timed.ended - timed.began, done - timed.ended)
                for stage, seconds in zip(STAGES, parts, strict=True):
                    runtime.seconds[stage].append(seconds)
        if not counted:
            raise typer.BadParameter(f"{source} ends within the {warmup} warm-up frames; give a longer video or a smaller --warmup")
        runtime.fps.append(counted / (time.perf_counter() - began))


if __name__ == "__main__":
    run(main)
