"""`lockon data check`: every planted fault is found and named, and sound data give nothing."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_layouts import (
    BOX,
    HEIGHT,
    WIDTH,
    make_davis,
    make_otb,
    make_stills,
    make_uav123,
    make_vot,
    mask_of,
    still,
    write_image,
    write_images,
    write_lines,
    write_video,
)

from lockon.data.check import DataReport, check_dataset
from lockon.data.image_files import broken_file


def check_one(name: str, root: Path, full: bool = False, subset: bool = True) -> DataReport:
    (report,) = check_dataset(name, root, full=full, subset=subset)
    return report


def test_sound_data_have_no_problem(tmp_path: Path) -> None:
    make_otb(tmp_path / "OTB100", "Car", 3)
    make_otb(tmp_path / "OTB100", "BlurCar1", 3, first=247)
    make_vot(tmp_path / "VOT2018", "book", ["0,0,5,5"] * 3)
    make_uav123(tmp_path / "UAV123", "bike1", ["1,1,2,2"] * 3)
    make_davis(tmp_path / "DAVIS2016", "dog", [mask_of(1, 2, 3, 4)] * 3)
    seen: list[int] = []
    reports = check_dataset("pool", tmp_path, full=True, subset=True, progress=lambda done, total, what: seen.append(done))
    assert [report.problems for report in reports] == [[]] * 4
    assert {report.dataset: (report.sequences, report.frames) for report in reports} == {
        "OTB100": (2, 6),
        "VOT2018": (1, 3),
        "UAV123": (1, 3),
        "DAVIS2016": (1, 3),
    }
    assert len(seen) == 5


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ([3, 4, 6], "Car: missing frames: 3-4, 6 (3 of 8)"),
        ([1, 2], "Car: missing frames: 1-2 (2 of 8)"),
        ([8], "Car: missing frames: 8 (1 of 8)"),
    ],
)
def test_missing_frames_are_named(tmp_path: Path, gone: list[int], expected: str) -> None:
    folder = make_otb(tmp_path, "Car", 8)
    for number in gone:
        (folder / "img" / f"{number:04d}.jpg").unlink()
    assert check_one("OTB100", tmp_path).problems == [expected]


def test_missing_sequences_are_named(tmp_path: Path) -> None:
    make_otb(tmp_path, "Car1", 2)
    report = check_one("OTB100", tmp_path, subset=False)
    assert report.problems[0].startswith("99 of 100 sequences of the benchmark are missing: Basketball, Biker")
    assert check_one("OTB100", tmp_path).problems == []
    write_lines(tmp_path / "list.txt", ["Car1", "Car2"])
    assert check_one("OTB100", tmp_path, subset=False).problems[0].startswith("1 of 2 sequences of the benchmark are missing: Car2;")


def test_cut_sequences_are_named(tmp_path: Path) -> None:
    make_otb(tmp_path, "Basketball", 3)
    make_otb(tmp_path, "Car9", 3)
    assert check_one("OTB100", tmp_path).notes == [
        "1 of 100 sequences, 1 cut, 1 that are not in the list, by the list of the complete benchmark",
        "1 sequences are not in the benchmark's list: Car9",
        "other numbers of frames than the benchmark's: Basketball (3 of 725)",
    ]
    problems = check_one("OTB100", tmp_path, subset=False).problems
    assert problems[1] == "other numbers of frames than the benchmark's: Basketball (3 of 725)"


def test_boxes_of_no_size_are_published_so_where_the_annotation_is_complete(tmp_path: Path) -> None:
    make_otb(tmp_path, "Deer", 71, [BOX] * 70 + ["0,0,0,0"])
    report = check_one("OTB100", tmp_path)
    assert report.problems == []
    assert "Deer: zero or negative width or height, as published, in line 71 of the annotation" in report.notes
    make_otb(tmp_path, "Deer", 71, ["0,0,0,0"] + [BOX] * 70)
    assert check_one("OTB100", tmp_path).problems == ["Deer: the first frame has no box, so a tracker cannot start"]


@pytest.mark.parametrize(("place", "full"), [("first", False), ("last", True), ("last", False), ("all", False)])
def test_several_pictures_in_one_file_are_the_reason(tmp_path: Path, place: str, full: bool) -> None:
    for number in range(3):
        pages = 3 if place == "all" or number == {"first": 0, "last": 2}[place] else 1
        assert cv2.imwritemulti(str(tmp_path / f"{number}.tif"), [np.full((12, 16, 3), 50, np.uint8)] * pages)
    write_lines(tmp_path / "boxes.txt", [BOX] * 3)
    (problem,) = check_one("folder", tmp_path, full=full).problems
    numbers = {"first": "frame 0 ", "last": "frame 2 ", "all": "each of the frames 0-2 "}[place]
    assert f"{numbers}holds 3 pictures (TIFF pages); write each to a file of its own" in problem


def test_pooled_sets_and_json(tmp_path: Path) -> None:
    make_otb(tmp_path / "OTB100", "Car1", 2)
    make_uav123(tmp_path / "UAV123", "bike1", ["1,1,2,2"] * 3)
    reports = check_dataset("otb-100+uav123", tmp_path, subset=True)
    assert [(report.dataset, report.frames, report.problems) for report in reports] == [("OTB100", 2, []), ("UAV123", 3, [])]
    entry = {"gt_rect": [[1, 1, 2, 2]], "img_names": ["0001.jpg"]}
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"Deer": entry}))
    assert check_one("OTB100", file).problems == [
        f"{tmp_path / '0001.jpg'} does not exist; expected the images beside {file}, or ask for the ground truth alone"
    ]
    write_image(tmp_path / "0001.jpg")
    report = check_one("OTB100", file)
    assert (report.sequences, report.frames, report.problems) == (1, 1, [])
    assert "Deer (1 of 71)" in report.notes[-1]


def test_missing_annotation_and_images(tmp_path: Path) -> None:
    write_images(tmp_path / "Car" / "img", [1], "{:04d}.jpg")
    write_lines(tmp_path / "Dog" / "groundtruth_rect.txt", [BOX])
    problems = check_one("OTB100", tmp_path).problems
    assert problems[0].startswith("Car: no annotation; expected NAME/img/0001.jpg")
    assert problems[1] == f"Dog: no images in {tmp_path / 'Dog' / 'img'}"


def test_annotation_faults_with_file_and_line(tmp_path: Path) -> None:
    lines = [BOX, "1,2,3", BOX, "", "3,4,0,6", "900,4,5,6", "12,4,9,6", BOX]
    make_otb(tmp_path, "Car", 8, lines)
    report = check_one("OTB100", tmp_path)
    assert report.problems == [
        f"Car: {tmp_path / 'Car' / 'groundtruth_rect.txt'}:2: expected 4 or 6 numbers, found 3: '1,2,3'",
        "Car: zero or negative width or height in line 5 of the annotation",
        "Car: the box lies outside the frame in line 6 of the annotation",
    ]
    assert "Car: no box (target absent or not annotated) in line 4 of the annotation" in report.notes
    assert "Car: the box reaches over the border by more than a pixel in line 7 of the annotation" in report.notes


def test_more_images_than_lines_and_a_first_frame_without_box(tmp_path: Path) -> None:
    make_uav123(tmp_path, "bike1", ["NaN,NaN,NaN,NaN", "1,1,2,2"])
    write_images(tmp_path / "data_seq" / "bike1", [3, 4], "{:06d}.jpg")
    problems = check_one("UAV123", tmp_path).problems
    assert problems[0].startswith("bike1: frames without a line in ")
    assert problems[1] == "bike1: the first frame has no box, so a tracker cannot start"


def test_renumbered_images_are_only_noted(tmp_path: Path) -> None:
    folder = make_otb(tmp_path, "Car", 4)
    (folder / "img" / "0003.jpg").rename(folder / "img" / "0009.jpg")
    report = check_one("OTB100", tmp_path)
    assert report.problems == []
    assert "Car: the numbers of the images skip 3, 5-8" in report.notes


def test_two_images_for_one_frame(tmp_path: Path) -> None:
    folder = make_otb(tmp_path, "Car", 3)
    write_image(folder / "img" / "0002.png")
    assert "Car: more than one image for the same frame: 2" in check_one("OTB100", tmp_path).problems


def test_broken_images(tmp_path: Path) -> None:
    folder = make_otb(tmp_path, "Car", 6) / "img"
    (folder / "0002.jpg").write_bytes(b"")
    content = (folder / "0003.jpg").read_bytes()
    (folder / "0003.jpg").write_bytes(content[: len(content) // 2])
    (folder / "0004.jpg").write_bytes(b"\xff\xd8 no image \xff\xd9")
    write_image(folder / "0005.jpg", size=(8, 6))
    quick, thorough = check_one("OTB100", tmp_path), check_one("OTB100", tmp_path, full=True)
    assert quick.problems == [f"Car: {folder}: frame 2 is empty", f"Car: {folder}: frame 3 is cut short"]
    assert thorough.problems == [
        *quick.problems,
        f"Car: {folder}: frame 4 is no readable image",
        f"Car: frames of another size (8x6, the others {WIDTH}x{HEIGHT}): 5",
    ]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_cut_images_are_told_by_their_end(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), noise)
    content = path.read_bytes()
    assert broken_file(path) is None
    path.write_bytes(content + b"\0" * 8)  # some cameras pad
    assert broken_file(path) is None
    for part in (0.5, 0.95):
        path.write_bytes(content[: int(len(content) * part)])
        assert broken_file(path) == "is cut short"
    path.unlink()
    assert broken_file(path) == "does not exist"


def test_masks(tmp_path: Path) -> None:
    make_davis(tmp_path, "dog", [mask_of(1, 2, 3, 4)] * 4, boxes=["2,3,3,4"] * 4)
    folder = tmp_path / "Annotations" / "480p" / "dog"
    (folder / "00001.png").unlink()
    (folder / "00002.png").write_bytes(b"")
    assert cv2.imwrite(str(folder / "00003.png"), np.zeros((5, 5), dtype=np.uint8))
    assert check_one("DAVIS2016", tmp_path, full=True).problems == [
        "dog: missing masks: 1",
        "dog: unreadable masks: 2",
        "dog: masks of another size than their frames: 3",
    ]


def test_own_data_and_videos(tmp_path: Path) -> None:
    write_images(tmp_path / "pictures", [5, 9], "img{}.png")  # gaps in the names mean nothing here
    write_lines(tmp_path / "pictures" / "boxes.txt", ["0,0,2,2"] * 3)
    write_video(tmp_path / "clip.avi", [10, 20, 30])
    write_lines(tmp_path / "clip.txt", ["0,0,2,2", "99,0,2,2"])
    report = check_one("folder", tmp_path)
    assert report.problems == [
        "clip: 3 frames but there are 2 boxes",
        "clip: the box lies outside the frame in line 2 of the annotation",
        f"pictures: 2 images but 3 boxes in {tmp_path / 'pictures' / 'boxes.txt'}",
    ]
    assert report.frames == 5


def test_what_cannot_be_listed_is_a_problem(tmp_path: Path) -> None:
    write_images(tmp_path, [0], "{}.png")
    write_lines(tmp_path / "boxes.csv", ["1,2,3,4,5,6"])
    assert "6 columns without a heading" in check_one("folder", tmp_path).problems[0]


def test_stills(tmp_path: Path) -> None:
    box = {"id": 1, "class": "x", "box": [1, 1, 4, 4]}
    records = [
        still(0, [box]),
        still(1, [box | {"box": [1, 1, 0, 4]}, box | {"box": [50, 1, 4, 4]}]),
        still(2, [box | {"mask_rle": "1", "mask_size": [2, 2]}, box | {"box": [14, 1, 9, 4]}]),
        still(3, []),
    ]
    folder = make_stills(tmp_path, "set", records)
    (folder / "images" / "00003.webp").unlink()
    write_image(folder / "images" / "00000.webp", size=(9, 9))
    write_image(folder / "images" / "spare.webp")
    with (folder / "annotations.jsonl").open("a") as file:
        file.write("{}\n")
    report = check_one("stills", tmp_path, full=True)
    file_name = folder / "annotations.jsonl"
    assert report.problems == [
        f"set: {file_name}:5: key 'image' is missing",
        f"set: {file_name}:1: {folder / 'images' / '00000.webp'} is 9x9, annotated as {WIDTH}x{HEIGHT}; mend its annotations.jsonl",
        f"set: {file_name}:3: object 1: mask runs cover 1 pixels, expected 2 x 2 = 4",
        f"set: {file_name}:4: 00003.webp does not exist",
        "set: zero or negative width or height in 1 objects, lines 2",
        "set: the box lies outside the image in 1 objects, lines 2",
    ]
    assert report.notes == [
        "set: the box reaches over the border in 1 objects, lines 3",
        "set: 1 files in images/ are not listed, such as spare.webp",
    ]
