"""A few kills of the commands that are fast; `benchmarks/kill.py` kills them all, a hundred times."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "kill.py"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_command_leaves_whole_files_and_the_next_run_finishes(tmp_path: Path) -> None:
    commands = ["--command", "track", "--command", "refine", "--command", "bench run"]
    words = [sys.executable, str(PROGRAM), "--points", "12", *commands, "--out", str(tmp_path)]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No faults." in done.stdout
