"""Torch's table of exportable operators, made once per process: `torch.onnx.export` makes it anew for every graph, half a second each."""

from __future__ import annotations

from functools import cache


@cache
def read_operators_once() -> None:
    """Let all exports of this process share one table; they only read it. Nothing happens without the exporter."""
    try:
        from torch.onnx._internal.exporter._registration import ONNXRegistry
    except ImportError:
        return
    ONNXRegistry.from_torchlib = staticmethod(cache(ONNXRegistry.from_torchlib))  # type: ignore[method-assign]
