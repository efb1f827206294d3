"""What SiamLA's localization branch costs: parameters, operations and frames per second with and without it, on one thread.

The tracker is timed as a whole: crop, network and post-processing. Weights do not matter for the time, so random ones are used. The
networks of one size take turns, frame by frame of one scene, so that a busy machine slows all of them.

    python benchmarks/lafa_cost.py --out results/benchmarks
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
from lockon.zoo.networks import build, network_config
from lockon.zoo.registry import card
from scene import Scene, machine, report, run, spread, table

BRANCHES: dict[str, dict[str, Any]] = {
    "no branch": {"branch": "none"},
    "centre-ness (SiamCAR)": {"branch": "centerness"},
    "LAFA (SiamLA)": {"branch": "localization"},
    "LAFA without non-local": {"branch": "localization", "localization.non_local": False},
    "LAFA without aggregation": {"branch": "localization", "localization.aggregation": False},
}
BASE = "centre-ness (SiamCAR)"


@dataclass
class Runner:
    """A tracker of one branch in one runtime, and the seconds of each frame that were measured of it."""

    branch: str
    runtime: str
    tracker: NetworkTracker
    seconds: list[float] = field(default_factory=list)


def main(
    *,
    names: Annotated[str, typer.Option(help="networks of the zoo that have the branches, with commas between")] = "siamla-r50,compact-car",
    frames: Annotated[int, typer.Option(help="frames per runtime and round")] = 6,
    rounds: Annotated[int, typer.Option(help="rounds")] = 3,
    threads: Annotated[int, typer.Option(help="threads of every runtime")] = 1,
    out: Annotated[Path, typer.Option(help="folder for lafa_cost.md")] = Path("results/benchmarks"),
) -> None:
    """Measure parameters and milliseconds per frame of each branch, in torch eager and in ONNX Runtime."""
    torch.set_num_threads(threads)
    header = ["network", "branch", "parameters", "GFLOP", "runtime", "frame ms", "frames per second", "against centre-ness"]
    rows = [row for name in names.split(",") for row in _rows(name, frames, rounds, threads)]
    text = (
        f"# The cost of LAFA\n\n{machine()}, PyTorch {torch.__version__}\n\n"
        f"{threads} thread(s), 1280x720 frames, one target; {rounds} rounds of {frames} frames, all branches of a network taking turns. "
        "Milliseconds: median (10th-90th percentile). GFLOP: convolutions and matrix products of the search branch; the bilinear samples "
        "of the five points are not among them. Last column: median frame over that of SiamCAR's centre-ness in the same runtime.\n\n"
        f"{table(header, rows)}"
    )
    report(out / "lafa_cost.md", text)


def _rows(name: str, frames: int, rounds: int, threads: int) -> list[list[str]]:
    """Return the table's rows of one network."""
    with tempfile.TemporaryDirectory() as folder:
        runners = [runner for branch in BRANCHES for runner in _runners(name, branch, Path(folder), threads)]
    scene = Scene()
    images = list(scene.frames(frames + 2))
    for _ in range(rounds):
        for runner in runners:
            runner.tracker.init(images[0], scene.boxes(0)[0])
            runner.tracker.track(images[1])  # warm
        for image in images[2:]:
            for runner in runners:
                began = time.perf_counter()
                runner.tracker.track(image)
                runner.seconds.append(time.perf_counter() - began)
    base = {runner.runtime: float(np.median(runner.seconds)) for runner in runners if runner.branch == BASE}
    rows = []
    for runner in runners:
        figures, middle = count(name, **BRANCHES[runner.branch]), float(np.median(runner.seconds))
        sizes = [f"{figures.parameters:,}", f"{figures.search_flops / 1e9:.2f}"]
        times = [spread(runner.seconds), f"{1 / middle:.2f}", f"{middle / base[runner.runtime]:.2f}"]
        rows.append([name, runner.branch, *sizes, runner.runtime, *times])
    return sorted(rows, key=lambda row: row[4] != "torch eager")


def _runners(name: str, branch: str, folder: Path, threads: int) -> list[Runner]:
    torch.manual_seed(0)
    changes = BRANCHES[branch]
    module: Any = build(name, **changes)
    config = inference_config(card(name), size_ratio=module.search_size / module.template_size)
    header = {"architecture": name, "config": {"model": as_json(network_config(name, **changes))}}
    header |= {"tracker": {}, "data": {}, "metrics": {}, "licence": "", "git_revision": ""}
    path = export_onnx(module, folder, branch.partition(" (")[0].replace(" ", "-"), header, verify=False).paths["search"]
    models: dict[str, Any] = {"torch eager": TorchModel(module), "ONNX Runtime": load_model(path, "cpu", threads)}
    return [Runner(branch, runtime, NetworkTracker(model, config)) for runtime, model in models.items()]


if __name__ == "__main__":
    run(main)
