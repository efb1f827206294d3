"""Outputs of a few kinds that must not grow beyond a few sizes; `benchmarks/fill_disk.py` fills disks with every kind at twenty."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "fill_disk.py"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_without_room_the_older_file_stays_and_one_line_says_why(tmp_path: Path) -> None:
    kinds = ["track .csv", "track .json", "track .mp4", "refine masks.jsonl", "bench export", "bench pack"]
    outputs = [word for kind in kinds for word in ("--output", kind)]
    words = [sys.executable, str(PROGRAM), "--sizes", "4", "--limit", *outputs, "--out", str(tmp_path)]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No faults." in done.stdout
