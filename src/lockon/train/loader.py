"""Batches of `pipeline.sample(index)`, made in worker processes, in an order that depends on the step alone.

Samples are pure functions of their index, so workers need no seeds and a resumed run needs only its step. Update t of a run with W
processes, A forward passes per update and batches of B samples uses the indices from t*A*W*B up to (t+1)*A*W*B.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from lockon._cores import usable_cores
from lockon._signals import ENDING_SIGNALS
from lockon.errors import LockonError
from lockon.train.config import TrainConfig
from lockon.train.recipe import Pipeline

Batch = dict[str, Any]  # torch.Tensor, batch first, or for texts (`ids`) a list of str


class _Samples(Dataset[dict[str, Any]]):
    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.pipeline.sample(index)


class BatchIndices:
    """Yield lists of sample indices, one per forward pass of this process, from update `start` to the last."""

    def __init__(self, config: TrainConfig, start: int = 0, rank: int = 0, world: int = 1) -> None:
        self.size, self.rank, self.world = config.batch_size, rank, world
        accumulate = config.gradients.accumulate
        self.blocks = range(start * accumulate, config.steps * accumulate)

    def __len__(self) -> int:
        return len(self.blocks)

    def __iter__(self) -> Iterator[list[int]]:
        for block in self.blocks:
            first = (block * self.world + self.rank) * self.size
            yield list(range(first, first + self.size))


def collate(samples: list[dict[str, Any]]) -> Batch:
    """Stack arrays batch first, keeping their dtype (images stay uint8); texts become a list."""
    return {name: _stack([sample[name] for sample in samples]) for name in samples[0]}


def _stack(values: list[Any]) -> Any:
    return list(values) if isinstance(values[0], str) else torch.from_numpy(np.stack(values))


def make_loader(
    pipeline: Pipeline, config: TrainConfig, *, start: int = 0, rank: int = 0, world: int = 1, pin_memory: bool = False
) -> DataLoader[dict[str, Any]]:
    """Return one pass over all batches of the run from update `start` on; its workers live as long as the pass.

    Args:
        pipeline: Source of the samples; with `config.machine.workers` > 0 it is copied into each worker process.
        config: Number of workers, and what a batch is.
        start: First update, 0-based.
        rank: Number of this process.
        world: How many processes the run has.
        pin_memory: For copies to a GPU.
    """
    workers = min(config.machine.workers, usable_cores())  # more than cores gain nothing, and torch warns; the samples are the same
    return DataLoader(
        _Samples(pipeline),
        batch_sampler=BatchIndices(config, start, rank, world),
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=_start_worker if workers else None,
        prefetch_factor=4 if workers else None,
        pin_memory=pin_memory,
        generator=torch.Generator(),  # the loader must not draw from torch's global generator: a resumed run draws no less
    )


def next_batch(batches: Iterator[Batch]) -> Batch:
    """Return the next batch, or raise a `LockonError` if a worker process was killed (as a rule for want of memory)."""
    try:
        return next(batches)
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise LockonError(f"a process that makes samples died ({str(error).splitlines()[0]}); resume with fewer --workers") from error


def _start_worker(_: int) -> None:
    """Set one thread per worker; the signals that end a run are for the training process, which stops its workers after saving."""
    import cv2

    cv2.setNumThreads(0)
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


__all__ = ["Batch", "BatchIndices", "collate", "make_loader", "next_batch"]
