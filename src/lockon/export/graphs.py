"""Tracing of a network's graphs from torch with a free batch size: template, search, and masks where it has them.

A network with masks names the extras that they are made from (`mask_inputs`) and makes them on a second call,
``mask(extras, index)``: so its search graph has these as further outputs, and the mask graph takes them.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from lockon.export.torch_model import mask_inputs
from lockon.types import Template

OPSET = 18  # the dynamo exporter's native one


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
        quality = () if out.quality is None else (out.quality,)
        return (out.logits, out.boxes, *quality, *(out.extras[name] for name in mask_inputs(self.module)))


class _MaskGraph(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module: Any = module

    def forward(self, index: Tensor, *extras: Tensor) -> Tensor:
        mask: Tensor = self.module.mask(dict(zip(mask_inputs(self.module), extras, strict=True)), index)
        return mask


def trace(module: nn.Module) -> dict[str, onnx.ModelProto]:
    """Trace the graphs "template", "search" and, for a network with masks, "mask".

    Args:
        module: In evaluation mode; its sizes are typed: a module without them is a programming error.
    """
    sizes = int(module.template_size), int(module.search_size)  # type: ignore[arg-type]
    template, search = (torch.zeros(2, size, size, 3, dtype=torch.uint8) for size in sizes)
    batch = {0: torch.export.Dim("batch")}
    with torch.inference_mode():
        features = _TemplateGraph(module)(template)
        outputs = _SearchGraph(module)(search, *features)
    features, outputs = (tuple(value.clone() for value in values) for values in (features, outputs))  # out of inference mode
    names = [f"template_{index}" for index in range(len(features))]
    extras = mask_inputs(module)
    dense = ["logits", "boxes", "quality"][: len(outputs) - len(extras)]
    graphs = {
        "template": _export(_TemplateGraph(module), (template,), ({**batch},), ["template"], names),
        "search": _export(
            _SearchGraph(module),
            (search, *features),
            ({**batch}, tuple({**batch} for _ in features)),
            ["search", *names],
            [*dense, *extras],
        ),
    }
    if extras:
        inputs = outputs[len(dense) :]
        index = torch.zeros(2, dtype=torch.int64)
        shapes = ({**batch}, tuple({**batch} for _ in inputs))
        graphs["mask"] = _export(_MaskGraph(module), (index, *inputs), shapes, ["index", *extras], ["mask"])
    return graphs


def _float_image(image: Tensor) -> Tensor:
    """Map (B, H, W, 3) uint8 to (B, 3, H, W) float32; bytes are cheaper to transpose than floats."""
    return image.permute(0, 3, 1, 2).to(torch.float32)


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


__all__ = ["OPSET", "trace"]
