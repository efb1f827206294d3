"""`lockon analyze stability` on coloured videos."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from analyzed import VIDEOS, invoke, use

from lockon.bench.store import Store

pytest.importorskip("matplotlib", reason="needs matplotlib (the bench extra)")

DATA = ("--data", "pool:videos", "--workers", 0)


@pytest.fixture(autouse=True)
def trackers(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch)


def test_sweep_of_the_window(tmp_path: Path) -> None:
    words = ("stability", "--trackers", "lockon-s", "eager=lockon-s", "--set", "eager:localizer.size_lr=1", *DATA, "--out", tmp_path)
    result = invoke(*words, "--values", "0,0.9", "--sequences", "red", "blue")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "runs",
        "stability-localizer.rank.window_influence.json",
        "stability-localizer.rank.window_influence.png",
    ]
    found = json.loads((tmp_path / "stability-localizer.rank.window_influence.json").read_text())
    assert (found["parameter"], found["sequences"], found["convention"]) == ("localizer.rank.window_influence", ["red", "blue"], "pysot")
    mine = found["trackers"]["lockon-s"]
    assert (mine["values"], mine["own"], mine["missing"]) == ([0.0, 0.9], 0.3, [0, 0])
    auc = mine["metrics"]["AUC"]
    assert auc[0] > auc[1] + 0.05  # the window prefers candidates beside the target
    assert mine["summary"]["AUC"]["range"] == pytest.approx(auc[0] - auc[1])
    assert found["trackers"]["eager"]["configuration"]["overrides"] == {"localizer.size_lr": 1}
    assert f"{auc[0]:.3f}" in result.stdout


def test_a_finer_sweep_runs_what_is_missing_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lockon.bench.run

    done: list[str] = []
    inner = lockon.bench.run.run_job

    def run_job(*arguments: object) -> object:
        outcomes = inner(*arguments)  # type: ignore[arg-type]
        done.extend(outcome.label for outcome in outcomes)
        return outcomes

    monkeypatch.setattr("lockon.bench.run.run_job", run_job)
    words = ("stability", "--trackers", "lockon-s", *DATA, "--parameter", "localizer.rank.penalty_k", "--out", tmp_path)
    assert invoke(*words, "--values", "0:0.2:0.2").exit_code == 0
    assert set(done) == {"lockon-s-localizer.rank.penalty_k-0", "lockon-s-localizer.rank.penalty_k-0.2"}
    done.clear()
    assert invoke(*words, "--values", "0:0.2:0.1", "--metric", "AO").exit_code == 0
    assert set(done) == {"lockon-s-localizer.rank.penalty_k-0.1"}
    assert len(Store(tmp_path / "runs").trackers()) == 3
    found = json.loads((tmp_path / "stability-localizer.rank.penalty_k.json").read_text())
    assert len(found["trackers"]["lockon-s"]["values"]) == 3
    assert len(found["sequences"]) == len(VIDEOS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--trackers", "csrt"), "csrt has no parameter localizer.rank.window_influence"),
        (("--parameter", "localizer.rank.window_influnce"), "did you mean 'localizer.rank.window_influence'"),
        (("--values", "0:1"), "--values '0:1' is neither START:STOP:STEP nor numbers by commas"),
        (("--parameter", "states.lost_after", "--values", "0.5"), "lost_after must be a whole number"),
        (("--metric", "EAO"), "unknown metric of the protocol one-pass 'EAO'"),
        (("--convention", "votish"), "unknown convention 'votish'"),
    ],
)
def test_mistakes_are_one_line_before_any_work(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = invoke("stability", *DATA, "--out", tmp_path, *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_after_resets_with_several_metrics(tmp_path: Path) -> None:
    words = ("stability", "--trackers", "lockon-s", *DATA, "--protocol", "reset", "--metric", "A,R", "--values", "0,0.3", "--out", tmp_path)
    result = invoke(*words, "--sequences", "red", "blue")
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "stability-localizer.rank.window_influence.reset.json").read_text())
    mine = found["trackers"]["lockon-s"]
    assert (found["protocol"], mine["metrics"]["R"]) == ("reset", [0.0, 0.0])
    assert mine["gains"]["R"][0] == [0.0, 0.0, 0.0]  # against 0.3, its own value
    assert mine["gains"]["R"][1] == [None] * 3
    assert "A over localizer.rank.window_influence" in result.stdout
    assert "R: how much it depends on it" in result.stdout


def test_gains_stand_beside_the_values(tmp_path: Path) -> None:
    result = invoke("stability", "--trackers", "lockon-s", *DATA, "--values", "0,0.3", "--metric", "AO", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "stability-localizer.rank.window_influence.json").read_text())["trackers"]["lockon-s"]
    difference, low, high = found["gains"]["AO"][0]
    assert difference == pytest.approx(found["metrics"]["AO"][0] - found["metrics"]["AO"][1])
    assert 0 < low <= difference <= high
    assert f"{difference:+.3f} [{low:+.3f}, {high:+.3f}]" in result.stdout


def test_metrics_that_belong_to_one_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    videos = [VIDEOS[0], replace(VIDEOS[1], dataset="other")]
    monkeypatch.setattr("lockon.data.datasets.registry.load_readable", lambda spec, **_: (videos, []))
    result = invoke("stability", *DATA, "--protocol", "reset", "--out", tmp_path)
    assert result.exit_code == 2
    assert "metrics of reset belong to one dataset, and --data has colors, other; give one of them" in result.stderr
