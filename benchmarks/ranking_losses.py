"""The ranking losses of lockon against plain loops over images and pairs: same values and gradients, processor time of both.

The loops are what one would write down from the equations: image by image, and for the IoU-guided loss pair by pair, on tensors, so
that both ways have a backward pass. Both work in one process, in turns.

    python benchmarks/ranking_losses.py --out benchmarks/results/ranking_losses.md
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor

from lockon.train.losses.pair_ranking import IoURanking, iou_ranking
from lockon.train.losses.ranking import ClassificationRanking, classification_ranking
from scene import machine, report, run, spread, table

Losses = tuple[Tensor, Tensor, Tensor]
MARGIN, PAIRS = ClassificationRanking(), IoURanking()


@dataclass(frozen=True)
class Batch:
    """Logits and IoUs (B, N) that want gradients, and labels (B, N)."""

    logits: Tensor
    overlap: Tensor
    labels: Tensor


def make_batch(images: int, candidates: int, negatives: int, seed: int) -> Batch:
    """Make images with 16 positives and `negatives` negatives; every fifth is a negative pair with 16."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(images, candidates, generator=generator).argsort(dim=1)
    pair = torch.arange(images)[:, None] % 5 == 4
    labels = torch.full((images, candidates), -1.0)
    labels[order < torch.where(pair, 16, 16 + negatives)] = 0.0
    labels[(order < 16) & ~pair] = 1.0
    logits = torch.randn(images, candidates, generator=generator) - 1 + 2 * (labels > 0)
    overlap = torch.rand(images, candidates, generator=generator)
    return Batch(logits.requires_grad_(), overlap.requires_grad_(), labels)


def vectorised(batch: Batch) -> Losses:
    """Return the losses of this package."""
    p = torch.sigmoid(batch.logits)
    return classification_ranking(p, batch.labels, MARGIN), *iou_ranking(p, batch.overlap, batch.labels, PAIRS)


def loops(batch: Batch) -> Losses:
    """Return the same losses, one image and one pair after the other."""
    classification: list[Tensor] = []
    by_overlap: list[Tensor] = []
    by_score: list[Tensor] = []
    for logits, overlap, labels in zip(batch.logits, batch.overlap, batch.labels, strict=True):
        p = torch.sigmoid(logits)
        classification += loop_classification(p[labels > 0], p[labels == 0])
        positives = list(zip(p[labels > 0], overlap[labels > 0], strict=True))
        if len(positives) > 1:
            by_overlap.append(loop_pairs(sorted(positives, key=lambda one: -float(one[1].detach())), PAIRS.gamma, 0))
            by_score.append(loop_pairs(sorted(positives, key=lambda one: -float(one[0].detach())), PAIRS.gamma, 1))
    return mean(classification), mean(by_overlap), mean(by_score)


def loop_classification(positives: Tensor, negatives: Tensor) -> list[Tensor]:
    """Return one image's loss; none where no negative is hard."""
    hard = sum(float(value) > MARGIN.threshold for value in negatives.detach())
    if not hard:
        return []
    wanted = len(positives) or max(hard, MARGIN.fewest)
    kept = negatives.sort(descending=True).values[:wanted]
    below = (torch.softmax(kept, 0) * kept).sum()
    above = positives.mean() if len(positives) else torch.tensor(1.0)
    return [torch.log(1 + torch.exp(MARGIN.beta * (below - above + MARGIN.alpha))) / MARGIN.beta]


def loop_pairs(ranked: list[tuple[Tensor, Tensor]], gamma: float, kind: int) -> Tensor:
    """Return the mean over pairs of an image: kind 0 compares probabilities, kind 1 IoUs, of which the lower one is frozen."""
    values = []
    for i in range(len(ranked)):
        for j in range(i + 1, len(ranked)):
            lower = ranked[j][kind].detach() if kind else ranked[j][kind]
            values.append(torch.exp(-gamma * (ranked[i][kind] - lower)))
    return torch.stack(values).mean()


def mean(values: list[Tensor]) -> Tensor:
    """Return the mean of the images that count."""
    return torch.stack(values).mean() if values else torch.zeros(())


def timed(way: Callable[[Batch], Losses], batch: Batch) -> tuple[float, float, Losses, tuple[Tensor, Tensor]]:
    """Return processor seconds forward, and backward, losses, and gradients by logits and IoUs."""
    start = time.process_time()
    losses = way(batch)
    middle = time.process_time()
    gradients = torch.autograd.grad(sum(losses), (batch.logits, batch.overlap))  # type: ignore[arg-type]  # a tensor
    return middle - start, time.process_time() - middle, losses, gradients


def main(
    *,
    out: Annotated[Path, typer.Option(help="Markdown file to write.")] = Path("ranking_losses.md"),
    images: Annotated[int, typer.Option(help="Images of a batch.")] = 32,
    rounds: Annotated[int, typer.Option(help="Turns of each way.")] = 10,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 1,
) -> None:
    """Time, compare and report."""
    torch.set_num_threads(threads)
    rows = []
    for name, candidates, negatives in (
        ("25 x 25 points, 48 negatives (SiamBAN, SiamPW)", 625, 48),
        ("25 x 25 x 5 anchors, all negatives (SiamRPN++)", 3125, 2900),
    ):
        seconds: dict[str, list[float]] = {way: [] for way in ("loops", "loops back", "ours", "ours back")}
        value = gradient = 0.0
        for seed in range(rounds):
            batch = make_batch(images, candidates, negatives, seed)
            vectorised(batch)  # the first call in a round pays for cold caches
            slow, slow_back, expected, expected_gradients = timed(loops, batch)
            fast, fast_back, found, gradients = timed(vectorised, batch)
            for way, passed in zip(seconds, (slow, slow_back, fast, fast_back), strict=True):
                seconds[way].append(passed)
            value = max(value, *(abs(float(a.detach() - b.detach())) for a, b in zip(found, expected, strict=True)))
            gradient = max(
                gradient, *(float((a - b).abs().max() / b.abs().max()) for a, b in zip(gradients, expected_gradients, strict=True))
            )
        forward = np.median(seconds["loops"]) / np.median(seconds["ours"])
        both = np.median(np.add(seconds["loops"], seconds["loops back"])) / np.median(np.add(seconds["ours"], seconds["ours back"]))
        rows.append([name, *map(spread, seconds.values()), f"{forward:.0f} x", f"{both:.0f} x", f"{value:.0e}", f"{gradient:.0e}"])
    header = ["candidates", "loops, ms", "their backward, ms", "lockon, ms", "its backward, ms", "forward", "both", "values", "gradients"]
    about = (
        f"All three ranking losses of a batch of {images} images with 16 positives each, every fifth a negative pair; processor time, "
        f"median (10th to 90th percentile) of {rounds} rounds, {threads} thread(s). The last columns: how many times faster, the largest "
        "difference of a loss, and of a gradient relative to the largest."
    )
    report(out, f"{about}\n\n{table(header, rows)}\n\n{machine()}, PyTorch {torch.__version__}")


if __name__ == "__main__":
    run(main)
