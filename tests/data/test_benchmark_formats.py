"""What is particular to one benchmark's files: labels, flags, ranges, pieces, masks and anchors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_benchmarks import BENCHMARKS, vatic, vot_mask, xywh
from tiny_layouts import BOX, make_otb, make_uav123, write_image, write_images, write_lines

from lockon.data.check import check_dataset
from lockon.data.datasets.registry import load_dataset
from lockon.data.paths import find_root
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError


def load_one(name: str, root: Path) -> VideoSequence:
    (sequence,) = load_dataset(f"{name}:{root}")
    return sequence


def problems(name: str, root: Path) -> list[str]:
    return check_dataset(name, root, subset=True)[0].problems


# OTB


def test_otb_takes_the_targets_and_frames_of_the_list(tmp_path: Path) -> None:
    for suffix in (".1", ".2"):
        make_otb(tmp_path, "Human4", 2, suffix=suffix)
        make_otb(tmp_path, "Jogging", 2, suffix=suffix)
    make_otb(tmp_path, "Pair", 2, suffix=".1")  # not in the list: both are taken
    make_otb(tmp_path, "Pair", 2, suffix=".2")
    names = [sequence.name for sequence in load_dataset(f"OTB100:{tmp_path}")]
    assert names == ["Human4.2", "Jogging.1", "Jogging.2", "Pair.1", "Pair.2"]


def test_otb_video_whose_annotation_starts_late(tmp_path: Path) -> None:
    make_otb(tmp_path, "David", 0, [BOX] * 471)
    write_images(tmp_path / "David" / "img", range(295, 774), "{:04d}.jpg")
    david = load_one("OTB100", tmp_path)
    assert [david.frames.paths[index].name for index in (0, -1)] == ["0300.jpg", "0770.jpg"]
    (bare,) = load_dataset(f"OTB100:{tmp_path}", frames="optional")
    assert bare.frames.paths[0].name == "0300.jpg"


def test_otb_names_in_another_spelling_become_those_of_the_list(tmp_path: Path) -> None:
    make_otb(tmp_path, "skating2-1", 2)
    skating = load_one("OTB100", tmp_path)
    assert skating.name == "Skating2.1"
    assert "scale variation" in skating.attributes


# UAV123 and UAV20L


def test_uav20l_reads_whole_videos_from_the_folder_of_uav123(tmp_path: Path) -> None:
    root = tmp_path / "UAV123"
    write_images(root / "data_seq" / "UAV123" / "car1", range(1, 5), "{:06d}.jpg")
    write_images(root / "data_seq" / "UAV123" / "bike2", range(1, 3), "{:06d}.jpg")
    write_lines(root / "anno" / "UAV20L" / "car1.txt", [BOX] * 4)
    write_lines(root / "anno" / "UAV123" / "bike2.txt", [BOX] * 2)
    assert load_one("UAV20L", root).name == "car1"
    assert load_one("UAV20L", tmp_path).name == "car1"
    with pytest.raises(LockonError, match="UAV123/car1: no annotation"):
        load_dataset(f"UAV123:{root}")


def test_uav123_leaves_whole_videos_to_uav20l(tmp_path: Path) -> None:
    make_uav123(tmp_path, "car1", [BOX] * 5)
    for piece in ("car1_1", "car1_2"):
        make_uav123(tmp_path, piece, [BOX] * 3)
    make_uav123(tmp_path, "person1_s", [BOX] * 3)
    (tmp_path / "data_seq" / "car1").rename(tmp_path / "elsewhere")
    assert [sequence.name for sequence in load_dataset(f"UAV123:{tmp_path}")] == ["car1_1", "car1_2", "person1_s"]


def test_uav123_piece_starts_where_the_list_says(tmp_path: Path) -> None:
    make_uav123(tmp_path, "truck4_2", [BOX] * 2, images=False)
    write_images(tmp_path / "data_seq" / "truck4", range(575, 581), "{:06d}.jpg")
    assert [path.stem for path in load_one("UAV123", tmp_path).frames.paths] == ["000577", "000578"]


# Temple-color-128


def test_tc128_range_of_frames(tmp_path: Path) -> None:
    tiny = BENCHMARKS["TC128"]
    tiny.build(tmp_path, 8, [tiny.line(0)] * 3)
    limits = tmp_path / tiny.sequence / f"{tiny.sequence}_frames.txt"
    write_lines(limits, ["4,6"])
    sequence = load_one("TC128", tmp_path)
    assert [path.stem for path in sequence.frames.paths] == ["0004", "0005", "0006"]
    assert problems("TC128", tmp_path) == []
    tiny.image(tmp_path, 3).unlink()
    assert problems("TC128", tmp_path) == [f"{tiny.sequence}: missing frames: 4 (1 of 3)"]
    for text in ("4", "6,4", "a,b", "1.5,3"):
        write_lines(limits, [text])
        with pytest.raises(LockonError, match=r"_frames\.txt: expected|3 boxes"):
            load_dataset(f"TC128:{tmp_path}")
        assert any("_frames.txt: expected" in text for text in problems("TC128", tmp_path))


# Need for Speed


@pytest.mark.parametrize("lines", [32, 30, 25])
def test_nfs30_takes_every_eighth_line_of_the_fast_annotation(tmp_path: Path, lines: int) -> None:
    tiny = BENCHMARKS["NFS30"]
    tiny.build(tmp_path, 4, [vatic(min(index // 8, 3)) for index in range(lines)])
    sequence = load_one("NFS30", tmp_path)
    assert sequence.boxes[:, 0].tolist() == [2, 3, 4, 5]
    assert (sequence.fps, len(sequence)) == (30, 4)
    (tmp_path / "airboard" / "30" / "airboard.txt").rename(tmp_path / "airboard" / "gt.txt")
    write_lines(tmp_path / "airboard" / "240" / "airboard.txt", (tmp_path / "airboard" / "gt.txt").read_text().splitlines())
    assert load_one("NFS30", tmp_path).boxes[:, 0].tolist() == [2, 3, 4, 5]  # from the fast video's folder


def test_nfs30_without_images_the_fast_annotation_tells_the_rate(tmp_path: Path) -> None:
    lines = [vatic(index // 8) for index in range(24)]
    write_lines(tmp_path / "airboard" / "30" / "airboard.txt", lines)
    write_lines(tmp_path / "airboard" / "240" / "airboard.txt", lines)
    (slow,) = load_dataset(f"NFS30:{tmp_path}", frames="optional")
    (fast,) = load_dataset(f"NFS240:{tmp_path}", frames="optional")
    assert (len(slow), len(fast), fast.fps) == (3, 24, 240)
    write_lines(tmp_path / "airboard" / "30" / "airboard.txt", lines[::8])
    assert len(load_dataset(f"NFS30:{tmp_path}", frames="optional")[0]) == 3


@pytest.mark.parametrize(("images", "lines"), [(4, 5), (5, 4)])
def test_nfs_one_line_or_image_more_is_left_out(tmp_path: Path, images: int, lines: int) -> None:
    BENCHMARKS["NFS240"].build(tmp_path, images, [vatic(index) for index in range(lines)])
    assert len(load_one("NFS240", tmp_path)) == 4
    assert problems("NFS240", tmp_path) == []


def test_nfs_a_missing_image_in_the_middle_is_not_that(tmp_path: Path) -> None:
    tiny = BENCHMARKS["NFS240"]
    tiny.build(tmp_path, 5)
    tiny.image(tmp_path, 2).unlink()
    with pytest.raises(LockonError, match=r"4 frames but 5 boxes .*\(missing: 3\)"):
        load_dataset(f"NFS240:{tmp_path}")


def test_nfs_lost_targets(tmp_path: Path) -> None:
    lines = [vatic(0), '0 1 2 3 4 2 1 0 0 "a"', vatic(2)]
    BENCHMARKS["NFS240"].build(tmp_path, 3, lines)
    sequence = load_one("NFS240", tmp_path)
    assert sequence.visible is not None
    assert sequence.visible.tolist() == [True, False, True]
    assert sequence.boxes[1].tolist() == [1, 2, 2, 2]


# VOT2020


def vot2020(root: Path, count: int = 4) -> Path:
    BENCHMARKS["VOT2020"].build(root, count)
    folder = root / "book9"
    write_lines(root / "list.txt", ["book9"])
    write_lines(folder / "anchor.value", ["1", "0", "0", "-1"])
    write_lines(folder / "sequence", ["name=book9", "fps=30", "width=16", "height=12", f"length={count}"])
    return folder


def test_vot2020_masks_anchors_and_properties(tmp_path: Path) -> None:
    folder = vot2020(tmp_path)
    write_lines(folder / "occlusion.tag", ["0", "1", "0", "0"])
    write_lines(folder / "motion.label", ["0", "0", "0", "0"])
    book = load_one("VOT2020", tmp_path)
    assert (book.anchors, book.backward, book.frame_size, book.fps) == ((0, 3), {3}, (16, 12), 30)
    assert book.polygons is None
    assert book.attributes == {"occlusion"}
    assert book.masks is not None
    assert book.masks[1].shape == (12, 16)
    assert np.argwhere(book.masks[1]).min(axis=0).tolist() == [3, 3]
    assert book.masks[1].sum() == 30
    assert problems("VOT2020", tmp_path) == []


def test_vot2020_in_the_workspace_of_the_toolkit(tmp_path: Path) -> None:
    vot2020(tmp_path / "workspace" / "sequences")
    assert find_root("VOT2020", tmp_path / "workspace") == tmp_path / "workspace" / "sequences"
    assert load_one("VOT2020", tmp_path / "workspace").name == "book9"


def test_vot2020_size_of_masks_without_a_sequence_file(tmp_path: Path) -> None:
    folder = vot2020(tmp_path)
    (folder / "sequence").unlink()
    book = load_one("VOT2020", tmp_path)
    assert book.frame_size is None
    assert book.masks is not None
    assert book.masks[0].shape == (12, 16)  # that of the images
    for image in (folder / "color").iterdir():
        image.unlink()
    (bare,) = load_dataset(f"VOT2020:{tmp_path}", frames="optional")
    assert bare.masks is not None
    assert bare.masks[0].shape == bare.masks[3].shape == (9, 10)  # just large enough for all of them


def test_vot2020_frames_without_a_target(tmp_path: Path) -> None:
    BENCHMARKS["VOT2020"].build(tmp_path, 4, [vot_mask(0), "0", "m0,0,0,0,0", vot_mask(3)])
    book = load_one("VOT2020", tmp_path)
    assert book.visible is not None
    assert book.visible.tolist() == [True, False, False, True]
    assert book.masks is not None
    assert not book.masks[1].any()
    assert book.masks[1].shape == (12, 16)


@pytest.mark.parametrize(
    ("file", "lines", "message"),
    [
        ("anchor.value", ["1", "0"], r"anchor\.value: 2 flags, but the annotation has 4 boxes"),
        ("anchor.value", ["1", "x", "0", "0"], r"anchor\.value: expected one number per frame"),
        ("sequence", ["width=a", "height=2"], r"sequence: expected lines such as width=640"),
        ("sequence", ["width=0", "height=2"], r"sequence: width, height and fps must be positive"),
        ("groundtruth.txt", [vot_mask(0), "1,2,3,4", vot_mask(2), vot_mask(3)], r"groundtruth\.txt:2: expected a mask"),
        ("groundtruth.txt", [vot_mask(0), "m0,0,2,2,9", vot_mask(2), vot_mask(3)], r"groundtruth\.txt:2: .*cover 9 pixels"),
    ],
)
def test_vot2020_broken_files(tmp_path: Path, file: str, lines: list[str], message: str) -> None:
    folder = vot2020(tmp_path)
    write_lines(folder / file, lines)
    with pytest.raises(LockonError, match=message) as caught:
        load_dataset(f"VOT2020:{tmp_path}")
    assert "\n" not in str(caught.value)
    assert len(problems("VOT2020", tmp_path)) >= 1


def test_vot2020_images_of_another_size_than_the_annotation_says(tmp_path: Path) -> None:
    folder = vot2020(tmp_path)
    write_lines(folder / "sequence", ["width=32", "height=24"])
    assert problems("VOT2020", tmp_path) == ["book9: the images are 16x12, but the annotation states 32x24"]


# GOT-10k


def got10k(root: Path) -> Path:
    tiny = BENCHMARKS["GOT10k_val"]
    tiny.build(root)
    folder = root / tiny.sequence
    write_lines(folder / "cover.label", ["8", "0", "3", "8"])
    write_lines(folder / "absence.label", ["0", "1", "0", "0"])
    write_lines(folder / "cut_by_image.label", ["0", "0", "1", "0"])
    write_lines(folder / "meta_info.ini", ["[METAINFO]", "url: x", "anno_fps: 10Hz", "resolution: (16, 12)"])
    return folder


def test_got10k_labels_and_meta(tmp_path: Path) -> None:
    folder = got10k(tmp_path / "GOT-10k" / "val")
    for root in (tmp_path, tmp_path / "GOT-10k", tmp_path / "GOT-10k" / "val"):
        sequence = load_one("got10k-val", root)
        assert sequence.visible is not None
        assert sequence.visible.tolist() == [True, False, True, True]
        assert (sequence.fps, sequence.frame_size) == (10, (16, 12))
        assert sequence.attributes == {"absence", "cut_by_image"}
    (folder / "cover.label").unlink()
    again = load_one("GOT10k_val", tmp_path)
    assert again.visible is not None
    assert again.visible.tolist() == [True, False, True, True]
    with pytest.raises(LockonError, match="does not look like GOT10k_test"):
        load_dataset(f"GOT10k_test:{tmp_path / 'GOT-10k' / 'val'}")


@pytest.mark.parametrize(
    ("file", "lines", "message"),
    [
        ("cover.label", ["8"] * 3, r"cover\.label: 3 flags, but the annotation has 4 boxes"),
        ("absence.label", ["no"] * 4, r"absence\.label: expected one number per frame"),
        ("meta_info.ini", ["anno_fps: 1.2.3"], r"meta_info\.ini: expected anno_fps as a number"),
    ],
)
def test_got10k_broken_labels(tmp_path: Path, file: str, lines: list[str], message: str) -> None:
    folder = got10k(tmp_path)
    write_lines(folder / file, lines)
    with pytest.raises(LockonError, match=message):
        load_dataset(f"GOT10k_val:{tmp_path}")


def test_got10k_image_size_against_the_annotation(tmp_path: Path) -> None:
    folder = got10k(tmp_path)
    write_lines(folder / "meta_info.ini", ["resolution: (1920, 1080)"])
    assert problems("GOT10k_val", tmp_path) == ["GOT-10k_Val_000001: the images are 16x12, but the annotation states 1920x1080"]


# LaSOT


def make_lasot(root: Path, name: str, occluded: str | None = None, outside: str | None = None, lines: list[str] | None = None) -> None:
    write_images(root / name / "img", range(1, 4), "{:08d}.jpg")
    write_lines(root / name / "groundtruth.txt", lines or [xywh(1)(index) for index in range(3)])
    for file, flags in (("full_occlusion.txt", occluded), ("out_of_view.txt", outside)):
        if flags is not None:
            write_lines(root / name / file, [flags])


def test_lasot_flags_attributes_and_both_ways_of_folders(tmp_path: Path) -> None:
    make_lasot(tmp_path / "a" / "airplane", "airplane-1", "0,1,0", "0,0,1")
    make_lasot(tmp_path / "b", "airplane-1", "0,1,0", "0,0,1")
    for root in ("a", "b"):
        sequence = load_one("LaSOT", tmp_path / root)
        assert sequence.visible is not None
        assert sequence.visible.tolist() == [True, False, False]
        assert "low resolution" in sequence.attributes
    make_lasot(tmp_path / "c", "airplane-1")
    assert load_one("LaSOT", tmp_path / "c").visible is None


def test_lasot_test_and_training_sequences_share_a_folder(tmp_path: Path) -> None:
    for name in ("airplane-1", "airplane-2", "bus-2", "bus-3"):
        make_lasot(tmp_path / name.partition("-")[0], name)
    assert [sequence.name for sequence in load_dataset(f"LaSOT:{tmp_path}")] == ["airplane-1", "bus-2"]
    assert [sequence.name for sequence in load_dataset(f"LaSOT_train:{tmp_path}")] == ["airplane-2", "bus-3"]
    with pytest.raises(LockonError, match="one level too deep for LaSOT"):
        load_dataset(f"LaSOT:{tmp_path / 'airplane'}")


def test_lasot_root_with_training_sequences_alone(tmp_path: Path) -> None:
    make_lasot(tmp_path, "airplane-2")
    with pytest.raises(LockonError, match="holds no sequence of LaSOT"):
        load_dataset(f"LaSOT:{tmp_path}")


def test_lasot_absent_targets_may_have_boxes_of_no_size(tmp_path: Path) -> None:
    lines = [xywh(1)(0), "0,0,0,0", "5,5,0,3"]
    make_lasot(tmp_path, "airplane-1", "0,1,0", "0,0,0", lines)
    assert problems("LaSOT", tmp_path) == ["airplane-1: zero or negative width or height in line 3 of the annotation"]
    write_lines(tmp_path / "airplane-1" / "full_occlusion.txt", ["0,1"])
    with pytest.raises(LockonError, match=r"full_occlusion\.txt: 2 flags, but the annotation has 3 boxes"):
        load_dataset(f"LaSOT:{tmp_path}")


# TrackingNet


def test_trackingnet_test_has_one_box_and_training_has_several_parts(tmp_path: Path) -> None:
    BENCHMARKS["TrackingNet"].build(tmp_path, 12)
    for part, name in (("TRAIN_0", "a_0"), ("TRAIN_11", "b_0")):
        write_images(tmp_path / part / "frames" / name, range(3), "{}.jpg")
        write_lines(tmp_path / part / "anno" / f"{name}.txt", ["1.5,2,3,4"] * 3)
    test = load_one("TrackingNet", tmp_path)
    assert [path.stem for path in test.frames.paths] == [str(number) for number in range(12)]  # 10 after 9
    assert np.isnan(test.boxes[1:]).all()
    assert test.visible is None
    assert [sequence.name for sequence in load_dataset(f"TrackingNet_train:{tmp_path}")] == ["a_0", "b_0"]
    assert load_one("TrackingNet", tmp_path / "TEST").name == test.name


# Sizes


def test_size_of_the_list_is_compared(tmp_path: Path) -> None:
    folder = tmp_path / "book"
    for number in range(1, 176):
        write_image(folder / "color" / f"{number:08d}.jpg", size=(8, 6))
    write_lines(folder / "groundtruth.txt", ["1,1,4,4"] * 175)
    (strict,) = check_dataset("VOT2018", tmp_path)
    assert strict.problems[-1] == "images of another size than the benchmark's: book (8x6 instead of 640x480)"
    (lenient,) = check_dataset("VOT2018", tmp_path, subset=True)
    assert lenient.problems == []
    assert lenient.notes[-1] == strict.problems[-1]
    assert load_one("VOT2018", tmp_path).frame_size is None  # only the images can tell
    for image in (folder / "color").iterdir():
        image.unlink()
    (bare,) = load_dataset(f"VOT2018:{tmp_path}", frames="optional")
    assert bare.frame_size == (640, 480)
