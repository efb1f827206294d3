"""`lockon analyze attributes` on coloured videos and made results."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from analyzed import VIDEOS, invoke, use

pytest.importorskip("matplotlib", reason="needs matplotlib (the bench extra)")

DATA = ("--data", "pool:videos", "--workers", 0)


@pytest.fixture(autouse=True)
def trackers(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch)


def test_run_now_and_from_results(tmp_path: Path) -> None:
    result = invoke("attributes", "--trackers", "lockon-s", "csrt", *DATA, "--out", tmp_path, "--metric", "AO", "--baseline", "csrt")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["attributes.csv", "attributes.json", "attributes.png", "runs"]
    rows = list(csv.DictReader((tmp_path / "attributes.csv").open()))
    assert [(row["attribute"], row["sequences"]) for row in rows if row["tracker"] == "csrt"] == [
        ("overall", "3"),
        ("blur", "2"),
        ("fast motion", "1"),
        ("occlusion", "1"),
    ]
    records = json.loads((tmp_path / "attributes.json").read_text())
    ao = {record["tracker"]: record["attributes"]["blur"]["AO"] for record in records}
    assert float(next(row["AO"] for row in rows if row["tracker"] == "csrt" and row["attribute"] == "blur")) == pytest.approx(
        ao["csrt"], 1e-5
    )
    assert f"{ao['lockon-s']:.3f} ({ao['lockon-s'] - ao['csrt']:+.3f})" in result.stdout
    stored = invoke("attributes", "--results", tmp_path / "runs", "--trackers", "csrt", "--sequences", "red", "--metric", "AO")
    assert stored.exit_code == 0, stored.output
    assert "fast motion" in stored.stdout
    assert "occlusion" not in stored.stdout
    assert "lockon-s" not in stored.stdout


def test_results_without_attributes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = [replace(each, attributes=()) for each in VIDEOS]
    monkeypatch.setattr("lockon.data.datasets.registry.load_dataset", lambda spec: plain)
    result = invoke("attributes", "--trackers", "csrt", *DATA, "--out", tmp_path)
    assert result.exit_code == 2
    assert "no sequence of colors has attributes; choose a benchmark that lists them" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "neither --data nor --results is given"),
        (DATA, "there is no --out for their results"),
        ((*DATA, "--out", "x", "--protocol", "reset"), "use lockon bench run --protocol reset, then --results"),
        (("--results", "{runs}", "--baseline", "kcf"), "unknown tracker for --baseline 'kcf'"),
        (("--results", "{runs}", "--metric", "EAO"), "unknown metric of the protocol one-pass 'EAO'"),
        (("--results", "{runs}", "--sequences", "rde"), "unknown sequence in these results 'rde'; did you mean 'red'"),
        (("--results", "{runs}", "--protocol", "reset"), "has no results of the protocol reset"),
    ],
)
def test_mistakes_are_one_line(words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert invoke("attributes", "--trackers", "csrt", *DATA, "--out", tmp_path).exit_code == 0
    result = invoke("attributes", *(str(word).format(runs=tmp_path / "runs") for word in words))
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
