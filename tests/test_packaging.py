"""The wheel holds all that a user needs, and asks for nothing that the core can do without."""

from __future__ import annotations

import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from package_tree import REPOSITORY, SOURCE

MEGABYTE = 1e6


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    builder = pytest.importorskip("hatchling.builders.wheel", reason="needs hatchling (the dev extra)")
    (path,) = builder.WheelBuilder(str(REPOSITORY)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    return Path(path)


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path, names: set[str]):
    (path,) = [name for name in names if name.endswith(".dist-info/METADATA")]
    with zipfile.ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(path).decode())


def test_every_file_of_the_source_is_in_it(names: set[str]) -> None:
    """Code, the bundled clip, weights, lists, py.typed."""
    source = [path for path in SOURCE.rglob("*") if path.is_file() and not {"__pycache__", ".mypy_cache"} & set(path.parts)]
    expected = {path.relative_to(SOURCE.parent).as_posix() for path in source if path.suffix not in (".pyc", ".tmp")}
    assert expected - names == set()
    assert {"lockon/py.typed", "lockon/assets/big_buck_bunny.mp4", "lockon/data/lists/OTB100.json"} <= names
    weights = ("lockon-s", "lockon-s.template", "refine-s", "refine-s.template", "refine-s.mask")
    assert {f"lockon/zoo/weights/{name}.onnx" for name in weights} <= names


def test_nothing_else_is_in_it(names: set[str]) -> None:
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"lockon"}


def test_licences_are_in_it(names: set[str]) -> None:
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
    assert "lockon/assets/LICENSE-big_buck_bunny.txt" in names


def test_weights_and_wheel_are_small(wheel: Path) -> None:
    weights = sum(path.stat().st_size for path in SOURCE.joinpath("zoo", "weights").glob("*.onnx"))
    assert 0 < weights <= 12 * MEGABYTE
    assert wheel.stat().st_size <= 20 * MEGABYTE


def test_core_dependencies(metadata) -> None:
    required = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    packages = {line.split(";")[0].strip().rstrip("0123456789.>=<,") for line in required}
    assert packages == {"numpy", "opencv-contrib-python-headless", "onnxruntime", "typer", "rich", "tomli"}


def test_extras(metadata) -> None:
    extras = {"torch", "train", "bench", "export", "openvino", "app", "ray", "vot", "video", "docs", "dev"}
    assert set(metadata.get_all("Provides-Extra")) == extras


def test_entry_point(wheel: Path, names: set[str]) -> None:
    (path,) = [name for name in names if name.endswith(".dist-info/entry_points.txt")]
    with zipfile.ZipFile(wheel) as archive:
        assert "lockon = lockon.__main__:main" in archive.read(path).decode()


def test_constraints_pin_what_development_needs(metadata) -> None:
    """Every direct dependency, of the core and of the extras, has a version in constraints.txt."""
    text = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8")
    pinned = {line.partition("==")[0] for line in text.splitlines() if "==" in line and not line.startswith("#")}
    names = {line.split(";")[0].strip().partition("[")[0].rstrip("0123456789.>=<,") for line in metadata.get_all("Requires-Dist")}
    assert names - {"lockon"} - pinned == set()
