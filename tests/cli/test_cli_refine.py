"""`lockon track --refine`, `--mask`, and `lockon refine`."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result as Outcome

from lockon.annotations import read_boxes
from lockon.cli import app
from lockon.data.rle import decode_rle

RED = (30, 20, 24, 16)
NEAR = "28,18,28,19"  # the box that the tracker keeps


def run(*words: object) -> Outcome:
    return CliRunner().invoke(app, [str(word) for word in words])


def boxes(path: Path) -> np.ndarray:
    return np.array([row[2:6] for row in read_boxes(path)])


@pytest.fixture
def stored(still: str, red_clip: Path, tmp_path: Path) -> Path:
    """What `lockon track` saved, three pixels beside the target."""
    assert run("track", red_clip, "--box", NEAR, "--tracker", still, "--save", tmp_path / "stored.csv", "--quiet").exit_code == 0
    return tmp_path / "stored.csv"


@pytest.mark.filterwarnings("ignore:Still has no move")
def test_tracking_with_a_refiner(still: str, sharp: str, red_clip: Path, tmp_path: Path) -> None:
    """The first box is the given one; while the target is there the others are exact, then they are the tracker's."""
    save = tmp_path / "boxes.csv"
    result = run("track", red_clip, "--box", NEAR, "--tracker", still, "--refine", sharp, "--save", save)
    assert result.exit_code == 0, result.output
    found = boxes(save)
    np.testing.assert_allclose(found[1:8], [RED] * 7, atol=1.5)
    np.testing.assert_array_equal(found[[0, 8, 9]], [[28, 18, 28, 19]] * 3)
    assert [row.state for row in read_boxes(save)][:4] == ["tracked", "tracked", "tracked", "uncertain"], "states are the tracker's"


@pytest.mark.filterwarnings("ignore:Still has no move")
def test_masks_as_pictures(still: str, sharp: str, red_clip: Path, tmp_path: Path) -> None:
    result = run(
        "track", red_clip, "--box", NEAR, "--tracker", still, "--refine", sharp, "--mask", tmp_path / "masks", "--save", tmp_path / "b.csv"
    )
    assert result.exit_code == 0, result.output
    assert str(tmp_path / "masks") in result.stderr
    names = sorted(path.name for path in (tmp_path / "masks").iterdir())
    assert names == [f"{number:06d}.png" for number in range(1, 10)]
    truth = np.zeros((64, 96), dtype=bool)
    truth[20:36, 30:54] = True
    mask = cv2.imread(str(tmp_path / "masks" / "000003.png"), cv2.IMREAD_UNCHANGED) == 255
    assert (mask & truth).sum() / (mask | truth).sum() > 0.9
    assert not cv2.imread(str(tmp_path / "masks" / "000009.png"), cv2.IMREAD_UNCHANGED).any()


@pytest.mark.filterwarnings("ignore:Still has no move")
def test_parameters(still: str, sharp: str, red_clip: Path, tmp_path: Path) -> None:
    save = tmp_path / "boxes.csv"
    words = ["track", red_clip, "--box", NEAR, "--tracker", still, "--refine", sharp, "--save", save]
    assert run(*words, "--set", "refine.box=base", "--set", "refine.write_back=false").exit_code == 0
    np.testing.assert_array_equal(boxes(save), [[28, 18, 28, 19]] * 10)


MISTAKES = {
    "no refiner": (["--refine", "shrap"], "did you mean 'sharp'"),
    "weights alone": (["--refiner-weights", "a.onnx"], "belongs to a refiner; name it"),
    "weights": (["--refine", "sharp", "--refiner-weights", "none.onnx"], "none.onnx does not exist"),
    "masks of opencv": (["--tracker", "mil", "--mask", "masks"], "which mil does not make; add --refine"),
    "masks of lockon-s": (["--tracker", "lockon-s", "--mask", "masks"], "which lockon-s does not make; add --refine"),
    "masks of a refiner without": (["--refine", "sharp", "--mask", "m", "--set", "refiner.masks=False"], "whose network makes none"),
    "mask suffix": (["--refine", "sharp", "--mask", "masks.png"], "a folder of PNG pictures or to a file that ends in .jsonl"),
    "unknown parameter": (["--refine", "sharp", "--set", "refine.boxes=mask"], "'boxes'"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_wrong_options_end_with_status_2_and_a_message(
    still: str, sharp: str, red_clip: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(red_clip.parent)
    words, message = MISTAKES[name]
    result = run("track", red_clip, "--box", NEAR, *([] if "--tracker" in words else ["--tracker", still]), *words)
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr


def test_stored_boxes(stored: Path, sharp: str, red_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "refined.csv"
    result = run("refine", red_clip, stored, "--refiner", sharp, "--save", out)
    assert result.exit_code == 0, result.output
    assert f"wrote {out}" in result.stderr
    found, before = list(read_boxes(out)), list(read_boxes(stored))
    assert [(row.frame, row.target, row.score, row.state) for row in found] == [
        (row.frame, row.target, row.score, row.state) for row in before
    ]
    np.testing.assert_allclose(boxes(out)[1:8], [RED] * 7, atol=1.5)
    np.testing.assert_array_equal(boxes(out)[[0, 8, 9]], boxes(stored)[[0, 8, 9]])


def test_stored_boxes_to_standard_output_and_other_formats(stored: Path, sharp: str, red_clip: Path, tmp_path: Path) -> None:
    result = run("refine", red_clip, stored, "--refiner", sharp, "--quiet")
    assert (result.exit_code, len(result.stdout.splitlines()), result.stderr) == (0, 11, "")
    mot = tmp_path / "stored.txt"
    assert run("refine", red_clip, stored, "--refiner", sharp, "--save", mot, "--out", tmp_path / "out.mp4").exit_code == 0
    again = tmp_path / "again.jsonl"
    assert run("refine", red_clip, mot, "--refiner", sharp, "--save", again).exit_code == 0
    np.testing.assert_allclose(boxes(again), boxes(mot), atol=1.5)
    assert (tmp_path / "out.mp4").stat().st_size > 500


def test_stored_boxes_that_begin_later_of_several_targets(sharp: str, red_clip: Path, tmp_path: Path) -> None:
    """Frames 2 to 6 of ten; the second target is lost on frame 4 and stays as it is there."""
    lines = ["frame,target,x,y,w,h,score,state"]
    for number in range(2, 7):
        lines += [f"{number},0,28,18,28,19,0.5,tracked", f"{number},1,32,21,20,14,0.25,{'lost' if number == 4 else 'uncertain'}"]
    path, out, masks = tmp_path / "stored.csv", tmp_path / "refined.csv", tmp_path / "masks.jsonl"
    path.write_text("\n".join(lines))
    result = run("refine", red_clip, path, "--refiner", sharp, "--save", out, "--mask", masks)
    assert result.exit_code == 0, result.output
    found = boxes(out).reshape(5, 2, 4)
    np.testing.assert_allclose(found[1:, 0], [RED] * 4, atol=1.5)
    np.testing.assert_allclose(found[[1, 3, 4], 1], [RED] * 3, atol=1.5)
    assert found[2, 1].tolist() == [32, 21, 20, 14]
    lines = [json.loads(line) for line in masks.read_text().splitlines()]
    assert [(line["frame"], line["target"]) for line in lines] == [(frame, target) for frame in range(3, 7) for target in range(2)]
    assert decode_rle(lines[0]["counts"], 64, 96).sum() == pytest.approx(24 * 16, rel=0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no boxes"),
        ("0,0,1,1,9,9,1,tracked\n1,1,1,1,9,9,1,tracked", r"frame 1 has boxes of targets [1], the first one (0) of [0]"),
        ("50,0,1,1,9,9,1,tracked", "no frame from number 50"),
        ("0,0,1,1,9,9,1,tracke", "line 1 is malformed"),
        ("0,0,300,1,9,9,1,tracked", "lies outside the frame"),
    ],
)
def test_mistakes_in_stored_boxes(sharp: str, red_clip: Path, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "stored.csv").write_text(text)
    result = run("refine", red_clip, tmp_path / "stored.csv", "--refiner", sharp)
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize("box", ["nan,nan,nan,nan", "0,0,0,0", "-1,-1,-1,-1", "5,5,0,7"])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".txt", ".json", ".xml"])
def test_a_row_without_a_box_is_lost_in_every_output(sharp: str, red_clip: Path, tmp_path: Path, box: str, suffix: str) -> None:
    lines = ["frame,x,y,w,h", *(f"{number},{box if number == 3 else NEAR}" for number in range(10))]
    (tmp_path / "stored.csv").write_text("\n".join(lines))
    save = tmp_path / f"out{suffix}"
    result = run("refine", red_clip, tmp_path / "stored.csv", "--refiner", sharp, "--save", save, "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")
    text = save.read_text().lower()
    assert "nan" not in text
    if suffix == ".json":
        assert [row["image_id"] for row in json.loads(text)["annotations"]] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    elif suffix == ".xml":
        assert '<box frame="3" keyframe="1" outside="1"' in text
    else:
        rows = list(read_boxes(save))
        assert [row.frame for row in rows if row.state == "lost"] == [3]
        assert len(rows) == 10


def test_boxes_after_the_end_of_the_video_are_named(sharp: str, red_clip: Path, tmp_path: Path) -> None:
    (tmp_path / "stored.csv").write_text("\n".join(["frame,x,y,w,h", *(f"{number},{NEAR}" for number in (0, 5, 9, 10, 11, 20))]))
    result = run("refine", red_clip, tmp_path / "stored.csv", "--refiner", sharp, "--save", tmp_path / "out.csv", "--quiet")
    assert (result.exit_code, len(boxes(tmp_path / "out.csv"))) == (0, 3)
    assert "the boxes of frames 10-11, 20 are not in it: do they belong to another video?" in result.stderr.replace("\n", " ")


def test_boxes_that_begin_late_are_refined_from_there(sharp: str, red_clip: Path, tmp_path: Path) -> None:
    (tmp_path / "stored.txt").write_text("\n".join(["", "0 0 0 0", *[NEAR] * 7, ""]))
    result = run("refine", red_clip, tmp_path / "stored.txt", "--refiner", sharp, "--save", tmp_path / "out.csv", "--quiet")
    assert "no box in frames 0-1; the boxes begin on frame 2" in result.stderr
    assert [row.frame for row in read_boxes(tmp_path / "out.csv")] == list(range(2, 9))
    (tmp_path / "none.txt").write_text("\n0,0,0,0\n\n")
    result = run("refine", red_clip, tmp_path / "none.txt", "--refiner", sharp)
    assert (result.exit_code, "no frame on which all of its targets have a box" in result.stderr) == (2, True)
