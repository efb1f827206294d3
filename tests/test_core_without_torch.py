"""The core install: everything that needs no extra loads and tracks with torch absent, and it loads fast."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lockon._require import install_command
from package_tree import CORE_PACKAGES, SOURCE, core_modules

# Import names of all that the extras bring (and that users may have anyway): set to None, they cannot be imported.
EXTRAS = ("torch", "torchvision", "safetensors", "lightning", "lightning_fabric", "tensorboard", "pycocotools", "matplotlib")
EXTRAS += ("onnx", "onnxscript", "openvino", "psutil", "pandas", "scipy", "PIL")
BLOCK = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS!r}))\n"

TRACK = """
import warnings
warnings.simplefilter("error")
import numpy as np
import lockon

frames = [np.full((120, 160, 3), 90, np.uint8) for _ in range(3)]
texture = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
for step, frame in enumerate(frames):
    frame[40 : 64, 60 + 2 * step : 84 + 2 * step] = texture
results = list(lockon.track(frames, (60, 40, 24, 24), tracker={tracker!r}))
assert len(results) == 3 and results[-1].box.shape == (4,)
"""


def start(code: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the code in a fresh interpreter, on this source tree."""
    paths = os.pathsep.join(filter(None, [str(SOURCE.parent), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": paths}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=False, cwd=folder, env=environment
    )


def run(code: str) -> str:
    """Standard output of the code in a fresh interpreter."""
    done = start(code)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_core_modules_load_without_extras() -> None:
    modules = core_modules()
    assert {"lockon.tracker", "lockon.bench.metrics", "lockon.export.runtime", "lockon.cli"} <= set(modules)
    run(BLOCK + f"import importlib\nfor name in {modules!r}: importlib.import_module(name)")


@pytest.mark.parametrize("tracker", ["lockon-s", "kcf"])
def test_core_tracks_without_extras(tracker: str) -> None:
    run(BLOCK + TRACK.format(tracker=tracker))


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [(["train", "lockon-s", "--videos", ".", "--out", "run"], "train"), (["export", "lockon-s", "--weights", "w.safetensors"], "export")],
)
def test_commands_name_the_extra_to_install(arguments: list[str], extra: str, tmp_path: Path) -> None:
    code = BLOCK + f"import sys; sys.argv = ['lockon', *{arguments!r}]\nfrom lockon.cli import main; main()"
    tmp_path.joinpath("w.safetensors").write_bytes(b"")
    done = start(code, tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert install_command(extra) in done.stderr
    assert done.stderr.count("\n") == 1


def loaded_by(code: str) -> set[str]:
    """Third-party packages that are loaded after the code ran."""
    known = sorted(CORE_PACKAGES | set(EXTRAS))
    return set(json.loads(run(f"{code}\nimport json, sys; print(json.dumps([name for name in {known!r} if name in sys.modules]))")))


def test_import_lockon_loads_nothing_else() -> None:
    assert loaded_by("import lockon") == set()


def test_command_line_loads_typer_alone() -> None:
    assert loaded_by("import lockon.cli") <= {"typer", "rich"}


def processor_time(code: str, count: int = 5) -> float:
    """Seconds of processor time of the fastest of `count` fresh interpreters, start included: the wall time of an idle machine."""
    clock = "import atexit, sys, time; atexit.register(lambda: sys.stdout.write(f'\\n{time.process_time()}'))\n"
    return min(float(run(clock + code).rpartition("\n")[2]) for _ in range(count))


def test_import_takes_less_than_half_a_second() -> None:
    assert processor_time("import lockon") < 0.5


def test_help_takes_less_than_a_second() -> None:
    assert processor_time("sys.argv = ['lockon', '--help']\nfrom lockon.cli import main; main()") < 1.0
