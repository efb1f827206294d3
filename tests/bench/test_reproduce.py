"""`lockon bench reproduce`: what a number was made with, and whether it comes out again."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
from test_bench_cli import _make_data
from typer.testing import CliRunner

from lockon.bench.reproduce import find_claims, record_differences
from lockon.bench.store import RunKey, Store
from lockon.cli import app
from lockon.errors import LockonError

TRACKER = """
import numpy as np

class Walk:
    def init(self, frame, box):
        self.box = np.asarray(box, dtype=float)

    def track(self, frame):
        self.box = self.box + np.random.normal(size=4) * [1, 1, 0, 0]
        return self.box
"""


def lockon(*args):
    return CliRunner().invoke(app, ["bench", *map(str, args), *(["--workers", "0"] if args[0] != "report" else [])])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return _make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    """A deterministic tracker under two protocols, and a random one with repetitions."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "walking.py").write_text(TRACKER)
    out = folder / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        common = ["--data", f"folder:{data}", "--out", out]
        assert lockon("run", "--trackers", "kcf", *common).exit_code == 0
        assert lockon("run", "--trackers", "kcf", "--protocol", "reset", "--rule", "skip=3", *common).exit_code == 0
        assert lockon("run", "--trackers", "walk=walking:Walk", "--repetitions", 2, "--seed", 5, *common).exit_code == 0
    return out


@pytest.fixture
def results(made, tmp_path, monkeypatch):
    """A copy that a test may damage, beside the random tracker's code."""
    monkeypatch.chdir(made.parent)
    return shutil.copytree(made, tmp_path / "results")


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_everything_comes_out_again(results):
    done = lockon("reproduce", results, "--allow", "walking:Walk")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "identical"
    assert "kcf: kcf, preset default, overrides none" in done.stdout
    assert "protocol   reset (skip 3, vot_init bounding); 2 runs of 2 sequences" in done.stdout
    assert "walk: walking:Walk" in done.stdout
    assert "seed       5, 6" in done.stdout
    assert "4 of 4 runs identical" in done.stdout
    assert "code       walking.py sha256" in done.stdout
    assert done.stdout.count("configuration here: as it was") == 3
    assert f"numpy {np.__version__}" in done.stdout
    assert "convention pysot: AO" in done.stdout


@pytest.mark.parametrize(
    ("place", "shown"),
    [(RunKey(), "1 runs of 1 sequences"), (RunKey("reset"), "protocol   reset (skip 3, vot_init bounding); 1 runs of 1 sequences")],
)
def test_one_result_file(results, place, shown):
    done = lockon("reproduce", Store(results).path("kcf", "folder", "left", place))
    assert done.exit_code == 0, done.output
    assert shown in done.stdout
    assert "boxes      1 of 1 runs identical" in done.stdout


def test_a_second_repetition_of_a_random_tracker(results):
    done = lockon("reproduce", Store(results).path("walk", "folder", "left", RunKey(repetition=2)), "--allow", "walking:Walk")
    assert done.exit_code == 0, done.output


def test_a_changed_box_is_found_and_measured(results):
    def move(content):
        content["boxes"][2][0] += 0.25
        content["boxes"][4][1] -= 4

    edit(Store(results).path("kcf", "folder", "right"), move)
    done = lockon("reproduce", results, "--trackers", "kcf", "--protocol", "one-pass")
    assert done.exit_code == 1
    assert "right: 2 of 6 frames differ, boxes by up to 4 px" in done.stdout
    assert "boxes      1 of 2 runs identical" in done.stdout
    assert "AO 0." in done.stdout
    assert " -> " in done.stdout
    assert done.stdout.splitlines()[-1] == "different"
    other = lockon("reproduce", results, "--trackers", "kcf", "--sequences", "left")
    assert other.exit_code == 0


def test_what_is_not_as_it_was_is_named(results):
    def older(content):
        content["setup"]["versions"]["numpy"] = "1.0"
        content["setup"]["machine"]["cores"] = 999

    edit(Store(results).path("kcf", "folder", "right"), older)
    edit(results / "kcf" / "tracker.json", lambda content: content["configuration"]["weights"].update({"old.onnx": "0" * 64}))
    done = lockon("reproduce", results / "kcf", "--dry-run")
    assert done.exit_code == 0
    assert f"versions here: numpy ('1.0' -> '{np.__version__}')" in done.stdout
    assert "machine here: cores (999 -> " in done.stdout
    assert f"configuration here: weights.old.onnx ('{'0' * 64}' -> None)" in done.stdout
    assert "identical" not in done.stdout


def test_a_report_is_checked_against_a_new_run(results, tmp_path):
    report = tmp_path / "report.json"
    report.write_text(lockon("report", results, "--trackers", "kcf", "--format", "json").stdout)
    assert lockon("reproduce", report, "--results", results).exit_code == 0
    edit(report, lambda content: content[0].update(AO=content[0]["AO"] - 0.01))
    done = lockon("reproduce", report, "--results", results)
    assert done.exit_code == 1
    assert "boxes      2 of 2 runs identical" in done.stdout
    assert "(+0.01)" in done.stdout


def test_the_new_results_can_be_kept(results, tmp_path):
    done = lockon("reproduce", results, "--trackers", "kcf", "--out", tmp_path / "new")
    assert done.exit_code == 0
    assert Store(tmp_path / "new").protocols("kcf") == ["one-pass", "reset"]
    refused = lockon("reproduce", results, "--trackers", "kcf", "--out", results)
    assert (refused.exit_code, "is where the stored results are" in refused.output) == (2, True)


def test_data_elsewhere_or_changed(results, data, tmp_path):
    moved = shutil.copytree(data, tmp_path / "moved")
    assert lockon("reproduce", results, "--trackers", "kcf", "--data", f"folder:{moved}").exit_code == 0
    (moved / "left" / "boxes.txt").write_text("1,1,9,9\n" * 6)
    done = lockon("reproduce", results, "--trackers", "kcf", "--data", f"folder:{moved}")
    assert (done.exit_code, "left of folder has other ground truth now" in done.output) == (2, True)
    shutil.rmtree(moved / "left")
    done = lockon("reproduce", results, "--trackers", "kcf", "--data", f"folder:{moved}")
    assert "left of folder is not in the data" in done.output
    for path in results.glob("kcf/*/*.json"):
        edit(path, lambda content: content["setup"].pop("data"))
    done = lockon("reproduce", results, "--trackers", "kcf")
    assert "do not say where folder is; give --data NAME:ROOT" in done.output


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["nothing.json"], "nothing.json is missing, cut off or not JSON"),
        (["{out}", "--trackers", "kfc"], "unknown tracker in these results 'kfc'; did you mean 'kcf'"),
        (["{out}", "--protocol", "rest"], "did you mean 'reset'"),
        (["{out}", "--protocol", "anchors"], "has no results of these trackers, sequences and protocol"),
        (["{out}", "--sequences", "middle"], "has no results of these"),
    ],
)
def test_unknown_runs_and_options_end_with_status_2(results, args, text):
    done = lockon("reproduce", *[arg.format(out=results) for arg in args])
    assert done.exit_code == 2
    assert text in done.output


def test_imported_results_cannot_be_run_again(results):
    path = results / "kcf" / "tracker.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "configuration": {"name": "kcf", "imported": "result files"}}))
    answer = lockon("reproduce", results / "kcf")
    assert answer.exit_code != 0
    assert "were imported" in str(answer.exception) + answer.output


def test_reports_that_do_not_belong_to_the_results(results, tmp_path):
    report = tmp_path / "report.json"
    report.write_text(lockon("report", results, "--format", "json").stdout)
    with pytest.raises(LockonError, match="give the folder that it was made of as --results DIR"):
        find_claims(report)
    shutil.rmtree(results / "kcf")
    with pytest.raises(LockonError, match=r"unknown tracker in .* 'kcf'"):
        find_claims(report, results)
    report.write_text('[{"tracker": "walk"}]')
    with pytest.raises(LockonError, match="is no report; expected what"):
        find_claims(report, results)


def test_rows_that_are_on_one_side_only_differ(results):
    """By hand: one box became NaN, one event changed."""
    (record, _) = Store(results).records("kcf", "reset")
    (same,) = record_differences([record], [record])
    assert (same.name, same.frames, same.different, same.largest) == ("left", 6, 0, 0.0)
    boxes, events = record.run.boxes.copy(), record.run.events.copy()
    boxes[3], events[5] = np.nan, 2
    (found,) = record_differences([record], [replace(record, run=replace(record.run, boxes=boxes, events=events))])
    assert found.different == 2
    assert np.isnan(found.largest)
    with pytest.raises(LockonError, match="left was not made again"):
        record_differences([record], [])


@pytest.mark.parametrize("code", ["os:system", "trap:make", "trap:Inner.make", "shutil:rmtree"])
@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--allow", "walking:Walk"], ["--allow", "trap"]])
def test_code_that_results_name_runs_only_where_it_is_allowed(results, tmp_path, monkeypatch, code, options):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trap.py").write_text("open('RAN', 'w').close()")
    edit(results / "kcf" / "tracker.json", lambda content: content["configuration"].update(name=code, overrides={"command": "echo > RAN"}))
    done = lockon("reproduce", results, *options)
    assert done.exit_code == 2
    assert f"name code, {code}, which would run with your rights; if you trust it, add --allow {code}" in done.output
    assert not (tmp_path / "RAN").exists()


def test_allowed_code_runs(results):
    refused = lockon("reproduce", results, "--trackers", "walk")
    assert (refused.exit_code, "add --allow walking:Walk" in refused.output) == (2, True)
    assert lockon("reproduce", results, "--trackers", "walk", "--dry-run", "--allow", "walking:Walk").exit_code == 0


@pytest.mark.parametrize(
    "change",
    [
        {"overrides": 7},
        {"overrides": ["a"]},
        {"refiner": "x"},
        {"refiner": {}},
        {"seed": math.inf},
        {"seed": "x"},
        {"weights": [1]},
        {"source": 1},
    ],
)
def test_a_damaged_configuration_is_one_line(results, change):
    edit(results / "kcf" / "tracker.json", lambda content: content["configuration"].update(change))
    done = lockon("reproduce", results, "--trackers", "kcf")
    assert (done.exit_code, "tracker.json of kcf" in done.output) == (2, True)
