"""Refiners as deployed files, like any network: reference, search and mask, in ONNX Runtime and OpenVINO like torch; and PrRoI pooling."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("onnxscript", reason="needs the export extra")

from export_header import HEADER  # noqa: E402
from torch import nn  # noqa: E402

from lockon.export.deployed import load_model  # noqa: E402
from lockon.export.onnx import export_onnx  # noqa: E402
from lockon.export.openvino_ir import export_openvino  # noqa: E402
from lockon.ops.torch.prroi import prroi_pool  # noqa: E402
from lockon.refiners.alpha_refine import AlphaRefiner  # noqa: E402
from lockon.zoo import alpha_refine  # noqa: E402
from settled_networks import patterns  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]
OPSET = 18
LIMIT = 1e-4  # of the largest value
CROPS = np.random.default_rng(3).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)


class Pool(nn.Module):
    def forward(self, features, boxes, index):
        return prroi_pool(features, boxes, index, size=(3, 5), scale=1 / 8)


def _agree(module: nn.Module, inputs: tuple[torch.Tensor, ...], others: tuple[torch.Tensor, ...], path: Path, *, shapes=None) -> None:
    """Trace with `inputs`; compare on `others`, of another batch size."""
    rows = torch.export.Dim("batch")
    shapes = shapes or tuple({0: rows} for _ in inputs)
    torch.onnx.export(
        module.eval(), inputs, path, dynamo=True, opset_version=OPSET, dynamic_shapes=shapes, verbose=False, external_data=False
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_inputs()]
    found = session.run(None, {name: value.numpy() for name, value in zip(names, others, strict=True)})
    with torch.no_grad():
        expected = module(*others)
    expected = expected if isinstance(expected, tuple) else (expected,)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == tuple(theirs.shape)
        largest = float(theirs.abs().max())
        assert np.abs(ours - theirs.numpy()).max() <= LIMIT * largest
        moves = float((theirs[0] - theirs[1]).abs().max())
        assert moves > 10 * LIMIT * largest, "agreement shows nothing where nothing moves"


def test_pooling_with_free_numbers_of_maps_and_boxes(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)

    def inputs(maps: int, boxes: int):
        corners = torch.rand(boxes, 4, generator=generator) * 80 - 10
        corners[:, 2:] += corners[:, :2]
        return torch.randn(maps, 3, 9, 11, generator=generator), corners, torch.arange(boxes) % maps

    free = {0: torch.export.Dim("maps")}, {0: torch.export.Dim("boxes")}, {0: torch.export.Dim("boxes")}
    _agree(Pool(), inputs(2, 4), inputs(3, 7), tmp_path / "pool.onnx", shapes=free)


class Steps(nn.Module):
    """Features of a ResNet-18's sizes, with as few nodes as can be: tracing takes as long as there are nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.ModuleList(nn.Conv2d(cin, cout, 3, 2, 1) for cin, cout in ((3, 64), (64, 64), (64, 128), (128, 256)))

    def features(self, image):
        found, x = {}, image / 128 - 1
        for name, step in zip(("stem", "layer1", "layer2", "layer3"), self.steps, strict=True):
            x = found[name] = 3 * step(x).tanh()
        return found


def _network(*, backbone: bool, **options: object):
    """Random weights whose outputs move: batch normalization knows its statistics, and the last layers are large."""
    torch.manual_seed(0)
    model = alpha_refine.build(alpha_refine.AlphaRefineConfig(depth=18, size=64, **options)).train()
    model.backbone = model.backbone if backbone else Steps()
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.momentum = None  # the plain mean over all batches
        for part in model.head.modules():
            if isinstance(part, (nn.Conv2d, nn.Linear)) and part.weight.shape[0] in (1, 4):  # boxes, confidences, heat maps
                part.weight *= 3 if options.get("head") == "rpn" else 30
        if model.mask_head is not None:
            model.mask_head.merge[0].weight *= 5
        for _ in range(2):
            image = patterns(4, 64)
            out = model(model.encode(image), image)
            if model.mask_inputs:
                model.mask(out.extras)
    return model.eval()


def _check_deployed(model: nn.Module, folder: Path) -> None:
    """Every file in ONNX Runtime and OpenVINO like torch, on 1 and on 3 targets (`export_onnx` and `export_openvino` compare)."""
    report = export_onnx(model, folder, "tiny", HEADER, half_storage=False)
    assert report.parity is not None
    assert (report.parity["logits"] == 0) is (report.signal["logits"] == 0), "a head without a confidence gives 0 everywhere"
    deployed = load_model(report.paths["search"], "cpu")
    assert (deployed.template_size, deployed.search_size, deployed.mask_inputs) == (64, 64, tuple(model.mask_inputs))
    prediction = deployed(deployed.encode(CROPS), CROPS[:, ::-1])
    assert (prediction.logits.shape, prediction.boxes.shape) == ((3, 1), (3, 1, 4))
    if importlib.util.find_spec("openvino") is not None:
        assert export_openvino(report.paths["search"], folder).parity["boxes"] < 1e-2
    refiner = AlphaRefiner(deployed)
    frame = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    refiner.init(frame, [(20, 20, 30, 25), (60, 40, 20, 20)])
    result = refiner.refine(frame, [(22, 19, 28, 27), (58, 42, 22, 19)], mask=bool(model.mask_inputs))
    assert result.box.shape == (2, 4)
    assert (result.mask is not None) is bool(model.mask_inputs)


def test_the_released_network(tmp_path: Path) -> None:
    _check_deployed(_network(backbone=True), tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"fusion": "depthwise", "head": "rpn"},
        {"fusion": "naive", "head": "rcnn"},
        {"reference": "prroi", "non_local": True, "head": "rcnn", "rcnn_pool": "convolution"},
    ],
    ids=["depthwise-rpn", "naive-rcnn", "early"],
)
def test_other_networks(options: dict[str, object], tmp_path: Path) -> None:
    _check_deployed(_network(backbone=False, mask=False, **options), tmp_path)
