"""Networks whose tracker matches a template and learns a filter: what their files have beside those of other pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
onnx = pytest.importorskip("onnx", reason="needs the export extra")
pytest.importorskip("onnxscript", reason="needs the export extra")

from export_header import HEADER  # noqa: E402
from tiny_dual_modal_network import SEARCH, TEMPLATE, tiny_dual_modal  # noqa: E402

from lockon._weights import METADATA_KEY  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.export import graphs  # noqa: E402
from lockon.export.deployed import DeployedModel, load_model  # noqa: E402
from lockon.export.header import read_header  # noqa: E402
from lockon.export.onnx import ExportReport, export_onnx  # noqa: E402
from lockon.export.openvino_ir import export_openvino  # noqa: E402
from lockon.export.probes import PairProbe  # noqa: E402
from lockon.export.torch_model import TorchModel  # noqa: E402
from lockon.localizers.dense import LocalizerConfig  # noqa: E402
from lockon.localizers.score import DualModalScore  # noqa: E402
from lockon.localizers.vote import ScoreVote  # noqa: E402
from lockon.online.dimp import DiMPLearner  # noqa: E402
from lockon.online.dual_modal import DualModalConfig, DualModalTracker  # noqa: E402
from lockon.online.labels import DistanceLabels  # noqa: E402
from sealed_models import save_sealed  # noqa: E402

NUMBERS = ("log_step_length", "filter_reg", "label_map", "target_mask", "spatial_weight")


@pytest.fixture(scope="module")
def network() -> Any:
    return tiny_dual_modal()


@pytest.fixture(scope="module")
def exported(network: Any, tmp_path_factory: pytest.TempPathFactory) -> ExportReport:
    return export_onnx(network, tmp_path_factory.mktemp("dual"), "tiny", HEADER, half_storage=False)


def crops(count: int, side: int) -> np.ndarray:
    return np.random.default_rng(side).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def test_features_and_the_start_of_filters_are_ports(exported: ExportReport) -> None:
    assert exported.header["graphs"] == {
        "template": {"inputs": ["template"], "outputs": ["template_0", "template_1", "template_2"]},
        "search": {
            "inputs": ["search", "template_0", "template_1", "template_2"],
            "outputs": ["logits", "boxes", "quality", "features"],
        },
    }


def test_the_numbers_of_the_optimiser_are_those_of_torch(exported: ExportReport, network: Any) -> None:
    found, torch_model = load_model(exported.paths["search"], "cpu"), TorchModel(network)
    assert isinstance(found, DeployedModel)
    for name in NUMBERS:
        np.testing.assert_array_equal(found.weights[name], torch_model.weights[name].numpy())
        assert not torch_model.weights[name].requires_grad


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_features_filters_and_predictions_are_those_of_torch(device: str, exported: ExportReport, network: Any, tmp_path: Path) -> None:
    path = exported.paths["search"]
    if device == "openvino":
        pytest.importorskip("openvino", reason="needs the openvino extra")
        path = next(file for file in export_openvino(path, tmp_path).paths if file.name == "tiny.xml")
    models = load_model(path, device), TorchModel(network)
    for count in (1, 3):
        templates = [model.encode(crops(count, TEMPLATE)) for model in models]
        outs = [model(template, crops(count, SEARCH)) for model, template in zip(models, templates, strict=True)]
        assert set(outs[0].extras) == {"features"}
        pairs = [
            *zip(*(template.features for template in templates), strict=True),
            *((getattr(outs[0], name), getattr(outs[1], name)) for name in ("logits", "boxes", "quality")),
            (outs[0].extras["features"], outs[1].extras["features"]),
        ]
        for found, wanted in pairs:
            np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=1e-4, atol=1e-4 * np.abs(np.asarray(wanted)).max())
    assert np.shape(templates[0].features[-1]) == (3, 1, 16, 5, 5)


def test_parity_is_measured_of_what_is_learnt_on_too(exported: ExportReport) -> None:
    assert exported.parity is not None
    assert set(exported.parity) == {"logits", "boxes", "quality", "features", "filter"}
    assert 0 < exported.parity["features"] < 1e-4
    assert exported.signal["features"] > 1e-2


def test_a_network_without_matching_has_no_logits_to_compare() -> None:
    probe = PairProbe(TorchModel(tiny_dual_modal(offline=False, filters=5)))
    assert probe.silent() == ("logits",)
    assert not probe.values(1, probe)["logits"].any()
    assert probe.values(1, probe)["filter"].shape == (1, 5, 16, 5, 5)


def test_a_network_without_a_filter_has_neither_features_nor_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(module: Any, function: Any, inputs: dict[str, torch.Tensor]) -> tuple[list[str], dict[str, torch.Tensor]]:
        with torch.no_grad():
            found = function(module, *inputs.values())
        return list(found), found

    monkeypatch.setattr(graphs, "_export", run)
    network = tiny_dual_modal(filters=0)
    assert graphs.trace(network) == {"template": ["template_0", "template_1"], "search": ["logits", "boxes", "quality"]}
    assert TorchModel(network).weights is None
    assert set(PairProbe(TorchModel(network)).tolerances({})) == {"logits", "boxes", "quality", "mask"}


def test_what_learns_online_is_known_beside_a_template_too(network: Any) -> None:
    """`lockon export` stores such a network as float32: what is learnt from rounded features drifts away."""
    assert graphs.learns_online(network)
    assert not graphs.scores_boxes_alone(network)
    assert not graphs.learns_online(tiny_dual_modal(filters=0))


def test_a_header_without_the_numbers_is_refused(exported: ExportReport, tmp_path: Path) -> None:
    for path in exported.paths.values():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    main = tmp_path / exported.paths["search"].name
    header = read_header(main)
    del header["optimizer"]
    model = onnx.load(main)
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(header)})
    save_sealed(model, main)
    with pytest.raises(LockonError, match="without the numbers of its optimiser"):
        load_model(main)


def test_a_tracker_learns_in_numpy_on_files_what_it_learns_in_torch(exported: ExportReport, network: Any) -> None:
    """The filter is fitted on the first frame and on the next one, of which boxes and scores agree; of noise, later windows would not."""
    learner = DiMPLearner(labels=DistanceLabels(stride=16.0, first=8.0), rate=0.1, hard_negative_rate=0.2, every=1)
    parts = LocalizerConfig(score=DualModalScore(), boxes=ScoreVote(), anchors=5)
    config = DualModalConfig(localizer=parts, learner=learner)
    frames = np.random.default_rng(0).integers(0, 256, (2, 120, 160, 3), dtype=np.uint8)
    found = []
    for model in (load_model(exported.paths["search"], "cpu"), TorchModel(network)):
        tracker = DualModalTracker(model, config)
        targets = tracker.start(frames[0], np.array([[50.0, 40, 40, 30]]))
        for frame in frames[1:]:
            targets = tracker.step([frame], targets)
        (target,) = targets
        found.append((target.result.box, target.result.score, np.asarray(target.learned.filter), len(target.learned.memory.samples)))
    (box, score, fitted, count), (torch_box, torch_score, torch_fitted, torch_count) = found
    assert count == torch_count
    np.testing.assert_allclose(fitted, torch_fitted, atol=1e-4 * np.abs(torch_fitted).max())
    np.testing.assert_allclose(box, torch_box, atol=1e-2)
    assert score == pytest.approx(torch_score, abs=1e-4)
