from __future__ import annotations

import copy
import os
from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from tiny_siamese import TinySiamese
from torch import nn

from lockon.errors import LockonError
from lockon.export import onnx as onnx_export
from lockon.export.deployed import load_model
from lockon.export.header import read_header
from lockon.export.onnx import _pair, _store_half, _stored_module, export_onnx, fold_batch_norm, verify_export
from lockon.export.torch_model import TorchModel
from sealed_models import save_sealed

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


GRAPHS = {
    "template": {"inputs": ["template"], "outputs": ["template_0"]},
    "search": {"inputs": ["search", "template_0"], "outputs": ["logits", "boxes", "quality"]},
}


def rounded(path, initializer, value):
    """Put `value` at the first element of a stored constant."""
    model = onnx.load(path)
    tensor = next(item for item in model.graph.initializer if item.name.startswith(initializer))
    values = onnx.numpy_helper.to_array(tensor).copy()
    values.flat[0] = value
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    save_sealed(model, path)


def test_parity_with_torch_is_measured_and_small(report):
    assert 0 <= report.parity["logits"] < 1e-5
    assert 0 <= report.parity["quality"] < 1e-5
    assert 0 <= report.parity["boxes"] < 1e-3
    assert report.signal["logits"] > 1e-2, "the test network's outputs must depend on the image"


def test_graphs_have_the_stated_inputs_and_a_dynamic_batch(report):
    search, template = (onnx.load(path) for path in (report.paths["search"], report.paths["template"]))
    shape = lambda port: [dim.dim_param or dim.dim_value for dim in port.type.tensor_type.shape.dim]  # noqa: E731
    assert [(port.name, shape(port)) for port in search.graph.input] == [
        ("search", ["batch", 128, 128, 3]),
        ("template_0", ["batch", 32, 4, 4]),
    ]
    assert [port.name for port in search.graph.output] == ["logits", "boxes", "quality"]
    assert [(port.name, shape(port)) for port in template.graph.input] == [("template", ["batch", 64, 64, 3])]
    assert search.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8


def test_batch_norm_is_folded_where_a_convolution_precedes(report):
    operators = Counter(node.op_type for node in onnx.load(report.paths["search"]).graph.node)
    assert operators["Conv"] == 6
    assert operators["BatchNormalization"] == 1  # the one after the correlation


def test_files_carry_the_header_and_no_trace_of_this_machine(report, header):
    for path in (report.paths["search"], report.paths["template"]):
        assert read_header(path) == {**header, "format": 2, "graphs": GRAPHS, "pair": report.header["pair"]}
        content = path.read_bytes()
        assert b"site-packages" not in content
        assert os.getcwd().encode() not in content


def test_verify_finds_a_changed_constant(pair, tiny):
    verify_export(tiny, pair)
    rounded(pair, "module.head.bias", 7.0)
    with pytest.raises(LockonError, match=r"differs from its reference: logits .* \(allowed 1\.0e-04\)"):
        verify_export(tiny, pair)


def test_verify_finds_a_constant_that_became_nan(pair, tiny):
    rounded(pair, "module.head.bias", np.nan)
    with pytest.raises(LockonError, match="differs from its reference: logits nan"):
        verify_export(tiny, pair)


def test_verify_refuses_other_weights(pair):
    with pytest.raises(LockonError, match="exported from other weights"):
        verify_export(TinySiamese(seed=1), pair)


def test_a_header_without_a_key_is_refused(tiny, header, tmp_path):
    del header["licence"]
    with pytest.raises(LockonError, match="has no licence"):
        export_onnx(tiny, tmp_path, "tiny", header)


def test_an_unwritable_folder_is_one_line(tiny, header, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LockonError, match=r"cannot write .*choose a folder"):
        export_onnx(tiny, tmp_path / "file", "tiny", header)


def test_folding_does_not_change_the_outputs():
    module = TinySiamese()
    folded = fold_batch_norm(module)
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules()) == 1
    z, x = torch.rand(2, 3, 64, 64) * 255, torch.rand(2, 3, 128, 128) * 255
    with torch.no_grad():
        expected, found = (one(one.encode(z), x) for one in (module, folded))
    torch.testing.assert_close(found.logits, expected.logits, atol=1e-5, rtol=1e-5)


def test_a_convolution_with_two_norms_is_not_folded():
    conv = nn.Conv2d(3, 4, 1)
    module = nn.ModuleList([nn.Sequential(conv, nn.BatchNorm2d(4)), nn.Sequential(conv, nn.BatchNorm2d(4))])
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in fold_batch_norm(module).modules()) == 2


def test_rounding_is_through_float16_and_only_of_large_weights():
    module = TinySiamese()
    stored = _stored_module(module, half=True)
    large, small = stored.backbone[1][0].weight, stored.backbone[1][0].bias
    assert torch.equal(large, large.half().float())
    assert not torch.equal(small, small.half().float())


def test_the_pair_id_depends_on_every_weight_and_on_storage():
    module = TinySiamese()
    first = _pair(module, True)
    assert first != _pair(module, False)
    with torch.no_grad():
        module.norm.running_mean[3] += 1e-3
    assert first != _pair(module, True)
    assert len(first) == 16


def test_torch_model_equals_the_module(tiny):
    rng = np.random.default_rng(0)
    z, x = rng.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8), rng.integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
    model = TorchModel(tiny, header={"architecture": "tiny"})
    out = model(model.encode(z), x)
    with torch.no_grad():
        expected = tiny(tiny.encode(torch.from_numpy(z).permute(0, 3, 1, 2).float()), torch.from_numpy(x).permute(0, 3, 1, 2).float())
    np.testing.assert_allclose(out.logits, expected.logits.numpy(), atol=1e-5)
    assert (out.logits.dtype, out.boxes.shape, model.search_size) == (np.float32, (2, 64, 4), 128)


def test_torch_model_in_bfloat16_is_near(tiny):
    crop = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3), dtype=np.uint8)
    exact, rough = TorchModel(copy.deepcopy(tiny)), TorchModel(copy.deepcopy(tiny), dtype=torch.bfloat16)
    a, b = (model(model.encode(crop[:, :64, :64]), crop) for model in (exact, rough))
    assert b.boxes.dtype == np.float32
    assert 0 < np.abs(a.logits - b.logits).max() < 0.1


def test_torch_model_on_a_missing_device_is_one_line():
    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    with pytest.raises(LockonError, match="torch cannot use device 'cuda'"):
        TorchModel(TinySiamese(), device="cuda")


def test_half_storage_changes_the_outputs_a_little(report):
    assert 1e-6 < report.rounding["logits"] < 1e-3


def test_float32_storage_and_a_module_without_quality(report, header, tmp_path):
    full = export_onnx(TinySiamese(quality=False), tmp_path, "tiny", header, half_storage=False)
    assert full.rounding is None
    assert "quality" not in full.parity
    assert full.parity["logits"] < 1e-5
    assert full.paths["search"].stat().st_size > 1.6 * report.paths["search"].stat().st_size
    model = load_model(full.paths["search"], "cpu")
    crop = np.zeros((1, 128, 128, 3), np.uint8)
    assert model(model.encode(crop[:, :64, :64]), crop).quality is None


def test_the_same_weights_give_the_same_bytes_and_the_module_stays_as_it_was(report, header, tmp_path):
    module = TinySiamese().train()
    before = copy.deepcopy(module.state_dict())
    again = export_onnx(module, tmp_path, "tiny", header)
    assert module.training
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert again.paths["search"].read_bytes() == report.paths["search"].read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.onnx", "tiny.template.onnx"]


def test_parity_of_constant_outputs_is_refused_and_old_files_stay(pair, report, header, monkeypatch):
    module = TinySiamese()
    nn.init.zeros_(module.head.weight)  # agreement of such outputs would show nothing
    stored = {"template": onnx.load(report.paths["template"]), "search": onnx.load(report.paths["search"])}
    monkeypatch.setattr(onnx_export, "trace", lambda module: stored)
    with pytest.raises(LockonError, match="cannot be checked: the image hardly changes logits, boxes, quality"):
        export_onnx(module, pair.parent, "tiny", header)
    assert pair.read_bytes() == report.paths["search"].read_bytes()
    assert len(list(pair.parent.iterdir())) == 2


def test_only_what_float16_holds_exactly_is_stored_in_it():
    exact, inexact, huge = np.full(2048, 0.5), np.full(2048, 0.1), np.full(2048, 1e6)
    arrays = {"exact": exact, "inexact": inexact, "huge": huge, "small": exact[:4]}
    constants = [onnx.numpy_helper.from_array(values.astype(np.float32), name) for name, values in arrays.items()]
    graph = onnx.helper.make_graph([], "constants", [], [], constants)
    _store_half(graph)
    stored = {item.name: item.data_type for item in graph.initializer}
    single, half = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
    assert stored == {"exact.float16": half, "inexact": single, "huge": single, "small": single}
    assert [(list(node.input), list(node.output)) for node in graph.node] == [(["exact.float16"], ["exact"])]


def test_batch_norm_is_folded_where_a_module_names_the_pairs():
    from lockon.models.backbones.resnet import BasicBlock, Bottleneck, ResNet

    module = ResNet(18, (1,)).eval()
    with torch.no_grad():
        for norm in (part for part in module.modules() if isinstance(part, nn.BatchNorm2d)):
            norm.running_mean.uniform_(-1, 1)
            norm.running_var.uniform_(0.5, 2)
        folded, image = fold_batch_norm(module), torch.rand(1, 3, 32, 32) * 255
        assert not any(isinstance(part, nn.BatchNorm2d) for part in folded.modules())
        assert torch.allclose(folded(image)[0], module(image)[0], rtol=1e-4, atol=1e-4)
    for block in (BasicBlock, Bottleneck):  # every pair of names is one of the block
        made = block(8, 8)
        assert all(hasattr(made, name) for pair in block.norm_pairs for name in pair)
        assert 2 * len(block.norm_pairs) == sum(isinstance(part, (nn.Conv2d, nn.BatchNorm2d)) for part in made.children())
