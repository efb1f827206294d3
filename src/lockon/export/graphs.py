"""Tracing of a network's graphs from torch with a free batch size, for the two kinds of network (`lockon.export.ports`).

One that matches has template and search, and masks where it has them: it names the extras that they are made from (`mask_inputs`) and makes
them on a second call, ``mask(extras, index)``; so its search graph has these as further outputs, and the mask graph takes them. A network
that hands on other extras than these names all of them, those of its masks too, in `deployed_extras`.

One whose tracker learns online sees a crop in one graph: what the others need of the backbone are outputs of it, so that no weight is
stored twice. Its box network is traced in closed form, with the gradients of boxes.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from lockon.export.torch_model import mask_inputs
from lockon.types import Template

OPSET = 18  # the dynamo exporter's native one
FREE = ("batch", "count")  # names of free axes


class _Graph(nn.Module):
    """One of the functions below as a module, with its outputs in a row: what the exporter takes."""

    def __init__(self, module: nn.Module, function: Callable[..., dict[str, Tensor]]) -> None:
        super().__init__()
        self.module = module
        self.function = function

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.function(self.module, *inputs).values())


def _encode(module: Any, template: Tensor) -> dict[str, Tensor]:
    features = module.encode(_float_image(template)).features
    return {f"template_{index}": feature for index, feature in enumerate(features)}


def _match(module: Any, search: Tensor, *features: Tensor) -> dict[str, Tensor]:
    out = module(Template(features), _float_image(search))
    quality = {} if out.quality is None else {"quality": out.quality}
    extras = getattr(module, "deployed_extras", mask_inputs(module))
    return {"logits": out.logits, "boxes": out.boxes, **quality, **{name: out.extras[name] for name in extras}}


def _mask(module: Any, index: Tensor, *extras: Tensor) -> dict[str, Tensor]:
    return {"mask": module.mask(dict(zip(mask_inputs(module), extras, strict=True)), index)}


def _see(module: Any, search: Tensor) -> dict[str, Tensor]:
    taps = module.taps(_float_image(search))
    levels = (taps.low, taps.high)
    features = {f"box_features_{index}": feature for index, feature in enumerate(module.iou.features(levels))}
    return {"classification": taps.classification, **features, **{f"taps_{index}": level for index, level in enumerate(levels)}}


def _modulate(module: Any, low: Tensor, high: Tensor, target: Tensor) -> dict[str, Tensor]:
    return {f"modulation_{index}": vector for index, vector in enumerate(module.iou.modulation((low, high), target))}


def _initial(module: Any, classification: Tensor, target: Tensor) -> dict[str, Tensor]:
    return {"filter": module.initializer(classification, target)}


def _overlap(module: Any, *inputs: Tensor) -> dict[str, Tensor]:
    *arrays, boxes = inputs
    scores, gradients = module.iou.value_and_gradient(tuple(arrays[:2]), tuple(arrays[2:]), boxes)
    return {"overlap": scores, "gradients": gradients}


def scores_boxes_alone(module: nn.Module) -> bool:
    """Return whether a network has no template to match, but features to learn a filter on and a network that scores boxes."""
    return hasattr(module, "modulation")


def learns_online(module: nn.Module) -> bool:
    """Return whether a network is one of a tracker that learns online, with or without a template that is matched beside it."""
    return scores_boxes_alone(module) or getattr(module, "optimizer", None) is not None


def trace(module: nn.Module) -> dict[str, onnx.ModelProto]:
    """Trace all graphs of a network, by part.

    Args:
        module: In evaluation mode; its sizes are typed: a module without them is a programming error.
    """
    return _trace_online(module) if scores_boxes_alone(module) else _trace_pair(module)


def _trace_online(module: nn.Module) -> dict[str, onnx.ModelProto]:
    """Trace "search", "modulation", "overlap" and, where the network predicts filters, "initial"."""
    size = int(module.search_size)  # type: ignore[arg-type]
    target = size * torch.tensor([[0.3, 0.35, 0.6, 0.7], [0.4, 0.3, 0.7, 0.6]])
    graphs = {}
    graphs["search"], seen = _export(module, _see, {"search": torch.zeros(2, size, size, 3, dtype=torch.uint8)})
    taps, features = ({name: seen[name] for name in seen if name.startswith(kind)} for kind in ("taps", "box_features"))
    graphs["modulation"], vectors = _export(module, _modulate, {**taps, "target": target})
    if hasattr(module, "initializer"):
        graphs["initial"], _ = _export(module, _initial, {"classification": seen["classification"], "target": target})
    graphs["overlap"], _ = _export(module, _overlap, {**features, **vectors, "boxes": target[:, None].repeat(1, 3, 1)})
    return graphs


def _trace_pair(module: nn.Module) -> dict[str, onnx.ModelProto]:
    """Trace "template", "search" and, for a network with masks, "mask"."""
    sizes = int(module.template_size), int(module.search_size)  # type: ignore[arg-type]
    template, search = (torch.zeros(2, size, size, 3, dtype=torch.uint8) for size in sizes)
    graphs = {}
    graphs["template"], features = _export(module, _encode, {"template": template})
    graphs["search"], outputs = _export(module, _match, {"search": search, **features})
    if mask_inputs(module):
        inputs = {"index": torch.zeros(2, dtype=torch.int64), **{name: outputs[name] for name in mask_inputs(module)}}
        graphs["mask"], _ = _export(module, _mask, inputs)
    return graphs


def _float_image(image: Tensor) -> Tensor:
    """Map (B, H, W, 3) uint8 to (B, 3, H, W) float32; bytes are cheaper to transpose than floats."""
    return image.permute(0, 3, 1, 2).to(torch.float32)


def _export(
    module: nn.Module, function: Callable[..., dict[str, Tensor]], inputs: dict[str, Tensor]
) -> tuple[onnx.ModelProto, dict[str, Tensor]]:
    """Return the graph of a function, and zeros like its outputs for `inputs`, which are named as the graph's: what follows is traced of.

    The first axis of every input is free, and the second of ``boxes``: of each target there may be any number.
    """
    with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True) as shapes:  # nothing is computed
        outputs = function(module, *map(shapes.from_tensor, inputs.values()))
    with _quiet_exporter():
        program = torch.onnx.export(
            _Graph(module, function).eval(),
            tuple(inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=(tuple({axis: torch.export.Dim(FREE[axis]) for axis in range(1 + (name == "boxes"))} for name in inputs),),
            input_names=list(inputs),
            output_names=list(outputs),
            optimize=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    model: onnx.ModelProto = program.model_proto
    return model, {name: torch.zeros(value.shape, dtype=value.dtype) for name, value in outputs.items()}


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Hold back notes of the exporter on its own internals (missing torchvision, deprecated calls inside torch, what it does not fold)."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for category in (DeprecationWarning, FutureWarning, UserWarning):
                warnings.filterwarnings("ignore", category=category, module=r"torch\.|copyreg")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


__all__ = ["OPSET", "learns_online", "scores_boxes_alone", "trace"]
