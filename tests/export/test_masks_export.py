"""Networks with masks: three files, in every runtime like torch, and clear words where one is missing or there are no masks."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from tiny_siamese import TinySiamese
from torch import nn

from lockon.errors import LockonError
from lockon.export import onnx as onnx_export
from lockon.export.deployed import load_model
from lockon.export.header import part_path, read_header
from lockon.export.onnx import export_onnx
from lockon.export.openvino_ir import export_openvino
from lockon.export.torch_model import TorchModel
from lockon.types import Prediction
from sealed_models import save_sealed

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
RNG = np.random.default_rng(5)
TEMPLATES = RNG.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
SEARCHES = RNG.integers(0, 256, (3, 128, 128, 3), dtype=np.uint8)
INDEX = np.array([5, 63, 0])


class TinyMasks(TinySiamese):
    """Masks from the backbone's features around the chosen cell and from the logits."""

    mask_inputs = ("deep", "scores")

    def __init__(self, seed: int = 0) -> None:
        super().__init__(quality=False, seed=seed)
        self.open = nn.ConvTranspose2d(33, 1, 6)
        nn.init.normal_(self.open.weight, std=2.0)  # masks that move with the image

    def forward(self, template, x) -> Prediction:
        out, deep = super().forward(template, x), self.backbone(x / 127.5 - 1)
        return Prediction(out.logits, out.boxes, extras={"scores": out.logits, "deep": deep, "feature_0": deep.mean(1)})

    def mask(self, extras, index):
        image = torch.arange(index.shape[0])
        deep = extras["deep"].flatten(2).transpose(1, 2)[image, index]  # (B, C)
        vector = torch.cat([deep, extras["scores"][image, index][:, None]], dim=1)
        return self.open(vector[..., None, None]).squeeze(1).sigmoid()


@pytest.fixture(scope="module")
def masked():
    return TinyMasks().eval()


@pytest.fixture(scope="module")
def exported(masked, tmp_path_factory):
    from export_header import HEADER

    return export_onnx(masked, tmp_path_factory.mktemp("masks"), "tiny", HEADER)


@pytest.fixture
def files(exported, tmp_path):
    """A private copy of the three files; the path of the search graph."""
    for path in (exported.paths["search"], exported.paths["template"], exported.paths["mask"]):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path / exported.paths["search"].name


def masks_of(model) -> np.ndarray:
    return model.mask(model(model.encode(TEMPLATES), SEARCHES), INDEX)


def test_three_files_with_one_header(exported):
    assert exported.paths["mask"].name == "tiny.mask.onnx"
    assert read_header(exported.paths["mask"]) == read_header(exported.paths["search"])
    ports = {part: onnx.load(part_path(exported.paths["search"], part)).graph for part in ("search", "mask")}
    assert [port.name for port in ports["search"].output] == ["logits", "boxes", "deep", "scores"]
    assert [port.name for port in ports["mask"].input] == ["index", "deep", "scores"]
    assert exported.parity["mask"] < 1e-5
    assert exported.signal["mask"] > 1e-2, "the masks must depend on the image"


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_masks_like_torch(exported, masked, device):
    if device == "openvino":
        pytest.importorskip("openvino", reason="needs the openvino extra")
    expected = masks_of(TorchModel(masked))
    assert expected.shape == (3, 6, 6)
    assert expected.dtype == np.float32
    found = masks_of(load_model(exported.paths["search"], device))
    np.testing.assert_allclose(found, expected, atol=2e-3)  # weights are stored as float16
    model = load_model(exported.paths["search"], device)
    prediction = model(model.encode(TEMPLATES), SEARCHES)
    other = model.mask(prediction, INDEX[::-1].copy())
    np.testing.assert_allclose(other[1], found[1], atol=1e-6)  # row 1 keeps its candidate
    assert np.abs(other[0] - found[0]).max() > 1e-3


def test_extras_beside_those_of_masks(tmp_path, header):
    """Features that a tracker learns from are handed on by the names that the network gives."""
    module = TinyMasks()
    module.deployed_extras = ("feature_0", *module.mask_inputs)
    report = export_onnx(module, tmp_path, "tiny", header)
    assert report.header["graphs"] == {
        "template": {"inputs": ["template"], "outputs": ["template_0"]},
        "search": {"inputs": ["search", "template_0"], "outputs": ["logits", "boxes", "feature_0", "deep", "scores"]},
        "mask": {"inputs": ["index", "deep", "scores"], "outputs": ["mask"]},
    }
    model = load_model(report.paths["search"], "cpu")
    prediction = model(model.encode(TEMPLATES), SEARCHES)
    assert model.mask_inputs == ("deep", "scores")
    assert list(prediction.extras) == ["feature_0", "deep", "scores"]
    expected = TorchModel(module)
    features = expected(expected.encode(TEMPLATES), SEARCHES).extras["feature_0"]
    np.testing.assert_allclose(prediction.extras["feature_0"], features, atol=2e-3)
    np.testing.assert_allclose(masks_of(model), masks_of(expected), atol=2e-3)


def test_openvino_format_has_the_third_graph(exported, tmp_path):
    pytest.importorskip("openvino", reason="needs the openvino extra")
    report = export_openvino(exported.paths["search"], tmp_path)
    assert sorted(path.name for path in report.paths if path.suffix == ".xml") == ["tiny.mask.xml", "tiny.template.xml", "tiny.xml"]
    assert report.parity["mask"] < 1e-4
    np.testing.assert_allclose(
        masks_of(load_model(tmp_path / "tiny.xml")), masks_of(load_model(exported.paths["search"], "cpu")), atol=1e-4
    )


def test_a_missing_third_file_is_named(files):
    part_path(files, "mask").unlink()
    with pytest.raises(LockonError, match=r"tiny\.mask\.onnx is missing .* 3 files"):
        load_model(files, "cpu")


def test_a_third_file_of_another_export_is_refused(files, exported, header, monkeypatch):
    monkeypatch.setattr(onnx_export, "trace", lambda module: {part: onnx.load(path) for part, path in exported.paths.items()})
    export_onnx(TinyMasks(seed=1), files.parent / "other", "tiny", header, verify=False)
    part_path(files, "mask").write_bytes((files.parent / "other" / "tiny.mask.onnx").read_bytes())
    with pytest.raises(LockonError, match=r"tiny\.mask\.onnx .* different exports"):
        load_model(files, "cpu")


def test_a_third_file_with_other_inputs_is_refused(files):
    model = onnx.load(part_path(files, "mask"))
    model.graph.output[0].name = "patch"
    for node in model.graph.node:
        node.output[:] = ["patch" if name == "mask" else name for name in node.output]
    save_sealed(model, part_path(files, "mask"))
    with pytest.raises(LockonError, match=r"outputs .*patch.*, expected inputs index, deep, scores and outputs mask"):
        load_model(files, "cpu")


def test_the_mask_part_alone_is_no_model(files):
    with pytest.raises(LockonError, match=r"mask part of a model; give its main file, .*tiny\.onnx"):
        load_model(part_path(files, "mask"), "cpu")


def test_exporting_a_network_without_masks_removes_the_old_third_file(files, report, tiny, header, monkeypatch):
    monkeypatch.setattr(onnx_export, "trace", lambda module: {part: onnx.load(path) for part, path in report.paths.items()})
    export_onnx(tiny, files.parent, "tiny", header)
    assert sorted(path.name for path in files.parent.iterdir()) == ["tiny.onnx", "tiny.template.onnx"]


def test_a_network_without_masks_says_so(report, tiny, header):
    for model in (load_model(report.paths["search"], "cpu"), TorchModel(tiny, header=header)):
        prediction = model(model.encode(TEMPLATES), SEARCHES)
        with pytest.raises(LockonError, match="tiny makes no masks"):
            model.mask(prediction, INDEX)
