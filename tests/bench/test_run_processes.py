"""Runs over processes: devices, killed workers, a killed main process; whatever happens, the table is the same at the end."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from fake_trackers import make, make_color_tracker, make_on_device, make_sequence

from lockon.bench.report import evaluate
from lockon.bench.run import BenchmarkOptions, TrackerSpec, run_benchmark
from lockon.bench.store import Store, load_record
from lockon.errors import LockonError

HERE = Path(__file__).parent


@pytest.fixture
def sequences(tmp_path):
    return [make_sequence(tmp_path / "data", f"s{number}", red=number == 2, frames=8) for number in range(4)]


def answers(store, label):
    """All that a tracker answered: everything of its records but times and setup."""
    paths = sorted((store.folder / label).glob("*/*.json"))
    return {
        path.name: {key: value for key, value in json.loads(path.read_text()).items() if key not in ("times", "setup")} for path in paths
    }


def table(store, label):
    (score,) = (item for item in evaluate(store).trackers if item.label == label)
    return score.values, [(part.sequence, part.values) for part in score.sequences]


def spec(folder, kind="killed", **overrides):
    return TrackerSpec("it", kind, overrides={"marker": str(folder / "marker"), **overrides} if kind == "killed" else overrides)


@pytest.fixture
def undisturbed(tmp_path, sequences):
    """The results that no accident may change: the tracker of `Killed`, which another marker keeps alive."""
    (tmp_path / "alive").write_text("x")
    run_benchmark(
        [TrackerSpec("it", "killed", overrides={"marker": str(tmp_path / "alive")})],
        sequences,
        tmp_path / "calm",
        make,
        options=BenchmarkOptions(workers=0),
    )
    return Store(tmp_path / "calm")


@pytest.mark.slow
def test_the_sequence_of_a_killed_worker_is_run_again_by_another(tmp_path, sequences, undisturbed):
    outcomes = run_benchmark([spec(tmp_path)], sequences, tmp_path / "out", make, options=BenchmarkOptions(workers=2))
    assert (tmp_path / "marker").read_text() == "x"  # it was killed indeed
    assert {outcome.status for outcome in outcomes} == {"done"}
    assert len(outcomes) == 4
    store = Store(tmp_path / "out")
    assert answers(store, "it") == answers(undisturbed, "it")
    assert table(store, "it") == table(undisturbed, "it")


@pytest.mark.slow
def test_a_sequence_that_costs_two_workers_has_failed_and_can_be_run_later(tmp_path, sequences, undisturbed):
    tracker = spec(tmp_path, times=2)
    outcomes = run_benchmark([tracker], sequences, tmp_path / "out", make, options=BenchmarkOptions(workers=2))
    assert {outcome.sequence: outcome.status for outcome in outcomes} == {"s0": "done", "s1": "done", "s2": "failed", "s3": "done"}
    assert "process died" in next(outcome.error for outcome in outcomes if outcome.error)
    outcomes = run_benchmark([tracker], sequences, tmp_path / "out", make, options=BenchmarkOptions(workers=1))
    assert {outcome.sequence: outcome.status for outcome in outcomes} == {"s0": "skipped", "s1": "skipped", "s2": "done", "s3": "skipped"}
    assert answers(Store(tmp_path / "out"), "it") == answers(undisturbed, "it")


@pytest.mark.slow
def test_a_batch_that_costs_two_workers_is_taken_apart(tmp_path):
    """In a batch: the one sequence at fault fails, the others of its batch are done."""
    sequences = [make_sequence(tmp_path / "data", name, frames=5, red=name == "red") for name in ("red", "dark", "other")]
    outcomes = run_benchmark(
        [TrackerSpec("net", "color", device=str(tmp_path))],
        sequences,
        tmp_path / "out",
        make_dying_color_tracker,
        options=BenchmarkOptions(workers=1, batch=3),
    )
    assert {outcome.sequence: outcome.status for outcome in outcomes} == {"red": "failed", "dark": "done", "other": "done"}


def make_dying_color_tracker(spec):
    """A network that takes its process along when it sees red."""
    tracker = make_color_tracker(spec)
    step = tracker.step

    def deadly(frames, targets):
        if any(frame[0, 0, 0] > 200 for frame in frames):
            os._exit(7)
        return step(frames, targets)

    tracker.step = deadly
    return tracker


@pytest.mark.slow
def test_several_devices_are_spread_over_the_workers(tmp_path):
    sequences = [make_sequence(tmp_path / "data", f"s{number}", frames=3) for number in range(6)]
    run_benchmark(
        [TrackerSpec("it", "any", device="cuda:0,cuda:1")], sequences, tmp_path / "out", make_on_device, options=BenchmarkOptions(workers=2)
    )
    store = Store(tmp_path / "out")
    assert store.describe("it")["configuration"]["device"] == "cuda"
    process_of = {}
    for record in store.records("it"):
        device, process = record.run.boxes[-1, :2]
        assert record.setup["device"] == f"cuda:{device:.0f}"
        assert process_of.setdefault(process, device) == device  # a worker keeps its device
    assert set(process_of.values()) <= {0, 1}
    assert TrackerSpec("it", "any", device="cuda:0,cuda:1").on_worker(3).device == "cuda:1"


@pytest.mark.slow
def test_what_workers_cannot_read_is_one_line(tmp_path, sequences):
    def local_make(spec):
        return make(spec)

    with pytest.raises(
        LockonError, match=r"the tracker cannot be sent to a worker process .* `make` of the top level of a module, or workers=0"
    ):
        run_benchmark([TrackerSpec("it", "still")], sequences, tmp_path / "out", local_make, options=BenchmarkOptions(workers=1))
    assert multiprocessing.active_children() == []


SCRIPT = """
import sys
from pathlib import Path
from fake_trackers import make, make_sequence
from lockon.bench.run import BenchmarkOptions, TrackerSpec, run_benchmark
from lockon.data.sequence import LazyList, VideoSequence, read_image
import numpy as np

if __name__ == "__main__":
    root, out, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    sequences = []
    for folder in sorted(root.iterdir()):
        paths = sorted(folder.iterdir())
        sequences.append(VideoSequence(folder.name, "made", LazyList(paths, read_image), np.tile([5.0, 5, 10, 10], (len(paths), 1))))
    spec = TrackerSpec("it", "slow", overrides={"seconds": seconds})
    run_benchmark([spec], sequences, out, make, options=BenchmarkOptions(workers=2))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_a_killed_worker_then_the_whole_run_killed_and_resumed_give_the_identical_table(tmp_path):
    for number in range(6):
        make_sequence(tmp_path / "data", f"s{number}", frames=10)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    out = tmp_path / "out"
    command = [sys.executable, str(script), str(tmp_path / "data"), str(out), "0.1"]

    process = subprocess.Popen(command, env=environment)
    workers = _wait(lambda: [child for child in psutil.Process(process.pid).children(recursive=True) if _is_worker(child)], 2)
    _wait(lambda: list(out.glob("it/made/s*.json")), 1)
    workers[0].kill()  # a worker midway
    _wait(lambda: list(out.glob("it/made/s*.json")), 2)
    workers = [child for child in psutil.Process(process.pid).children(recursive=True) if _is_worker(child)]
    process.send_signal(signal.SIGKILL)  # then the whole run
    process.wait()
    gone, alive = psutil.wait_procs(workers, timeout=10)
    assert len(gone) >= 1
    assert alive == []  # no worker goes on behind our back
    partial = [path for path in out.glob("it/made/*.json") if not path.name.startswith(".") and load_record(path)]  # what is there is whole
    assert 2 <= len(partial) < 6
    kept = {path: path.stat().st_mtime_ns for path in partial}

    subprocess.run(command, env=environment, check=True)
    assert {path: path.stat().st_mtime_ns for path in partial} == kept
    subprocess.run([*command[:3], str(tmp_path / "calm"), "0.1"], env=environment, check=True)
    assert answers(Store(out), "it") == answers(Store(tmp_path / "calm"), "it")
    assert table(Store(out), "it") == table(Store(tmp_path / "calm"), "it")


def _is_worker(process):
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def _wait(find, count, seconds=60):
    deadline = time.monotonic() + seconds
    while len(found := find()) < count:
        assert time.monotonic() < deadline, "nothing happens"
        time.sleep(0.02)
    return found
