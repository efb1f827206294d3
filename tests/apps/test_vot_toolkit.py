"""lockon inside the real VOT toolkit, through TraX, and the toolkit's files back in lockon.

Needs an environment with vot-toolkit (and attributee==0.1.9), whose Python is named by LOCKON_VOT_PYTHON, and lockon[vot] here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from lockon.bench.formats.exporting import export_results
from lockon.bench.formats.importing import import_results
from lockon.bench.pack.validation import validate
from lockon.bench.pack.writing import pack
from lockon.bench.protocols.one_pass import run_one_pass
from lockon.bench.protocols.trajectory import STARTED, TRACKED
from lockon.bench.store import Store
from lockon.cli import app
from lockon.data.datasets.registry import load_dataset
from lockon.zoo.loading import load

PYTHON = os.environ.get("LOCKON_VOT_PYTHON")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="set LOCKON_VOT_PYTHON to a Python with vot-toolkit"),
    pytest.mark.skipif(find_spec("trax") is None, reason='needs pip install "lockon[vot]"'),
]
FRAMES = 14
STACK = """title: tiny
experiments:
  baseline: {type: supervised, repetitions: 1, skip_initialize: 5}
  unsupervised: {type: unsupervised, repetitions: 1}
  multi: {type: multistart}
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A workspace of the toolkit with one sequence and two trackers: ours, and the toolkit's own dummy."""
    folder = tmp_path_factory.mktemp("workspace")
    rng = np.random.default_rng(0)
    background = cv2.GaussianBlur(rng.integers(0, 120, (240, 320, 3), dtype=np.uint8), (0, 0), 3)
    patch = cv2.resize(rng.integers(100, 255, (8, 8, 3), dtype=np.uint8), (40, 40), interpolation=cv2.INTER_CUBIC)
    sequence = folder / "sequences/moving"
    (sequence / "color").mkdir(parents=True)
    corners = []
    for index in range(FRAMES):
        frame, x, y = background.copy(), 100 + 3 * index, 80 + index
        frame[y : y + 40, x : x + 40] = patch
        cv2.imwrite(str(sequence / f"color/{index + 1:08d}.jpg"), frame)
        corners.append(f"{x},{y},{x + 40},{y},{x + 40},{y + 40},{x},{y + 40}\n")
    (sequence / "groundtruth.txt").write_text("".join(corners))
    (sequence / "anchor.value").write_text("\n".join(["1", *["0"] * (FRAMES - 2), "-1"]) + "\n")
    (sequence / "sequence").write_text(f"channels.color=color/%08d.jpg\nfps=30\nname=moving\nlength={FRAMES}\nwidth=320\nheight=240\n")
    (folder / "sequences/list.txt").write_text("moving\n")
    (folder / "stack.yaml").write_text(STACK)
    (folder / "config.yaml").write_text("registry:\n- ./trackers.ini\nstack: ./stack.yaml\n")
    (folder / "results").mkdir()
    done = CliRunner().invoke(app, ["bench", "vot-ini", "--tracker", "lockon-s", "--name", "ours"])
    dummy = f"[dummy]\nprotocol = trax\ncommand = {PYTHON} -m vot.tracker.dummy\n"
    (folder / "trackers.ini").write_text(done.stdout + dummy)
    return folder


def _evaluate(workspace, experiment, tracker):
    command = [str(PYTHON), "-m", "vot", "evaluate", "--workspace", str(workspace), "--experiments", experiment, tracker]
    done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, timeout=300, check=False)
    return "concluded" in done.stdout + done.stderr, done.stdout + done.stderr


@pytest.fixture(scope="module")
def sequence(workspace):
    (only,) = load_dataset(f"VOT2018:{workspace / 'sequences'}")
    return only


@pytest.mark.parametrize(("experiment", "protocol"), [("unsupervised", "one-pass"), ("baseline", "reset"), ("multi", "anchors")])
def test_the_toolkit_runs_our_tracker_and_we_read_its_results(experiment, protocol, workspace, sequence, tmp_path):
    fine, output = _evaluate(workspace, experiment, "ours")
    if not fine and not _evaluate(workspace, experiment, "dummy")[0]:
        pytest.skip(f"this toolkit fails in {experiment} with its own tracker, too")
    assert fine, output
    only = tmp_path / "results" / "ours" / experiment
    only.parent.mkdir(parents=True)
    only.symlink_to(workspace / "results" / "ours" / experiment)
    (done,) = import_results(tmp_path / "results", [sequence], tmp_path / "store", trackers=["ours"])
    assert done.files.notes == ()
    records = Store(tmp_path / "store").records("ours", protocol)
    assert len(records) == (2 if protocol == "anchors" else 1)
    for record in records:
        boxes = record.run.boxes
        assert np.abs(boxes - record.truth).max() < 8  # it follows the target
        assert np.isfinite(record.run.times[1:]).all()
    if protocol == "one-pass":  # through TraX the same as without, but for the digits of its text
        ours = run_one_pass(load("lockon-s"), sequence)
        np.testing.assert_allclose(records[0].run.boxes, ours.boxes, atol=1e-3)
        np.testing.assert_allclose(records[0].run.scores[1:], ours.scores[1:], atol=1e-5)
    if protocol == "reset":
        assert records[0].run.events is not None
        assert records[0].run.events.tolist() == [STARTED, *[TRACKED] * (FRAMES - 1)]
    if protocol == "anchors":
        assert [(record.anchor, record.backward) for record in records] == [(0, False), (FRAMES - 1, True)]


READ = """
import sys
from vot.region.io import read_trajectory
for region in read_trajectory(sys.argv[1]):
    print(type(region).__name__, region)
"""


def test_the_toolkit_reads_what_we_write(workspace, sequence, tmp_path):
    fine, output = _evaluate(workspace, "unsupervised", "ours")
    assert fine, output
    import_results(workspace / "results", [sequence], tmp_path / "store", trackers=["ours"])
    store = Store(tmp_path / "store")
    export_results(store, "vot", tmp_path / "out", trackers=["ours"])
    path = tmp_path / "out/ours/unsupervised/moving/moving_001.txt"
    done = subprocess.run([str(PYTHON), "-c", READ, str(path)], capture_output=True, text=True, check=True, timeout=120)
    kinds = [line.split()[0] for line in done.stdout.splitlines()]
    assert kinds == ["Special", *["Rectangle"] * (FRAMES - 1)]
    packed = pack(store, "vot", tmp_path / "ours.zip", tracker="ours")
    assert validate(packed.path, "vot", [sequence]).valid


def test_a_tracker_that_cannot_start_says_why(workspace):
    done = subprocess.run(
        [sys.executable, "-m", "lockon.apps.vot", "--tracker", "lockon"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2
    assert "did you mean 'lockon-s'" in done.stderr
