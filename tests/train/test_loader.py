"""Order, dtype and workers of the batches."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np
import pytest
import torch
from tiny_run import TinyPipeline

from lockon.errors import LockonError
from lockon.train.config import GradientConfig, MachineConfig, TrainConfig
from lockon.train.loader import BatchIndices, make_loader, next_batch


def config(*, accumulate: int = 1, workers: int = 0, **top: Any) -> TrainConfig:
    gradients, machine = GradientConfig(accumulate=accumulate), MachineConfig(workers=workers)
    return TrainConfig(**{"steps": 3, "batch_size": 2, "gradients": gradients, "machine": machine, **top})


def test_indices_of_one_process() -> None:
    assert list(BatchIndices(config())) == [[0, 1], [2, 3], [4, 5]]
    assert list(BatchIndices(config(), start=2)) == [[4, 5]]
    assert len(BatchIndices(config(accumulate=2), start=1)) == 4


def test_processes_and_accumulation_share_what_one_large_batch_would_hold() -> None:
    parts = [list(BatchIndices(config(accumulate=2), start=1, rank=rank, world=2)) for rank in (0, 1)]
    assert parts == [[[8, 9], [12, 13], [16, 17], [20, 21]], [[10, 11], [14, 15], [18, 19], [22, 23]]]


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_keep_dtype_order_and_names(workers: int) -> None:
    batches = list(make_loader(TinyPipeline(), config(workers=workers), start=1))
    assert [batch["ids"] for batch in batches] == [["sample 2", "sample 3"], ["sample 4", "sample 5"]]
    first = batches[0]
    assert (first["search"].dtype, tuple(first["search"].shape)) == (torch.uint8, (2, 9, 9, 3))
    assert (first["box"].dtype, tuple(first["box"].shape)) == (torch.float32, (2, 4))
    assert first["present"].tolist() == [True, False]
    assert np.array_equal(first["search"][1].numpy(), TinyPipeline().sample(3)["search"])


def test_loading_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.get_rng_state()
    list(make_loader(TinyPipeline(), config()))
    assert torch.equal(torch.get_rng_state(), expected)


class Inspecting(TinyPipeline):
    """Tells about the process that makes the sample."""

    def sample(self, index: int) -> dict[str, Any]:
        import cv2

        ignored = [signal.getsignal(number) == signal.SIG_IGN for number in (signal.SIGINT, signal.SIGTERM)]
        return {"values": np.array([cv2.getNumThreads(), torch.get_num_threads(), *ignored, os.getpid()]), "ids": ""}


def test_workers_have_one_thread_and_leave_signals_to_the_training_process() -> None:
    (batch,) = make_loader(Inspecting(), config(steps=1, batch_size=1, workers=1))
    threads, torch_threads, interrupt, terminate, process = batch["values"][0].tolist()
    assert (threads, torch_threads, interrupt, terminate) == (1, 1, 1, 1)
    assert process != os.getpid()


class Dying(TinyPipeline):
    def sample(self, index: int) -> dict[str, Any]:
        os._exit(9)


def test_a_worker_that_dies_is_one_clear_line() -> None:
    batches = iter(make_loader(Dying(), config(workers=1)))
    with pytest.raises(LockonError, match=r"a process that makes samples died .* resume with fewer --workers"):
        next_batch(batches)
