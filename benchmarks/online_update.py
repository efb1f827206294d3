"""What it costs to learn a filter online: this package's products by taps, in NumPy and torch, against convolutions and autograd.

The other way is what the papers' equations say with the functions of torch: scores by `conv2d`, products with the transposed Jacobian by
`autograd.grad`, and in ATOM's conjugate gradients products with the Jacobian by deriving twice. All take the same arrays, in one process,
in turns, and must give the same filters. Whole frames are tracked both ways too, the other one with the box network's slopes by autograd.

    python benchmarks/online_update.py --out results/benchmarks
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

import numpy as np
import torch
import typer
from torch import Tensor
from torch.nn.functional import conv2d, elu, leaky_relu

from lockon.config import apply_overrides
from lockon.export.torch_online import TorchOnline
from lockon.online.compressed_filters import FilterProblem
from lockon.online.conjugate_gradient import PolakRibiere, conjugate_gradient, gauss_newton
from lockon.online.steepest_descent import HingeLeastSquares, descend, objective
from lockon.online.tracker import OnlineTracker
from lockon.zoo.registry import card
from scene import Scene, machine, report, run, spread, table

LIMIT = 2e-3  # of the largest value
Way = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """One fit: channels, cells per side, samples, steps, and how many frames share its cost."""

    name: str
    channels: int
    side: int
    samples: int
    steps: int
    every: int


CASES = (
    Case("dimp18, first frame", 256, 18, 15, 10, 1),
    Case("dimp18, update", 256, 18, 50, 2, 20),
    Case("dimp50, first frame", 512, 18, 15, 10, 1),
    Case("dimp50, update", 512, 18, 50, 2, 20),
    Case("superdimp, first frame", 512, 22, 15, 10, 1),
    Case("superdimp, update", 512, 22, 50, 2, 20),
)
ATOM = Case("atom, update", 64, 18, 250, 5, 10)
WHOLE = {"dimp18": "lockon.online.dimp.descend", "atom": "lockon.online.atom.gauss_newton"}  # name -> what fits its filter
FULL = 40  # frames after which a memory of 50 samples is full


def main(
    *,
    rounds: Annotated[int, typer.Option(help="rounds; the ways take turns")] = 5,
    threads: Annotated[int, typer.Option(help="of torch; NumPy's are those of OMP_NUM_THREADS")] = 1,
    frames: Annotated[int, typer.Option(help="frames that are timed of each tracker")] = 60,
    out: Annotated[Path, typer.Option(help="folder for online_update.md")] = Path("results/benchmarks"),
) -> None:
    """Measure milliseconds per fit, and per frame.

    Example: OMP_NUM_THREADS=1 python benchmarks/online_update.py --out results/benchmarks
    """
    torch.set_num_threads(threads)
    rows = [_row(case, dimp_ways(case), rounds) for case in CASES]
    rows.append(_row(ATOM, atom_ways(ATOM), rounds))
    header = [
        "fit",
        "samples, steps",
        "NumPy, ms",
        "torch, ms",
        "conv2d and autograd, ms",
        "faster: NumPy, torch",
        "torch, ms a frame",
    ]
    whole = [_frames(name, frames) for name in WHOLE]
    columns = ["tracker", "ms a frame", "conv2d and autograd", "faster", "of the frame: the network"]
    text = f"{machine()}, {threads} thread.\n\n{table(header, rows)}\n\n{table(columns, whole)}\n"
    report(out / "online_update.md", f"# Cost of learning online\n\n{text}")


def _row(case: Case, ways: dict[str, Way], rounds: int) -> list[str]:
    """Measure one case; the first round warms up and compares the results."""
    results = [np.asarray(way()).ravel() for way in ways.values()]
    for found in results:
        assert np.abs(found - results[-1]).max() <= LIMIT * np.abs(results[-1]).max(), case.name
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    numpy_ms, torch_ms, other_ms = (1e3 * float(np.median(one)) for one in seconds.values())
    ratios = f"{other_ms / numpy_ms:.1f}, {other_ms / torch_ms:.1f}"
    return [case.name, f"{case.samples}, {case.steps}", *map(spread, seconds.values()), ratios, f"{torch_ms / case.every:.2f}"]


class Differentiated(TorchOnline):
    """A network whose boxes' scores are derived by autograd."""

    def overlap(self, features: Any, modulation: Any, boxes_xyxy: Any) -> Any:
        """Score boxes (B, R, 4) and derive the scores."""
        boxes = torch.from_numpy(boxes_xyxy).float().requires_grad_()
        scores = self.module.iou(features, modulation, boxes)
        (slopes,) = torch.autograd.grad(scores.sum(), boxes)
        return scores.detach().numpy(), slopes.numpy()


def _frames(name: str, count: int) -> list[str]:
    """Track a synthetic video with made-up weights both ways, frame by frame in turns; every frame is learnt."""
    torch.manual_seed(0)
    one, scene = card(name), Scene()
    module = one.build(one.model).requires_grad_(requires_grad=False)
    config = apply_overrides(one.config, {"localization": "largest-peak"})
    pair = [OnlineTracker(kind(module), config) for kind in (TorchOnline, Differentiated)]
    other = patch(WHOLE[name], lambda problem, filters, *rest: [_other_fit(problem, filters, rest)])
    targets = [tracker.start(scene.frame(0), scene.boxes(0)) for tracker in pair]
    seconds: list[list[float]] = [[], []]
    for number in range(1, FULL + count + 1):
        frame = scene.frame(number)
        for way, tracker in enumerate(pair):
            with other if way else nullcontext():
                start = time.perf_counter()
                targets[way] = tracker.step([frame], targets[way])
                seconds[way].append(time.perf_counter() - start)
    ours, theirs = (1e3 * float(np.mean(one[FULL:])) for one in seconds)  # updates are in some frames only
    image = np.zeros((1, pair[0].search_size, pair[0].search_size, 3), np.uint8)
    start = time.perf_counter()
    for _ in range(10):
        pair[0].network.features(image)
    return [name, f"{ours:.1f}", f"{theirs:.1f}", f"{theirs / ours:.2f}", f"{100 * (time.perf_counter() - start):.1f}"]


def _other_fit(problem: Any, filters: Tensor, rest: tuple[Any, ...]) -> Tensor:
    if isinstance(problem, FilterProblem):
        return autograd_step(problem, filters, rest[1])
    return conv_descent(problem, filters, rest[0])


def dimp_ways(case: Case) -> dict[str, Way]:
    """Return DiMP's fit in three ways."""
    rng = np.random.default_rng(0)
    distance = np.arange(100, dtype=np.float32) / 10
    numbers = {
        "log_step_length": np.zeros(1, np.float32),
        "filter_reg": np.full(1, 0.1, np.float32),
        "label_map": np.exp(-0.5 * (distance / 0.9) ** 2),
        "target_mask": np.float32(3) * np.tanh(2 - distance),
        "spatial_weight": np.ones(100, np.float32),
    }
    features = rng.normal(size=(1, case.samples, case.channels, case.side, case.side)).astype(np.float32) / 16
    corners = rng.uniform(100, 130, (1, case.samples, 2))
    boxes = np.concatenate([corners, corners + 50], axis=-1).astype(np.float32)
    weights = np.full((1, case.samples), 1 / case.samples, np.float32)
    start = rng.normal(size=(1, case.channels, 4, 4)).astype(np.float32) / 100
    tensors = [torch.from_numpy(one) for one in (features, boxes, weights, start)]
    trained = {name: torch.from_numpy(value) for name, value in numbers.items()}

    def other() -> Tensor:
        problem = objective(trained, *tensors[:3])
        assert isinstance(problem, HingeLeastSquares)
        return conv_descent(problem, tensors[3], case.steps)

    return {
        "numpy": lambda: descend(objective(numbers, features, boxes, weights), start, case.steps)[-1],
        "torch": lambda: descend(objective(trained, *tensors[:3]), tensors[3], case.steps)[-1],
        "other": other,
    }


def conv_descent(problem: HingeLeastSquares, filters: Tensor, steps: int) -> Tensor:
    """Return the filter (1, C, K, K) after some steps: DiMP, Algorithm 1, by convolutions and their derivatives."""
    features, (mask,), (weights,) = problem.features[0], problem.mask, problem.weights
    for _ in range(steps):
        moved = filters.detach().requires_grad_()
        scores = conv2d(features, moved, padding=2)[:, 0]  # (M, S, T)
        active = mask * scores + (1 - mask) * torch.relu(scores)
        residuals = weights * (active - problem.labels[0])
        loss = 0.5 * (residuals**2).sum() + 0.5 * (problem.regularization * moved**2).sum()
        (gradient,) = torch.autograd.grad(loss, moved)
        slope = (1 - mask) / 2 * torch.sign(scores.detach()) + (1 + mask) / 2
        change = weights * slope * conv2d(features, gradient, padding=2)[:, 0]
        curvature = (change**2).sum() + (problem.regularization * gradient**2).sum()
        filters = filters - problem.step_factor * (gradient**2).sum() / curvature * gradient
    return filters


def atom_ways(case: Case) -> dict[str, Way]:
    """Return ATOM's later fit in three ways."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(1, case.samples, case.channels, case.side, case.side)).astype(np.float32)
    labels = rng.uniform(size=(1, case.samples, case.side, case.side)).astype(np.float32)
    weights = np.full((1, case.samples), 1 / case.samples, np.float32)
    start = rng.normal(size=(1, case.channels * 16)).astype(np.float32) / 100
    tensors = [torch.from_numpy(one) for one in (features, labels, weights, start)]
    rule = PolakRibiere()
    return {
        "numpy": lambda: gauss_newton(FilterProblem(features, labels, weights), start, 1, case.steps, rule)[-1],
        "torch": lambda: gauss_newton(FilterProblem(*tensors[:3]), tensors[3], 1, case.steps, rule)[-1],
        "other": lambda: autograd_step(FilterProblem(*tensors[:3]), tensors[3], case.steps),
    }


def autograd_step(problem: FilterProblem, start: Tensor, steps: int) -> Tensor:
    """Return the flat filter (1, C K K) after one Gauss-Newton step, whose products with the Jacobian are derivatives of derivatives."""
    roots = torch.sqrt(problem.weights[0])[:, None, None]
    flat = start.detach().requires_grad_()
    scores = conv2d(problem.features[0], flat.view(1, -1, 4, 4), padding=2)[:, 0, :-1, :-1]
    residuals = roots * (elu(leaky_relu(scores, 20.0), 0.05) - problem.labels[0])
    held = problem.regularization**0.5 * flat
    probe = [torch.zeros_like(one).requires_grad_() for one in (residuals, held)]
    (transposed,) = torch.autograd.grad([residuals, held], flat, probe, create_graph=True)

    def product(change: Tensor) -> Tensor:
        along = torch.autograd.grad(transposed, probe, change, retain_graph=True)
        return torch.autograd.grad([residuals, held], flat, list(along), retain_graph=True)[0]

    (descent,) = torch.autograd.grad([residuals, held], flat, [-residuals.detach(), -held.detach()], retain_graph=True)
    return start + conjugate_gradient(product, descent, steps, direction=PolakRibiere())[-1]


if __name__ == "__main__":
    run(main)
