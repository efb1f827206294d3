"""`lockon analyze alignment` on coloured videos."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from analyzed import Broken, Still, Stopped, invoke, use

from lockon.bench.store import Store

pytest.importorskip("matplotlib", reason="needs matplotlib (the bench extra)")

DATA = ("--data", "pool:videos")


@pytest.fixture(autouse=True)
def trackers(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch)


def test_candidates_of_a_network_and_answers_of_another(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    result = invoke("alignment", "--trackers", "lockon-s", "csrt", *DATA, "--out", out, "--every", 2, "--workers", 0)
    assert result.exit_code == 0, result.output
    assert "candidates and answers do not compare" in result.stdout
    assert sorted(path.name for path in out.iterdir()) == ["alignment.json", "alignment.png", "runs"]
    found = json.loads((out / "alignment.json").read_text())
    assert list(found["trackers"]) == ["lockon-s", "csrt"]
    network, still = found["trackers"]["lockon-s"], found["trackers"]["csrt"]
    assert (network["kind"], network["frames"], still["kind"], still["frames"]) == ("candidates", 15, "answers", 27)
    assert network["mean"]["spearman"] > 0.99  # logits fall with the distance
    assert still["mean"]["spearman_all"] == pytest.approx(1)  # score and overlap both fall
    assert still["mean"]["best"] is None
    assert list(network["sequences"]) == ["red", "green", "blue"]


def test_answers_of_both_are_kept_nowhere_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("alignment", "--trackers", "lockon-s,csrt", "--answers", *DATA, "--workers", 0, "--sequences", "red,blue")
    assert result.exit_code == 0, result.output
    assert "do not compare" not in result.stdout
    assert result.stdout.count("answers") == 2
    assert list(tmp_path.iterdir()) == []


def test_stored_results(tmp_path: Path) -> None:
    first = invoke("alignment", "--trackers", "csrt", *DATA, "--out", tmp_path, "--workers", 0)
    assert first.exit_code == 0, first.output
    result = invoke("alignment", "--results", tmp_path / "runs", "--out", tmp_path / "again", "--sequences", "red")
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "again" / "alignment.json").read_text())
    assert found["trackers"]["csrt"]["frames"] == 9
    whole = json.loads((tmp_path / "alignment.json").read_text())
    assert whole["trackers"]["csrt"]["sequences"]["red"] == found["trackers"]["csrt"]["sequences"]["red"]


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stopped, "videos", 0)
    use(monkeypatch, csrt=Stopped)
    words = ("alignment", "--trackers", "csrt", *DATA, "--out", tmp_path, "--workers", 0)
    result = invoke(*words)
    assert result.exit_code == 130
    assert "finished sequences are kept in" in result.stderr
    assert [record.sequence for record in Store(tmp_path / "runs").records("csrt")] == ["red"]
    use(monkeypatch, csrt=Still)
    result = invoke(*words)
    assert result.exit_code == 0, result.output
    assert len(Store(tmp_path / "runs").records("csrt")) == 3


def test_what_fails_is_named_and_the_rest_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, csrt=Broken)
    result = invoke("alignment", "--trackers", "csrt", *DATA, "--out", tmp_path, "--workers", 0)
    assert result.exit_code == 1
    assert "failed: csrt on green: RuntimeError: no green, please" in result.stderr
    assert list(json.loads((tmp_path / "alignment.json").read_text())["trackers"]["csrt"]["sequences"]) == ["blue", "red"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "neither --data nor --results is given; type lockon analyze alignment --data NAME:ROOT"),
        ((*DATA, "--results", "runs"), "--data and --results are both given"),
        (("--results", "nowhere"), "nowhere does not exist"),
        ((*DATA, "--trackers", "lockon-z"), "unknown tracker 'lockon-z'"),
        ((*DATA, "--sequences", "rde"), "unknown sequence 'rde'; did you mean 'red'"),
        ((*DATA, "--out", "x", "--plot-format", "gif"), "unknown format of plots 'gif'"),
    ],
)
def test_mistakes_are_one_line(words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("alignment", *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
