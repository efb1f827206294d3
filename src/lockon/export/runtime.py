"""Runtimes of deployed graphs, which need no torch: `OnnxGraphs` (ONNX Runtime) and `OpenVinoGraphs`, two ways to run the same files.

What the graphs are of, `lockon.export.deployed` knows.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from lockon._cores import default_threads
from lockon._require import require
from lockon._weights import METADATA_KEY, check_seal
from lockon.errors import LockonError, unknown_name
from lockon.export.header import check_header, check_main, check_same_pair, part_path, read_sealed, unsealed
from lockon.export.ports import Ports, check_ports, side
from lockon.export.signal_stack import kept_signal_stack

File = TypeVar("File")
Run = TypeVar("Run")

# Devices of `load_graphs`; the last two are OpenVINO on the CPU in float32 and bfloat16.
DEVICES = ("auto", "cpu", "cuda", "openvino", "openvino-bf16")

_LOAD_ERRORS = (  # they share no base class below Exception
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
    UnicodeDecodeError,  # of names that are no UTF-8
)


_LIVE: weakref.WeakSet[Graphs[Any, Any]] = weakref.WeakSet()


def _after_fork() -> None:
    for graphs in tuple(_LIVE):
        graphs._abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Graphs(ABC, Generic[File, Run]):
    """The graphs of a deployed model, whose ports are known by name; subclasses know a runtime.

    Attributes:
        path: The main file.
        header: The JSON header of the files.
        ports: Of each part, as the header says.
    """

    _arguments: tuple[Any, ...]  # of the constructor, after the path

    def __init__(self, path: Path, suffixes: tuple[str, ...]) -> None:
        check_main(path, suffixes)
        self.path = path.absolute()
        search, self.header = self._read(path)
        self.ports: dict[str, Ports] = self.header["graphs"]
        contents = {part: search if part == "search" else self._read_part(path, part) for part in self.ports}
        self._graphs: dict[str, Run] = {}
        self._shapes: dict[str, Sequence[Any]] = {}
        for part, content in contents.items():
            file = part_path(path, part)
            self._graphs[part], ports, self._shapes[part] = self._load(file, content)
            check_ports(file, ports, self.ports[part])
        _LIVE.add(self)

    def __reduce__(self) -> tuple[Any, ...]:  # copies and pickles name the weights, and load them again where they are opened
        return type(self), (self.path, *self._arguments)

    def side(self, part: str) -> int:
        """Return the side in pixels of the crops that a graph takes first.

        Raises:
            LockonError: It takes no crops.
        """
        return side(part_path(self.path, part), self._shapes[part])

    def _graph(self, part: str) -> Run:
        """Return a graph that is ready to run; after a fork it is loaded again."""
        if not self._graphs:
            self._graphs.update(type(self)(self.path, *self._arguments)._graphs)
        return self._graphs[part]

    def _abandon(self) -> None:
        """Leave the graphs alone in the child of a fork: their threads are not there, and whoever ends them waits for ever."""
        for graph in self._graphs.values():
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(graph))
        self._graphs.clear()

    def _read_part(self, path: Path, part: str) -> File:
        """Read another graph of the model in `path`."""
        file = part_path(path, part)
        if not file.is_file():
            raise LockonError(f"{file} is missing beside {path}; this model is {len(self.ports)} files, copy all of them")
        content, header = self._read(file)
        check_same_pair(path, self.header, file, header)
        return content

    @abstractmethod
    def _read(self, path: Path) -> tuple[File, dict[str, Any]]:
        """Return the content of one graph's file as `_load` takes it, and its header."""

    @abstractmethod
    def _load(self, path: Path, content: File) -> tuple[Run, Ports, Sequence[Any]]:
        """Return a graph that is ready to run, its real ports, and the shape of its first input."""

    def run(self, part: str, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None) -> dict[str, NDArray[np.float32]]:
        """Run a graph.

        Args:
            part: Which.
            inputs: All of its inputs by name.
            outputs: Names of those wanted; None for all.

        Returns:
            Outputs by name, which outlive the next call.
        """
        return self._run(part, inputs, outputs or self.ports[part]["outputs"])

    @abstractmethod
    def _run(self, part: str, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return outputs of a graph by name, see `run`."""


class OnnxGraphs(Graphs[Path, ort.InferenceSession]):
    """The graphs of a model in ONNX Runtime: ``NAME.onnx`` and its other parts.

    Args:
        path: The main file, ``NAME.onnx``.
        device: "auto" or "cpu" for the CPU, "cuda" for an NVIDIA GPU, "cuda:1" for the second one.
        threads: Threads of one forward pass on the CPU; None for `default_threads`.

    Raises:
        LockonError: A file is missing, truncated, no lockon model, or of another export than the other; no such device.
    """

    def __init__(self, path: str | Path, device: str = "auto", threads: int | None = None) -> None:
        self._arguments = (device, threads)
        self._providers = _providers(device)
        self._options = _session_options(default_threads() if threads is None else threads)
        super().__init__(Path(path), (".onnx",))

    def _read(self, path: Path) -> tuple[Path, dict[str, Any]]:
        return path, read_sealed(path)

    def _load(self, path: Path, content: Path) -> tuple[ort.InferenceSession, Ports, Sequence[Any]]:
        try:
            # without its fallback, which prints what it does and raises something else than what happened
            session = ort.InferenceSession(str(path), self._options, providers=self._providers, enable_fallback=False)
        except _LOAD_ERRORS as error:
            raise LockonError(f"ONNX Runtime cannot load {path} ({_last_line(error)}); export or copy the file again") from None
        if session.get_providers()[0] != self._providers[0][0]:  # ONNX Runtime goes on with the CPU when a provider fails to start
            raise LockonError("ONNX Runtime could not start CUDA; check the driver and the CUDA and cuDNN libraries, or use device='cpu'")
        inputs, outputs = session.get_inputs(), session.get_outputs()
        return session, {"inputs": [port.name for port in inputs], "outputs": [port.name for port in outputs]}, inputs[0].shape

    def _run(self, part: str, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        return dict(zip(outputs, self._graph(part).run(outputs, inputs), strict=True))


class OpenVinoGraphs(Graphs[Any, Any]):
    """The graphs of a model in OpenVINO, from the same ONNX files or the ``.xml`` files of ``lockon export --format openvino``.

    Args:
        path: The main file, ``NAME.onnx`` or ``NAME.xml``.
        device: OpenVINO device name.
        precision: "f32", or "bf16" where the CPU has it. Always set: by default OpenVINO chooses bf16 on some CPUs, and results
            would depend on the machine.
        threads: Threads of one forward pass; None for `default_threads`.

    Raises:
        LockonError: OpenVINO is not installed, an unknown device or precision, or a file as in `OnnxGraphs`.
    """

    def __init__(
        self, path: str | Path, device: str = "CPU", precision: Literal["f32", "bf16"] = "f32", threads: int | None = None
    ) -> None:
        self._arguments = (device, precision, threads)
        with kept_signal_stack():
            self._core = require("openvino").Core()
        if precision not in ("f32", "bf16"):
            raise unknown_name("precision", precision, ("f32", "bf16"))
        self._device = device
        self._options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        if device == "CPU":  # other plug-ins refuse these
            self._options["INFERENCE_NUM_THREADS"] = default_threads() if threads is None else threads
            self._options["ENABLE_CPU_PINNING"] = False  # every process would take the first core, and processes side by side share it
        super().__init__(Path(path), (".onnx", ".xml"))

    def _read(self, path: Path) -> tuple[Any, dict[str, Any]]:
        header = read_sealed(path) if path.suffix == ".onnx" else None
        sealed = header is not None or check_seal(path, path.with_suffix(".bin"))
        try:
            model = self._core.read_model(path)
        except RuntimeError as error:
            raise LockonError(f"OpenVINO cannot read {path} ({_last_line(error)}); export or copy the file again") from None
        if header is None:
            header = check_header(path, model.get_rt_info(METADATA_KEY).astype(str) if model.has_rt_info(METADATA_KEY) else None)
        if not sealed:
            raise unsealed(path)
        return model, header

    def _load(self, path: Path, content: Any) -> tuple[Any, Ports, Sequence[Any]]:
        try:
            with kept_signal_stack():
                request = self._core.compile_model(content, self._device, self._options).create_infer_request()
        except RuntimeError as error:
            known = self._core.available_devices
            raise LockonError(f"OpenVINO cannot run {path.name} on {self._device!r} ({_last_line(error)}); known: {known}") from None
        ports = {"inputs": [port.any_name for port in content.inputs], "outputs": [port.any_name for port in content.outputs]}
        return request, ports, [str(length) for length in content.inputs[0].partial_shape]

    def _run(self, part: str, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        results = self._graph(part).infer(inputs, share_outputs=True)
        return {name: results[name].copy() for name in outputs}  # the next call overwrites them


def load_graphs(path: str | Path, device: str = "auto", threads: int | None = None) -> OnnxGraphs | OpenVinoGraphs:
    """Load the graphs of the deployed model in `path` on a device.

    Args:
        path: ``NAME.onnx`` (or ``NAME.xml``, which only OpenVINO reads), its other parts beside it.
        device: "auto" or "cpu" (ONNX Runtime; OpenVINO for ``.xml``), "cuda" or "cuda:1", "openvino", "openvino-bf16".
        threads: Threads of one forward pass on the CPU; None for `default_threads`.

    Raises:
        LockonError: As `OnnxGraphs` and `OpenVinoGraphs`; device "torch" needs ``.safetensors`` weights.
    """
    path = Path(path)
    if device == "torch":
        raise LockonError(f"{path} is a deployed model, which device 'torch' cannot run; use device='cpu' or give .safetensors weights")
    kind, _ = _split_device(device)
    if kind not in DEVICES:
        raise unknown_name("device", device, DEVICES)
    if device == "openvino-bf16":
        return OpenVinoGraphs(path, precision="bf16", threads=threads)
    if device == "openvino" or (path.suffix == ".xml" and kind != "cuda"):
        return OpenVinoGraphs(path, precision="f32", threads=threads)
    return OnnxGraphs(path, device if kind == "cuda" else "cpu", threads)


def _split_device(device: str) -> tuple[str, int]:
    """Split a device into kind and number: cuda:1 is ("cuda", 1); a device without a number is the first of its kind."""
    kind, colon, number = device.partition(":")
    return (kind, int(number)) if colon and kind == "cuda" and number.isdecimal() else (device, 0)


def _providers(device: str) -> list[tuple[str, dict[str, str]]]:
    """Return the execution providers with their options, the preferred one first."""
    kind, number = _split_device(device)
    if kind not in ("auto", "cpu", "cuda"):
        raise unknown_name("device", device, ("auto", "cpu", "cuda"))
    if kind != "cuda":
        return [("CPUExecutionProvider", {})]
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        raise LockonError("this ONNX Runtime has no CUDA; type: pip install onnxruntime-gpu (instead of onnxruntime), or use device='cpu'")
    return [("CUDAExecutionProvider", {"device_id": str(number)}), ("CPUExecutionProvider", {})]


def _session_options(threads: int) -> ort.SessionOptions:
    if threads < 1:
        raise LockonError(f"threads={threads} given; expected 1 or more")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3  # errors only: they are raised as well
    # Threads that spin while they wait are a little faster alone, but take the core that the video decoder needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
