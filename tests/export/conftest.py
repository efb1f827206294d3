from __future__ import annotations

from pathlib import Path

import pytest
from export_header import HEADER

from exporter_table import read_operators_once


@pytest.fixture(scope="session", autouse=True)
def exporter_table() -> None:
    read_operators_once()


@pytest.fixture
def header() -> dict:
    return dict(HEADER)


@pytest.fixture(scope="session")
def tiny():
    """The module whose weights the session's files hold."""
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    torch.set_num_threads(1)
    from tiny_siamese import TinySiamese

    return TinySiamese()


@pytest.fixture(scope="session")
def report(tiny, tmp_path_factory):
    """The report of one export with float16 storage; its files are read-only for tests."""
    pytest.importorskip("onnxscript", reason="needs the export extra")
    from lockon.export.onnx import export_onnx

    return export_onnx(tiny, tmp_path_factory.mktemp("export"), "tiny", HEADER)


@pytest.fixture
def pair(report, tmp_path) -> Path:
    """A private copy of the exported pair; the path of its search graph."""
    for path in (report.paths["search"], report.paths["template"]):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path / report.paths["search"].name
