"""`lockon analyze heatmaps` and `lockon analyze votes` on coloured videos."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from analyzed import VIDEOS, invoke, use

pytest.importorskip("matplotlib", reason="needs matplotlib (the bench extra)")

DATA = ("--data", "pool:videos")


@pytest.fixture(autouse=True)
def trackers(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_heat_maps_of_every_sequence(tmp_path: Path) -> None:
    result = invoke("heatmaps", *DATA, "--out", tmp_path, "--frames", 2)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blue.png", "green.png", "heatmaps.csv", "red.png"]
    rows = rows_of(tmp_path / "heatmaps.csv")
    assert [(row["sequence"], row["frame"]) for row in rows] == [(video.name, str(frame)) for video in VIDEOS for frame in (4, 9)]
    assert list(rows[0]) == ["sequence", "frame", "iou", "offline_peak", "offline_distraction"]
    assert float(rows[0]["offline_peak"]) == pytest.approx(1 / (1 + 2.718281828**-3), abs=1e-5)  # of the first candidate, logit 3
    assert "lockon-s, 6 frames" in result.stdout


def test_votes_on_chosen_frames(tmp_path: Path) -> None:
    """All candidates have one size and lie up to 12 pixels beside each other: with a wide vote they pull the box aside."""
    words = ("votes", *DATA, "--sequences", "red", "--at", "3,1,3")
    assert invoke(*words, "--out", tmp_path / "narrow").exit_code == 0
    result = invoke(*words, "--sigma", 1, "--out", tmp_path / "wide")
    assert result.exit_code == 0, result.output
    narrow, wide = (rows_of(tmp_path / name / "votes.csv") for name in ("narrow", "wide"))
    assert [row["frame"] for row in narrow] == ["1", "3"]
    assert all(float(near["iou_both"]) > float(far["iou_both"]) for near, far in zip(narrow, wide, strict=True))
    assert all(int(near["voters"]) < int(far["voters"]) for near, far in zip(narrow, wide, strict=True))
    assert (tmp_path / "wide" / "red.png").is_file()
    assert "lockon-s, 2 frames with a true box" in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("heatmaps", "--at", "1,x"), "--at '1,x' is no list of frame numbers; for example --at 10,20,35"),
        (("votes", "--at", ""), "--at '' is no list of frame numbers"),
        (("votes", "--at", "99"), "red has tracked frames 1 to 9; [99] were asked for"),
        (("votes", "--sigma", "0"), "sigma=0 given, expected above 0"),
        (("heatmaps", "--tracker", "csrt"), "Still shows neither candidates nor score maps"),
    ],
)
def test_mistakes_are_one_line(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = invoke(*words, *DATA, "--out", tmp_path)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
