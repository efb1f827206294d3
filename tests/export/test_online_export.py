"""Networks of trackers that learn online as files: their parts, the optimiser's numbers, and what the runtimes make of them."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("onnxscript", reason="needs the export extra")

from tiny_online import SIDE, TinyOnline  # noqa: E402
from torch import nn  # noqa: E402

from lockon._weights import METADATA_KEY  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.export import graphs, onnx as onnx_export  # noqa: E402
from lockon.export.deployed import DeployedModel, DeployedOnline, load_model  # noqa: E402
from lockon.export.header import model_files, part_path, read_header  # noqa: E402
from lockon.export.onnx import ExportReport, export_onnx, verify_export  # noqa: E402
from lockon.export.openvino_ir import export_openvino  # noqa: E402
from lockon.export.runtime import load_graphs  # noqa: E402
from lockon.export.torch_online import TorchOnline  # noqa: E402
from lockon.online.learner import numbers  # noqa: E402
from sealed_models import save_sealed  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

IMAGES = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)
TARGETS = np.array([[10.0, 12, 40, 44], [20, 8, 50, 30], [5, 5, 60, 60]])
PARTS = ["search", "modulation", "initial", "overlap"]


@pytest.fixture(scope="module")
def module() -> TinyOnline:
    return TinyOnline()


@pytest.fixture(scope="module")
def exported(module: TinyOnline, tmp_path_factory: pytest.TempPathFactory) -> ExportReport:
    """The report of one export with float16 storage; its files are read-only for tests."""
    from export_header import HEADER

    return export_onnx(module, tmp_path_factory.mktemp("online"), "tiny", HEADER)


@pytest.fixture
def files(exported: ExportReport, tmp_path: Path) -> Path:
    """A private copy of the files; the path of the main one."""
    for path in exported.paths.values():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path / exported.paths["search"].name


def outputs(network: Any, rows: slice = slice(None), count: int = 5) -> dict[str, np.ndarray]:
    """All that a network says of some crops, with `count` boxes of each target."""
    images, targets = IMAGES[rows], TARGETS[rows]
    seen, vectors = network.features(images), network.modulation(images, targets)
    boxes = targets[:, None] + np.arange(count)[:, None]
    scores, gradients = network.overlap(seen.boxes, vectors, boxes)
    named = {"filter": network.initial(seen.classification, targets), "classification": seen.classification}
    named |= {f"features {level}": one for level, one in enumerate(network.box_features(images))}
    named |= {f"vectors {level}": one for level, one in enumerate(vectors)}
    return {name: numbers(value) for name, value in named.items()} | {"scores": scores, "gradients": gradients}


def test_four_files_with_one_header_that_has_the_numbers_of_the_optimiser(exported: ExportReport, module: TinyOnline) -> None:
    assert list(exported.paths) == PARTS
    assert [path.name for path in exported.paths.values()] == ["tiny.onnx", *(f"tiny.{part}.onnx" for part in PARTS[1:])]
    header = read_header(exported.paths["search"])
    assert all(read_header(path) == header for path in exported.paths.values())
    levels, vectors, taps = (["box_features_0", "box_features_1"], ["modulation_0", "modulation_1"], ["taps_0", "taps_1"])
    assert header["graphs"] == {
        "search": {"inputs": ["search"], "outputs": ["classification", *levels, *taps]},
        "modulation": {"inputs": [*taps, "target"], "outputs": vectors},
        "overlap": {"inputs": [*levels, *vectors, "boxes"], "outputs": ["overlap", "gradients"]},
        "initial": {"inputs": ["classification", "target"], "outputs": ["filter"]},
    }
    network = load_model(exported.paths["search"], "cpu")
    assert isinstance(network, DeployedOnline)
    assert network.search_size == SIDE
    expected = TorchOnline(module).weights
    assert expected is not None
    assert network.weights is not None
    assert network.weights.keys() == expected.keys()
    for name, value in expected.items():
        found = network.weights[name]
        assert found is not None
        assert value is not None
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, value.numpy())  # all digits
    assert model_files(exported.paths["search"]) == tuple(exported.paths.values())


def test_parity_is_measured_of_every_output(exported: ExportReport) -> None:
    assert exported.parity is not None
    assert exported.rounding is not None
    names = {"classification", "overlap", "gradients", "modulation_0", "modulation_1", "filter"}
    for figures in (exported.parity, exported.rounding, exported.signal):
        assert set(figures) == names
    for name, value in exported.parity.items():
        assert value < 1e-5 * exported.signal[name], name
        assert 0 < exported.rounding[name] < 1e-2 * exported.signal[name], name


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_any_number_of_targets_and_boxes_as_torch(exported: ExportReport, module: TinyOnline, device: str) -> None:
    if device == "openvino":
        pytest.importorskip("openvino", reason="needs the openvino extra")
    network = load_model(exported.paths["search"], device)
    expected = outputs(TorchOnline(copy.deepcopy(module)))
    found = outputs(network)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=5e-3 * np.abs(values).max(), err_msg=name)  # weights are stored as float16
    for row in range(3):
        for name, values in outputs(network, slice(row, row + 1)).items():
            np.testing.assert_allclose(values, found[name][row : row + 1], atol=1e-5 * np.abs(values).max(), err_msg=name)
    np.testing.assert_allclose(outputs(network, count=1)["scores"], found["scores"][:, :1], rtol=1e-5)


def test_verify_finds_a_changed_constant_of_every_part(files: Path, module: TinyOnline) -> None:
    verify_export(module, files)
    for part, output in (("search", "classification"), ("overlap", "overlap")):
        path = part_path(files, part)
        content, model = path.read_bytes(), onnx.load(path)
        tensor = next(item for item in model.graph.initializer if item.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16))
        values = onnx.numpy_helper.to_array(tensor) * 1.5
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(onnx.numpy_helper.to_array(tensor).dtype), tensor.name))
        save_sealed(model, path)
        with pytest.raises(LockonError, match=f"differs from its reference: .*{output}"):
            verify_export(module, files)
        path.write_bytes(content)


def test_outputs_that_do_not_depend_on_the_crops_are_refused(exported: ExportReport, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from export_header import HEADER

    module = TinyOnline()
    nn.init.zeros_(module.second[1].weight)
    monkeypatch.setattr(onnx_export, "trace", lambda module: {part: onnx.load(path) for part, path in exported.paths.items()})
    with pytest.raises(LockonError, match=r"cannot be checked: the image hardly changes classification, filter"):
        export_onnx(module, files.parent, "tiny", HEADER)
    assert files.read_bytes() == exported.paths["search"].read_bytes()


def test_prdimp_has_no_maps_and_atom_no_optimiser(
    exported: ExportReport, tmp_path: Path, header: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their other graphs are the same, and so are these networks' weights."""

    def stored(module: nn.Module) -> dict[str, onnx.ModelProto]:
        parts = {part: path for part, path in exported.paths.items() if hasattr(module, "initializer") or part != "initial"}
        return {part: onnx.load(path) for part, path in parts.items()}

    monkeypatch.setattr(onnx_export, "trace", stored)

    prdimp = load_model(export_onnx(TinyOnline(maps=False), tmp_path, "prdimp", header).paths["search"])
    assert isinstance(prdimp, DeployedOnline)
    assert prdimp.weights is not None
    assert [name for name, value in prdimp.weights.items() if value is None] == ["label_map", "target_mask", "spatial_weight"]
    module = TinyOnline(filters=False)
    report = export_onnx(module, tmp_path, "atom", {**header, "architecture": "atom"})
    assert "optimizer" not in report.header
    assert report.parity is not None
    assert "filter" not in report.parity
    atom = load_model(report.paths["search"])
    assert isinstance(atom, DeployedOnline)
    assert atom.weights is None
    for network in (atom, TorchOnline(module, header={"architecture": "atom"})):
        with pytest.raises(LockonError, match="atom predicts no filters"):
            network.initial(network.features(IMAGES).classification, TARGETS)


@pytest.mark.parametrize("filters", [True, False])
def test_graphs_are_traced_of_what_a_network_has(filters: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(module: nn.Module, function: Any, inputs: dict[str, torch.Tensor]) -> tuple[list[str], dict[str, torch.Tensor]]:
        with torch.no_grad():
            return list(inputs), function(module, *inputs.values())

    monkeypatch.setattr(graphs, "_export", run)
    traced = graphs.trace(TinyOnline(filters=filters))
    assert list(traced) == [part for part in PARTS if filters or part != "initial"]
    assert traced["overlap"] == ["box_features_0", "box_features_1", "modulation_0", "modulation_1", "boxes"]


def test_openvino_has_a_file_for_every_part(exported: ExportReport, tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="needs the openvino extra")
    report = export_openvino(exported.paths["search"], tmp_path)
    names = sorted(("tiny.xml", *(f"tiny.{part}.xml" for part in PARTS[1:])))
    assert sorted(path.name for path in report.paths if path.suffix == ".xml") == names
    network, known = load_model(tmp_path / "tiny.xml"), load_model(exported.paths["search"], "cpu")
    assert network.header == known.header
    for name, values in outputs(known).items():
        np.testing.assert_allclose(outputs(network)[name], values, atol=1e-4 * np.abs(values).max())


@pytest.mark.parametrize("part", PARTS[1:])
def test_a_part_that_is_missing_or_alone_is_named(files: Path, part: str) -> None:
    with pytest.raises(LockonError, match=rf"{part} part of a model; give its main file, .*tiny\.onnx"):
        load_model(part_path(files, part))
    part_path(files, part).unlink()
    with pytest.raises(LockonError, match=rf"tiny\.{part}\.onnx is missing .* 4 files"):
        load_model(files)


def test_crops_of_another_size_or_with_fractions_say_what_to_do(exported: ExportReport) -> None:
    network = load_model(exported.paths["search"])
    assert isinstance(network, DeployedOnline)
    with pytest.raises(LockonError, match=r"exported for crops of 64 x 64 pixels, .* ask for 48 x 48; leave search_size out"):
        network.features(IMAGES[:, :48, :48])
    with pytest.raises(LockonError, match=r"set exact_pixels=false, or give .safetensors"):
        network.modulation(IMAGES.astype(np.float32), TARGETS)  # type: ignore[arg-type]


def set_header(path: Path, header: dict[str, Any]) -> None:
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(header)})
    save_sealed(model, path)


@pytest.mark.parametrize(
    "change",
    [
        lambda graphs: graphs.pop("modulation"),
        lambda graphs: graphs.pop("search"),
        lambda graphs: graphs["search"]["outputs"].reverse(),
        lambda graphs: graphs["modulation"]["inputs"].reverse(),
        lambda graphs: graphs["overlap"]["outputs"].append("more"),
        lambda graphs: graphs["initial"].update(outputs=["filters"]),
        lambda graphs: graphs.update({"../other": graphs["initial"]}),
    ],
)
def test_ports_that_make_no_model_are_refused(files: Path, change: Any) -> None:
    header = read_header(files)
    change(header["graphs"])
    set_header(files, header)
    with pytest.raises(LockonError, match="does not say how its graphs belong together"):
        load_model(files)


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.pop("filter_reg"),
        lambda values: values.update(filter_reg=["much"]),
        lambda values: values.update(log_step_length=[1.0, 2.0]),
        lambda values: values.update(label_map=None),
        lambda values: values["target_mask"].pop(),
        lambda values: values["label_map"].__setitem__(0, float("inf")),
        lambda values: values.update(label_map=[], target_mask=[], spatial_weight=[]),
        lambda values: values.update(log_step_length=None),
    ],
)
def test_numbers_that_are_no_optimiser_are_refused(files: Path, change: Any) -> None:
    header = read_header(files)
    change(header["optimizer"])
    set_header(files, header)
    with pytest.raises(LockonError, match="without the numbers of its optimiser"):
        load_model(files)


def test_networks_of_both_kinds_are_told_apart(files: Path, report: ExportReport) -> None:
    with pytest.raises(LockonError, match="network of another kind, of the parts initial, modulation, overlap, search"):
        DeployedModel(load_graphs(files))
    with pytest.raises(LockonError, match="network of another kind, of the parts search, template"):
        DeployedOnline(load_graphs(report.paths["search"]))


def test_an_export_leaves_no_part_of_an_earlier_one(files: Path, report: ExportReport, monkeypatch: pytest.MonkeyPatch, tiny: Any) -> None:
    from export_header import HEADER

    monkeypatch.setattr(onnx_export, "trace", lambda module: {part: onnx.load(path) for part, path in report.paths.items()})
    export_onnx(tiny, files.parent, "tiny", HEADER, verify=False)
    assert sorted(path.name for path in files.parent.iterdir()) == ["tiny.onnx", "tiny.template.onnx"]


def test_networks_copy_and_pickle_by_the_path_of_their_weights(exported: ExportReport) -> None:
    network = load_model(exported.paths["search"], "cpu", threads=1)
    assert len(pickle.dumps(network)) < 1000
    for copied in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        for name, values in outputs(network).items():
            np.testing.assert_array_equal(outputs(copied)[name], values)
