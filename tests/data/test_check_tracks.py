from pathlib import Path

import pytest
from tiny_benchmarks import build
from tiny_layouts import write_image
from tiny_train_sets import make_511, make_all, make_coco, make_vid, make_ytbb
from typer.testing import CliRunner

from lockon.cli.data import app
from lockon.data.check_tracks import check_track_set, training_only
from lockon.errors import LockonError

RUN = CliRunner()
BOX = {"00": {"000000": [1.0, 2, 30, 40], "000001": [1.0, 2, 30, 40]}, "01": {"000001": [1.0, 2, 30, 40]}}


@pytest.fixture(autouse=True)
def no_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCKON_DATA", raising=False)
    monkeypatch.setenv("LOCKON_CONFIG", str(tmp_path / "data.toml"))
    (tmp_path / "data.toml").write_text("")


@pytest.mark.parametrize("full", [False, True])
def test_all_good(tmp_path: Path, full: bool) -> None:
    report = check_track_set("VID", make_vid(tmp_path), full=full)
    assert (report.sequences, report.frames, report.problems) == (1, 5, [])
    report = check_track_set("YTBB", make_ytbb(tmp_path / "y"), full=full)
    assert (report.sequences, report.problems) == (2, [])
    assert report.notes == ["YTBB: 1 of 5 boxes left out, whose images are not there"]
    report = check_track_set("DET", make_511(tmp_path / "d", {"v": BOX}), full=full)
    assert (report.sequences, report.frames, report.problems) == (1, 3, [])


def test_problems_are_named(tmp_path: Path) -> None:
    root = make_coco(tmp_path)
    images = root / "train2017"
    (images / "000000000009.jpg").unlink()
    (images / "000000000025.jpg").write_bytes((images / "000000000025.jpg").read_bytes()[:300])
    missing, short = check_track_set("COCO", root).problems
    assert missing.startswith("train2017/000000000009: ")
    assert missing.endswith("does not exist")
    assert short.endswith("is cut short")
    patches = make_511(tmp_path / "d", {"v": BOX})
    (patches / "crop511" / "v" / "000001.01.x.jpg").unlink()
    assert check_track_set("DET", patches).problems == []  # not the first image
    assert len(check_track_set("DET", patches, full=True).problems) == 1


def test_boxes_outside_the_image(tmp_path: Path) -> None:
    root = make_coco(tmp_path)
    file = root / "annotations" / "instances_train2017.json"
    file.write_text(file.read_text().replace("[100, 50, 20, 10]", "[200, 50, 20, 10]"))
    assert check_track_set("COCO", root).problems == []  # images are not decoded
    (problem,) = check_track_set("COCO", root, full=True).problems
    assert problem.endswith("COCO/train2017/000000000009/000000.02: the box lies outside the image")


def test_patches_of_another_size(tmp_path: Path) -> None:
    patches = make_511(tmp_path / "d", {"v": BOX})
    write_image(patches / "crop511" / "v" / "000001.01.x.jpg", size=(255, 255))
    (problem,) = check_track_set("DET", patches, full=True).problems
    assert problem.endswith("000001.01 is a patch of 255x255 pixels, expected 511x511")


def test_which_reader_a_name_means(tmp_path: Path) -> None:
    build("GOT10k_train", tmp_path / "raw")
    make_511(tmp_path / "cut", {"GOT-10k_Train_000001": BOX})
    assert training_only("coco", None) == "COCO"
    assert training_only("OTB100", tmp_path) is None
    assert training_only("nonsense", tmp_path) is None
    assert training_only("GOT10k_train", tmp_path / "raw") is None
    assert training_only("GOT10k_train", tmp_path / "cut") == "GOT10k_train"
    assert training_only("stills", tmp_path / "cut") is None


def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_all(tmp_path / "data")
    result = RUN.invoke(app, ["check", f"COCO:{tmp_path / 'data' / 'coco'}"])
    assert result.exit_code == 0, result.output
    assert "2 sequences, 2 frames" in result.output
    assert isinstance(RUN.invoke(app, ["check", "COCO"]).exception, LockonError)
    monkeypatch.setenv("LOCKON_DATA", str(tmp_path / "data"))
    result = RUN.invoke(app, ["check", "youtube-bb"])
    assert result.exit_code == 0, result.output
    assert "note     YTBB: 1 of 5 boxes left out" in result.output
    (tmp_path / "data" / "coco" / "train2017" / "000000000025.jpg").unlink()
    result = RUN.invoke(app, ["check", "COCO", "--data-root", str(tmp_path / "data")])
    assert result.exit_code == 1
    lines = {line.split()[0]: line.split()[1:] for line in RUN.invoke(app, ["list"]).output.splitlines()}
    assert lines["COCO"] == ["training", str(tmp_path / "data" / "coco")]
    assert lines["VID"] == lines["DET"] == ["training", str(tmp_path / "data" / "ILSVRC2015")]
