"""`lockon bench import` and `export` from the command line, on ground truth without images."""

from __future__ import annotations

import json

import pytest
from result_files import make_sequence, moved, write_lines
from typer.testing import CliRunner

from lockon.cli import app

A, B = make_sequence("Basketball", seed=0), make_sequence("Tiger1", seed=1, frames=12)


def _lockon(*args):
    return CliRunner().invoke(app, ["bench", *map(str, args)])


@pytest.fixture
def truth(tmp_path):
    """A folder of NAME.txt as OTB100 publishes it: from 1."""
    for sequence in (A, B):
        write_lines(tmp_path / f"truth/{sequence.name}.txt", sequence.boxes, origin=1)
    return f"OTB100:{tmp_path / 'truth'}"


@pytest.fixture
def results(tmp_path):
    for name in ("good", "late"):
        write_lines(tmp_path / f"r/{name}/basketball.txt", A.boxes, origin=1)
    write_lines(tmp_path / "r/good/Tiger1.txt", B.boxes, origin=1)
    write_lines(tmp_path / "r/late/Tiger1.txt", B.boxes[5:], origin=1)
    write_lines(tmp_path / "r/part/Tiger1.txt", moved(B.boxes, 1), origin=1)
    return tmp_path / "r"


def test_import_then_report(results, truth, tmp_path):
    done = _lockon("import", results, "--data", truth, "--out", tmp_path / "s")
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert "recognised pysot (TRACKER/VIDEO.txt): 3 trackers, 5 result files in" in done.stderr
    assert "good: 2 of 2 sequences of OTB100 (2 one-pass), base 1" in done.stderr
    assert "begins late: Tiger1: 7 lines for 12 frames; line 1 is the true box of frame 6" in done.stderr
    assert "part: PARTIAL, 1 missing (Basketball): 1 of 2 sequences of OTB100 (1 one-pass), base" in done.stderr
    report = _lockon("report", tmp_path / "s", "--format", "json")
    assert report.exit_code == 0, report.output
    figures = {one["tracker"]: one for one in json.loads(report.stdout)}
    assert figures["good"]["AO"] == figures["late"]["AO"] == pytest.approx(1)
    assert figures["part"]["missing"] == ["Basketball"]


def test_chosen_trackers_and_format(results, truth, tmp_path):
    done = _lockon(
        "import", results, "--trackers", "good", "late", "--from", "pysot", "--base", 0, "--data", truth, "--out", tmp_path / "s"
    )
    assert done.exit_code == 0, done.output
    assert "good: 2 of 2 sequences of OTB100 (2 one-pass), base 0" in done.stderr
    assert "part" not in done.stderr


def test_export(results, truth, tmp_path):
    _lockon("import", results, "--data", truth, "--out", tmp_path / "s")
    done = _lockon("export", tmp_path / "s", "--to", "got10k", "--out", tmp_path / "out", "--trackers", "good")
    assert done.exit_code == 0, done.output
    assert "good: 2 results in 2 files below" in done.stderr
    assert (tmp_path / "out/good/Tiger1/Tiger1_001.txt").read_text() == (tmp_path / "r/good/Tiger1.txt").read_text()


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["import", "nowhere"], "error: nowhere does not exist; give the folder"),
        (["import", "R", "--from", "otb"], "unknown format 'otb'"),
        (["import", "R", "--trackers", "gooood"], "did you mean 'good'"),
        (["import", "R", "--base", "2"], "--base"),
        (["export", "R", "--to", "vot"], "holds no results"),
        (["export", "R", "--to", "otb"], "unknown format 'otb'; did you mean 'vot'"),
    ],
)
def test_mistakes_are_one_line_and_status_2(args, text, results, truth, tmp_path):
    data = ["--data", truth] if args[0] == "import" else []
    done = _lockon(*[results if arg == "R" else arg for arg in args], *data, "--out", tmp_path / "s")
    assert done.exit_code == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr
