"""`lockon bench search` from the command line, with a tracker of one's own whose best parameters are known."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from lockon._require import install_command
from lockon.cli import app
from lockon.cli._texts import parse_overrides

pytest.importorskip("optuna", reason="needs the bench extra")

# Off by 10 |rate - 0.37| of 20 pixels; `slow` waits in every frame. With `plain` there is no config to read.
TRACKER = """
import time
from dataclasses import dataclass
from lockon.config import apply_overrides

@dataclass(frozen=True)
class Config:
    rate: float = 0.1
    slow: float = 0.0

class Tracker:
    def __init__(self, **overrides):
        self.config = apply_overrides(Config(), overrides)
    def init(self, frame, box):
        self.box = list(box)
    def track(self, frame):
        time.sleep(self.config.slow)
        x, y, w, h = self.box
        return [x + 10 * abs(self.config.rate - 0.37), y, w, h]

class Plain(Tracker):
    def __init__(self, rate=0.1):
        super().__init__(rate=rate)
        self.settings = self.__dict__.pop("config")
    def track(self, frame):
        x, y, w, h = self.box
        return [x + 10 * abs(self.settings.rate - 0.37), y, w, h]
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working directory, with the tracker's module and videos in val/ and test/."""
    (tmp_path / "tuned_here.py").write_text(TRACKER)
    _, picture = cv2.imencode(".png", np.zeros((48, 64, 3), np.uint8))
    for split in ("val", "test"):
        for name in ("one", "two", "three"):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for index in range(4):
                (folder / f"{index}.png").write_bytes(picture.tobytes())
            (folder / "boxes.txt").write_text("10,10,20,20\n" * 4)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("tuned_here", None)


def lockon(*args, workers=0):
    return CliRunner().invoke(app, ["bench", "search", *map(str, args), "--workers", str(workers)])


SEARCH = ("tuned_here:Tracker", "--data", "folder:val", "--vary", "rate=0:1", "--out", "out")


def trials_of(folder: Path):
    """What the journal keeps of each trial."""
    lines = map(json.loads, (folder / "journal.log").read_text().splitlines())
    return [{**line["user_attrs"], "value": line["value"]} for line in lines if "state" in line]


def test_it_finds_the_best_and_says_what_to_type(here):
    done = lockon(*SEARCH, "--trials", 30, "--folds", 3, "--plots")
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.splitlines()
    overrides = parse_overrides(line.split()[1::2])
    assert overrides["rate"] == pytest.approx(0.37, abs=0.03)
    assert json.loads((here / "out" / "best.json").read_text()) == {"rate": overrides["rate"], "slow": 0.0}
    assert "30 complete trials" in done.stderr
    assert "own" in done.stderr
    assert "on sequences that were not chosen on (3 folds)" in done.stderr
    assert "wrote best.json, summary.json, history.png, parameters.png" in done.stderr
    summary = json.loads((here / "out" / "summary.json").read_text())
    assert summary["options"] == line
    assert summary["gain"] == pytest.approx(max(trial["value"] for trial in trials_of(here / "out")) - summary["default"])
    assert summary["folds"]["gain"] == pytest.approx(summary["gain"])  # the sequences are alike
    assert summary["data"] == [{"data": "folder:val", "split": "validation", "reason": "it lies in a folder named 'val'"}]


def test_the_same_command_goes_on(here):
    assert lockon(*SEARCH, "--trials", 3).exit_code == 0
    before = trials_of(here / "out")
    longer = lockon(*SEARCH, "--trials", 6)
    assert "trial 2" not in longer.stderr
    assert trials_of(here / "out")[:3] == before
    assert [trial["number"] for trial in trials_of(here / "out")] == list(range(6))
    again = lockon(*SEARCH, "--trials", 6)
    assert again.stdout == longer.stdout
    other = lockon(*SEARCH, "--trials", 6, "--seed", 1)
    assert other.exit_code == 2
    assert other.stderr.startswith("error: out holds another search: tracker.seed (0 -> 1), seed (0 -> 1); give another --out")


def test_nothing_better_is_said(here):
    done = lockon("tuned_here:Tracker", "--data", "folder:val", "--vary", "rate=0.8:0.9", "--out", "out", "--trials", 3)
    assert done.exit_code == 0
    assert done.stdout == ""
    assert "nothing better than the tracker's own parameters was found" in done.stderr
    assert json.loads((here / "out" / "best.json").read_text()) == {"rate": 0.1, "slow": 0.0}


def test_test_data_are_refused_unless_forced(here):
    arguments = ("tuned_here:Tracker", "--data", "folder:test", "--vary", "rate=0:1", "--out", "out", "--trials", 2)
    refused = lockon(*arguments)
    assert refused.exit_code == 2
    assert refused.stderr.count("\n") == 1
    assert refused.stderr.startswith("error: folder:test is test data: it lies in a folder named 'test'.")
    assert "--force" in refused.stderr
    assert not (here / "out").exists()
    forced = lockon(*arguments, "--force")
    assert forced.exit_code == 0, forced.output
    assert "warning: folder:test is test data" in forced.stderr
    assert '"data": "folder:test", "split": "test"'.replace(" ", "") in (here / "out" / "journal.log").read_text()
    assert json.loads((here / "out" / "summary.json").read_text())["data"][0]["split"] == "test"


def test_a_tracker_without_a_config(here):
    done = lockon("tuned_here:Plain", "--data", "folder:val", "--vary", "rate=0.0:1.0:0.37", "--out", "out", "--sampler", "grid")
    assert done.exit_code == 0, done.output
    assert done.stdout == "--set rate=0.37\n"
    assert json.loads((here / "out" / "best.json").read_text()) == {"rate": 0.37}
    assert len(trials_of(here / "out")) == 4


def test_fixed_parameters_and_a_space_from_a_file(here):
    (here / "space.toml").write_text("rate = [0.3, 0.4]\n")
    options = ("--data", "folder:val", "--out", "out", "--space", "space.toml", "--fixed", "slow=0.001", "--sequences", "one,two")
    done = lockon("tuned_here:Tracker", *options, "--trials", 8, "--sampler", "grid")
    assert done.exit_code == 0, done.output
    assert done.stdout == "--set slow=0.001 --set rate=0.4\n"
    assert set(trials_of(here / "out")[0]["sequences"]) == {"one", "two"}


def test_the_best_options_are_what_bench_run_takes(here):
    done = lockon(*SEARCH, "--trials", 6, "--metric", "AUC")
    options = done.stdout.split()
    ran = CliRunner().invoke(
        app, ["bench", "run", "--trackers", "tuned_here:Tracker", "--data", "folder:val", "--out", "runs", "--workers", "0", *options]
    )
    assert ran.exit_code == 0, ran.output
    told = CliRunner().invoke(app, ["bench", "report", "runs", "--format", "csv"])
    best = max(trial["value"] for trial in trials_of(here / "out"))
    assert f"{best:.3f}"[1:] in told.stdout


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("tuned_here:Tracker",), "no parameters with a default range; name them: --vary NAME=LOW:HIGH"),
        (("tuned_here:Tracker", "--vary", "rat=0:1"), "unknown parameter 'rat'; did you mean 'rate'?"),
        (("tuned_here:Tracker", "--vary", "rate"), "--vary rate has no range"),
        (("tuned_here:Tracker", "--vary", "rate=0:1", "--space", "x.toml"), "give one of the two"),
        (("tuned_here:Tracker", "--space", "x.toml"), "cannot read x.toml"),
        (("tuned_here:Tracker", "--vary", "rate=0:1", "--fixed", "rate=1"), "rate is fixed and in the space"),
        (("tuned_here:Tracker", "--vary", "rate=0:1", "--fixed", "rate"), "--fixed rate is not name=value"),
        (("tuned_here:Tracker", "--vary", "rate=0:1", "--folds", "4"), "--folds 4 with 3 sequences"),
        (("tuned_here:Tracker", "--vary", "rate=0:1", "--sequences", "four"), "unknown sequence 'four'"),
        (("tuned_here:Tracker", "--vary", "rate=0:1", "--metric", "EAO"), "give --lengths LOW HIGH"),
        (("tuned_here:Tracker", "--vary", "rate=0:1", "--convention", "otb"), "unknown convention 'otb'"),
        (("tuned_here:Plain", "--vary", "size=0:1"), "size"),
        (("csrt", "--vary", "size=0:1"), "csrt has no option 'size'"),
        (("lockon",), "unknown tracker 'lockon'; did you mean 'lockon-s'"),
    ],
)
def test_mistakes_are_one_line(here, options, text):
    done = lockon(*options, "--data", "folder:val", "--out", "out")
    assert done.exit_code == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert text in line
    assert not (here / "out").exists()


def test_a_missing_package_is_named(here, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    done = lockon(*SEARCH)
    assert done.exit_code == 2
    assert f"this needs optuna, which is not installed; type: {install_command('bench')}" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process")
def test_ctrl_c_keeps_finished_trials(here):
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # also in the background of a shell
    command = [sys.executable, "-c", f"{heard}; from lockon.cli import main; main()", "bench", "search", *SEARCH, "--fixed", "slow=0.1"]
    process = subprocess.Popen([*command, "--trials", "1000", "--workers", "1"], stderr=subprocess.PIPE, text=True)
    log = here / "out" / "journal.log"
    until = time.monotonic() + 120
    while (not log.exists() or log.read_text().count("\n") < 5) and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; finished trials are kept in out, the same command goes on from there" in told
    finished = len(trials_of(here / "out"))
    assert finished >= 2
    done = lockon(*SEARCH, "--fixed", "slow=0.1", "--trials", finished)
    assert done.exit_code == 0, done.output
    assert len(trials_of(here / "out")) == finished
