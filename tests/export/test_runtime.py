from __future__ import annotations

import copy
import json
import multiprocessing
import os
import pickle
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from lockon._weights import METADATA_KEY, seal
from lockon.errors import LockonError
from lockon.export import runtime
from lockon.export.deployed import load_model
from lockon.export.header import part_path, read_header
from lockon.export.openvino_ir import export_openvino
from lockon.export.runtime import OpenVinoGraphs, default_threads
from lockon.types import Template
from sealed_models import save_sealed

RNG = np.random.default_rng(5)
TEMPLATES = RNG.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
SEARCHES = RNG.integers(0, 256, (3, 128, 128, 3), dtype=np.uint8)
PATHS = {"PYTHONPATH": os.pathsep.join(sys.path)}  # of programs that import what tests do


def test_shapes_types_and_attributes(report):
    model = load_model(report.paths["search"], "cpu")
    template = model.encode(TEMPLATES)
    out = model(template, SEARCHES)
    assert [feature.shape for feature in template.features] == [(3, 32, 4, 4)]
    assert (out.logits.shape, out.boxes.shape, out.quality.shape) == ((3, 64), (3, 64, 4), (3, 64))
    assert {array.dtype for array in (*template.features, out.logits, out.boxes, out.quality)} == {np.dtype(np.float32)}
    assert (model.template_size, model.search_size, model.header["architecture"]) == (64, 128, "tiny")


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_a_batch_equals_its_rows_one_by_one(report, device):
    if device == "openvino":
        pytest.importorskip("openvino", reason="needs the openvino extra")
    model = load_model(report.paths["search"], device)
    template = model.encode(TEMPLATES)
    together = model(template, SEARCHES)
    for row in range(3):
        alone = model(Template(tuple(feature[row : row + 1] for feature in template.features)), SEARCHES[row : row + 1])
        np.testing.assert_allclose(together.logits[row : row + 1], alone.logits, atol=1e-5)
        np.testing.assert_allclose(together.boxes[row : row + 1], alone.boxes, atol=1e-3)


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_results_survive_the_next_call(report, device):
    if device == "openvino":
        pytest.importorskip("openvino", reason="needs the openvino extra")
    model = load_model(report.paths["search"], device)
    template = model.encode(TEMPLATES[:1])
    first = model(template, SEARCHES[:1])
    kept = first.logits.copy()
    model(template, SEARCHES[1:2])
    np.testing.assert_array_equal(first.logits, kept)


def test_openvino_agrees_with_onnx_runtime_and_takes_its_precision_from_the_argument(report):
    pytest.importorskip("openvino", reason="needs the openvino extra")
    models = [
        load_model(report.paths["search"], "cpu"),
        load_model(report.paths["search"], "openvino"),
        load_model(report.paths["search"], "openvino-bf16"),
    ]
    outputs = [model(model.encode(TEMPLATES), SEARCHES) for model in models]
    assert np.abs(outputs[1].logits - outputs[0].logits).max() < 1e-4
    assert np.abs(outputs[2].logits - outputs[0].logits).max() < 0.1
    assert models[1].header == models[0].header
    hints = [str(model.graphs._graphs["search"].get_compiled_model().get_property("INFERENCE_PRECISION_HINT")) for model in models[1:]]
    assert "float" in hints[0]
    assert "bfloat16" not in hints[0]


def test_openvino_format_keeps_header_and_outputs(report, tmp_path):
    pytest.importorskip("openvino", reason="needs the openvino extra")
    converted = export_openvino(report.paths["search"], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.bin", "tiny.template.bin", "tiny.template.xml", "tiny.xml"]
    assert converted.parity["logits"] < 1e-4
    model = load_model(tmp_path / "tiny.xml")
    assert model.header == read_header(report.paths["search"])
    assert (model.template_size, model.search_size) == (64, 128)


def break_file(path, how):
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "cut at the end":
        path.write_bytes(content[:-3])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_text("this is a page that says the file was not found\n" * 20)
    elif how == "missing":
        path.unlink()


@pytest.mark.parametrize("half", ["search", "template"])
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("truncated", "truncated or not ONNX"),
        ("cut at the end", "truncated or not ONNX"),
        ("empty", "truncated or not ONNX"),
        ("text", "truncated or not ONNX|no lockon header"),
        ("missing", "does not exist|is missing beside"),
    ],
)
def test_broken_files_are_one_line_that_names_the_file(pair, half, how, message):
    broken = pair if half == "search" else part_path(pair, "template")
    break_file(broken, how)
    with pytest.raises(LockonError, match=message) as caught:
        load_model(pair, "cpu")
    assert str(broken) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_garbage_inside_the_graph_is_one_line(pair):
    model = onnx.load(pair)
    model.graph.node[5].op_type = "NoSuchOperator"
    save_sealed(model, pair)
    with pytest.raises(LockonError, match="ONNX Runtime cannot load") as caught:
        load_model(pair, "cpu")
    assert "\n" not in str(caught.value)


def test_every_flipped_byte_is_refused_or_changes_nothing(pair):
    content, whole = pair.read_bytes(), load_model(pair, "cpu")
    template = whole.encode(TEMPLATES[:1])
    expected = whole(template, SEARCHES[:1])
    refused = 0
    for place in RNG.choice(len(content), 60, replace=False):
        damaged = bytearray(content)
        damaged[place] ^= 0x21
        pair.write_bytes(damaged)
        try:
            model = load_model(pair, "cpu")
        except LockonError:
            refused += 1
        else:
            np.testing.assert_array_equal(model(template, SEARCHES[:1]).boxes, expected.boxes)
            assert model.header == whole.header
    assert refused > 50


@pytest.mark.parametrize("device", ["cpu", "openvino"])
@pytest.mark.parametrize("part", ["search", "template"])
def test_damaged_weights_are_called_damaged(pair, device, part):
    if device == "openvino":
        pytest.importorskip("openvino", reason="needs the openvino extra")
    file = part_path(pair, part)
    content = bytearray(file.read_bytes())
    at = len(content) // 3
    content[at : at + 64] = b"\x7e" * 64  # NaN as float16
    file.write_bytes(content)
    with pytest.raises(LockonError, match=f"{file.name}: weights are damaged"):
        load_model(pair, device)


@pytest.mark.parametrize("suffix", [".xml", ".bin"])
def test_damaged_openvino_files_are_called_damaged(report, tmp_path, suffix):
    pytest.importorskip("openvino", reason="needs the openvino extra")
    export_openvino(report.paths["search"], tmp_path)
    file = tmp_path / f"tiny{suffix}"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(LockonError, match=r"tiny\.xml: weights are damaged"):
        load_model(tmp_path / "tiny.xml")


def test_a_file_without_a_hash_is_refused(pair):
    model = onnx.load(pair)
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(read_header(pair))})
    pair.write_bytes(model.SerializeToString())
    with pytest.raises(LockonError, match="has no hash"):
        load_model(pair, "cpu")


@pytest.mark.parametrize("name", ["backbone", "head", "mix"])
def test_a_name_that_is_no_text_is_one_line_and_prints_nothing(pair, capfd, name):
    content = pair.read_bytes()
    at = content.index(f"module.{name}".encode())
    pair.write_bytes(content[:at] + b"\xf1" + content[at + 1 :])
    seal(pair)
    with pytest.raises(LockonError, match="ONNX Runtime cannot load") as caught:
        load_model(pair, "cpu")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().out == ""


def set_metadata(path, key, value):
    model = onnx.load(path)
    del model.metadata_props[:]
    model.metadata_props.add(key=key, value=value)
    save_sealed(model, path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("other", "{}", "no lockon header"),
        (METADATA_KEY, "{", "damaged lockon header"),
        (METADATA_KEY, "[1]", "damaged lockon header"),
        (METADATA_KEY, '{"format": true}', "no format number"),
        (METADATA_KEY, '{"format": 2, "config": "text"}', "config is 'text', expected an object"),
        (METADATA_KEY, '{"format": 1}', "of format 1, this version reads format 2"),
        (METADATA_KEY, '{"format": 2}', "without architecture, config"),
    ],
)
def test_bad_headers_are_one_line(pair, key, value, message):
    set_metadata(pair, key, value)
    with pytest.raises(LockonError, match=message):
        load_model(pair, "cpu")


def test_halves_of_two_exports_are_refused(pair):
    header = {**read_header(pair), "pair": "0123456789abcdef"}
    set_metadata(part_path(pair, "template"), METADATA_KEY, json.dumps(header))
    with pytest.raises(LockonError, match=r"pair 0123456789abcdef.* different exports"):
        load_model(pair, "cpu")


def rename_output(path, old, new):
    model = onnx.load(path)
    model.graph.node.append(onnx.helper.make_node("Identity", [old], [new]))
    next(port for port in model.graph.output if port.name == old).name = new
    save_sealed(model, path)


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_a_graph_with_other_names_than_its_header_says_is_refused(pair, device):
    if device == "openvino":
        pytest.importorskip("openvino", reason="needs the openvino extra")
    rename_output(pair, "boxes", "places")
    with pytest.raises(
        LockonError, match=r"tiny\.onnx has .*'places'.*, expected .* outputs logits, boxes, quality; export the model"
    ) as caught:
        load_model(pair, device)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda graphs: graphs.pop("template"),
        lambda graphs: graphs["search"].pop("outputs"),
        lambda graphs: graphs["search"]["outputs"].remove("boxes"),
        lambda graphs: graphs["search"]["inputs"].append("template_1"),
        lambda graphs: graphs["template"].update(inputs="template"),
        lambda graphs: graphs.update(mask={"inputs": ["index", "unknown"], "outputs": ["mask"]}),
        lambda graphs: graphs.update(mask={"inputs": ["index", "logits"], "outputs": ["mask"]}),
        lambda graphs: graphs.update(mask={"inputs": [], "outputs": ["mask"]}),
        lambda graphs: graphs.update(search=None),
    ],
)
def test_ports_that_make_no_model_are_refused(pair, change):
    header = read_header(pair)
    change(header["graphs"])
    set_metadata(pair, METADATA_KEY, json.dumps(header))
    with pytest.raises(LockonError, match=r"tiny\.onnx .* does not say how its graphs belong together") as caught:
        load_model(pair, "cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_outputs_are_told_by_name_in_any_order(report, tmp_path, device):
    """`feature_0` where a model of the first kind would have its quality, and the quality last."""
    if device == "openvino":
        pytest.importorskip("openvino", reason="needs the openvino extra")
    header = read_header(report.paths["search"])
    header["graphs"]["search"]["outputs"] = ["feature_0", "boxes", "logits", "quality"]
    for part, path in report.paths.items():
        model = onnx.load(path)
        if part == "search":
            model.graph.node.append(onnx.helper.make_node("Neg", ["logits"], ["feature_0"]))
            logits, boxes, quality = list(model.graph.output)
            feature = onnx.helper.make_tensor_value_info("feature_0", onnx.TensorProto.FLOAT, ["batch", 64])
            del model.graph.output[:]
            model.graph.output.extend([feature, boxes, logits, quality])
        onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(header)})
        save_sealed(model, tmp_path / path.name)
    known, model = load_model(report.paths["search"], "cpu"), load_model(tmp_path / "tiny.onnx", device)
    expected, found = (one(one.encode(TEMPLATES), SEARCHES) for one in (known, model))
    for name in ("logits", "boxes", "quality"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-3)
    assert list(found.extras) == ["feature_0"]
    np.testing.assert_array_equal(found.extras["feature_0"], -found.logits)
    assert model.mask_inputs == ()
    with pytest.raises(LockonError, match="makes no masks"):
        model.mask(found, np.zeros(3, dtype=np.int64))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("best.safetensors", r"torch weights.*pip install .*torch.*lockon export"),
        ("model.pt", r"expected a file that ends in \.onnx"),
        ("tiny.template.onnx", r"template part of a model; give its main file, .*tiny\.onnx"),
        ("absent.onnx", "does not exist"),
    ],
)
def test_paths_that_are_no_model(tmp_path, name, message):
    with pytest.raises(LockonError, match=message):
        load_model(tmp_path / name)


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("gpu", "unknown device 'gpu'; .*known: auto, cpu, cuda"),
        ("cuda:one", "unknown device 'cuda:one'"),
        ("cpu:1", "unknown device 'cpu:1'"),
        ("torch", "give .safetensors weights"),
    ],
)
def test_unknown_devices(report, device, message):
    with pytest.raises(LockonError, match=message):
        load_model(report.paths["search"], device)


def test_cuda_without_a_cuda_runtime_says_what_to_install(report):
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    for device in ("cuda", "cuda:1"):
        with pytest.raises(LockonError, match="pip install onnxruntime-gpu"):
            load_model(report.paths["search"], device)


def test_one_of_several_gpus_is_asked_for_by_its_number(monkeypatch):
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    assert runtime._providers("cuda:1")[0] == ("CUDAExecutionProvider", {"device_id": "1"})
    assert runtime._providers("cuda")[0] == ("CUDAExecutionProvider", {"device_id": "0"})


def test_a_cuda_that_does_not_start_is_no_silent_fallback(report, monkeypatch):
    monkeypatch.setattr(runtime, "_providers", lambda device: [("CUDAExecutionProvider", {"device_id": "0"}), ("CPUExecutionProvider", {})])
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.warns(UserWarning, match="not in available"), pytest.raises(LockonError, match="could not start CUDA"):
        load_model(report.paths["search"], "cuda")


def test_openvino_missing_says_what_to_install(report, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    with pytest.raises(LockonError, match=r"pip install .*\[openvino\]"):
        load_model(report.paths["search"], "openvino")


def test_openvino_refuses_unknown_precision_and_device(report):
    pytest.importorskip("openvino", reason="needs the openvino extra")
    with pytest.raises(LockonError, match="unknown precision 'int8'"):
        OpenVinoGraphs(report.paths["search"], precision="int8")
    with pytest.raises(LockonError, match=r"OpenVINO cannot run tiny\.onnx on 'TOASTER'"):
        OpenVinoGraphs(report.paths["search"], device="TOASTER")


def test_threads(report):
    assert 1 <= default_threads() <= 4
    with pytest.raises(LockonError, match="threads=0"):
        load_model(report.paths["search"], threads=0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(content=st.binary(max_size=200))
def test_the_header_reader_survives_any_bytes(tmp_path, content):
    path = tmp_path / "any.onnx"
    path.write_bytes(content)
    with pytest.raises(LockonError):
        read_header(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(text=st.text(max_size=50), number=st.integers(0, 2**40))
def test_the_header_reader_agrees_with_onnx(tmp_path, text, number):
    header = {
        "format": 2,
        "graphs": {"template": {"inputs": ["template"], "outputs": []}, "search": {"inputs": ["search"], "outputs": ["logits", "boxes"]}},
        **dict.fromkeys(("architecture", "licence", "git_revision", "pair"), text),
        **{key: {text: text} for key in ("config", "tracker", "data", "metrics")},
    }
    model = onnx.ModelProto(ir_version=8, producer_name=text, model_version=number)
    model.metadata_props.add(key="first", value=text)
    model.metadata_props.add(key=METADATA_KEY, value=json.dumps(header))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    assert read_header(path) == header


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_models_copy_and_pickle_by_the_path_of_their_weights(report, device):
    if device == "openvino":
        pytest.importorskip("openvino", reason="needs the openvino extra")
    model = load_model(report.paths["search"], device, threads=1)
    expected = model(model.encode(TEMPLATES), SEARCHES).boxes
    assert len(pickle.dumps(model)) < 1000
    for copied in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(copied(copied.encode(TEMPLATES), SEARCHES).boxes, expected)


def test_a_pickle_whose_weights_are_gone_says_so(pair):
    pickled = pickle.dumps(load_model(pair, "cpu"))
    pair.unlink()
    with pytest.raises(LockonError, match="does not exist"):
        pickle.loads(pickled)


# A program in which one OpenVINO model after the other goes, and that hears Ctrl-C after that; argv: path of the weights.
SIGNALLED = """
import faulthandler, gc, os, signal, sys
from lockon.export.deployed import load_model

faulthandler.enable()  # it has a stack for signals, on which Python's handlers run too
models = [load_model(sys.argv[1], "openvino") for _ in range(2)]
while models:
    del models[0]
    gc.collect()
heard = []
signal.signal(signal.SIGINT, lambda *_: heard.append(True))
os.kill(os.getpid(), signal.SIGINT)
assert heard
"""


def test_a_signal_is_heard_after_the_models_are_gone(report):
    """OpenVINO left the thread a stack for signals that was no longer there: Ctrl-C ended the process without a word."""
    pytest.importorskip("openvino", reason="needs the openvino extra")
    subprocess.run([sys.executable, "-c", SIGNALLED, str(report.paths["search"])], env=os.environ | PATHS, check=True, timeout=120)


# A program with a model, and a child of it that uses the model too; argv: how the child starts, kind of model, path of the weights.
PROGRAM = """
import faulthandler, multiprocessing, sys
import numpy as np
from lockon.export.deployed import load_model

TEMPLATES, SEARCHES = (np.full((1, side, side, 3), 90, dtype=np.uint8) for side in (64, 128))

def boxes_of(model):
    return model(model.encode(TEMPLATES), SEARCHES).boxes

def put_boxes(queue, model):
    queue.put(boxes_of(model))

if __name__ == "__main__":
    faulthandler.enable()
    start, kind, path = sys.argv[1:]
    if kind == "torch":
        import torch
        from lockon.export.torch_model import TorchModel
        from tiny_siamese import TinySiamese
        torch.set_num_threads(2)
        model = TorchModel(TinySiamese())
    else:
        model = load_model(path, kind, threads=2)
    expected = boxes_of(model)
    context = multiprocessing.get_context(start)
    queue = context.Queue()
    process = context.Process(daemon=True, target=put_boxes, args=(queue, model))
    process.start()
    np.testing.assert_allclose(queue.get(timeout=60), expected, atol=1e-3)
    process.join(60)
    assert process.exitcode == 0
    np.testing.assert_array_equal(boxes_of(model), expected)
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.parametrize("kind", ["cpu", "openvino", "torch"])
def test_a_model_works_in_another_process(tiny, report, tmp_path, start, kind):
    """A forked child has the very object, a spawned one a pickle of it; the parent goes on.

    In a program of its own: a test worker has threads of every library that earlier tests used, and a fork copies their locks.
    """
    if start not in multiprocessing.get_all_start_methods():
        pytest.skip("this system has no fork")
    if kind == "openvino":
        pytest.importorskip("openvino", reason="needs the openvino extra")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), start, kind, str(report.paths["search"])]
    subprocess.run(command, env=os.environ | PATHS, check=True, timeout=180)


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_the_runtimes_leave_nothing_in_the_home_folder_and_do_not_report(report, device, tmp_path):
    if device == "openvino":
        pytest.importorskip("openvino", reason="needs the openvino extra")
    code = f"""
import sys
from lockon.export.deployed import load_model
load_model({str(report.paths["search"])!r}, {device!r})
assert not [name for name in sys.modules if name.startswith("openvino_telemetry.")]
"""
    suppress = ("ORT_", "XDG_", "CI", "GITHUB_", "GITLAB_", "JENKINS_", "TF_BUILD")  # both are silent in automatic builds
    environment = {name: value for name, value in os.environ.items() if not name.startswith(suppress)}
    home = {name: str(tmp_path) for name in ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA")}
    subprocess.run([sys.executable, "-c", code], env=environment | home, check=True)
    assert not list(tmp_path.iterdir())
