"""Ground truth without images: folders of NAME.txt files and PySOT's JSON."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_layouts import make_davis, mask_of, write_image, write_lines

from lockon.data.check import check_dataset
from lockon.data.datasets.registry import load_dataset, load_readable
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError


def load(spec: str) -> list[VideoSequence]:
    return load_dataset(spec, frames="optional")


def names(sequences: list[VideoSequence]) -> list[str]:
    return [sequence.name for sequence in sequences]


def test_folder_of_texts_is_zero_based_and_has_the_names_and_attributes_of_the_list(tmp_path: Path) -> None:
    write_lines(tmp_path / "OTB100" / "jogging-1.txt", ["2,3,4,5", "3\t4\t5\t6"])
    write_lines(tmp_path / "OTB100" / "Basketball.txt", ["2,3,4,5"])
    write_lines(tmp_path / "OTB100" / "README.txt", ["about"])
    for root in (tmp_path, tmp_path / "OTB100"):
        sequences = load(f"OTB100:{root}")
        assert names(sequences) == ["Basketball", "Jogging.1"]
        assert sequences[1].boxes.tolist() == [[1, 2, 4, 5], [2, 3, 5, 6]]
        assert len(sequences[1].frames) == 2
        assert "background clutter" in sequences[0].attributes
    with pytest.raises(LockonError, match="ground truth was loaded without images"):
        sequences[0].frames[0]
    with pytest.raises(LockonError, match=r"has ground truth of OTB100 without images .*to track, give NAME/img"):
        load_dataset(f"OTB100:{tmp_path}")
    assert len(pickle.loads(pickle.dumps(sequences[1])).frames) == 2


def test_flags_beside_the_texts(tmp_path: Path) -> None:
    write_lines(tmp_path / "airplane-1.txt", ["1,1,5,5", "0,0,0,0", "1,1,5,5"])
    write_lines(tmp_path / "absent" / "airplane-1.txt", ["0", "1", "0"])
    write_lines(tmp_path / "attributes" / "bus-2.txt", [",".join(["1"] + ["0"] * 13)])
    write_lines(tmp_path / "bus-2.txt", ["1,1,5,5"])
    write_lines(tmp_path / "bus-99.txt", ["1,1,5,5"])  # no test sequence of LaSOT
    airplane, bus = load(f"LaSOT:{tmp_path}")
    assert airplane.visible is not None
    assert airplane.visible.tolist() == [True, False, True]
    assert airplane.boxes[1].tolist() == [-1, -1, 0, 0]  # as published, from 0
    assert "illumination variation" in bus.attributes
    write_lines(tmp_path / "absent" / "airplane-1.txt", ["0", "1"])
    with pytest.raises(LockonError, match=r"airplane-1\.txt: 2 flags, but the annotation has 3 boxes"):
        load(f"LaSOT:{tmp_path}")


def test_whole_videos_belong_to_uav20l(tmp_path: Path) -> None:
    for name in ("car1", "car1_1", "car1_2", "bike1"):
        write_lines(tmp_path / "anno" / f"{name}.txt", ["1,1,5,5", "NaN,NaN,NaN,NaN"])
    assert names(load(f"UAV123:{tmp_path / 'anno'}")) == ["bike1", "car1_1", "car1_2"]
    assert names(load(f"UAV20L:{tmp_path / 'anno'}")) == ["bike1", "car1"]


def test_texts_of_other_benchmarks_read_as_their_own_files(tmp_path: Path) -> None:
    write_lines(tmp_path / "VOT2016" / "bag.txt", ["1,1,5,1,5,4,1,4"])
    write_lines(tmp_path / "TC128" / "Ball_ce1_gt.txt", ["2,2,5,5"])
    write_lines(tmp_path / "VOT2020" / "book.txt", ["m1,2,3,2,0,6"])
    (bag,) = load(f"VOT2016:{tmp_path}")
    assert bag.polygons is not None
    assert bag.boxes.tolist() == [[1, 1, 4, 3]]
    assert [(one.name, one.boxes.tolist()) for one in load(f"TC128:{tmp_path}")] == [("Ball_ce1", [[1, 1, 5, 5]])]
    (book,) = load(f"VOT2020:{tmp_path}")
    assert book.masks is not None
    assert book.masks[0].sum() == 6
    assert book.boxes.tolist() == [[1, 2, 3, 2]]


def test_masks_without_images(tmp_path: Path) -> None:
    make_davis(tmp_path, "dog", [mask_of(1, 2, 3, 4), mask_of(2, 2, 3, 4)])
    for image in (tmp_path / "JPEGImages" / "480p" / "dog").iterdir():
        image.unlink()
    (dog,) = load(f"DAVIS2016:{tmp_path}")
    assert dog.boxes.tolist() == [[1, 2, 3, 4], [2, 2, 3, 4]]
    assert dog.masks is not None
    assert dog.masks[1].sum() == 12
    assert dog.frames.paths[1].name == "00001.jpg"


def test_bad_line_in_a_text(tmp_path: Path) -> None:
    write_lines(tmp_path / "Car1.txt", ["1,1,5,5", "1,1,5"])
    with pytest.raises(LockonError, match=r"Car1\.txt:2: expected 4 or 6 numbers, found 3") as caught:
        load(f"OTB100:{tmp_path}")
    assert "\n" not in str(caught.value)


def test_a_folder_of_another_dataset_is_not_taken(tmp_path: Path) -> None:
    write_lines(tmp_path / "UAV123" / "bike1.txt", ["1,1,5,5"])
    with pytest.raises(LockonError, match=r"does not look like OTB100; expected .*or NAME\.txt files"):
        load(f"OTB100:{tmp_path / 'UAV123'}")


def pysot(**more: Any) -> dict[str, Any]:
    entry = {
        "video_dir": "Jogging",
        "init_rect": [2, 3, 4, 5],
        "img_names": ["Jogging/img/0001.jpg", "Jogging/img/0002.jpg"],
        "gt_rect": [[2, 3, 4, 5], [3.5, 4, 4, 5]],
    }
    return {**entry, **more}


def write_json(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def test_json_keeps_the_base_of_its_benchmark(tmp_path: Path) -> None:
    file = write_json(tmp_path / "OTB100_mine.json", {"Jogging-1": pysot(attr=["1"] + ["0"] * 10)})
    (jogging,) = load(f"otb100:{file}")
    assert (jogging.name, jogging.dataset) == ("Jogging.1", "OTB100")
    assert jogging.boxes.tolist() == [[1, 2, 4, 5], [2.5, 3, 4, 5]]
    assert jogging.attributes == load_attributes("Jogging.1")  # of the list: the flags have no names here
    assert jogging.frames.paths[-1] == tmp_path / "Jogging" / "img" / "0002.jpg"
    assert [path.name for path in jogging.frames.paths[0:2]] == ["0001.jpg", "0002.jpg"]


def load_attributes(name: str) -> frozenset[str]:
    from lockon.data.datasets.lists import official

    complete = official("OTB100")
    assert complete is not None
    return complete.sequences[name].attributes


def test_json_with_polygons_sizes_tags_and_names_of_attributes(tmp_path: Path) -> None:
    polygon = [1, 1, 5, 1, 5, 4, 1, 4]
    entry = pysot(gt_rect=[polygon, [1, 1, 5, 4]], width=64, height=48, occlusion=[0, 1], motion_change=[0, 0], size_change=[])
    write_json(tmp_path / "VOT2016.json", {"bag": entry, "ball": pysot(attr=["Scale Variation"])})
    bag, ball = load(f"VOT2016:{tmp_path}")  # by the name of the file
    assert bag.polygons is not None
    assert bag.polygons.tolist() == [polygon, [1, 1, 5, 1, 5, 4, 1, 4]]
    assert bag.boxes.tolist() == [[1, 1, 4, 3], [1, 1, 5, 4]]
    assert (bag.frame_size, bag.attributes) == ((64, 48), {"occlusion"})
    assert (ball.frame_size, ball.attributes, ball.polygons) == (None, {"scale variation"}, None)


@pytest.mark.parametrize("there", [0, 1])
def test_json_absent_flags_take_the_first_frame_for_present(tmp_path: Path, there: int) -> None:
    file = write_json(tmp_path / "x.json", {"a-1": pysot(absent=[there, 1 - there])})
    (sequence,) = load(f"LaSOT:{file}")
    assert sequence.visible is not None
    assert sequence.visible.tolist() == [True, False]


@pytest.mark.parametrize("row", [[], [float("nan")], [float("nan")] * 4])
def test_json_frames_without_a_box(tmp_path: Path, row: list[float]) -> None:
    file = write_json(tmp_path / "x.json", {"a": pysot(gt_rect=[[1, 1, 2, 2], row])})
    (sequence,) = load(f"UAV123:{file}")
    assert np.isnan(sequence.boxes[1]).all()
    assert sequence.visible is not None
    assert sequence.visible.tolist() == [True, False]


def test_json_with_images_beside_it_can_be_tracked(tmp_path: Path) -> None:
    file = write_json(tmp_path / "OTB100.json", {"Jogging-1": pysot()})
    with pytest.raises(LockonError, match=r"0001\.jpg does not exist; expected the images beside .*OTB100\.json"):
        load_dataset(f"OTB100:{file}")
    for number in (1, 2):
        write_image(tmp_path / "Jogging" / "img" / f"000{number}.jpg", 50 * number)
    (sequence,) = load_dataset(f"OTB100:{file}")
    assert abs(int(sequence.frames[1][0, 0, 0]) - 100) < 6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "expected an object with one entry per sequence"),
        ({}, "expected an object with one entry per sequence"),
        ({"a": 3}, "a: expected the keys gt_rect and img_names"),
        ({"a": {"gt_rect": []}}, "a: expected the keys gt_rect and img_names"),
        ({"a": pysot(gt_rect=[[1, 2, 3, 4]])}, "a: 1 boxes in gt_rect, but 2 img_names"),
        ({"a": pysot(gt_rect=[[1, 2, 3, 4], [1, 2, 3]])}, "gt_rect of frame 1: expected four or eight numbers, found 3"),
        ({"a": pysot(gt_rect=[[1, 2, 3, 4], "abc"])}, "gt_rect of frame 1: expected four or eight numbers"),
        ({"a": pysot(gt_rect=[[1, 2, 3, 4], None])}, "gt_rect of frame 1: expected four or eight numbers"),
        ({"a": pysot(occlusion=[1])}, "a: 1 values of occlusion, but 2 frames"),
        ({"a": pysot(absent=[1, "x"])}, "a: absent holds something that is no number"),
        ({"a": pysot(width="x", height=3)}, "a: width 'x' and height 3, expected whole numbers"),
        ({"a": pysot(width=0, height=3)}, r"frame_size \(0, 3\)"),
    ],
)
def test_json_of_another_form(tmp_path: Path, content: Any, message: str) -> None:
    file = write_json(tmp_path / "x.json", content)
    with pytest.raises(LockonError, match=message) as caught:
        load(f"OTB100:{file}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [3, {"gt_rect": []}, pysot(gt_rect=[[1, 2, 3]] * 2), pysot(absent=[1, "x"]), pysot(width="x", height=3)])
def test_json_without_the_sequences_that_are_malformed(tmp_path: Path, bad: object) -> None:
    file = write_json(tmp_path / "x.json", {"a": pysot(), "jogging-1": bad, "z": pysot()})
    sequences, (broken,) = load_readable(f"OTB100:{file}", frames="optional")
    assert (names(sequences), broken.name, broken.dataset) == (["a", "z"], "Jogging.1", "OTB100")
    assert "x.json: jogging-1: " in str(broken.error) or "sequence jogging-1: " in str(broken.error)


def test_json_without_the_sequences_whose_images_are_not_there(tmp_path: Path) -> None:
    there, gone = pysot(), pysot(img_names=["Deer/1.jpg", "Deer/2.jpg"])
    file = write_json(tmp_path / "OTB100.json", {"Deer": gone, "Jogging-1": there})
    for number in (1, 2):
        write_image(tmp_path / "Jogging" / "img" / f"000{number}.jpg", 50 * number)
    sequences, (broken,) = load_readable(f"OTB100:{file}")
    assert names(sequences) == ["Jogging.1"]
    assert str(broken.error).startswith(f"{tmp_path / 'Deer' / '1.jpg'} does not exist")
    (report,) = check_dataset("OTB100", file, subset=True)
    assert (report.sequences, report.problems) == (1, [str(broken.error)])


def test_no_json_at_all_and_json_of_another_dataset(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(LockonError, match=r"x\.json is no JSON"):
        load(f"OTB100:{tmp_path / 'x.json'}")
    write_json(tmp_path / "VOT2018.json", {"a": pysot()})
    with pytest.raises(LockonError, match="does not look like OTB100"):
        load(f"OTB100:{tmp_path / 'VOT2018.json'}")


def test_frames_takes_two_words_only(tmp_path: Path) -> None:
    with pytest.raises(LockonError, match="expected 'required' or 'optional'"):
        load_dataset(f"OTB100:{tmp_path}", frames="none")  # type: ignore[arg-type]


_HUGE = '{"a": {"gt_rect": [[1' + "0" * 400 + ', 1, 1, 1]], "img_names": ["a"]}}'


@pytest.mark.parametrize("text", ["[" * 5000 + "]" * 5000, '{"a":' * 5000 + "1" + "}" * 5000, '{"a": ' + "1" * 5000 + "}", _HUGE])
def test_json_that_is_deep_or_has_huge_numbers(tmp_path: Path, text: str) -> None:
    path = tmp_path / "OTB100.json"
    path.write_text(text)
    with pytest.raises(LockonError, match=r"OTB100.json"):
        load_dataset(f"OTB100:{path}", frames="optional")


@pytest.mark.parametrize("image", ["../../secret.jpg", "/etc/passwd", "a/../../b.jpg", "a\0b"])
def test_json_that_names_images_outside_is_refused(tmp_path: Path, image: str) -> None:
    content = pysot()
    content["img_names"] = [image] * len(content["img_names"])
    path = write_json(tmp_path / "data" / "OTB100.json", {"Basketball": content})
    sequence = load_dataset(f"OTB100:{path}", frames="optional")[0]
    with pytest.raises(LockonError, match="leads out of"):
        sequence.frames[0]
