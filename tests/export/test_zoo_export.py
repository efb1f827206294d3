"""Trackers of the zoo with the reference weights, deployed: ONNX Runtime and OpenVINO give what torch gives, without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("onnxscript", reason="needs the export extra")

import golden_data  # noqa: E402
import golden_networks  # noqa: E402
from lockon.export.onnx import export_onnx  # noqa: E402
from lockon.export.openvino_ir import export_openvino  # noqa: E402
from lockon.zoo import build  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

# One of each kind at full size: a minute each. Those left out are made of the same parts, and `tests/zoo/test_cards.py` exports a small
# network of every card; SiamCAR's is the one whose branch is tested below.
TRACKERS = [
    ("siamrpn-alexnet", "siamrpn_alex"),
    ("siamrpnpp-r50", "siamrpn_r50"),
    ("siampw-r50-rbo", "siampw_rbo"),
    ("transt-n4", "transt"),
]
HEADER = {"config": {}, "tracker": {}, "licence": "", "data": {}, "metrics": {}, "git_revision": ""}
# Runs where torch cannot be imported: the boxes of the first frames, as JSON.
WITHOUT_TORCH = """
import json, sys
for name in ("torch", "safetensors"):
    sys.modules[name] = None
sys.path.insert(0, sys.argv[3])
import golden_data, lockon
frames = golden_data.frames()
tracker = lockon.load(sys.argv[1], weights=sys.argv[2], preset="official", device="cpu")
tracker.init(frames[0], json.loads(sys.argv[4]))
print(json.dumps([tracker.track(frame).box.tolist() for frame in frames[1:4]]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "golden"), TRACKERS)
def test_parity_and_the_official_boxes_without_torch(name: str, golden: str, tmp_path: Path) -> None:
    module = build(name)
    module.load_state_dict(golden_networks.converted(name, golden))
    report = export_onnx(module, tmp_path, name, {**HEADER, "architecture": name}, half_storage=False)  # checks parity itself
    assert report.parity is not None
    assert report.parity.logits <= 1e-4 * max(1.0, report.signal.logits)
    assert report.parity.boxes < 0.01  # pixels
    track = golden_data.track(golden, "default")
    assert track.strict_through >= 3
    boxes = _boxes_without_torch(name, report.paths["search"], track.boxes[0].tolist())
    assert np.abs(np.array(boxes) - track.boxes[1:4]).max() < golden_data.BOX_LIMIT
    pytest.importorskip("openvino", reason="needs the openvino extra")
    assert export_openvino(report.paths["search"], tmp_path).parity.boxes < 0.01


@pytest.mark.slow
def test_parity_of_the_localization_branch(tmp_path: Path) -> None:
    """SiamCAR's reference weights where SiamLA has the same, random ones in its branch; boxes leave the map, so sampling clamps."""
    torch.manual_seed(0)
    module = golden_networks.network("siamcar_r50", branch="localization", strict=False)
    for parameter in module.head.localization.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    z, x = golden_networks.images("siamcar_r50", "photo")
    with torch.no_grad():
        boxes = module(module.encode(z), x).boxes
    assert float(boxes.min()) < 31  # the first cell's centre
    assert float(boxes.max()) > 223  # the last one's
    report = export_onnx(module, tmp_path, "siamla-r50", {**HEADER, "architecture": "siamla-r50"}, half_storage=False)
    assert report.parity is not None
    assert report.parity.quality is not None
    assert report.signal.quality is not None
    assert report.parity.quality <= 1e-4 * max(1.0, report.signal.quality)
    pytest.importorskip("openvino", reason="needs the openvino extra")
    assert export_openvino(report.paths["search"], tmp_path).parity.quality is not None  # checks parity itself


def _boxes_without_torch(name: str, weights: Path, box: list[float]) -> list[list[float]]:
    arguments = [sys.executable, "-c", WITHOUT_TORCH, name, str(weights), str(Path(golden_data.__file__).parent), json.dumps(box)]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    found: list[list[float]] = json.loads(result.stdout)
    return found
