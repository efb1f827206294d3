"""`lockon analyze averages` on coloured videos."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from analyzed import Still, invoke, use

from colored_videos import BLUE, RED, video
from lockon.target import StatePolicy
from lockon.tracker import NetworkTracker

for package in ("matplotlib", "optuna"):
    pytest.importorskip(package, reason=f"needs {package} (the bench extra)")

DATA = ("--data", "pool:videos", "--workers", 0)
VIDEOS = [video("red", RED, 20), video("blue", BLUE, 16)]  # ten frames after a start do not count for accuracy


@pytest.fixture(autouse=True)
def trackers(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch)
    monkeypatch.setattr("lockon.data.datasets.registry.load_readable", lambda spec, **_: (VIDEOS, []))


def rows_of(folder: Path, protocol: str = "reset") -> list[dict[str, str]]:
    with (folder / f"averages.{protocol}.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_all_trackers_have_the_same_sets(tmp_path: Path) -> None:
    words = ("averages", "--trackers", "lockon-s", "eager=lockon-s", "--set", "eager:states.lost_after=1", *DATA, "--out", tmp_path)
    result = invoke(*words, "--sets", 3)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["averages.reset.csv", "averages.reset.json", "averages.reset.png", "runs"]
    rows = rows_of(tmp_path)
    assert [(row["tracker"], row["set"]) for row in rows] == [(name, str(number)) for name in ("lockon-s", "eager") for number in (1, 2, 3)]
    varied = ["localizer.rank.penalty_k", "localizer.rank.window_influence", "localizer.size_lr"]
    assert list(rows[0]) == ["tracker", "set", *varied, "A", "R", "failures"]
    sets = [[row[name] for name in varied] for row in rows]
    assert sets[:3] == sets[3:]
    assert len({tuple(one) for one in sets}) == 3
    found = json.loads((tmp_path / "averages.reset.json").read_text())
    assert (found["sets"], found["sequences"]) == (3, [video.name for video in VIDEOS])
    mine = found["trackers"]["lockon-s"]["metrics"]["A"]
    values = [float(row["A"]) for row in rows[:3]]
    assert mine["mean"] == pytest.approx(sum(values) / 3, abs=1e-6)
    assert mine["low"] < mine["mean"] < mine["high"]
    assert f"{mine['mean']:.3f}" in result.stdout
    assert "against" not in found["trackers"]["lockon-s"]
    difference = found["trackers"]["eager"]["against"]["lockon-s"]["A"]["mean"]
    assert difference == pytest.approx(found["trackers"]["eager"]["metrics"]["A"]["mean"] - mine["mean"], abs=1e-9)
    assert "against lockon-s" in result.stdout


class Other(Still):
    """Has parameters, but none of those that are varied."""

    config = StatePolicy()


@pytest.mark.parametrize(("kind", "words"), [(Other, "unknown parameter 'localizer.rank.penalty_k'"), (Still, "no parameters to vary")])
def test_a_tracker_that_lacks_what_is_varied_is_named_before_any_set_runs(
    kind: type, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, csrt=kind)
    result = invoke("averages", "--trackers", "lockon-s", "mine=csrt", *DATA, "--sets", 1, "--out", tmp_path / "runs")
    assert result.exit_code == 2
    assert "mine" in result.stderr
    assert words in result.stderr
    assert list((tmp_path / "runs").iterdir()) == []


def test_more_sets_are_added_to_those_that_are_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lockon.bench.search import bench

    done: list[str] = []
    inner = bench.SequenceRunner.run
    monkeypatch.setattr(bench.SequenceRunner, "run", lambda self, spec, number: (done.append(repr(spec)), inner(self, spec, number))[1])
    words = ("averages", *DATA, "--sequences", "red", "--out", tmp_path, "--protocol", "one-pass", "--vary", "localizer.size_lr=0.2:1")
    assert invoke(*words, "--sets", 2).exit_code == 0
    first = rows_of(tmp_path, "one-pass")
    assert len(done) == 3  # its own parameters, and two sets
    assert invoke(*words, "--sets", 4).exit_code == 0
    assert len(done) == 5
    assert rows_of(tmp_path, "one-pass")[:2] == first
    assert invoke(*words, "--sets", 2).exit_code == 0  # less than there are: nothing is run, the others do not count
    assert (len(done), rows_of(tmp_path, "one-pass")) == (5, first)
    assert list(first[0]) == ["tracker", "set", "localizer.size_lr", "AO", "SR50", "SR75", "AUC", "P20", "NP"]


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("averages", *DATA, "--sequences", "red", "--out", tmp_path, "--protocol", "one-pass", "--sets", 2)
    started: list[object] = []
    with monkeypatch.context() as patched:

        def start(self: NetworkTracker, *arguments: Any, **options: Any) -> Any:
            started.append(self)
            if len(started) == 3:  # its own parameters, the first set, the second
                raise KeyboardInterrupt
            return inner(self, *arguments, **options)

        inner = NetworkTracker.start
        patched.setattr(NetworkTracker, "start", start)
        result = invoke(*words)
    assert result.exit_code == 130
    assert f"interrupted; finished sets are kept in {tmp_path}" in result.stderr
    assert invoke(*words).exit_code == 0
    assert len(rows_of(tmp_path, "one-pass")) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--protocol", "anchors"), "unknown protocol with averages 'anchors'"),
        (("--metric", "AO"), "unknown metric of the protocol reset 'AO'"),
        (("--vary", "localizer.rank.window_influnce=0:1"), "did you mean 'localizer.rank.window_influence'"),
        (("--vary", "localizer.size_lr=1:0"), "is no range"),
        (("--convention", "votish"), "unknown convention"),
    ],
)
def test_mistakes_are_one_line_before_any_work(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = invoke("averages", *DATA, "--out", tmp_path, *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_eao_needs_known_lengths(tmp_path: Path) -> None:
    words = ("averages", *DATA, "--metric", "EAO,A", "--sets", 1, "--out", tmp_path)
    result = invoke(*words)
    assert result.exit_code == 2
    assert "no range of lengths is known for EAO on these sequences" in result.stderr
    assert invoke(*words, "--lengths", 10, 15).exit_code == 0
    assert list(rows_of(tmp_path)[0])[-4:] == ["EAO", "A", "R", "failures"]
