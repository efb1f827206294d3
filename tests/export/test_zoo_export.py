"""Trackers of the zoo with the reference weights, deployed: ONNX Runtime and OpenVINO give what torch gives, without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("onnxscript", reason="needs the export extra")

import golden_data  # noqa: E402
import golden_networks  # noqa: E402
import golden_online  # noqa: E402
import without_torch  # noqa: E402
from lockon.export.onnx import export_onnx  # noqa: E402
from lockon.export.openvino_ir import export_openvino  # noqa: E402
from lockon.export.torch_online import TorchOnline  # noqa: E402
from lockon.online.tracker import OnlineTracker  # noqa: E402
from lockon.zoo import build  # noqa: E402
from lockon.zoo.loading import inference_config  # noqa: E402
from lockon.zoo.registry import card  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

# One of each kind at full size: half a minute each. Those left out are made of the same parts, and `tests/zoo/test_cards.py` exports a
# small network of every card.
TRACKERS = [
    ("siamrpn-alexnet", "siamrpn_alex"),
    ("siamrpnpp-r50", "siamrpn_r50"),
    ("siampw-r50-rbo", "siampw_rbo"),
    ("transt-n4", "transt"),
]
HEADER = {"config": {}, "tracker": {}, "licence": "", "data": {}, "metrics": {}, "git_revision": ""}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "golden"), TRACKERS)
def test_parity_and_the_official_boxes_without_torch(name: str, golden: str, tmp_path: Path) -> None:
    module = build(name)
    module.load_state_dict(golden_networks.converted(name, golden))
    report = export_onnx(module, tmp_path, name, {**HEADER, "architecture": name}, half_storage=False)  # checks parity itself
    assert report.parity is not None
    assert report.parity["logits"] <= 1e-4 * max(1.0, report.signal["logits"])
    assert report.parity["boxes"] < 0.01  # pixels
    track = golden_data.track(golden, "default")
    assert track.strict_through >= 3
    boxes = without_torch.tracked(name, report.paths["search"], track.boxes[0], 3, preset="official")
    assert np.abs(boxes - track.boxes[1:4]).max() < golden_data.BOX_LIMIT
    pytest.importorskip("openvino", reason="needs the openvino extra")
    assert export_openvino(report.paths["search"], tmp_path).parity["boxes"] < 0.01


@pytest.mark.slow
def test_a_tracker_that_learns_online_tracks_without_torch_as_with_it(tmp_path: Path) -> None:
    """DiMP-18 on its own crops, whose pixels are whole numbers: two updates of the filter at least."""
    state = TorchOnline(golden_online.network("dimp18"))
    report = export_onnx(state.module, tmp_path, "dimp18", {**HEADER, "architecture": "dimp18"}, half_storage=False)
    assert report.parity is not None
    assert all(value < 1e-5 * report.signal[name] for name, value in report.parity.items()), report.parity
    settings = {"learner.every": 4}
    frames, first = golden_data.frames(), golden_data.boxes()[0]
    three = first + np.array([[0, 0, 0, 0], [30, 20, 10, 0], [-40, 10, 0, 10]])
    for boxes in (first, three):
        tracker = OnlineTracker(state, inference_config(card("dimp18"), overrides=settings))
        tracker.init(frames[0], boxes)
        expected = [tracker.track(frame).box for frame in frames[1:11]]
        found = without_torch.tracked("dimp18", report.paths["search"], boxes, 10, **settings)
        np.testing.assert_allclose(found, expected, atol=0.01)
    assert np.abs(np.diff(expected, axis=0)).max() > 1, "the target moves"
    pytest.importorskip("openvino", reason="needs the openvino extra")
    assert export_openvino(report.paths["search"], tmp_path).parity["overlap"] < 1e-5 * report.signal["overlap"]
