"""`lockon bench compare --attributes` on coloured videos and made results."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from analyzed import VIDEOS, use
from typer.testing import CliRunner, Result

from lockon.cli import app

pytest.importorskip("matplotlib", reason="needs matplotlib (the bench extra)")


def bench(*words: object) -> Result:
    return CliRunner().invoke(app, ["bench", *map(str, words)])


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Results of both trackers on all coloured videos."""
    use(monkeypatch)
    words = ("--trackers", "lockon-s", "csrt", "--data", "pool:videos", "--workers", 0, "--out", tmp_path / "runs")
    assert bench("run", *words).exit_code == 0
    return tmp_path / "runs"


def test_table_and_files(runs: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"attributes{suffix}" for suffix in (".csv", ".json", ".md", ".png")]
    saves = [word for path in paths for word in ("--save", path)]
    result = bench("compare", runs, "--attributes", "--metric", "AO", "--baseline", "csrt", *saves)
    assert result.exit_code == 0, result.output
    assert all(path.stat().st_size for path in paths)
    assert result.stdout == paths[2].read_text()
    rows = list(csv.DictReader(paths[0].open()))
    assert [(row["attribute"], row["sequences"]) for row in rows if row["tracker"] == "csrt"] == [
        ("overall", "3"),
        ("blur", "2"),
        ("fast motion", "1"),
        ("occlusion", "1"),
    ]
    records = json.loads(paths[1].read_text())["rows"]
    ao = {record["tracker"]: record["attributes"]["blur"]["AO"] for record in records}
    assert float(next(row["AO"] for row in rows if row["tracker"] == "csrt" and row["attribute"] == "blur")) == pytest.approx(
        ao["csrt"], 1e-5
    )
    gain = ao["lockon-s"] - ao["csrt"]
    assert f"| blur | 2 | **{ao['lockon-s']:.3f} ({gain:+.3f})** | {ao['csrt']:.3f} |" in result.stdout


def test_some_trackers_and_sequences(runs: Path) -> None:
    stored = bench("compare", runs, "--attributes", "--trackers", "csrt", "--sequences", "red", "--metric", "AO")
    assert stored.exit_code == 0, stored.output
    assert "fast motion" in stored.stdout
    assert "occlusion" not in stored.stdout
    assert "lockon-s" not in stored.stdout


def test_results_without_attributes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch)
    plain = [replace(each, attributes=()) for each in VIDEOS]
    monkeypatch.setattr("lockon.data.datasets.registry.load_readable", lambda spec, **_: (plain, []))
    assert bench("run", "--trackers", "csrt", "--data", "pool:videos", "--workers", 0, "--out", tmp_path).exit_code == 0
    result = bench("compare", tmp_path, "--attributes")
    assert (result.exit_code, "no sequence of colors has attributes; run it again with" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--baseline", "kcf"), "unknown tracker for --baseline 'kcf'"),
        (("--metric", "EAO"), "unknown metric of the protocol one-pass 'EAO'"),
        (("--sequences", "rde"), "unknown sequence in these results 'rde'; did you mean 'red'"),
        (("--protocol", "reset"), "has no results of the protocol reset"),
        (("--save", "table.txt"), "expected a file that ends in .md, .json, .csv, .png, .svg or .pdf"),
    ],
)
def test_mistakes_are_one_line(runs: Path, words: tuple[str, ...], message: str) -> None:
    result = bench("compare", runs, "--attributes", *words)
    assert (result.exit_code, message in result.stderr, result.stderr.count("\n")) == (2, True, 1), result.output
