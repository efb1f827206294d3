from __future__ import annotations

import json

import onnx
import pytest
import typer
from typer.testing import CliRunner

from fake_cards import register
from lockon.cli import export as command
from lockon.errors import LockonError
from lockon.export import onnx as onnx_export
from lockon.export.deployed import load_model

app = typer.Typer()
app.command()(command.export)


def invoke(*arguments: object):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def weights(tmp_path, tiny, header, monkeypatch):
    pytest.importorskip("safetensors", reason="needs the torch extra")
    from tiny_siamese import TinyConfig, build

    from lockon.train.checkpoint import save_weights
    from lockon.zoo.card import Card

    register(monkeypatch, Card(name="tiny", summary="small", model=TinyConfig(), build=build))
    path = tmp_path / "best.safetensors"
    save_weights(tiny, path, {"architecture": "tiny", "config": {"model": {"quality": True}}, "licence": header["licence"]})
    return path


def test_onnx_files_with_parity_figures_and_sizes(weights, tmp_path, report, monkeypatch):
    monkeypatch.setattr(onnx_export, "trace", lambda module: {part: onnx.load(path) for part, path in report.paths.items()})  # the same
    (tmp_path / "tracker.json").write_text(json.dumps({"search_crop": {"factor": 3.5}}))
    result = invoke("tiny", "--weights", weights, "--out", tmp_path / "out", "--tracker", tmp_path / "tracker.json")
    assert "ONNX Runtime against torch: logits" in result.output
    assert "float16 storage against float32" in result.output
    assert " MB" in result.output
    header = load_model(tmp_path / "out" / "tiny.onnx", "cpu").header
    assert header["tracker"] == {"search_crop": {"factor": 3.5}}
    assert header["pair"] == report.header["pair"]


def test_openvino_files_from_onnx(weights, pair, tmp_path):
    pytest.importorskip("openvino", reason="needs the openvino extra")
    result = invoke("tiny", "--weights", pair, "--out", tmp_path / "ir", "--format", "openvino")
    assert "OpenVINO float32 against ONNX Runtime" in result.output
    assert load_model(tmp_path / "ir" / "tiny.xml").header["architecture"] == "tiny"


def test_mistakes_are_one_line(weights, pair, tmp_path):
    from lockon.train.checkpoint import save_weights

    other = tmp_path / "other.safetensors"
    save_weights({}, other, {"architecture": "siamfc"})
    cases = [
        (("tinny", "--weights", weights), "weights of 'tiny', not of 'tinny'"),
        (("tiny", "--weights", "model.pth"), "not a safetensors file"),
        (("tiny", "--weights", pair), "is exported already"),
        (("tiny",), "tiny has no weights in the package; give --weights FILE.safetensors"),
        (("lockon-s",), "nothing to export: lockon-s.s own weights are ONNX already; give --weights FILE.safetensors"),
        (("lockon-s", "--weights", pair, "--format", "openvino"), "weights of 'tiny', not of 'lockon-s'"),
        (("tiny", "--weights", other), "weights of 'siamfc', not of 'tiny'"),
        (("tiny", "--weights", tmp_path / "none.safetensors"), "no weights at"),
        (("tiny", "--weights", weights, "--tracker", tmp_path / "none.json"), "not a readable JSON file"),
    ]
    for arguments, message in cases:
        with pytest.raises(LockonError, match=message):
            invoke(*arguments)


def test_the_help_has_examples():
    assert "lockon export lockon-s --weights" in invoke("--help").output
