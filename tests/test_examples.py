"""The scripts in examples/ run as they are, without arguments."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from package_tree import REPOSITORY, SOURCE

SCRIPTS = {
    "track_video.py": "tracked",
    "own_tracker.py": "| mine |",
    "refine_a_box.py": "see refined.png",
    "train_on_folder.py": "finished step 3",
}


def run(script: str, folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(SOURCE.parent), os.environ.get("PYTHONPATH")]))}
    command = [sys.executable, str(REPOSITORY / "examples" / script)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_example(script: str, tmp_path: Path) -> None:
    if script.startswith("train"):
        pytest.importorskip("lightning_fabric", reason="needs the train extra")
    assert SCRIPTS[script] in run(script, tmp_path)


def test_every_example_is_run() -> None:
    scripts = {path.name for path in REPOSITORY.joinpath("examples").glob("*.py")}
    assert scripts - set(SCRIPTS) == {"moving_patch.py"}  # what the others share
