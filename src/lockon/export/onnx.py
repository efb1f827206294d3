"""torch to two plain ONNX files, with a parity check before anything is written.

Steps: copy the module, fold each BatchNorm into the convolution before it, round the large weights through float16 (if
`half_storage`), trace the template and the search branch with a dynamic batch axis, store as float16 every large constant
that float16 holds exactly. Storage is therefore lossless with respect to the rounded module, and the graphs compute in
float32: the stored constant is followed by a Cast that runtimes fold away when they load the file.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lockon.errors import LockonError
from lockon.export.header import FORMAT, HEADER_KEYS, METADATA_KEY, template_path
from lockon.export.parity import Difference, check_parity, difference, signal
from lockon.export.runtime import OnnxModel
from lockon.export.torch_model import TorchModel
from lockon.types import Template

OPSET = 18  # the dynamo exporter's native one
IR_VERSION = 8  # the oldest that holds opset 18, so that older runtimes open the files
HALF_MIN_BYTES = 4096  # float32 constants below this stay as they are


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What `export_onnx` wrote.

    Attributes:
        search_path, template_path: the two files; search_bytes, template_bytes: their sizes.
        header: the header in both.
        parity: files in ONNX Runtime against torch with the same (rounded) weights; None if not verified.
        rounding: effect of float16 storage, torch with rounded against torch with original weights; None for float32.
        signal: how far torch's outputs move from one test crop to another; the differences are to be read against it.
    """

    search_path: Path
    template_path: Path
    search_bytes: int
    template_bytes: int
    header: dict[str, Any]
    parity: Difference | None
    rounding: Difference | None
    signal: Difference


class _TemplateGraph(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module: Any = module

    def forward(self, template: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.module.encode(_float_image(template)).features)


class _SearchGraph(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module: Any = module

    def forward(self, search: Tensor, *features: Tensor) -> tuple[Tensor, ...]:
        out = self.module(Template(features), _float_image(search))
        return (out.logits, out.boxes) if out.quality is None else (out.logits, out.boxes, out.quality)


def export_onnx(
    module: nn.Module,
    directory: str | Path,
    name: str,
    header: Mapping[str, Any],
    *,
    half_storage: bool = True,
    verify: bool = True,
) -> ExportReport:
    """Write ``NAME.onnx`` and ``NAME.template.onnx`` into `directory`; files of that name are replaced only on success.

    `Prediction.extras` are not exported: deployed models give logits, boxes and quality.

    Args:
        module: network with `encode`, `template_size`, `search_size`; it is left as it is.
        directory: made if missing.
        name: stem of the files.
        header: architecture, config, tracker, licence, data, metrics, git_revision; `format` and `pair` are filled in.
        half_storage: large weights as float16 (half the size; computation stays float32).
        verify: compare with torch before the files are put in place; False for an untrained network (see `verify_export`).

    Raises:
        LockonError: the header misses a key, the folder cannot be written, or the files differ from torch by more than
            the tolerances of `lockon.export.parity`.
    """
    directory = Path(directory)
    full_header = {**header, "format": FORMAT, "pair": _pair(module, half_storage)}
    missing = [key for key in HEADER_KEYS if key not in full_header]
    if missing:
        raise LockonError(f"the header for {name} has no {', '.join(missing)}; give all of {', '.join(HEADER_KEYS[1:-1])}")
    search_path = directory / f"{name}.onnx"
    _writable_folder(directory)  # before the work
    stored = _stored_module(module, half_storage)
    template_model, search_model = _trace(stored)
    for model in (template_model, search_model):
        _strip(model)
        if half_storage:
            _store_half(model.graph)
        model.metadata_props.add(key=METADATA_KEY, value=json.dumps(full_header, sort_keys=True))
        onnx.checker.check_model(model)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=directory) as folder:
            temporary = Path(folder) / search_path.name
            temporary.write_bytes(search_model.SerializeToString())
            template_path(temporary).write_bytes(template_model.SerializeToString())
            parity = verify_export(module, temporary) if verify else None
            os.replace(template_path(temporary), template_path(search_path))
            os.replace(temporary, search_path)
    except OSError as error:
        raise _unwritable(search_path, error) from None
    original = TorchModel(_stored_module(module, half=False))
    return ExportReport(
        search_path=search_path,
        template_path=template_path(search_path),
        search_bytes=search_path.stat().st_size,
        template_bytes=template_path(search_path).stat().st_size,
        header=full_header,
        parity=parity,
        rounding=difference(TorchModel(stored), original) if half_storage else None,
        signal=signal(original),
    )


def _writable_folder(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise _unwritable(directory, error) from None


def _unwritable(path: Path, error: OSError) -> LockonError:
    return LockonError(f"cannot write {path} ({error.strerror}); choose a folder that can be written")


def verify_export(module: nn.Module, path: str | Path) -> Difference:
    """Compare stored files with the torch module whose weights they hold, on 1 and 3 targets of seeded test crops.

    Args:
        module: the network with the original weights; it is left as it is.
        path: ``NAME.onnx``.

    Raises:
        LockonError: as `OnnxModel`; the files were exported from other weights; a difference above the tolerance; or outputs
            that hardly depend on the crops, so that their agreement would show nothing (an untrained network).
    """
    model = OnnxModel(path)
    halves = {_pair(module, half): half for half in (False, True)}
    if model.header["pair"] not in halves:
        raise LockonError(f"{path} (pair {model.header['pair']}) was exported from other weights; export these weights again")
    reference = TorchModel(_stored_module(module, halves[model.header["pair"]]))
    return check_parity(model, reference, Path(path).name)


def fold_batch_norm(module: nn.Module) -> nn.Module:
    """A copy in evaluation mode where every BatchNorm2d that follows a Conv2d in an `nn.Sequential` is folded into it.

    Only there is it certain, without tracing, that nothing else reads the convolution's output. A pair whose parts also
    appear elsewhere is left alone.
    """
    module = copy.deepcopy(module).eval()
    uses: dict[int, int] = {}
    for parent in module.modules():
        for child in parent.children():
            uses[id(child)] = uses.get(id(child), 0) + 1
    for parent in list(module.modules()):
        if not isinstance(parent, nn.Sequential):
            continue
        children = list(parent.named_children())
        for (conv_name, conv), (norm_name, norm) in itertools.pairwise(children):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and uses[id(conv)] == uses[id(norm)] == 1:
                setattr(parent, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(parent, norm_name, nn.Identity())
    return module


def _stored_module(module: nn.Module, half: bool) -> nn.Module:
    """The module as the files hold it: on the CPU, float32, BatchNorm folded, large weights rounded through float16."""
    stored = fold_batch_norm(module).cpu().float()
    if half:
        for parameter in stored.parameters():
            rounded = parameter.detach().half().float()
            if parameter.numel() * 4 >= HALF_MIN_BYTES and bool(torch.isfinite(rounded).all()):
                parameter.data = rounded
    return stored


def _pair(module: nn.Module, half: bool) -> str:
    """16 hexadecimal digits that name the weights and how they are stored."""
    digest = hashlib.sha256(b"float16" if half else b"float32")
    for key, value in sorted(module.state_dict().items()):
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _float_image(image: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) float32; bytes are cheaper to transpose than floats."""
    return image.permute(0, 3, 1, 2).to(torch.float32)


def _trace(module: nn.Module) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """Template and search graph. Sizes are typed: a module without them is a programming error."""
    sizes = int(module.template_size), int(module.search_size)  # type: ignore[arg-type]
    template, search = (torch.zeros(2, size, size, 3, dtype=torch.uint8) for size in sizes)
    batch = {0: torch.export.Dim("batch")}
    with torch.inference_mode():
        features = _TemplateGraph(module)(template)
        outputs = _SearchGraph(module)(search, *features)
    features = tuple(feature.clone() for feature in features)  # out of inference mode
    names = [f"template_{index}" for index in range(len(features))]
    encode = _export(_TemplateGraph(module), (template,), ({**batch},), ["template"], names)
    match = _export(
        _SearchGraph(module),
        (search, *features),
        ({**batch}, tuple({**batch} for _ in features)),
        ["search", *names],
        ["logits", "boxes", "quality"][: len(outputs)],
    )
    return encode, match


def _export(
    module: nn.Module, inputs: tuple[Tensor, ...], shapes: tuple[Any, ...], names: list[str], outputs: list[str]
) -> onnx.ModelProto:
    with _quiet_exporter():
        program = torch.onnx.export(
            module.eval(),
            inputs,
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=shapes,
            input_names=names,
            output_names=outputs,
            optimize=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    model: onnx.ModelProto = program.model_proto
    return model


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Hold back torch's notes on its own internals (missing torchvision, deprecated calls inside torch)."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for category in (DeprecationWarning, FutureWarning, UserWarning):
                warnings.filterwarnings("ignore", category=category, module=r"torch\.|copyreg")
            yield
    finally:
        logger.setLevel(level)


def _strip(model: onnx.ModelProto) -> None:
    """Remove what the exporter notes for debugging: stack traces with paths of this machine, more than a hundred kB."""
    model.ir_version = IR_VERSION
    del model.metadata_props[:]
    model.doc_string = ""
    graph = model.graph
    graph.doc_string = ""
    for item in (*graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info):
        del item.metadata_props[:]
        item.doc_string = ""
    del graph.metadata_props[:]
    del graph.value_info[:]  # runtimes infer shapes themselves


def _store_half(graph: onnx.GraphProto) -> None:
    """Store as float16 each large float32 constant that float16 holds exactly, with a Cast back to float32."""
    casts = []
    for initializer in graph.initializer:
        if initializer.data_type != onnx.TensorProto.FLOAT:
            continue
        values = onnx.numpy_helper.to_array(initializer)
        with np.errstate(over="ignore"):  # too large for float16: not equal, kept
            half = values.astype(np.float16)
        if values.nbytes < HALF_MIN_BYTES or not np.array_equal(half.astype(np.float32), values):
            continue
        name = initializer.name
        initializer.CopyFrom(onnx.numpy_helper.from_array(half, f"{name}.float16"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.float16"], [name], f"{name}.cast", to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
