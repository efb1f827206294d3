"""lockon inside the real GOT-10k toolkit: the toolkit runs our tracker, scores it as we do, and we read its files.

Needs an environment with the packages got10k and lockon, whose Python is named by LOCKON_GOT10K_PYTHON.
"""

from __future__ import annotations

import json
import os
import subprocess

import cv2
import numpy as np
import pytest

from lockon.bench.formats.importing import import_results
from lockon.bench.report import evaluate
from lockon.bench.store import Store
from lockon.data.datasets.registry import load_dataset

PYTHON = os.environ.get("LOCKON_GOT10K_PYTHON")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON, reason="set LOCKON_GOT10K_PYTHON to a Python with got10k and lockon")]
FRAMES = 12
RUN = """
import sys
from got10k.experiments import ExperimentGOT10k
from lockon.apps.got10k import Got10kTracker

experiment = ExperimentGOT10k(sys.argv[1], subset="val", result_dir=sys.argv[2], report_dir=sys.argv[3])
tracker = Got10kTracker("lockon-s")
experiment.run(tracker)
experiment.report([tracker.name])
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """GOT-10k's validation folder with two made sequences; the target is hidden in some frames of the second."""
    folder = tmp_path_factory.mktemp("got10k")
    rng = np.random.default_rng(0)
    names = ["GOT-10k_Val_000001", "GOT-10k_Val_000002"]
    (folder / "val").mkdir()
    (folder / "val/list.txt").write_text("\n".join(names))
    for number, name in enumerate(names):
        sequence = folder / "val" / name
        sequence.mkdir()
        background = cv2.GaussianBlur(rng.integers(0, 120, (240, 320, 3), dtype=np.uint8), (0, 0), 3)
        patch = cv2.resize(rng.integers(100, 255, (8, 8, 3), dtype=np.uint8), (40, 50), interpolation=cv2.INTER_CUBIC)
        lines, cover = [], []
        for index in range(FRAMES):
            frame, x, y = background.copy(), 100 + (4 - 7 * number) * index, 80 + index
            frame[y : y + 50, x : x + 40] = patch
            cv2.imwrite(str(sequence / f"{index + 1:08d}.jpg"), frame)
            lines.append(f"{x}.0000,{y}.0000,40.0000,50.0000\n")
            cover.append("0\n" if number and index in (6, 7) else "8\n")
        (sequence / "groundtruth.txt").write_text("".join(lines))
        (sequence / "cover.label").write_text("".join(cover))
        (sequence / "absence.label").write_text("".join("1\n" if line == "0\n" else "0\n" for line in cover))
        (sequence / "cut_by_image.label").write_text("0\n" * FRAMES)
        (sequence / "meta_info.ini").write_text("[METAINFO]\nurl: none\nresolution: (320, 240)\nanno_fps: 10Hz\n")
    return folder


def test_the_toolkit_runs_and_scores_our_tracker_as_we_do(root, tmp_path):
    command = [str(PYTHON), "-c", RUN, str(root), str(tmp_path / "results"), str(tmp_path / "reports")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, "MPLBACKEND": "Agg"})
    assert done.returncode == 0, done.stderr
    theirs = json.loads((tmp_path / "reports/GOT-10k/lockon-s/performance.json").read_text())["lockon-s"]["overall"]
    sequences = load_dataset(f"GOT10k_val:{root / 'val'}")
    (imported,) = import_results(tmp_path / "results/GOT-10k", sequences, tmp_path / "store")
    assert imported.files.notes == ()
    ours = evaluate(Store(tmp_path / "store"), convention="got10k").trackers[0].values
    assert ours["AO"] == pytest.approx(theirs["ao"], abs=1e-6)
    assert ours["SR50"] == pytest.approx(theirs["sr"], abs=1e-6)
    assert ours["AUC"] == pytest.approx(np.mean(theirs["succ_curve"]), abs=1e-6)
    assert ours["AO"] > 0.5
