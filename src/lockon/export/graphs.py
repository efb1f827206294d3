"""Tracing of a network's graphs from torch with a free batch size: template, search, and masks where it has them.

A network with masks names the extras that they are made from (`mask_inputs`) and makes them on a second call,
``mask(extras, index)``: so its search graph has these as further outputs, and the mask graph takes them. A network that hands on other
extras than these names all of them, those of its masks too, in `deployed_extras`.
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

from lockon.export.torch_model import mask_inputs
from lockon.types import Template

OPSET = 18  # the dynamo exporter's native one


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


def trace(module: nn.Module) -> dict[str, onnx.ModelProto]:
    """Trace the graphs "template", "search" and, for a network with masks, "mask".

    Args:
        module: In evaluation mode; its sizes are typed: a module without them is a programming error.
    """
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
    """Return the graph of a function, and its outputs for `inputs`, which are named as the graph's."""
    with torch.inference_mode():
        outputs = function(module, *inputs.values())
    with _quiet_exporter():
        program = torch.onnx.export(
            _Graph(module, function).eval(),
            tuple(inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=(tuple({0: torch.export.Dim("batch")} for _ in inputs),),
            input_names=list(inputs),
            output_names=list(outputs),
            optimize=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    model: onnx.ModelProto = program.model_proto
    return model, {name: value.clone() for name, value in outputs.items()}  # out of inference mode


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


__all__ = ["OPSET", "trace"]
