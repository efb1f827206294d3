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
from lockon.export.onnx import export_onnx  # noqa: E402
from lockon.export.openvino_ir import export_openvino  # noqa: E402
from lockon.zoo import build  # noqa: E402
from lockon.zoo.convert import from_official  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TRACKERS = [
    ("siamrpn-alexnet", "siamrpn_alex"),
    ("siamrpnpp-r50", "siamrpn_r50"),
    ("siamban-r50", "siamban_r50"),
    ("siampw-r50-rbo", "siampw_rbo"),
]
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
    official = {key: torch.from_numpy(np.array(value)) for key, value in golden_data.official_state(golden).items()}
    module.load_state_dict(from_official(name, official))
    header = {"architecture": name, "config": {}, "tracker": {}, "licence": "", "data": {}, "metrics": {}, "git_revision": ""}
    report = export_onnx(module, tmp_path, name, header, half_storage=False)  # checks parity itself
    assert report.parity is not None
    assert report.parity.logits <= 1e-4 * max(1.0, report.signal.logits)
    assert report.parity.boxes < 0.01  # pixels
    track = golden_data.track(golden, "default")
    assert track.strict_through >= 3
    boxes = _boxes_without_torch(name, report.search_path, track.boxes[0].tolist())
    assert np.abs(np.array(boxes) - track.boxes[1:4]).max() < golden_data.BOX_LIMIT
    pytest.importorskip("openvino", reason="needs the openvino extra")
    assert export_openvino(report.search_path, tmp_path).parity.boxes < 0.01


def _boxes_without_torch(name: str, weights: Path, box: list[float]) -> list[list[float]]:
    arguments = [sys.executable, "-c", WITHOUT_TORCH, name, str(weights), str(Path(golden_data.__file__).parent), json.dumps(box)]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    found: list[list[float]] = json.loads(result.stdout)
    return found
