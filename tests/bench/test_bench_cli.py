"""`lockon bench` from the command line, on a made clip with a tracker of OpenCV."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from lockon.bench.run import TrackerSpec
from lockon.bench.store import Store
from lockon.cli import _trackers, app
from lockon.cli.bench import spread

FRAMES = 6


def _make_data(root: Path, names=("left", "right"), frames=FRAMES) -> Path:
    """Sequences of the "folder" layout: a textured square that moves by two pixels per frame."""
    rng = np.random.default_rng(0)
    background = rng.integers(0, 80, (90, 160, 3), dtype=np.uint8)
    patch = rng.integers(120, 255, (30, 30, 3), dtype=np.uint8)
    for sign, name in zip((-1, 1), names, strict=False):
        (root / name).mkdir(parents=True)
        places = [(60 + 2 * sign * (index % 20), 30) for index in range(frames)]
        pictures = {place: _png(background, patch, *place) for place in set(places)}
        for index, place in enumerate(places):
            (root / name / f"{index:04d}.png").write_bytes(pictures[place])
        (root / name / "boxes.txt").write_text("".join(f"{x},{y},30,30\n" for x, y in places))
    return root


def _png(background, patch, x, y):
    frame = background.copy()
    frame[y : y + 30, x : x + 30] = patch
    return cv2.imencode(".png", frame)[1].tobytes()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return _make_data(tmp_path_factory.mktemp("data"))


def _lockon(*args):
    here = ["--workers", "0"] if args[0] == "run" else []  # a worker process takes a second to start
    return CliRunner().invoke(app, ["bench", *map(str, args), *here])


@pytest.fixture(scope="module")
def results(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("results") / "out"
    done = _lockon("run", "--trackers", "kcf", "same=kcf", "--data", f"folder:{data}", "--out", out)
    assert done.exit_code == 0, done.output
    assert "4 done, 0 finished before, 0 failed" in done.output
    return out


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--trackers", "a", "b", "--out", "x"], ["--trackers", "a", "--trackers", "b", "--out", "x"]),
        (["--out", "x", "--trackers", "a"], ["--out", "x", "--trackers", "a"]),
        (["--trackers=a", "b"], ["--trackers=a", "--trackers", "b"]),
        (["--set", "a=1", "b=2", "--overwrite"], ["--set", "a=1", "--set", "b=2", "--overwrite"]),
        (["--out", "x", "stray"], ["--out", "x", "stray"]),
    ],
)
def test_spread(args, expected):
    assert spread(args) == expected


@pytest.mark.parametrize(
    ("args", "files"),
    [
        (["--protocol", "reset", "--rule", "skip=3", "vot_init=area"], ["folder.reset/left.json"]),
        (["--protocol", "realtime", "--rule", "seconds=0.2", "base=reset"], ["folder.realtime/left.json"]),
        (["--protocol", "anchors", "--rule", "spacing=4"], ["folder.anchors/left@0.json", "folder.anchors/left@4.json"]),
        (["--protocol", "got10k"], ["folder/left#2.json", "folder/left.json"]),
        (["--repetitions", "2"], ["folder/left#2.json", "folder/left.json"]),
    ],
)
def test_protocols(data, tmp_path, args, files):
    done = _lockon("run", "--trackers", "kcf", "--data", f"folder:{data}", "--sequences", "left", "--out", tmp_path, *args)
    assert done.exit_code == 0, done.output
    assert "1 done" in done.output
    assert sorted(path.relative_to(tmp_path / "kcf").as_posix() for path in tmp_path.glob("kcf/*/*")) == files
    store = Store(tmp_path)
    (protocol,) = store.protocols("kcf")
    record = store.records("kcf", protocol)[0]
    assert record.setup["data"] == f"folder:{data}"
    if protocol == "reset":
        assert record.rules == {"skip": 3, "vot_init": "area"}
    if protocol == "realtime":
        assert (record.rules["base"], record.rules["seconds"], record.rules["fps"]) == ("reset", 0.2, 20.0)


def test_a_tracker_of_ones_own(data, tmp_path, monkeypatch):
    (tmp_path / "cli_module_of_mine.py").write_text(
        "class Still:\n"
        "    def __init__(self, shift=0): self.shift = shift\n"
        "    def init(self, frame, box): self.box = [box[0] + self.shift, *box[1:]]\n"
        "    def track(self, frame): return self.box\n"
    )
    monkeypatch.chdir(tmp_path)
    names = ["cli_module_of_mine:Still", "moved=cli_module_of_mine:Still", "kcf"]
    done = _lockon("run", "--trackers", *names, "--set", "moved:shift=7", "--data", f"folder:{data}", "--out", "out")
    assert done.exit_code == 0, done.output
    assert Store("out").trackers() == ["Still", "kcf", "moved"]
    still, moved = (Store("out").records(label)[0].run.boxes[1:, 0] for label in ("Still", "moved"))
    np.testing.assert_allclose(moved - still, 7)
    wrong = _lockon("run", "--trackers", "cli_module_of_mine:Stil", "--data", f"folder:{data}", "--out", "out")
    assert (wrong.exit_code, "did you mean 'Still'" in wrong.output) == (2, True)
    sys.modules.pop("cli_module_of_mine")


def test_results_are_kept_and_skipped(results, data):
    again = _lockon("run", "--trackers", "kcf,same=kcf", "--data", f"folder:{data}", "--out", results)
    assert again.exit_code == 0
    assert "0 done, 4 finished before, 0 failed" in again.output


def test_report_formats(results, tmp_path):
    text = _lockon("report", results, "--format", "json").stdout
    first, second = json.loads(text)
    assert {first["tracker"], second["tracker"]} == {"kcf", "same"}
    assert first["AO"] == second["AO"] > 0.8
    assert _lockon("report", results, "--trackers", "same", "--format", "csv").stdout.count("same") == 3
    page = tmp_path / "page.md"
    page.write_text("<!-- bench:begin --><!-- bench:end -->")
    assert _lockon("report", results, "--into", page, "--per-sequence").exit_code == 0
    assert "| kcf |" in page.read_text()


def test_only_named_sequences(data, tmp_path):
    done = _lockon("run", "--trackers", "kcf", "--data", f"folder:{data}", "--sequences", "left", "--out", tmp_path)
    assert "1 done" in done.output


def _spoil_line(root):
    (root / "right" / "boxes.txt").write_text("1,2,3,4\n" * 3 + "1,two,3,4\n" + "1,2,3,4\n" * (FRAMES - 4))
    return "right", "boxes.txt:4: expected x,y,w,h"


def _spoil_count(root):
    (root / "right" / "0001.png").unlink()
    return "right", f"{FRAMES - 1} frames but {FRAMES} boxes"


def _spoil_video(root):
    (root / "ride.mp4").write_bytes(b"no video")
    (root / "ride.csv").write_text("frame,target,x,y,w,h\n0,0,1,2,9,9\n0,1,1,2,9,9\n")
    return "ride", "ride.mp4"


@pytest.mark.parametrize("spoil", [_spoil_line, _spoil_count, _spoil_video])
def test_a_sequence_that_cannot_be_read_stops_no_other(tmp_path, spoil):
    data = _make_data(tmp_path / "data")
    name, reason = spoil(data)
    run = ("run", "--trackers", "kcf", "--data", f"folder:{data}", "--out", tmp_path / "out")
    unchosen = _lockon(*run, "--sequences", "left")
    assert (unchosen.exit_code, "failed:" in unchosen.output, "1 done" in unchosen.output) == (0, False, True)
    everything = _lockon(*run)
    assert everything.exit_code == 1
    assert f"failed: {name} of folder, which no tracker was run on: " in everything.output
    assert reason in everything.output
    assert "finished before, 0 failed, 1 sequence not read; now:" in everything.output
    alone = _lockon(*run, "--sequences", name)
    assert (alone.exit_code, reason in alone.output, "Traceback" in alone.output) == (2, True, False)


def test_damaged_frames_of_a_video_fail_its_sequence_alone(tmp_path):
    data = _make_data(tmp_path / "data", names=("left",))
    shutil.copy(Path(__file__).parents[1] / "videos" / "mid_key_bf_mp4.mp4", data / "ride.mp4")
    (data / "ride.txt").write_text("8,8,20,20\n" * 60)
    done = _lockon("run", "--trackers", "kcf", "--data", f"folder:{data}", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "failed: kcf on ride: " in done.output
    assert "cannot be decoded" in done.output
    assert "1 done, 0 finished before, 1 failed; now:" in done.output


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--trackers", "kfc"], "unknown tracker 'kfc'; did you mean 'kcf'?"),
        (["--trackers", "kcf", "kcf"], "--trackers kcf is given twice"),
        (["--trackers", ","], "--trackers has no names"),
        (["--trackers", "kcf", "--sequences", "lef"], "did you mean 'left'"),
        (["--trackers", "kcf", "mil", "--weights", "file"], "is not TRACKER=PATH"),
        (["--trackers", "kcf", "mil", "--weights", "csrt=file"], "unknown tracker in --weights 'csrt'"),
        (["--trackers", "kcf", "--weights", "a", "kcf=b"], "--weights of kcf is given twice"),
        (["--trackers", "kcf", "--weights", "file"], "kcf has no weights"),
        (["--trackers", "nanotrack-v2"], "--weights DIR"),
        (["--trackers", "kcf", "--set", "mil:a=1"], "unknown tracker in --set 'mil'"),
        (["--trackers", "kcf", "--set", "window=0.4"], "kcf has no option 'window'"),
        (["--trackers", "kcf", "--preset", "official"], "unknown preset of kcf 'official'"),
        (["--trackers", "kcf", "--device", "kcf:cuda"], "kcf runs on the CPU only, device 'cuda' given"),
        (["--trackers", "kcf", "--protocol", "reset", "--rule", "skip=0"], "skip=0; expected 1 or more frames"),
        (["--trackers", "kcf", "--protocol", "realtime", "--rule", "fsp=20"], "did you mean 'fps'"),
        (["--trackers", "kcf", "--rule", "base=rest"], "base"),
        (["--trackers", "lockon-s", "--batch", "2", "--protocol", "realtime"], "real time cannot be measured in batches"),
        (["--trackers", "no_such_module:make"], "no module 'no_such_module' on Python's path"),
    ],
)
def test_mistakes_are_one_line_and_status_2(data, tmp_path, args, text):
    done = _lockon("run", *args, "--data", f"folder:{data}", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert text in done.output
    assert not (tmp_path / "out").exists()


def test_report_mistakes(results, tmp_path):
    assert _lockon("report", tmp_path / "nothing").exit_code == 2
    wrong = _lockon("report", results, "--format", "json", "--into", tmp_path / "page.md")
    assert wrong.exit_code == 2
    assert "leave --format out" in wrong.output


def test_options_of_one_tracker_go_before_those_of_all():
    devices = ["cuda:0", "cuda:1", "wide:cpu"]
    specs = _trackers.tracker_specs(["kcf", "wide=kcf"], [], ["fast", "wide:exact"], devices, ["a.b=1", "wide:a.b=2"])
    assert specs == [
        TrackerSpec("kcf", "kcf", None, "fast", "cuda:0,cuda:1", {"a.b": 1}, ()),
        TrackerSpec("wide", "kcf", None, "exact", "cpu", {"a.b": 2}, ()),
    ]


def test_a_device_that_is_spelt_like_a_label_is_a_device():
    (spec,) = _trackers.tracker_specs(["openvino=kcf"], [], [], ["openvino"], [])
    assert spec.device == "openvino"


def test_a_failure_is_named_and_the_status_is_1(tmp_path):
    root = _make_data(tmp_path / "data")
    (root / "left" / "0003.png").write_bytes(b"no image")
    done = _lockon("run", "--trackers", "kcf", "--data", f"folder:{root}", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "failed: kcf on left" in done.output
    assert "1 done, 0 finished before, 1 failed" in done.output


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process on Windows")
def test_ctrl_c_keeps_what_is_finished(tmp_path):
    root = _make_data(tmp_path / "short", names=["first"])
    _make_data(root, names=["second"], frames=600)
    out = tmp_path / "out"
    command = ["bench", "run", "--trackers", "csrt", "--data", f"folder:{root}", "--out", str(out)]
    heard = "signal.signal(signal.SIGINT, signal.default_int_handler)"  # also where these tests run in the background of a shell
    code = f"from lockon.cli import main; import signal, sys; {heard}; sys.argv[1:] = {command!r}; main()"
    script = tmp_path / "script.py"  # worker processes import the main module again
    script.write_text(f"if __name__ == '__main__':\n    {code}\n")
    process = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, text=True, env=os.environ)
    deadline = time.monotonic() + 60
    while not list(out.glob("csrt/*/first.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted; finished sequences are kept" in errors
    assert "Traceback" not in errors
    assert [path.name for path in out.glob("csrt/*/*")] == ["first.json"]
