"""What a frame costs with large Siamese networks on a CPU: crop, network and post-processing apart, in every runtime, on one thread.

The floor is what this machine needs for the network's multiplications alone: its operations, counted, over the rate of a large
float32 matrix product, measured in the same run. Weights do not matter for the time, so random ones are used unless a file is given.
Several networks take turns, and their ratio is that of processor times, so that it holds on a busy machine too: of DuML's interpolated
ResNet-50 against the dilated one, with the offline part alone, DuML's Appendix B states 90 frames per second against 46.

    python benchmarks/siamese_cpu.py --network duml-ofc5s:backbone=dilated-resnet50 --network duml-ofc5s
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
from lockon.errors import LockonError
from lockon.export.deployed import load_model
from lockon.export.onnx import export_onnx
from lockon.export.torch_model import TorchModel
from lockon.tracker import NetworkTracker, TrackerConfig
from lockon.types import FloatArray
from lockon.zoo.loading import inference_config
from lockon.zoo.network_cost import count
from lockon.zoo.networks import build, load_network, network_config
from lockon.zoo.registry import card
from scene import Scene, TimedModel, machine, report, run, spread, table

STAGES = ("crop", "network", "post")


@dataclass
class Runtime:
    """One way to run one network, and the seconds per stage and frame that were measured of it."""

    network: str
    name: str
    model: TimedModel
    config: TrackerConfig
    floating_operations: int
    seconds: dict[str, list[float]] = field(default_factory=lambda: {stage: [] for stage in STAGES})
    processor: list[float] = field(default_factory=list)  # seconds of all threads per frame: what other programs take is not in it

    @property
    def frame(self) -> FloatArray:
        """Return the seconds of whole frames."""
        return np.sum([self.seconds[stage] for stage in STAGES], axis=0)


def main(
    *,
    network: Annotated[
        list[str] | None, typer.Option(help="NAME of the zoo, or NAME:FIELD=VALUE with a field of its configuration; repeatable")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help=".safetensors of the one network; random weights by default")] = None,
    threads: Annotated[int, typer.Option(help="threads of every runtime")] = 1,
    frames: Annotated[int, typer.Option(help="frames per round")] = 6,
    rounds: Annotated[int, typer.Option(help="rounds per runtime; runtimes take turns")] = 3,
    out: Annotated[Path, typer.Option(help="folder for NAME_cpu.md")] = Path("results/benchmarks"),
) -> None:
    """Measure milliseconds per frame of torch eager, ONNX Runtime, OpenVINO float32 and bfloat16 against the float32 floor.

    Example: python benchmarks/siamese_cpu.py --out results/benchmarks
    """
    networks = network or ["siamrpnpp-r50"]
    if weights is not None and len(networks) > 1:
        raise LockonError("weights are of one network; give one --network, or leave --weights out")
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    scene = Scene()
    images = list(scene.frames(frames + 2))
    rates = []
    with tempfile.TemporaryDirectory() as folder:
        runtimes = [one for index, each in enumerate(networks) for one in _runtimes(each, weights, Path(folder) / str(index), threads)]
        for _ in range(rounds):
            rates.append(_float32_rate())
            for runtime in sorted(runtimes, key=lambda one: one.name):  # the networks one after the other in each
                tracker = NetworkTracker(runtime.model, runtime.config)
                tracker.init(images[0], scene.boxes(0)[0])
                tracker.track(images[1])  # warm
                for image in images[2:]:
                    _timed(runtime, tracker, image)
    text = (
        f"# {', '.join(networks)} on a CPU\n\n{machine()}\n\n"
        f"{threads} thread(s), 1280x720 frames, one target; {rounds} rounds of {frames} frames per runtime, taking turns. "
        f"Median (10th-90th percentile).\n{_figures(runtimes, max(rates))}"
    )
    report(out / f"{networks[0].partition(':')[0]}_cpu.md", text)


def _figures(runtimes: list[Runtime], rate: float) -> str:
    """Return the table of all runtimes, for a rate of float32 operations per second of processor time."""
    more = ("frame ms", "processor ms", "over float32 floor", "times as fast as the first network")
    rows = []
    first = {runtime.name: np.median(runtime.processor) for runtime in runtimes if runtime.network == runtimes[0].network}
    for one in runtimes:
        over = np.median(one.processor) / (one.floating_operations / rate)
        gain = first[one.name] / np.median(one.processor)
        stages = (spread(one.seconds[stage]) for stage in STAGES)
        rows.append([one.network, one.name, *stages, spread(one.frame), spread(one.processor), f"{over:.2f}", f"{gain:.2f}"])
    operations = {one.network: one.floating_operations / 1e9 for one in runtimes}
    listed = ", ".join(f"{name} {count:.1f} GFLOP ({count / rate * 1e12:.0f} ms)" for name, count in operations.items())
    return (
        f"The best measurement of a float32 matrix product gives {rate / 1e9:.0f} GFLOP/s of processor time. Operations of the search "
        f"branches, and the float32 floor that follows: {listed}.\n\n"
        f"{table(['network', 'runtime', *(f'{stage} ms' for stage in STAGES), *more], rows)}"
    )


def _runtimes(network: str, weights: Path | None, folder: Path, threads: int) -> list[Runtime]:
    """Return all ways to run one network, whose exported files go to a folder.

    Raises:
        LockonError: An unknown network, or an unknown field of its configuration.
    """
    name, _, change = network.partition(":")
    changes = {} if not change else dict([change.partition("=")[::2]])
    module: Any = build(name, **changes) if weights is None else load_network(name, weights, changes)[0]
    header = {"architecture": name, "config": {"model": as_json(network_config(name, **changes))}}
    header |= {"tracker": {}, "data": {}, "metrics": {}, "licence": "", "git_revision": ""}
    path = export_onnx(module, folder, name, header, verify=False).paths["search"]
    models = {
        "torch eager float32": TorchModel(module),
        "ONNX Runtime float32": load_model(path, "cpu", threads),
        "OpenVINO float32": load_model(path, "openvino", threads),
        "OpenVINO bfloat16": load_model(path, "openvino-bf16", threads),
    }
    config = inference_config(card(name), size_ratio=module.search_size / module.template_size)
    operations = count(name, **changes).search_flops
    return [Runtime(network, label, TimedModel(model), config, operations) for label, model in models.items()]


def _timed(runtime: Runtime, tracker: NetworkTracker, image: Any) -> None:
    began, busy = time.perf_counter(), time.process_time()
    tracker.track(image)
    done = time.perf_counter()
    runtime.processor.append(time.process_time() - busy)
    parts = (runtime.model.began - began, runtime.model.ended - runtime.model.began, done - runtime.model.ended)
    for stage, seconds in zip(STAGES, parts, strict=True):
        runtime.seconds[stage].append(seconds)


def _float32_rate(size: int = 1024, repeats: int = 5) -> float:
    """Return the operations per second of processor time of a square matrix product with torch's threads, the best of some."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = float("inf")
    for _ in range(repeats):
        began = time.process_time()
        torch.matmul(a, b)
        best = min(best, time.process_time() - began)
    return 2 * size**3 / best


if __name__ == "__main__":
    run(main)
