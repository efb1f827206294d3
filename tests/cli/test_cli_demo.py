from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import cv2
from typer.testing import CliRunner

from lockon.annotations import read_boxes
from lockon.cli import app
from lockon.ops.boxes import check_boxes
from lockon.video import open_frames


def test_demo(still: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "demo"), "--tracker", still, "--quiet"])
    assert result.exit_code == 0, result.stderr
    written = sorted((tmp_path / "demo").iterdir())
    assert [path.name for path in written] == ["boxes.csv", "contact_sheet.png", "demo.mp4"]
    assert all(str(path) in result.stdout for path in written)
    assert "frames: 132 at " in result.stdout
    assert [row.frame for row in read_boxes(written[0])] == list(range(132))
    assert cv2.imread(str(written[1])).shape == (540, 1280, 3)
    with open_frames(written[2]) as reader:
        assert reader.count == 132


def test_the_bundled_clip() -> None:
    assets = resources.files("lockon") / "assets"
    start = json.loads((assets / "big_buck_bunny.json").read_text(encoding="utf-8"))
    with resources.as_file(assets / start["clip"]) as path:
        assert 300_000 <= path.stat().st_size <= 500_000
        with open_frames(path) as reader:
            assert (reader.size, reader.fps, reader.count) == ((640, 360), 25.0, 132)
            assert sum(1 for _ in reader) == 132
        assert check_boxes(start["box"], *reader.size).tolist() == start["box"]
    licence = (assets / "LICENSE-big_buck_bunny.txt").read_text(encoding="utf-8")
    assert "(c) copyright 2008, Blender Foundation / www.bigbuckbunny.org" in licence
    assert "https://creativecommons.org/licenses/by/3.0/" in licence


def test_an_unwritable_folder_is_found_first(still: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "file"), "--tracker", still])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: cannot write")
    assert result.stdout == ""
