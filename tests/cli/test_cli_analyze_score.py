"""`lockon analyze score` on coloured videos."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import lockon.cli._refine  # noqa: F401  # it takes `load` when it is imported: not that of a test
from colored_videos import BLUE, GREEN, RED, color_tracker, video
from lockon.cli import app
from lockon.config import apply_overrides, flatten
from lockon.errors import LockonError
from lockon.tracker import TrackerConfig

VIDEOS = [video("red", RED, masks=True), video("green", GREEN), video("blue", BLUE)]


@pytest.fixture(autouse=True)
def colors(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, weights: Any, preset: str, device: str, **overrides: Any) -> Any:
        tracker = color_tracker()
        tracker.config = apply_overrides(tracker.config, overrides)
        return object() if name == "csrt" else tracker

    monkeypatch.setattr("lockon.zoo.loading.load", load)
    monkeypatch.setattr("lockon.data.datasets.registry.load_readable", lambda spec, **_: (VIDEOS, []))


def invoke(tmp_path: Path, *words: str) -> Any:
    weights = tmp_path / "best.safetensors"
    weights.write_bytes(b"weights")
    return CliRunner().invoke(app, ["analyze", "score", "--data", "pool:videos", "--weights", str(weights), *words])


def test_tables_and_files(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "score"
    result = invoke(tmp_path, "--out", str(out), "--set", "states.lost_after=5", "--seed", "7")
    assert result.exit_code == 0, result.output
    assert "2 of 2 targets were tracked until they left, 2 of these were found again" in result.stdout
    assert sorted(path.name for path in out.iterdir()) == ["reliability.png", "score.json", "tracker.json"]
    found = json.loads((out / "score.json").read_text())
    assert found["weights"] == {"pair": "0123abcd", "sha256": {"best.safetensors": hashlib.sha256(b"weights").hexdigest()}}
    assert (found["tracker"], found["data"], found["seed"], found["parameters"]["states"]["lost_after"]) == (
        "lockon-s",
        "pool:videos",
        7,
        5,
    )
    assert found["sequences"] == ["red", "green", "blue"]
    written = json.loads((out / "tracker.json").read_text())
    config = apply_overrides(TrackerConfig(), flatten(written))  # as a weight file's header is read
    assert config.states.lost_after == 5
    assert config.calibration.scale == found["calibration"]["platt"]["scale"]
    assert (config.states.tracked, config.states.lost) == (found["thresholds"]["tracked"], found["thresholds"]["lost"])


def test_without_out_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "lockon.data.datasets.registry.load_readable", lambda spec, **_: ([video("white", (250, 250, 250)), *VIDEOS[1:]], [])
    )
    result = invoke(tmp_path)
    assert result.exit_code == 0, result.output
    assert "no sequence has masks" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["best.safetensors"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tracker", "csrt"], "csrt has no logit to calibrate"),
        (["--sequences", "rde"], "unknown sequence 'rde'; did you mean 'red'"),
        (["--sequences", "red"], "needs at least three videos"),
        (["--set", "states.lost_after"], "--set states.lost_after is not name=value"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, words: list[str], message: str) -> None:
    result = invoke(tmp_path, *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_an_error_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*_: object) -> None:
        raise LockonError("too late")

    monkeypatch.setattr("lockon.analysis.score.analyze_score", work)
    (tmp_path / "file").write_text("")
    result = invoke(tmp_path, "--out", str(tmp_path / "file" / "score"))
    assert result.exit_code == 2
    assert "cannot write" in result.stderr
