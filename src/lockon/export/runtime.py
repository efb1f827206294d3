"""Deployed models without torch: `OnnxModel` (ONNX Runtime) and `OpenVinoModel`, two ways to run the same files.

Both take NumPy uint8 crops and give `Prediction` / `Template` of NumPy float32 arrays, like a torch network behind
`TorchModel`. Conversion of the crops to float and their normalisation are inside the graphs. A network with masks has a third
file: its search graph gives further outputs, `Prediction.extras`, which `mask` takes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from lockon._cores import usable_cores
from lockon._require import require
from lockon.errors import LockonError, unknown_name
from lockon.export.header import METADATA_KEY, check_header, check_pair, check_same_pair, read_header
from lockon.export.ports import Ports, check_graphs, check_mask_graph, mask_file, no_masks, side
from lockon.types import Prediction, Template

# Devices of `load_model`; the last two are OpenVINO on the CPU in float32 and bfloat16.
DEVICES = ("auto", "cpu", "cuda", "openvino", "openvino-bf16")

_LOAD_ERRORS = (  # they share no base class below Exception
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


def default_threads() -> int:
    """Return the network's threads where the user names none: OMP_NUM_THREADS if set, else the cores of this process, at most 4.

    More bring nothing to a small network, and the video decoder needs a core too.
    """
    setting = os.environ.get("OMP_NUM_THREADS", "")
    if setting.isdigit() and int(setting) > 0:
        return int(setting)
    return min(usable_cores(), 4)


class OnnxModel:
    """A model in ONNX Runtime: ``NAME.onnx``, ``NAME.template.onnx`` and, for a network with masks, ``NAME.mask.onnx``.

    Args:
        path: The search graph's file, ``NAME.onnx``.
        device: "auto" or "cpu" for the CPU, "cuda" for an NVIDIA GPU, "cuda:1" for the second one.
        threads: Threads of one forward pass on the CPU; None for `default_threads`.

    Attributes:
        template_size: Side of the template crop in pixels.
        search_size: Side of the search crop in pixels.
        header: The JSON header of the file.
        extras: Names of the further outputs that masks are made from; empty for a network without masks.

    Raises:
        LockonError: A file is missing, truncated, no lockon model, or of another export than the other; no such device.
    """

    def __init__(self, path: str | Path, device: str = "auto", threads: int | None = None) -> None:
        path = Path(path)
        template_path = check_pair(path, (".onnx",))
        self.header = read_header(path)
        check_same_pair(path, self.header, template_path, read_header(template_path))
        providers = _providers(device)
        options = _session_options(default_threads() if threads is None else threads)
        self._search = _session(path, options, providers)
        self._template = _session(template_path, options, providers)
        self._names, self.extras = check_graphs(path, *(_names(session) for session in (self._search, self._template)))
        self.search_size = side(path, self._search.get_inputs()[0].shape)
        self.template_size = side(template_path, self._template.get_inputs()[0].shape)
        self._mask: ort.InferenceSession | None = None
        if self.extras:
            mask_path = mask_file(path)
            check_same_pair(path, self.header, mask_path, read_header(mask_path))
            self._mask = _session(mask_path, options, providers)
            check_mask_graph(mask_path, _names(self._mask), self.extras)

    def encode(self, images: NDArray[np.uint8]) -> Template:
        """Encode (B, h, w, 3) uint8 RGB template crops to features of B rows (float32 arrays)."""
        return Template(tuple(self._template.run(self._names, {"template": images})))

    def __call__(self, template: Template, images: NDArray[np.uint8]) -> Prediction:
        """Match (B, H, W, 3) uint8 RGB search crops with B template rows; arrays of the prediction are float32."""
        feeds = {"search": images, **dict(zip(self._names, template.features, strict=True))}
        return _prediction(self._search.run(None, feeds), self.extras)

    def mask(self, prediction: Prediction, index: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Compute (B, P, P) mask probabilities of the candidates `index` (B,), one per target of `prediction`, at the search crop's scale.

        Raises:
            LockonError: The network makes no masks.
        """
        if self._mask is None:
            raise no_masks(self.header)
        masks: NDArray[np.float32] = self._mask.run(None, {"index": index.astype(np.int64), **_inputs(prediction, self.extras)})[0]
        return masks


class OpenVinoModel:
    """A model in OpenVINO, from the same ONNX files or the ``.xml`` files of ``lockon export --format openvino``.

    Args:
        path: The search graph's file, ``NAME.onnx`` or ``NAME.xml``.
        device: OpenVINO device name.
        precision: "f32", or "bf16" where the CPU has it. Always set: by default OpenVINO chooses bf16 on some CPUs, and results
            would depend on the machine.
        threads: Threads of one forward pass; None for `default_threads`.

    Attributes:
        template_size: Side of the template crop in pixels.
        search_size: Side of the search crop in pixels.
        header: The JSON header of the file.
        extras: Names of the further outputs that masks are made from; empty for a network without masks.

    Raises:
        LockonError: OpenVINO is not installed, an unknown device or precision, or a file as in `OnnxModel`.
    """

    def __init__(
        self, path: str | Path, device: str = "CPU", precision: Literal["f32", "bf16"] = "f32", threads: int | None = None
    ) -> None:
        openvino = require("openvino")
        if precision not in ("f32", "bf16"):
            raise unknown_name("precision", precision, ("f32", "bf16"))
        path = Path(path)
        template_path = check_pair(path, (".onnx", ".xml"))
        core = openvino.Core()
        search, template = (_read_openvino(core, file) for file in (path, template_path))
        self.header = _openvino_header(path, search)
        check_same_pair(path, self.header, template_path, _openvino_header(template_path, template))
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": "LATENCY",
        }
        if device == "CPU":  # other plug-ins refuse these
            options["INFERENCE_NUM_THREADS"] = default_threads() if threads is None else threads
            options["ENABLE_CPU_PINNING"] = False  # every process would take the first core, and processes side by side share it
        self._names, self.extras = check_graphs(path, _ports(search), _ports(template))
        self.search_size, self.template_size = (
            side(file, [str(length) for length in model.inputs[0].partial_shape])
            for file, model in ((path, search), (template_path, template))
        )
        self._mask: Any = None
        try:
            self._search, self._template = (
                core.compile_model(model, device, options).create_infer_request() for model in (search, template)
            )
            if self.extras:
                mask_path = mask_file(path)
                mask = _read_openvino(core, mask_path)
                check_same_pair(path, self.header, mask_path, _openvino_header(mask_path, mask))
                check_mask_graph(mask_path, _ports(mask), self.extras)
                self._mask = core.compile_model(mask, device, options).create_infer_request()
        except RuntimeError as error:
            raise LockonError(
                f"OpenVINO cannot run {path.name} on {device!r} ({_last_line(error)}); known: {core.available_devices}"
            ) from None

    def encode(self, images: NDArray[np.uint8]) -> Template:
        """Encode (B, h, w, 3) uint8 RGB template crops to features of B rows (float32 arrays)."""
        return Template(_outputs(self._template, [images]))

    def __call__(self, template: Template, images: NDArray[np.uint8]) -> Prediction:
        """Match (B, H, W, 3) uint8 RGB search crops with B template rows; arrays of the prediction are float32."""
        return _prediction(_outputs(self._search, [images, *template.features]), self.extras)

    def mask(self, prediction: Prediction, index: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Compute masks as `OnnxModel.mask` does."""
        if self._mask is None:
            raise no_masks(self.header)
        return _outputs(self._mask, [index.astype(np.int64), *_inputs(prediction, self.extras).values()])[0]


def load_model(path: str | Path, device: str = "auto", threads: int | None = None) -> OnnxModel | OpenVinoModel:
    """Load the deployed model in `path` on a device.

    Args:
        path: ``NAME.onnx`` (or ``NAME.xml``, which only OpenVINO reads), its template half beside it.
        device: "auto" or "cpu" (ONNX Runtime; OpenVINO for ``.xml``), "cuda" or "cuda:1", "openvino", "openvino-bf16".
        threads: Threads of one forward pass on the CPU; None for `default_threads`.

    Raises:
        LockonError: As `OnnxModel` and `OpenVinoModel`; device "torch" needs ``.safetensors`` weights.
    """
    path = Path(path)
    if device == "torch":
        raise LockonError(f"{path} is a deployed model, which device 'torch' cannot run; use device='cpu' or give .safetensors weights")
    kind, _ = _split_device(device)
    if kind not in DEVICES:
        raise unknown_name("device", device, DEVICES)
    if device == "openvino-bf16":
        return OpenVinoModel(path, precision="bf16", threads=threads)
    if device == "openvino" or (path.suffix == ".xml" and kind != "cuda"):
        return OpenVinoModel(path, precision="f32", threads=threads)
    return OnnxModel(path, device if kind == "cuda" else "cpu", threads)


def _prediction(outputs: Sequence[NDArray[np.float32]], extras: Sequence[str]) -> Prediction:
    """Return the graph's outputs, in its order, as a prediction: logits, boxes, quality where the model has it, and mask inputs."""
    dense = outputs[: len(outputs) - len(extras)]
    return Prediction(
        dense[0], dense[1], dense[2] if len(dense) == 3 else None, extras=dict(zip(extras, outputs[len(dense) :], strict=True))
    )


def _inputs(prediction: Prediction, extras: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    return {name: prediction.extras[name] for name in extras}


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


def _session(path: Path, options: ort.SessionOptions, providers: list[tuple[str, dict[str, str]]]) -> ort.InferenceSession:
    try:
        session = ort.InferenceSession(str(path), options, providers=providers)
    except _LOAD_ERRORS as error:
        raise LockonError(f"ONNX Runtime cannot load {path} ({_last_line(error)}); export or copy the file again") from None
    if session.get_providers()[0] != providers[0][0]:  # ONNX Runtime goes on with the CPU when a provider fails to start
        raise LockonError("ONNX Runtime could not start CUDA; check the driver and the CUDA and cuDNN libraries, or use device='cpu'")
    return session


def _names(session: ort.InferenceSession) -> Ports:
    return [port.name for port in session.get_inputs()], [port.name for port in session.get_outputs()]


def _ports(model: Any) -> Ports:
    """Return the port names of an OpenVINO model, as `_names` does."""
    return [port.any_name for port in model.inputs], [port.any_name for port in model.outputs]


def _read_openvino(core: Any, path: Path) -> Any:
    try:
        return core.read_model(path)
    except RuntimeError as error:
        raise LockonError(f"OpenVINO cannot read {path} ({_last_line(error)}); export or copy the file again") from None


def _openvino_header(path: Path, model: Any) -> dict[str, Any]:
    if path.suffix == ".onnx":
        return read_header(path)
    return check_header(path, model.get_rt_info(METADATA_KEY).astype(str) if model.has_rt_info(METADATA_KEY) else None)


def _outputs(request: Any, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[np.float32], ...]:
    results: Mapping[int, NDArray[np.float32]] = request.infer(inputs)  # copies, so that the next call does not overwrite them
    return tuple(results[index] for index in range(len(results)))


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
