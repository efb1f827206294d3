"""Where a run runs: device, precision and processes through Lightning Fabric; and how it is asked to stop."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy

from lockon._signals import ENDING_SIGNALS
from lockon.errors import LockonError, unknown_name

DEVICES = ("auto", "cpu", "cuda", "mps")


def make_fabric(device: str = "auto", precision: str = "auto") -> Fabric:
    """Return a launched Fabric: one process, or one of those that torchrun started.

    Raises:
        LockonError: Unknown device, or one that this machine does not have.
    """
    kind = _device(device)
    bf16 = precision == "bf16" or (precision == "auto" and computes_bf16(kind))
    plugin = "bf16-mixed" if bf16 else "32-true"
    if TorchElasticEnvironment.detect():
        local, world = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), int(os.environ.get("WORLD_SIZE", "1"))
        # Frozen stages have no gradient: find_unused_parameters lets them be, and lets them join later.
        strategy: Any = DDPStrategy(find_unused_parameters=True, cluster_environment=TorchElasticEnvironment())
        fabric = Fabric(accelerator=kind, devices=local, num_nodes=max(1, world // local), strategy=strategy, precision=plugin)  # type: ignore[arg-type]
    else:
        fabric = Fabric(accelerator=kind, devices=1, precision=plugin, plugins=[LightningEnvironment()])  # type: ignore[arg-type]
    fabric.launch()
    return fabric


def _device(device: str) -> str:
    if device not in DEVICES:
        raise unknown_name("device", device, DEVICES)
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if available[name])
    if not available[device]:
        raise LockonError(f"no {device} device here; give --device auto or --device cpu")
    return device


def agree(fabric: Fabric, *flags: bool) -> tuple[bool, ...]:
    """Return each flag, true everywhere if it is true in any process. Every process must call it."""
    if fabric.world_size == 1:
        return flags
    total = fabric.all_reduce(torch.tensor([float(flag) for flag in flags], device=fabric.device), reduce_op="sum")
    return tuple(bool(value > 0) for value in total.tolist())  # type: ignore[union-attr]  # a tensor in, a tensor out


def computes_bf16(device: str) -> bool:
    """Return whether bfloat16 runs in hardware: on GPUs from Ampere on, on CPUs with avx512_bf16 or AMX (read from Linux)."""
    if device == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)
    cpuinfo = Path("/proc/cpuinfo")
    if device != "cpu" or not cpuinfo.exists():
        return False
    flags = next((line for line in cpuinfo.read_text().splitlines() if line.startswith("flags")), "").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


class StopRequest:
    """While entered, the first Ctrl-C, SIGTERM or SIGHUP sets `requested` instead of ending the process; a second Ctrl-C ends it.

    Outside the main thread, where Python allows no signal handlers, it does nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self._raises = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in ENDING_SIGNALS:
                self._previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _request(self, number: int, _: FrameType | None) -> None:
        again, self.requested = self.requested, True
        if self._raises or (again and number == signal.SIGINT):
            raise KeyboardInterrupt

    @contextmanager
    def raising(self) -> Iterator[None]:
        """End the block, such as a validation of minutes, at once at the first signal."""
        self._raises = not self.requested
        try:
            yield
        except KeyboardInterrupt:
            if not self._raises:
                raise
        finally:
            self._raises = False


__all__ = ["DEVICES", "StopRequest", "agree", "computes_bf16", "make_fabric"]
