"""Export of torch networks to plain ONNX files, one per graph, with a parity check before anything is written.

Steps: copy the module, fold each BatchNorm into the convolution before it, round the large weights through float16 (if
`half_storage`), trace the graphs with a dynamic batch axis, store as float16 every large constant
that float16 holds exactly. Storage is therefore lossless with respect to the rounded module, and the graphs compute in
float32: the stored constant is followed by a Cast that runtimes fold away when they load the file.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lockon._weights import HASH_KEY, METADATA_KEY, NO_HASH, seal
from lockon.errors import LockonError
from lockon.export.deployed import load_model
from lockon.export.graphs import scores_boxes_alone, trace
from lockon.export.header import FORMAT, HEADER_KEYS, new_files, part_path
from lockon.export.parity import Figures, check_parity, difference, signal
from lockon.export.ports import Ports
from lockon.export.probes import probe
from lockon.export.torch_model import TorchModel
from lockon.export.torch_online import TorchOnline

IR_VERSION = 8  # the oldest that holds opset 18, so that older runtimes open the files
HALF_MIN_BYTES = 4096  # float32 constants below this stay as they are
_FILLED_IN = ("format", "graphs", "pair")  # of the header


@dataclass(frozen=True, slots=True)
class ExportReport:
    """The report of `export_onnx`.

    Attributes:
        paths: Files of the graphs by part, "search" first.
        header: The header in all of them.
        parity: Files in ONNX Runtime against torch with the same (rounded) weights; None if not verified.
        rounding: Effect of float16 storage, torch with rounded against torch with original weights; None for float32.
        signal: Range of torch's outputs over test crops; the differences are to be read against it.
    """

    paths: Mapping[str, Path]
    header: dict[str, Any]
    parity: Figures | None
    rounding: Figures | None
    signal: Figures


def export_onnx(
    module: nn.Module,
    directory: str | Path,
    name: str,
    header: Mapping[str, Any],
    *,
    half_storage: bool = True,
    verify: bool = True,
) -> ExportReport:
    """Write ``NAME.onnx`` and its other parts, such as ``NAME.template.onnx``, into `directory`; old files are replaced only on success.

    A network with masks gives ``NAME.mask.onnx`` too, and its search graph the `Prediction.extras` that masks are made from. Other
    extras are exported where the network names them in `deployed_extras`. The trained numbers of a network's optimiser are in the header.

    Args:
        module: Network with `encode`, `template_size`, `search_size`; or one of a tracker that learns online. It is left as it is.
        directory: Folder of the files, made if missing.
        name: Stem of the files.
        header: Architecture, config, tracker, licence, data, metrics, git_revision; `format`, `graphs` and `pair` are filled in.
        half_storage: Store large weights as float16 (half the size; computation stays float32).
        verify: Compare with torch before the files are put in place; False for an untrained network (see `verify_export`).

    Raises:
        LockonError: The header misses a key, the folder cannot be written, or the files differ from torch by more than
            the tolerances of `lockon.export.parity`.
    """
    missing = [key for key in HEADER_KEYS if key not in {*header, *_FILLED_IN}]
    if missing:
        wanted = ", ".join(key for key in HEADER_KEYS if key not in _FILLED_IN)
        raise LockonError(f"the header for {name} has no {', '.join(missing)}; give all of {wanted}")
    search_path = Path(directory) / f"{name}.onnx"
    with new_files(search_path):
        pass  # that it can be written is known before the work
    stored = _stored_module(module, half_storage)
    models = trace(stored)
    graphs = {part: _ports(model) for part, model in models.items()}
    network = _network(stored)
    optimizer = {} if network.weights is None else {"optimizer": _optimizer_numbers(network.weights)}
    full_header = {**header, "format": FORMAT, "graphs": graphs, "pair": _pair(module, half_storage), **optimizer}
    with new_files(search_path) as temporary:
        for part, model in models.items():
            _finish(model, full_header, half_storage)
            part_path(temporary, part).write_bytes(model.SerializeToString())
            seal(part_path(temporary, part))
        reference = probe(network)
        parity = check_parity(load_model(temporary, "cpu"), reference, temporary.name) if verify else None
    original = probe(_network(_stored_module(module, half=False))) if half_storage else reference
    return ExportReport(
        paths={part: part_path(search_path, part) for part in sorted(models, key="search".__ne__)},
        header=full_header,
        parity=parity,
        rounding=difference(reference, original) if half_storage else None,
        signal=signal(original),
    )


def _network(stored: nn.Module) -> TorchModel | TorchOnline:
    """Return the torch network as a tracker takes it."""
    return TorchOnline(stored) if scores_boxes_alone(stored) else TorchModel(stored)


def _optimizer_numbers(weights: Mapping[str, Any]) -> dict[str, list[float] | None]:
    """Return the trained numbers of a network's optimiser for the header; the digits of a float32 give it back exactly."""
    return {name: None if value is None else value.cpu().tolist() for name, value in weights.items()}


def _ports(model: onnx.ModelProto) -> Ports:
    """Return the names of a graph's inputs and outputs, in its order."""
    return {"inputs": [port.name for port in model.graph.input], "outputs": [port.name for port in model.graph.output]}


def _finish(model: onnx.ModelProto, header: Mapping[str, Any], half_storage: bool) -> None:
    """Prepare a traced graph for its file: strip, store, add the header and a place for the hash, check."""
    _strip(model)
    if half_storage:
        _store_half(model.graph)
    model.metadata_props.add(key=METADATA_KEY, value=json.dumps(header, sort_keys=True))
    model.metadata_props.add(key=HASH_KEY, value=NO_HASH)
    onnx.checker.check_model(model)


def verify_export(module: nn.Module, path: str | Path) -> Figures:
    """Compare stored files with the torch module whose weights they hold, on 1 and 3 targets of seeded test crops.

    Args:
        module: The network with the original weights; it is left as it is.
        path: ``NAME.onnx``.

    Raises:
        LockonError: As `load_model`; the files were exported from other weights; a difference above the tolerance; or outputs
            that hardly change with the crops, so that their agreement would show nothing (an untrained network).
    """
    model = load_model(path, "cpu")
    halves = {_pair(module, half): half for half in (False, True)}
    if model.header["pair"] not in halves:
        raise LockonError(f"{path} (pair {model.header['pair']}) was exported from other weights; export these weights again")
    reference = _network(_stored_module(module, halves[model.header["pair"]]))
    return check_parity(model, probe(reference), Path(path).name)


def fold_batch_norm(module: nn.Module) -> nn.Module:
    """Copy a module in evaluation mode and fold every BatchNorm2d that follows a Conv2d into it.

    In an `nn.Sequential` the order decides; other modules declare pairs by `norm_pairs`, names of a convolution and of the normalization
    that alone reads it. A pair whose parts also appear elsewhere is left alone.
    """
    module = copy.deepcopy(module).eval()
    uses = Counter(id(child) for parent in module.modules() for child in parent.children())
    for parent in list(module.modules()):
        for conv_name, norm_name in _pairs(parent):
            conv, norm = getattr(parent, conv_name), getattr(parent, norm_name)
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and uses[id(conv)] == uses[id(norm)] == 1:
                setattr(parent, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(parent, norm_name, nn.Identity())
    return module


def _pairs(parent: nn.Module) -> list[tuple[str, str]]:
    """Return the names of children of which the second reads the first, and nothing else does."""
    if isinstance(parent, nn.Sequential):
        return list(itertools.pairwise(name for name, _ in parent.named_children()))
    return list(getattr(parent, "norm_pairs", ()))


def _stored_module(module: nn.Module, half: bool) -> nn.Module:
    """Copy the module as the files hold it: on the CPU, float32, BatchNorm folded, large weights rounded through float16.

    Activations do not work in place: the graphs are the same, and torch traces one that does (ReLU6) by a long detour.
    """
    stored = fold_batch_norm(module).cpu().float()
    for part in stored.modules():
        if getattr(part, "inplace", False):
            part.inplace = False  # type: ignore[assignment]
    if half:
        for parameter in stored.parameters():
            rounded = parameter.detach().half().float()
            if parameter.numel() * 4 >= HALF_MIN_BYTES and bool(torch.isfinite(rounded).all()):
                parameter.data = rounded
    return stored


def _pair(module: nn.Module, half: bool) -> str:
    """Return 16 hexadecimal digits that name the weights and how they are stored."""
    digest = hashlib.sha256(b"float16" if half else b"float32")
    for key, value in sorted(module.state_dict().items()):
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _strip(model: onnx.ModelProto) -> None:
    """Remove the exporter's debugging notes: stack traces with paths of this machine, more than a hundred kB."""
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
