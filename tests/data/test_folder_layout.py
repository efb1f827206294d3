"""Users' own data: images or a video with a file of boxes."""

import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_layouts import write_images, write_lines, write_video

from lockon.data.check import check_dataset
from lockon.data.datasets import folder
from lockon.data.datasets.layout import LazyList, natural_key
from lockon.data.datasets.registry import load_dataset, load_readable
from lockon.data.paths import locate
from lockon.data.video_frames import VideoFrames
from lockon.errors import LockonError, LockonWarning
from moving_square import write_clip

VALUES = [20, 60, 100, 140, 180, 220]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    write_video(tmp_path / "clip.avi", VALUES)
    return tmp_path / "clip.avi"


def red(frame: np.ndarray) -> int:
    return round(float(frame[..., 0].mean()))


def test_images_and_text(tmp_path: Path) -> None:
    write_images(tmp_path / "mine", [1, 2, 10], "img{}.png")  # natural order, not img1, img10, img2
    write_lines(tmp_path / "mine" / "boxes.txt", ["0,0,2,2", "", "1 1 2 2"])
    (mine,) = folder.LAYOUT.load(tmp_path / "mine", "folder")
    assert mine.name == "mine"
    assert [path.name for path in mine.frames.paths] == ["img1.png", "img2.png", "img10.png"]
    np.testing.assert_array_equal(mine.boxes, [[0, 0, 2, 2], [np.nan] * 4, [1, 1, 2, 2]])
    assert mine.visible is None


def test_csv_with_several_targets(tmp_path: Path) -> None:
    write_images(tmp_path / "mine", [0, 1, 2], "{}.jpg")
    lines = ["target,frame,score,x,y,w,h", "0,0,1,1,2,3,4", "5,0,1,9,9,2,2", "5,2,0.5,8,8,2,2", "0,1,,nan,nan,nan,nan"]
    write_lines(tmp_path / "mine" / "boxes.csv", lines)
    first, second = folder.LAYOUT.load(tmp_path, "folder")
    assert (first.name, second.name) == ("mine.0", "mine.5")
    np.testing.assert_array_equal(first.boxes, [[1, 2, 3, 4], [np.nan] * 4, [np.nan] * 4])
    np.testing.assert_array_equal(second.boxes, [[9, 9, 2, 2], [np.nan] * 4, [8, 8, 2, 2]])


def test_csv_that_track_writes(tmp_path: Path) -> None:
    write_images(tmp_path / "mine", [0, 1], "{}.jpg")
    lines = ["frame,target,x,y,w,h,score,state", "0,0,1.5,2,3,4,1,tracked", "1,0,1.5,2,3,4,0.1,lost"]
    write_lines(tmp_path / "mine" / "boxes.csv", lines)
    (mine,) = folder.LAYOUT.load(tmp_path, "folder")
    np.testing.assert_array_equal(mine.boxes, [[1.5, 2, 3, 4], [np.nan] * 4])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["frame,x,y,x2,y2", "0,1,2,3,4"], r"boxes\.csv: expected a heading with the columns x,y,w,h"),
        (["0,1,2,3,4,5"], r"boxes\.csv: 6 columns without a heading"),
        (["frame,x,y,w,h", "0,1,2,3,1e999"], r"boxes\.csv:2: NaN, infinite or huge"),
        (["frame,x,y,w,h", "1e999,1,2,3,4"], r"boxes\.csv:2: expected a whole frame number"),
        ([""], r"boxes\.csv: the file is empty"),
        (["frame,x,y,w,h", "0,1,2,3"], r"boxes\.csv:2: expected frame,x,y,w,h"),
        (["frame,x,y,w,h", "0,1,2,3,4", "0.5,1,2,3,4"], r"boxes\.csv:3: expected .* whole frame number"),
        (["frame,x,y,w,h", "2,1,2,3,4"], r"boxes\.csv:2: frame 2, but there are 2 frames, counted from 0"),
        (["frame,x,y,w,h", "1,1,2,3,4", "1,1,2,3,4"], r"boxes\.csv:3: frame 1 was given before, in line 2"),
    ],
)
def test_csv_mistakes(tmp_path: Path, lines: list[str], message: str) -> None:
    write_images(tmp_path, [0, 1], "{}.jpg")
    write_lines(tmp_path / "boxes.csv", lines)
    with pytest.raises(LockonError, match=message):
        folder.LAYOUT.load(tmp_path, "folder")


def test_video_beside_its_boxes(clip: Path) -> None:
    write_lines(clip.with_suffix(".txt"), ["1,1,4,4"] * len(VALUES))
    for root in (clip, clip.parent):
        (sequence,) = folder.LAYOUT.load(root, "folder")
        assert (sequence.name, len(sequence)) == ("clip", len(VALUES))
        assert abs(red(sequence.frames[4]) - VALUES[4]) < 8
        assert sequence.frames.paths[4] == clip / "000004"


def test_only_video_of_a_folder(tmp_path: Path) -> None:
    write_video(tmp_path / "walk" / "video.avi", VALUES)
    write_lines(tmp_path / "walk" / "boxes.csv", ["frame,x,y,w,h", "3,1,2,3,4"])
    (walk,) = folder.LAYOUT.load(tmp_path, "folder")
    assert walk.name == "walk"
    assert np.flatnonzero(~np.isnan(walk.boxes[:, 0])).tolist() == [3]


def test_video_with_another_count_of_boxes(clip: Path) -> None:
    write_lines(clip.with_suffix(".txt"), ["1,1,4,4"] * 4)
    with pytest.raises(LockonError, match="6 frames but 4 boxes"):
        folder.LAYOUT.load(clip, "folder")


def test_frames_by_number_are_exact_in_any_order(clip: Path) -> None:
    video = VideoFrames(clip, cache=2)
    for index in (3, 0, 5, 5, 4, 1, 2, 0):
        assert abs(red(video.read(index)) - VALUES[index]) < 8
    assert video.count() == len(VALUES)
    frame = video.read(1)
    frame[:] = 0  # the caller's copy
    assert abs(red(video.read(1)) - VALUES[1]) < 8


def test_frames_survive_pickling(clip: Path) -> None:
    frames = VideoFrames(clip).lazy(len(VALUES))
    frames[2]
    copy: LazyList[np.ndarray] = pickle.loads(pickle.dumps(frames))
    np.testing.assert_array_equal(copy[2], frames[2])


def test_frames_that_do_not_exist(clip: Path, tmp_path: Path) -> None:
    video = VideoFrames(clip)
    with pytest.raises(LockonError, match="there is no frame 9, the video has 6"):
        video.read(9)
    assert abs(red(video.read(0)) - VALUES[0]) < 8  # and goes on working
    with pytest.raises(IndexError):
        video.read(-1)
    with pytest.raises(LockonError, match="does not exist"):
        VideoFrames(tmp_path / "absent.mp4").read(0)
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(LockonError, match="not a video that OpenCV can read"):
        VideoFrames(tmp_path / "text.mp4").count()


def test_natural_order() -> None:
    names = ["b1.jpg", "a10.jpg", "a2.jpg", "a2b.jpg", "3.jpg"]
    assert sorted(names, key=lambda name: natural_key(Path(name))) == ["3.jpg", "a2.jpg", "a2b.jpg", "a10.jpg", "b1.jpg"]


def test_a_suffix_that_is_not_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "clip.rm").write_bytes(b"video")
    write_lines(tmp_path / "clip.txt", ["1,1,4,4"])
    with pytest.raises(LockonError, match=r"holds clip\.rm, but \.rm files are not read; convert it to one of \.3gp"):
        locate("folder", tmp_path)


@pytest.mark.parametrize("lines", [["frame,x,y,w,h", "0,1,2,3,4", "2,5,6,7,8"], ["0;1;2;3;4", "2;5;6;7;8"], ["1,2,3,4", "", "5,6,7,8"]])
@pytest.mark.parametrize("name", ["boxes.csv", "boxes.txt"])
def test_one_reader_for_both_names(tmp_path: Path, lines: list[str], name: str) -> None:
    write_images(tmp_path, [0, 1, 2], "{}.jpg")
    (tmp_path / name).write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    (mine,) = folder.LAYOUT.load(tmp_path, "folder")
    np.testing.assert_array_equal(mine.boxes, [[1, 2, 3, 4], [np.nan] * 4, [5, 6, 7, 8]])


def test_mot_files_count_from_one(tmp_path: Path) -> None:
    write_images(tmp_path, [0, 1, 2], "{}.jpg")
    write_lines(tmp_path / "boxes.txt", ["1,1,2,3,3,4,1,-1,-1,-1", "3,1,6,7,7,8,1,-1,-1,-1", "1,2,10,10,5,5,1,-1,-1,-1"])
    first, second = folder.LAYOUT.load(tmp_path, "folder")
    np.testing.assert_array_equal(first.boxes, [[1, 2, 3, 4], [np.nan] * 4, [5, 6, 7, 8]])
    np.testing.assert_array_equal(second.boxes, [[9, 9, 5, 5], [np.nan] * 4, [np.nan] * 4])


@pytest.mark.parametrize("video", [False, True])
@pytest.mark.parametrize("empty", [0, 1, 2, 3])
def test_empty_lines_at_the_end_are_frames_without_a_box(tmp_path: Path, empty: int, video: bool) -> None:
    lines = ["1,1,4,4"] * (6 - empty)
    if video:
        write_video(tmp_path / "clip.avi", VALUES)
    else:
        write_images(tmp_path, VALUES, "{}.jpg")
    boxes = tmp_path / ("clip.txt" if video else "boxes.txt")
    boxes.write_text("\n".join([*lines, *[""] * empty, "", ""]))
    (mine,) = folder.LAYOUT.load(tmp_path, "folder")
    assert np.isnan(mine.boxes[:, 0]).tolist() == [False] * (6 - empty) + [True] * empty
    if empty:
        boxes.write_text("\n".join([*lines, ""]))
        with pytest.raises(LockonError, match=f"6 frames but {6 - empty} boxes"):
            folder.LAYOUT.load(tmp_path, "folder")


@pytest.mark.parametrize("box", ["0,0,0,0", "-1,-1,-1,-1", "5,5,0,3", "5,5,3,-3"])
@pytest.mark.parametrize("heading", [[], ["x,y,w,h"]])
def test_boxes_without_area_are_none_and_that_is_said_once(tmp_path: Path, box: str, heading: list[str]) -> None:
    for name in ("a", "b"):
        write_images(tmp_path / name, [0, 1, 2], "{}.jpg")
        write_lines(tmp_path / name / "boxes.txt", [*heading, "1,2,3,4", box, "5,6,7,8"])
    with pytest.warns(LockonWarning, match=r"folder: 2 boxes without area .* count as no box, in a, b") as caught:
        sequences = load_dataset(f"folder:{tmp_path}")
    assert len(caught) == 1
    for sequence in sequences:
        assert sequence.visible is None
        np.testing.assert_array_equal(sequence.boxes, [[1, 2, 3, 4], [np.nan] * 4, [5, 6, 7, 8]])


def test_pictures_and_masks_in_one_folder_are_refused(tmp_path: Path) -> None:
    write_images(tmp_path, [0, 1], "{}.jpg")
    write_images(tmp_path, [0, 1], "{}.png")
    write_lines(tmp_path / "boxes.txt", ["1,2,3,4"] * 2)
    with pytest.raises(LockonError, match="more than one image for 2 of its 2 numbers"):
        folder.LAYOUT.load(tmp_path, "folder")


def _spoil_pictures(root: Path) -> None:
    write_images(root / "bad", [0, 1], "{}.png")  # beside the .jpg of the same numbers


def _spoil_boxes(root: Path) -> None:
    write_lines(root / "bad" / "boxes.txt", ["1,2,3,4", "1,two,3,4"])


def _spoil_columns(root: Path) -> None:
    write_lines(root / "bad" / "boxes.txt", ["x,y,w,h,x", "1,2,3,4,5"])


def _spoil_video(root: Path) -> None:
    shutil.rmtree(root / "bad")
    (root / "bad.mp4").write_bytes(b"no video")
    write_lines(root / "bad.txt", ["1,2,3,4"])


def _spoil_count(root: Path) -> None:
    write_lines(root / "bad" / "boxes.txt", ["1,2,3,4"] * 5)


def _spoil_choice(root: Path) -> None:
    write_lines(root / "bad" / "boxes.csv", ["frame,x,y,w,h", "0,1,2,3,4"])


SPOILS = {
    _spoil_pictures: "more than one image for 2 of its 2 numbers",
    _spoil_boxes: "boxes.txt:2: expected x,y,w,h",
    _spoil_columns: "the column x stands twice",
    _spoil_video: "not a video",
    _spoil_count: "2 frames but 5 boxes|2 images but 5 boxes",
    _spoil_choice: "more than one file of boxes beside it: boxes.csv, boxes.txt; move all but one",
}


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_bad_sequence_is_named_and_the_others_are_read(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    for name in ("bad", "good"):
        write_images(tmp_path / name, [0, 1], "{}.jpg")
        write_lines(tmp_path / name / "boxes.txt", ["1,2,3,4"] * 2)
    spoil(tmp_path)
    sequences, broken = load_readable(f"folder:{tmp_path}")
    assert [sequence.name for sequence in sequences] == ["good"]
    assert [(one.name, one.dataset) for one in broken] == [("bad", "folder")]
    assert re.search(SPOILS[spoil], str(broken[0].error))
    with pytest.raises(LockonError, match=SPOILS[spoil]):
        load_dataset(f"folder:{tmp_path}")
    (report,) = check_dataset("folder", tmp_path)
    (problem,) = report.problems
    assert report.listed
    assert problem.startswith("bad: ")
    assert re.search(SPOILS[spoil], problem)


@pytest.mark.parametrize(
    "names", [("clip.csv", "clip.txt"), ("boxes.csv", "clip.csv"), ("boxes.txt", "clip.txt"), ("boxes.csv", "boxes.txt", "clip.txt")]
)
def test_two_files_of_boxes_for_one_video_are_refused_by_name(clip: Path, names: tuple[str, ...]) -> None:
    for name in names:
        write_lines(clip.parent / name, ["1,1,4,4"] * len(VALUES))
    text = rf"clip\.avi has more than one file of boxes beside it: .*{names[-1]}"
    with pytest.raises(LockonError, match=text):
        load_dataset(f"folder:{clip.parent}")
    (report,) = check_dataset("folder", clip.parent)
    assert all(re.search(text, problem) for problem in report.problems)
    assert report.problems


def test_what_has_no_boxes_is_named_by_the_check(tmp_path: Path) -> None:
    write_images(tmp_path / "walk", [0, 1], "{}.jpg")
    write_video(tmp_path / "ride" / "ride.avi", VALUES)
    write_video(tmp_path / "clip.avi", VALUES)
    write_video(tmp_path / "other.avi", VALUES)
    write_lines(tmp_path / "clip.txt", ["1,1,4,4"] * len(VALUES))
    (tmp_path / "notes").mkdir()
    (report,) = check_dataset("folder", tmp_path)
    assert report.problems == []
    assert [line for line in report.notes if "left out" in line] == [
        "other.avi is left out: there is no other.csv or other.txt beside it",
        "ride/ is left out: it has no boxes.csv or boxes.txt beside its 1 images or videos",
        "walk/ is left out: it has no boxes.csv or boxes.txt beside its 2 images or videos",
    ]


@pytest.mark.parametrize("box", ["0,0,0,0", "-1,-1,-1,-1", "5,5,3,-3", "nan,nan,nan,nan"])
@pytest.mark.parametrize("line", [0, 1, 2])
@pytest.mark.parametrize("video", [False, True])
def test_absent_is_no_problem_of_own_data(tmp_path: Path, box: str, line: int, video: bool) -> None:
    lines = ["1,1,4,4"] * len(VALUES)
    lines[line] = box
    if video:
        write_video(tmp_path / "clip.avi", VALUES)
    else:
        write_images(tmp_path, VALUES, "{}.jpg")
    write_lines(tmp_path / ("clip.txt" if video else "boxes.txt"), lines)
    (report,) = check_dataset("folder", tmp_path)
    assert report.problems == []
    assert any(f"line {line + 1} of the annotation" in note for note in report.notes)


def test_a_picture_beside_a_video_and_its_boxes_is_no_video_of_its_own(tmp_path: Path) -> None:
    """As `lockon demo` leaves them: demo.mp4, boxes.csv and contact_sheet.png."""
    write_clip(tmp_path / "demo.mp4", frames=5)
    (tmp_path / "boxes.csv").write_text("frame,target,x,y,w,h\n" + "".join(f"{frame},0,1,2,9,8\n" for frame in range(5)))
    cv2.imwrite(str(tmp_path / "contact_sheet.png"), np.zeros((20, 20, 3), np.uint8))
    (sequence,) = load_dataset(f"folder:{tmp_path}")
    assert len(sequence) == 5
    assert sequence.frames[0].shape == (120, 160, 3)
