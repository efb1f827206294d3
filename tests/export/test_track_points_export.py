"""Point sets: gathers in the graph, the same scores and boxes as torch at any batch, with 9 points and with an even kernel."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from export_header import HEADER
from tiny_siamese import block
from torch import nn

from lockon.export.deployed import load_model
from lockon.export.onnx import export_onnx
from lockon.export.torch_model import TorchModel
from lockon.models.fusion import PixelwiseFusion
from lockon.models.heads.track_points import TrackPointsHead
from lockon.models.point_choices import Moment, TrackPointsConfig
from lockon.models.siamese import SiameseModel
from lockon.ops.grid import Grid

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def network(config: TrackPointsConfig) -> SiameseModel:
    torch.manual_seed(0)
    backbone = nn.Sequential(block(3, 8, 4), block(8, 8, 4))
    head = TrackPointsHead(8, grid=Grid(4, 16), config=config)
    fusion = PixelwiseFusion(8, template_cells=4, out=8)
    module = SiameseModel(backbone=backbone, neck=None, head=head, fusion=fusion, template_size=32, search_size=64)
    with torch.no_grad():  # points that move by cells, and outputs that move with the image
        for parameter in head.parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=0.4)
    return module.eval()


@pytest.mark.parametrize(
    "config", [TrackPointsConfig(widths=(8,)), TrackPointsConfig(widths=(8,), points=16, norm="batch", boxes=Moment())], ids=["9", "16"]
)
def test_exported_points_agree_with_torch(config: TrackPointsConfig, tmp_path) -> None:
    module = network(config)
    report = export_onnx(module, tmp_path, "points", HEADER, half_storage=False)
    assert report.parity is not None
    assert report.parity["boxes"] < 5e-3
    operators = {node.op_type for node in onnx.load(report.paths["search"]).graph.node}
    assert "GridSample" not in operators
    crops = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    exported, ours = load_model(report.paths["search"], "cpu"), TorchModel(module)
    there, here = (model(model.encode(crops[:, :32, :32]), crops) for model in (exported, ours))
    np.testing.assert_allclose(there.boxes, here.boxes, atol=5e-3)
    np.testing.assert_allclose(there.logits, here.logits, atol=1e-4, rtol=1e-4)
