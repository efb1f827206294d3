from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result as Outcome

from colored_videos import color_tracker
from fake_cards import register
from lockon.annotations import read_boxes
from lockon.cli import app
from lockon.video import open_frames
from lockon.zoo.card import Card

BOX = ["--box", "10,12,20,16"]


def track(*words: object) -> Outcome:
    return CliRunner().invoke(app, ["track", *map(str, words)])


def test_boxes_go_to_standard_output(still: str, clip: Path) -> None:
    result = track(clip, *BOX, "--tracker", still)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:3] == ["frame,target,x,y,w,h,score,state", "0,0,10,12,20,16,1,tracked", "1,0,10,12,20,16,0.75,tracked"]
    assert len(lines) == 13
    assert result.stderr.startswith("frames: 12 at ")
    assert result.stderr.endswith(" without drawing and writing); 9 tracked, 3 uncertain\n")


def test_a_video_and_boxes_of_two_targets_are_written(still: str, clip: Path, tmp_path: Path) -> None:
    out, save = tmp_path / "results" / "out.mp4", tmp_path / "results" / "boxes.jsonl"
    result = track(clip, *BOX, "--box", "30 5 8 9", "--tracker", still, "--out", out, "--save", save, "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert sorted(path.name for path in out.parent.iterdir()) == ["boxes.jsonl", "out.mp4"]
    rows = list(read_boxes(save))
    assert [(row.frame, row.target) for row in rows] == [(frame, target) for frame in range(12) for target in range(2)]
    assert rows[1][2:6] == (30, 5, 8, 9)
    with open_frames(out) as reader:
        images = [image for _, image in reader]
    assert len(images) == 12
    assert int(images[0].max()) > 150, "boxes are drawn on the black first frame"


@pytest.mark.parametrize("name", ["boxes.csv", "boxes.txt", "boxes.json", "boxes.xml"])
def test_every_format(still: str, clip: Path, tmp_path: Path, name: str) -> None:
    assert track(clip, *BOX, "--tracker", still, "--save", tmp_path / name).exit_code == 0
    assert (tmp_path / name).stat().st_size > 300


def test_several_files(still: str, clip: Path, tmp_path: Path) -> None:
    names = [tmp_path / "boxes.csv", tmp_path / "boxes.json"]
    assert track(clip, *BOX, "--tracker", still, "--save", names[0], "--save", names[1]).exit_code == 0
    assert len(json.loads(names[1].read_text())["annotations"]) == len(names[0].read_text().splitlines()) - 1 == 12


def test_format_beats_the_suffix(still: str, clip: Path, tmp_path: Path) -> None:
    assert track(clip, *BOX, "--tracker", still, "--save", tmp_path / "a.txt", "--format", "coco").exit_code == 0
    assert len(json.loads((tmp_path / "a.txt").read_text())["annotations"]) == 12


def test_start_and_frames(still: str, clip: Path) -> None:
    result = track(clip, *BOX, "--tracker", still, "--start", 4, "--frames", 3)
    assert [line.split(",")[0] for line in result.stdout.splitlines()[1:]] == ["4", "5", "6"]


def test_interrupting_saves_what_was_tracked(still: str, clip: Path, tmp_path: Path) -> None:
    out, save = tmp_path / "out.mp4", tmp_path / "boxes.xml"
    result = track(clip, *BOX, "--tracker", still, "--set", "interrupt=True", "--out", out, "--save", save)
    assert result.exit_code == 130
    assert "frames: 7 at" in result.stderr
    assert f"wrote {out}, {save}" in result.stderr
    assert result.stderr.endswith("interrupted\n")
    with open_frames(out) as reader:
        assert len(list(reader)) == 7
        assert [f'<box frame="{frame}"' in save.read_text() for frame in (0, 6, 7, 8)] == [True, True, True, False], (
            "the end is lost from 7 on"
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["boxes.xml", "clip.avi", "out.mp4"]


def test_a_size_change_saves_what_was_tracked(still: str, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(5):
        cv2.imwrite(str(folder / f"{number}.png"), np.zeros((48 if number < 3 else 40, 64, 3), np.uint8))
    (folder / "1.png").write_bytes(b"broken")
    result = track(folder, *BOX, "--tracker", still, "--save", tmp_path / "boxes.csv")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[0].startswith(f"warning: {folder}: frame 1 skipped")
    assert "unreadable and skipped: 1; wrote" in result.stderr.splitlines()[1]
    assert result.stderr.splitlines()[2].startswith(f"error: {folder}: frame 3 is 64x40 pixels")
    assert [row.frame for row in read_boxes(tmp_path / "boxes.csv")] == [0, 2]


MISTAKES = {
    "no box": ([], "give the target"),
    "box and select": ([*BOX, "--select"], "give the target"),
    "zero size": (["--box", "1,2,0,4"], "has no area"),
    "outside": (["--box", "100,2,3,4"], "lies outside the frame"),
    "NaN": (["--box", "nan,2,3,4"], "not finite"),
    "five numbers": (["--box", "1,2,3,4,5"], "has 5 numbers"),
    "unknown tracker": ([*BOX, "--tracker", "stil"], "did you mean 'still'"),
    "unknown override": ([*BOX, "--set", "speed=3"], "unknown overrides {'speed': 3}"),
    "malformed override": ([*BOX, "--set", "speed"], "is not name=value"),
    "folder of the video": ([*BOX, "--out", "clip.avi/out.mp4"], "cannot write"),
    "folder of the boxes": ([*BOX, "--save", "clip.avi/a.csv"], "cannot write"),
    "video suffix": ([*BOX, "--out", "out.gif"], "suffix '.gif' is unknown"),
    "box suffix": ([*BOX, "--save", "out.bin"], "does not name a box format"),
    "box format": ([*BOX, "--save", "out.bin", "--format", "cvt"], "did you mean 'cvat'"),
    "start": ([*BOX, "--start", "12"], "no frame from number 12"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_wrong_options_end_with_one_line_and_leave_no_file_behind(
    still: str, clip: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(clip.parent)
    words, expected = MISTAKES[name]
    result = track("clip.avi", "--tracker", still, *words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert expected in result.stderr
    assert [path.name for path in clip.parent.iterdir()] == ["clip.avi"], "nothing is left behind"


def test_a_box_partly_outside_is_clipped_with_one_warning(still: str, clip: Path) -> None:
    result = track(clip, "--box", "50,30,40,40", "--tracker", still, "--frames", 2)
    assert result.stdout.splitlines()[1] == "0,0,50,30,14,18,1,tracked"
    assert [line for line in result.stderr.splitlines() if line.startswith("warning")] == [
        "warning: box 50,30,40,40 reaches outside the frame of 64x48 pixels; clipped to 50,30,14,18"
    ]


def test_the_zoo_lists_and_shows_a_registered_tracker(still: str) -> None:
    listed = CliRunner().invoke(app, ["zoo", "list"])
    assert listed.exit_code == 0
    assert "does not move" in listed.stdout
    shown = CliRunner().invoke(app, ["zoo", "show", still])
    assert (shown.exit_code, shown.stdout.splitlines()[0]) == (0, "still: does not move")
    assert CliRunner().invoke(app, ["zoo", "show", "stil"]).exit_code == 2


def test_heatmap(monkeypatch: pytest.MonkeyPatch, clip: Path, tmp_path: Path) -> None:
    register(monkeypatch, Card(name="color", summary="follows a colour", construct=lambda weights, device, overrides: color_tracker()))
    videos = {}
    for words in ((), ("--heatmap",)):
        out = tmp_path / f"{len(words)}.avi"
        result = track(clip, *BOX, "--tracker", "color", "--out", out, "--quiet", "--frames", 3, *words)
        assert result.exit_code == 0, result.stderr
        with open_frames(out) as reader:
            videos[words] = [image.astype(int) for _, image in reader]
    plain, heated = videos.values()
    assert np.abs(plain[0] - heated[0]).max() < 20, "the first frame was not searched"
    assert all(np.abs(heat - bare).mean() > 10 for bare, heat in zip(plain[1:], heated[1:], strict=True)), "the map is drawn"


def test_heatmap_of_a_tracker_without_scores(still: str, clip: Path, tmp_path: Path) -> None:
    result = track(clip, *BOX, "--tracker", still, "--out", tmp_path / "out.avi", "--heatmap")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: --heatmap draws the score map of a network, which still does not give; use --tracker lockon-s, or leave it out\n"
    )


def test_heatmap_without_a_video(still: str, clip: Path) -> None:
    result = track(clip, *BOX, "--tracker", still, "--heatmap")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--out out.mp4" in result.stderr


def write_raw(folder: Path) -> Path:
    folder.mkdir()
    for number in range(4):
        image = np.full((48, 64), 7120, np.uint16)
        image[12:28, 10 + number : 30 + number] = 7400
        image[16:20, 14 + number : 20 + number] = 7250
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


def test_raw_pictures_are_tracked_and_the_range_is_said_and_may_be_given(tmp_path: Path) -> None:
    raw = write_raw(tmp_path / "raw")
    found = track(raw, "--box", "10,12,20,16", "--tracker", "kcf", "--quiet")
    assert found.stderr.count("are stretched to 8 bits in all frames") == 1
    assert found.stdout.splitlines()[-1].startswith(("3,0,12,12,", "3,0,13,12,"))
    given = track(raw, "--box", "10,12,20,16", "--tracker", "kcf", "--range", "7000:7500", "--quiet")
    assert given.stderr == ""
    assert given.stdout.splitlines()[-1].startswith(("3,0,12,12,", "3,0,13,12,"))


@pytest.mark.parametrize("text", ["7000", "7500:7000", "a:b", "0:inf"])
def test_a_range_that_is_none_is_one_line(still: str, clip: Path, text: str) -> None:
    result = track(clip, *BOX, "--tracker", still, "--range", text)
    assert "type the values that become black and white as LOW:HIGH" in str(result.exception) + result.stderr


def test_a_range_beyond_a_video_of_8_bits_is_refused(still: str, clip: Path) -> None:
    result = track(clip, *BOX, "--tracker", still, "--range", "7000:7500")
    assert "is none of 8-bit frames" in str(result.exception) + result.stderr
