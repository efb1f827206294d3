"""`lockon bench report` from the command line."""

from __future__ import annotations

import csv
import io
import json

import pytest
from made_page import FRAMES, make_images
from made_results import HALF, PERFECT, add, make_record, reset_record
from typer.testing import CliRunner

from lockon.bench.store import Store
from lockon.cli import app


def report(*args):
    return CliRunner().invoke(app, ["bench", "report", *map(str, args)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One-pass results with attributes, and resets."""
    store = Store(tmp_path_factory.mktemp("results") / "out")
    for label, rows in (("good", PERFECT), ("bad", HALF)):
        add(store, label, make_record("video", rows, frames=FRAMES, attributes=("rain",)), make_record("b", rows, dataset="other"))
        add(store, label, reset_record("a", "s" + "t" * 19, rows))
    return store.folder


def test_the_default_is_one_table_of_one_pass_results(folder):
    done = report(folder)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[2].startswith("| good | **1.000** |")
    assert done.stdout.count("| tracker |") == 1
    assert "##" not in done.stdout


def test_a_folder_of_resets_alone_needs_no_protocol(tmp_path):
    add(Store(tmp_path), "one", reset_record("a", "s" + "t" * 19, HALF))
    done = report(tmp_path)
    assert "| tracker | EAO | A | R | failures |" in done.stdout


def test_added_tables(folder):
    text = report(
        folder, "--attributes", "--latency", "--per-sequence", "--intervals", "--compare", "good", "bad", "--metric", "P20"
    ).stdout
    for head in ("| sequence (P20) |", "| attribute (P20) |", "| tracker | frames | mean (ms) |", "| metric | good | bad |"):
        assert head in text
    assert "**1.000 [1.000, 1.000]**" in text


def test_several_conventions_datasets_and_protocols_have_titles(folder):
    text = report(folder, "--convention", "pysot,got10k", "--apart").stdout
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert titles == [f"## {name}: one-pass, convention {kind}" for kind in ("pysot", "got10k") for name in ("made", "other")]
    everything = report(folder, "--protocol", "all").stdout
    assert "## VOT2018: reset, convention pysot" in everything
    assert "## made, other: one-pass, convention pysot" in everything
    assert report(folder, "--datasets", "other", "--protocol", "one-pass").stdout.count("| 1 |") == 2


def test_formats(folder):
    records = json.loads(report(folder, "--format", "json", "--intervals", "--compare", "good", "bad").stdout)
    assert records[0]["compared"]["with"] == "bad"
    assert records[0]["compared"]["metrics"]["AO"]["difference"] == 0.5
    assert records[1]["intervals"]["AO"] == [0.5, 0.5]
    rows = list(csv.DictReader(io.StringIO(report(folder, "--format", "csv", "--protocol", "all").stdout)))
    assert {row["protocol"] for row in rows} == {"one-pass", "reset"}
    assert next(row for row in rows if row["protocol"] == "reset")["AO"] == ""
    assert r"\toprule" in report(folder, "--format", "tex").stdout


def test_out_writes_a_file(folder, tmp_path):
    done = report(folder, "--format", "csv", "--out", tmp_path / "scores.csv")
    assert done.stdout == ""
    assert (tmp_path / "scores.csv").read_text() == report(folder, "--format", "csv").stdout


def test_lengths_and_lines(folder, tmp_path):
    pytest.importorskip("matplotlib")
    done = report(
        folder, "--protocol", "reset", "--lengths", 2, 10, "--plots", tmp_path, "--plot-format", "svg,png", "--eao-line", "winner=0.7"
    )
    assert done.exit_code == 0, done.output
    assert "lengths 2 to 10" in done.stdout
    assert {path.name for path in tmp_path.glob("eao_ranking.*")} == {"eao_ranking.svg", "eao_ranking.png"}


def test_the_page_finds_images_that_are_named(folder, tmp_path):
    make_images(tmp_path / "images", "video")
    (tmp_path / "images" / "video" / "boxes.txt").write_text("5,5,10,10\n" * FRAMES)
    page = ("--format", "html", "--frames", 3, "--data", f"folder:{tmp_path / 'images'}")
    done = report(folder, *page, "--out", tmp_path / "report.html")
    assert done.exit_code == 0, done.output  # the results are of a dataset "made", which lies nowhere
    assert "0 pictures of 0 videos; 2 videos without (the page says why)" in done.stderr
    store = Store(tmp_path / "own")
    add(store, "one", make_record("video", HALF, frames=FRAMES, dataset="folder"))
    done = report(
        store.folder, "--format", "html", "--out", tmp_path / "own.html", "--frames", 3, "--data", f"folder:{tmp_path / 'images'}"
    )
    assert "3 pictures of 1 videos" in done.stderr


def test_all(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("lockon.bench.publish.write_plots", lambda *args, **options: [])  # they have their own tests
    done = report(folder, "--all", tmp_path / "out", "--datasets", "made", "--trackers", "good")
    assert done.exit_code == 0, done.output  # the resets have no dataset of that name
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"one-pass-made", "report.html"}
    assert f"open {tmp_path / 'out' / 'report.html'}" in "".join(done.stderr.splitlines())
    done = report(folder, "--all", tmp_path / "more", "--convention", "got10k,exact", "--trackers", "good")
    names = {path.name for path in (tmp_path / "more").iterdir()}
    assert {"one-pass-got10k", "one-pass-pysot", "reset-VOT2018-exact", "reset-VOT2018-pysot"} <= names
    wrong = report(folder, "--all", tmp_path / "none", "--datasets", "mad")
    assert wrong.exit_code == 2
    assert "did you mean 'made'" in wrong.stderr


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--format", "html"], "--format html is one page; say where it goes, for example --out report.html"),
        (["--into", "a.md", "--out", "b.md"], "--into and --out are both given"),
        (["--format", "json", "--into", "a.md"], "leave --format out"),
        (["--protocol", "anchors"], "no results of the protocol anchors, but of one-pass, reset; give --protocol one-pass"),
        (["--convention", "otb"], "unknown convention 'otb'"),
        (["--compare", "good", "god"], "did you mean 'good'"),
        (["--eao-line", "0.3"], "--eao-line '0.3' is not NAME=EAO"),
        (["--eao-line", "a=b"], "--eao-line 'a=b' is not NAME=EAO"),
        (["--metric", "AOC", "--per-sequence"], "unknown metric of the protocol one-pass 'AOC'"),
        (["--lengths", "5", "2", "--protocol", "reset"], "lengths 5 to 2; expected 1 <= LOW < HIGH"),
        (["--plots", "x", "--plot-format", "gif"], "unknown format of plots 'gif'"),
    ],
)
def test_mistakes_are_one_line(folder, tmp_path, monkeypatch, args, text):
    monkeypatch.chdir(tmp_path)
    done = report(folder, *args)
    assert done.exit_code == 2
    assert text in " ".join(done.stderr.split())
    assert done.stderr.startswith("error: ")
    assert list(tmp_path.rglob("*.*")) == []
