"""The benchmark layouts: OTB, VOT, UAV123, DAVIS."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, strategies as st
from tiny_layouts import BOX, HEIGHT, WIDTH, make_davis, make_otb, make_uav123, make_vot, mask_of, write_images, write_lines

from lockon.data.datasets import davis, otb, uav123, vot
from lockon.data.datasets.mask_images import mask_targets, mask_to_box, read_mask, voc_colour
from lockon.data.datasets.registry import load_readable
from lockon.errors import LockonError
from lockon.ops.regions import polygon_to_box, polygon_to_box_of_equal_area


def test_otb_boxes_become_zero_based(tmp_path: Path) -> None:
    make_otb(tmp_path, "Car", 3, ["1,1,5,6", "2.5\t3\t5\t6", "NaN,NaN,NaN,NaN"])
    (car,) = otb.layout("OTB100").load(tmp_path, "OTB100")
    assert (car.name, car.dataset, len(car), car.masks, car.polygons) == ("Car", "OTB100", 3, None, None)
    np.testing.assert_array_equal(car.boxes, [[0, 0, 5, 6], [1.5, 2, 5, 6], [np.nan] * 4])
    assert car.visible is not None
    assert car.visible.tolist() == [True, True, False]
    assert car.frames[1].shape == (HEIGHT, WIDTH, 3)
    assert abs(int(car.frames[1][0, 0, 0]) - 20) < 6  # the second frame, red first
    assert len(pickle.loads(pickle.dumps(car)).frames) == 3


def test_otb_several_targets(tmp_path: Path) -> None:
    make_otb(tmp_path, "Jogging", 2, suffix=".1")
    make_otb(tmp_path, "Jogging", 2, ["9,9,2,2"] * 2, suffix=".2")
    make_otb(tmp_path, "Biker", 2)
    sequences = otb.layout("OTB100").load(tmp_path, "OTB100")
    assert [sequence.name for sequence in sequences] == ["Biker", "Jogging.1", "Jogging.2"]
    assert sequences[1].frames.paths == sequences[2].frames.paths
    assert sequences[2].boxes[0].tolist() == [8, 8, 2, 2]
    assert sequences[0].visible is None


def test_otb_tlp_lines_have_frame_and_lost(tmp_path: Path) -> None:
    make_otb(tmp_path, "Drone", 2, ["1,3,4,5,6,0", "2,3,4,5,6,1"])
    (drone,) = otb.layout("OTB100").load(tmp_path, "TinyTLP")
    assert drone.boxes[0].tolist() == [2, 3, 5, 6]
    assert drone.visible is not None
    assert drone.visible.tolist() == [True, False]


def test_otb_published_frame_range(tmp_path: Path) -> None:
    folder = make_otb(tmp_path, "Football1", 2, [BOX] * 74)
    write_images(folder / "img", range(1, 77), "{:04d}.jpg")
    (football,) = otb.layout("OTB100").load(tmp_path, "OTB100")
    assert [football.frames.paths[index].name for index in (0, -1)] == ["0001.jpg", "0074.jpg"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([BOX] * 2, r"4 frames but 2 boxes in .*groundtruth_rect\.txt; run `lockon data check OTB100:.*`"),
        ([BOX, "1,2", BOX, BOX], r"groundtruth_rect\.txt:2: expected 4 or 6 numbers, found 2"),
        ([BOX, "1;2;3;4", "x", BOX], r":2: .*\(and 1 more; run `lockon data check OTB100:.*`\)"),
    ],
)
def test_otb_bad_annotation(tmp_path: Path, lines: list[str], message: str) -> None:
    make_otb(tmp_path, "Car", 4, lines)
    with pytest.raises(LockonError, match=message):
        otb.layout("OTB100").load(tmp_path, "OTB100")


def test_otb_missing_parts(tmp_path: Path) -> None:
    (tmp_path / "NoTruth" / "img").mkdir(parents=True)
    with pytest.raises(LockonError, match="OTB100/NoTruth: no annotation"):
        otb.layout("OTB100").load(tmp_path, "OTB100")
    write_lines(tmp_path / "NoTruth" / "groundtruth_rect.txt", [BOX])
    with pytest.raises(LockonError, match="OTB100/NoTruth: no images"):
        otb.layout("OTB100").load(tmp_path, "OTB100")


def test_vot_polygons_rectangles_and_tags(tmp_path: Path) -> None:
    make_vot(tmp_path, "book", ["2,1,8,1,8,5,2,5", "2,1,6,4", "5,0,8,3,5,6,2,3"])
    write_lines(tmp_path / "book" / "occlusion.tag", ["0", "1", "0"])
    write_lines(tmp_path / "book" / "size_change.tag", ["0", "0", "0"])
    (book,) = vot.LAYOUT.load(tmp_path, "VOT2018")
    assert book.polygons is not None
    assert book.polygons[0].tolist() == [2, 1, 8, 1, 8, 5, 2, 5]  # as published, 0-based
    assert book.polygons[1].tolist() == [2, 1, 7, 1, 7, 4, 2, 4]  # corner pixels of the rectangle
    assert book.boxes.tolist() == [[2, 1, 6, 4], [2, 1, 6, 4], [2, 0, 6, 6]]
    assert book.attributes == {"occlusion"}


def test_vot_images_beside_the_annotation_and_no_list(tmp_path: Path) -> None:
    write_images(tmp_path / "bag", [1, 2], "{:08d}.jpg")
    write_lines(tmp_path / "bag" / "groundtruth.txt", ["0,0,5,5"] * 2)
    (bag,) = vot.LAYOUT.load(tmp_path, "VOT2016")
    assert len(bag) == 2


def test_vot_listed_sequence_that_is_not_there(tmp_path: Path) -> None:
    make_vot(tmp_path, "book", ["0,0,5,5"])
    write_lines(tmp_path / "list.txt", ["book", "zebrafish"])
    with pytest.raises(LockonError, match="VOT2018/zebrafish: no annotation"):
        vot.LAYOUT.load(tmp_path, "VOT2018")


def test_vot_area_box_by_hand() -> None:
    # a square of side 3 sqrt 2 on its corner: extent 6 x 6, area 18, so s = sqrt(18 / 36) and the side s 6 + 1
    side = 6 / np.sqrt(2) + 1
    box = polygon_to_box_of_equal_area([5, 0, 8, 3, 5, 6, 2, 3])
    np.testing.assert_allclose(box, [5 - side / 2, 3 - side / 2, side, side])
    # an upright rectangle keeps its size, plus PySOT's one pixel
    np.testing.assert_allclose(polygon_to_box_of_equal_area([2, 1, 8, 1, 8, 5, 2, 5]), [1.5, 0.5, 7, 5])
    assert np.isnan(polygon_to_box_of_equal_area(np.full((1, 8), np.nan))).all()


BOXES = st.tuples(*[st.floats(-50, 50)] * 2, *[st.floats(2, 50)] * 2)


@given(st.lists(BOXES, min_size=1, max_size=5), st.floats(0, 2 * np.pi))
def test_vot_boxes_of_turned_rectangles(boxes: list[tuple[float, float, float, float]], angle: float) -> None:
    array = np.array(boxes)
    x, y, w, h = array.T
    upright = np.stack([x, y, x + w, y, x + w, y + h, x, y + h], axis=1)
    np.testing.assert_allclose(polygon_to_box(upright), array, atol=1e-9)
    centre = array[:, None, :2] + array[:, None, 2:] / 2
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = ((upright.reshape(-1, 4, 2) - centre) @ turn + centre).reshape(-1, 8)
    area_box = polygon_to_box_of_equal_area(turned)
    np.testing.assert_allclose((area_box[:, 2] - 1) * (area_box[:, 3] - 1), w * h, rtol=1e-6)  # the area is kept
    np.testing.assert_allclose(area_box[:, :2] + area_box[:, 2:] / 2, centre[:, 0], atol=1e-6)  # and the centre


def test_uav123_absent_targets(tmp_path: Path) -> None:
    make_uav123(tmp_path, "bike1", ["1,2,3,4", "NaN,NaN,NaN,NaN", "3,4,3,4"])
    (bike,) = uav123.layout("UAV123").load(tmp_path, "UAV123")
    np.testing.assert_array_equal(bike.boxes, [[0, 1, 3, 4], [np.nan] * 4, [2, 3, 3, 4]])
    assert bike.visible is not None
    assert bike.visible.tolist() == [True, False, True]


def test_uav123_pieces_share_one_folder_of_images(tmp_path: Path) -> None:
    write_images(tmp_path / "data_seq" / "bus1", range(1, 8), "{:06d}.jpg")
    for name, count in (("bus1_1", 3), ("bus1_2", 3), ("bus1_3", 3)):  # frames 1-3, 3-5, 5-7: not in the list, one follows another
        make_uav123(tmp_path, name, [BOX] * count, images=False)
    sequences = uav123.layout("UAV123").load(tmp_path, "UAV123")
    assert [[path.stem[-1] for path in sequence.frames.paths] for sequence in sequences] == [list("123"), list("345"), list("567")]


@pytest.mark.parametrize(("root", "step"), [("UAV123", 1), ("UAV123_10fps", 3)])
def test_uav123_pieces_with_gaps(tmp_path: Path, root: str, step: int) -> None:
    folder = tmp_path / root
    make_uav123(folder, "bird1_2", [BOX] * 2, images=False)
    first = (775 - 1) // step + 1
    write_images(folder / "data_seq" / "bird1", range(first - 2, first + 4), "{:06d}.jpg")
    (bird,) = uav123.layout(root).load(folder, root)
    assert [int(path.stem) for path in bird.frames.paths] == [first, first + 1]


def test_uav123_folders_as_the_archive_unpacks_them(tmp_path: Path) -> None:
    write_images(tmp_path / "data_seq" / "UAV123" / "bike1", [1, 2], "{:06d}.jpg")
    write_lines(tmp_path / "anno" / "UAV123" / "bike1.txt", [BOX] * 2)
    assert [sequence.name for sequence in uav123.layout("UAV123").load(tmp_path, "UAV123")] == ["bike1"]


def test_davis_boxes_from_file_and_from_masks_agree(tmp_path: Path) -> None:
    masks = [mask_of(3, 2, 5, 4), mask_of(4, 2, 5, 4), mask_of(0, 0, 0, 0)]
    make_davis(tmp_path / "a", "dog", masks, boxes=["4,3,5,4", "5,3,5,4", "NaN"])
    make_davis(tmp_path / "b", "dog", masks)
    expected = [[3, 2, 5, 4], [4, 2, 5, 4], [np.nan] * 4]
    for root in ("a", "b"):
        (dog,) = davis.LAYOUT_2016.load(tmp_path / root, "DAVIS2016")
        np.testing.assert_array_equal(dog.boxes, expected)
        assert dog.visible is not None
        assert dog.visible.tolist() == [True, True, False]
        assert dog.masks is not None
        assert dog.masks[0].dtype == np.bool_
        np.testing.assert_array_equal(dog.masks[1], masks[1] > 0)


@pytest.mark.parametrize("palette", [True, False])
def test_davis_2017_has_one_sequence_per_object(tmp_path: Path, palette: bool) -> None:
    numbers = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    numbers[1:4, 2:6] = 1
    numbers[6:8, 8:11] = 3
    image = np.array([voc_colour(number) for number in range(4)], dtype=np.uint8)[numbers][..., ::-1] if palette else numbers
    make_davis(tmp_path, "dogs", [image] * 2, boxes=["1,1,9,9"] * 2)
    first, second = davis.LAYOUT_2017.load(tmp_path, "DAVIS2017")
    assert (first.name, second.name) == ("dogs.1", "dogs.3")
    assert first.boxes[0].tolist() == [2, 1, 4, 3]
    assert second.boxes[1].tolist() == [8, 6, 3, 2]
    assert second.masks is not None
    np.testing.assert_array_equal(second.masks[0], numbers == 3)
    (union,) = davis.LAYOUT_2016.load(tmp_path, "DAVIS2016")
    assert union.masks is not None
    np.testing.assert_array_equal(union.masks[0], numbers > 0)


@pytest.mark.parametrize("damage", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
@pytest.mark.parametrize("frame", [0, 1])
def test_davis_without_the_videos_whose_masks_cannot_be_read(tmp_path: Path, damage: bytes, frame: int) -> None:
    for name in ("ant", "bee", "cat"):
        make_davis(tmp_path, name, [mask_of(3, 2, 5, 4)] * 3)
    bad = tmp_path / "Annotations" / "480p" / "bee" / f"0000{frame}.png"
    bad.write_bytes(damage)
    for dataset in ("DAVIS2016", "DAVIS2017"):
        sequences, (broken,) = load_readable(dataset, tmp_path)
        assert [sequence.name for sequence in sequences] == ["ant", "cat"]
        assert broken.name == "bee"
        assert str(broken.error).startswith(f"{bad} is not a readable mask image; run `lockon data check`")
    write_lines(tmp_path / "JPEGImages" / "480p" / "bee" / "boxes.txt", ["4,3,5,4"] * 3)  # which of the targets it is of, nobody knows
    assert [one.name for one in load_readable("DAVIS2017", tmp_path)[1]] == (["bee"] if frame == 0 else [])


def test_davis_count_of_masks(tmp_path: Path) -> None:
    make_davis(tmp_path, "dog", [mask_of(3, 2, 5, 4)] * 3, boxes=["4,3,5,4"] * 3)
    (tmp_path / "Annotations" / "480p" / "dog" / "00001.png").unlink()
    with pytest.raises(LockonError, match="3 frames but 2 masks"):
        davis.LAYOUT_2016.load(tmp_path, "DAVIS2016")


def test_voc_palette_and_mask_files(tmp_path: Path) -> None:
    assert [voc_colour(number) for number in (0, 1, 2, 3, 8, 255)] == [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (128, 128, 0),
        (64, 0, 0),
        (224, 224, 192),
    ]
    assert len({voc_colour(number) for number in range(256)}) == 256
    assert cv2.imwrite(str(tmp_path / "m.png"), mask_of(1, 1, 2, 2, value=4))
    assert mask_targets(tmp_path / "m.png") == [4]
    assert read_mask(tmp_path / "m.png").sum() == read_mask(tmp_path / "m.png", 4).sum() == 4
    with pytest.raises(LockonError, match="does not exist"):
        read_mask(tmp_path / "absent.png")


@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 6), st.integers(1, 3))
def test_mask_to_box(x: int, y: int, w: int, h: int) -> None:
    assert mask_to_box(mask_of(x, y, w, h) > 0).tolist() == [x, y, min(w, WIDTH - x), min(h, HEIGHT - y)]


@pytest.mark.parametrize("name", ["../outside", "/etc", "car/../../outside", "a" * 300, "C:\\car", "..", "a\0b"])
def test_vot_list_that_names_what_is_elsewhere(tmp_path: Path, name: str) -> None:
    make_vot(tmp_path / "vot", "car", ["1,2,3,4"])
    make_vot(tmp_path / "outside", "car", ["1,2,3,4"])
    (tmp_path / "vot" / "list.txt").write_text(f"car\n\n{name}\n")
    with pytest.raises(LockonError, match=r"vot.list.txt:3: "):
        vot.scan(tmp_path / "vot")
