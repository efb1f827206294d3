"""Trackers of anybody's, named MODULE:FACTORY."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lockon.bench.external import is_external, make_external, source_of
from lockon.bench.spec import TrackerSpec, sha256
from lockon.errors import LockonError

CODE = """
class Mine:
    def __init__(self, scale=1.0, weights=None, device="nowhere"):
        self.arguments = (scale, weights, device)
    def init(self, frame, box):
        self.box = box
    def track(self, frame):
        return self.box

class Family:
    Small = Mine

def make_tracker():
    return Mine()

def nothing():
    return object()

def half():
    class Half:
        def init(self, frame, box): pass
    return Half()

number = 3
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with a module and a package that are not on Python's path; forgotten afterwards."""
    (tmp_path / "module_of_mine.py").write_text(CODE)
    (tmp_path / "needs_more.py").write_text("import not_installed_anywhere\n")
    (tmp_path / "breaks.py").write_text("1 / 0\n")
    package = tmp_path / "package_of_mine"
    package.mkdir()
    (package / "__init__.py").write_text("from package_of_mine.inner import Mine\n")
    (package / "inner.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def spec(name, **fields):
    return TrackerSpec("mine", name, **fields)


@pytest.mark.parametrize(
    "name",
    [
        "module_of_mine:make_tracker",
        "module_of_mine:Mine",
        "module_of_mine:Family.Small",
        "package_of_mine:Mine",
        "package_of_mine.inner:make_tracker",
    ],
)
def test_functions_and_classes_of_the_working_directory(here, name):
    assert is_external(name)
    tracker = make_external(spec(name))
    tracker.init(None, (1, 2, 3, 4))
    assert tracker.track(None) == (1, 2, 3, 4)


@pytest.mark.parametrize("name", ["module_of_mine:Mine", "package_of_mine:Mine", "package_of_mine.inner:Mine"])
def test_another_process_in_another_folder_finds_the_code_by_its_file(here, tmp_path_factory, name):
    (source,) = source_of(name)
    assert source.is_file()
    code = (
        "from pathlib import Path; from lockon.bench.external import make_external; from lockon.bench.spec import TrackerSpec; "
        f"make_external(TrackerSpec('a', {name!r}, source=(Path({str(source)!r}),)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path_factory.mktemp("elsewhere"))


def test_arguments_are_what_was_given(here):
    assert make_external(spec("module_of_mine:Mine")).arguments == (1.0, None, "nowhere")
    weights = here / "net.pt"
    found = make_external(spec("module_of_mine:Mine", weights=weights, device="cuda", overrides={"scale": 2}))
    assert found.arguments == (2, weights, "cuda")
    with pytest.raises(LockonError, match=r"module_of_mine:make_tracker\(\) cannot be called with \['scale'\]"):
        make_external(spec("module_of_mine:make_tracker", overrides={"scale": 2}))


def test_changed_code_is_another_configuration(here):
    name = "module_of_mine:Mine"
    configuration = spec(name, source=source_of(name)).configuration(0)
    assert configuration["source"] == {"module_of_mine.py": sha256(here / "module_of_mine.py")}
    assert "source" not in spec("kcf").configuration(0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("module_of_mine:make_trackers", "unknown name in module module_of_mine 'make_trackers'; did you mean 'make_tracker'"),
        ("module_of_min:make", "no module 'module_of_min' on Python's path or in .*set PYTHONPATH"),
        ("package_of_mine.outer:make", "no module 'package_of_mine.outer'"),
        ("needs_more:make", "module 'needs_more' needs 'not_installed_anywhere'"),
        ("module_of_mine:", "expected MODULE:FACTORY, for example my_module:make_tracker"),
        ("a/b:make", "expected MODULE:FACTORY"),
        ("module_of_mine:nothing", "made a object without init and track; a tracker has init"),
        ("module_of_mine:half", "made a Half without track"),
        ("module_of_mine:number", "is int 3; expected a function or class"),
    ],
)
def test_mistakes_say_what_is_wrong(here, name, text):
    with pytest.raises(LockonError, match=text):
        make_external(spec(name))


def test_an_error_of_the_module_itself_is_shown_as_it_is(here):
    with pytest.raises(ZeroDivisionError):
        source_of("breaks:make")
    assert "breaks" not in sys.modules
