"""What a frame costs with a large Siamese network on a CPU: crop, network and post-processing apart, in every runtime, on one thread.

The floor is what this machine needs for the network's multiplications alone: its operations, counted, over the rate of a large
float32 matrix product, measured in the same run. Weights do not matter for the time, so random ones are used unless a file is given.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from lockon.config import as_json
from lockon.export.deployed import load_model
from lockon.export.onnx import export_onnx
from lockon.export.torch_model import TorchModel
from lockon.tracker import NetworkTracker
from lockon.zoo.loading import inference_config
from lockon.zoo.network_cost import count
from lockon.zoo.networks import build, load_network, network_config
from lockon.zoo.registry import card
from scene import Scene, TimedModel, machine, report, run, spread, table

STAGES = ("crop", "network", "post")


@dataclass
class Runtime:
    """One way to run the network, and the seconds per stage and frame that were measured of it."""

    name: str
    model: TimedModel
    seconds: dict[str, list[float]] = field(default_factory=lambda: {stage: [] for stage in STAGES})


def main(
    *,
    name: Annotated[str, typer.Option(help="network of the zoo")] = "siamrpnpp-r50",
    weights: Annotated[Path | None, typer.Option(help=".safetensors; random weights by default")] = None,
    threads: Annotated[int, typer.Option(help="threads of every runtime")] = 1,
    frames: Annotated[int, typer.Option(help="frames per round")] = 6,
    rounds: Annotated[int, typer.Option(help="rounds per runtime; runtimes take turns")] = 3,
    out: Annotated[Path, typer.Option(help="folder for NAME_cpu.md")] = Path("results/benchmarks"),
) -> None:
    """Measure milliseconds per frame of torch eager, ONNX Runtime, OpenVINO float32 and bfloat16 against the float32 floor.

    Example: python benchmarks/siamrpnpp_cpu.py --out results/benchmarks
    """
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    module: Any = build(name) if weights is None else load_network(name, weights)[0]
    scene = Scene()
    images = list(scene.frames(frames + 2))
    config = inference_config(card(name), size_ratio=module.search_size / module.template_size)
    rates = []
    with tempfile.TemporaryDirectory() as folder:
        runtimes = _runtimes(name, module, Path(folder), threads)
        for _ in range(rounds):
            rates.append(_float32_rate())
            for runtime in runtimes:
                tracker = NetworkTracker(runtime.model, config)
                tracker.init(images[0], scene.boxes(0)[0])
                tracker.track(images[1])  # warm
                for image in images[2:]:
                    _timed(runtime, tracker, image)
    operations, rate = count(name).search_flops, max(rates)
    floor = operations / rate
    header = ["runtime", *(f"{stage} ms" for stage in STAGES), "frame ms", "network over float32 floor"]
    rows = []
    for runtime in runtimes:
        whole = np.sum([runtime.seconds[stage] for stage in STAGES], axis=0)
        ratio = np.median(runtime.seconds["network"]) / floor
        rows.append([runtime.name, *(spread(runtime.seconds[stage]) for stage in STAGES), spread(whole), f"{ratio:.2f}"])
    text = (
        f"# {name} on a CPU\n\n{machine()}\n\n"
        f"{threads} thread(s), 1280x720 frames, one target; {rounds} rounds of {frames} frames per runtime, taking turns. "
        "Median (10th-90th percentile).\n"
        f"Search branch: {operations / 1e9:.1f} GFLOP; the best of {rounds} measurements of a float32 matrix product gives "
        f"{rate / 1e9:.0f} GFLOP/s, so the float32 floor is {floor * 1e3:.0f} ms.\n\n"
        f"{table(header, rows)}"
    )
    report(out / f"{name}_cpu.md", text)


def _runtimes(name: str, module: Any, folder: Path, threads: int) -> list[Runtime]:
    header = {"architecture": name, "config": {"model": as_json(network_config(name))}}
    header |= {"tracker": {}, "data": {}, "metrics": {}, "licence": "", "git_revision": ""}
    path = export_onnx(module, folder, name, header, verify=False).paths["search"]
    models = {
        "torch eager float32": TorchModel(module),
        "ONNX Runtime float32": load_model(path, "cpu", threads),
        "OpenVINO float32": load_model(path, "openvino", threads),
        "OpenVINO bfloat16": load_model(path, "openvino-bf16", threads),
    }
    return [Runtime(label, TimedModel(model)) for label, model in models.items()]


def _timed(runtime: Runtime, tracker: NetworkTracker, image: Any) -> None:
    began = time.perf_counter()
    tracker.track(image)
    done = time.perf_counter()
    parts = (runtime.model.began - began, runtime.model.ended - runtime.model.began, done - runtime.model.ended)
    for stage, seconds in zip(STAGES, parts, strict=True):
        runtime.seconds[stage].append(seconds)


def _float32_rate(size: int = 1024, repeats: int = 5) -> float:
    """Return the operations per second of a square matrix product with torch's threads, the best of some."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        torch.matmul(a, b)
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


if __name__ == "__main__":
    run(main)
