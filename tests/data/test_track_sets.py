import json
from pathlib import Path

import pytest
from tiny_benchmarks import build
from tiny_layouts import make_otb, write_lines
from tiny_train_sets import (
    YTBB_ROWS,
    make_511,
    make_all,
    make_coco,
    make_det,
    make_own_stills,
    make_vid,
    make_ytbb,
    xml,
    ytbb_by_object,
    ytbb_by_second,
)

from lockon.data.check_tracks import check_track_set
from lockon.data.samples.pysot import PysotDataConfig, pysot_pipeline
from lockon.data.track_sets import TRAIN_SETS, check_protocol, find_track_sets, load_track_set, load_track_sets
from lockon.data.tracks import TrackSet
from lockon.errors import LockonError


def content(tracks: TrackSet) -> dict[tuple[str, str], dict[int, list[float]]]:
    """Boxes by (video, track) and frame, in pixels."""
    return {
        (tracks.videos[video], tracks.tracks[track]): {
            int(tracks.frames[row]): [round(value, 3) for value in tracks.view(row).box.tolist()] for row in tracks.rows(track)
        }
        for video in range(len(tracks))
        for track in tracks.tracks_of(video)
    }


@pytest.mark.parametrize("inside", ["train2017", "images/train2017"])
def test_coco(tmp_path: Path, inside: str) -> None:
    tracks = load_track_set(f"COCO:{make_coco(tmp_path, inside=inside)}")
    assert content(tracks) == {
        ("train2017/000000000009", "00"): {0: [1, 2, 51, 62]},
        ("train2017/000000000009", "02"): {0: [100, 50, 120, 60]},  # a crowd is an object; the one between has no width
        ("train2017/000000000025", "00"): {0: [10.5, 20.25, 40.5, 60.25]},
    }
    assert tracks.view(2).image[0, 0, 0] == pytest.approx(25, abs=2)
    assert tracks.notes == ("COCO: 1 boxes without width or height left out",)


def test_det(tmp_path: Path) -> None:
    tracks = load_track_set("DET", make_det(tmp_path))
    assert content(tracks) == {
        ("ILSVRC2013_train/n01440764/n01440764_18", "00"): {0: [13, 22, 90, 70]},
        ("ILSVRC2014_train_0000/ILSVRC2014_train_00000001", "00"): {0: [1, 2, 3, 4]},
        ("ILSVRC2014_train_0000/ILSVRC2014_train_00000001", "02"): {0: [50, 60, 70, 90]},
    }


def test_vid_drops_frames_that_stand_alone(tmp_path: Path) -> None:
    tracks = load_track_set("VID", make_vid(tmp_path))
    video = "ILSVRC2015_VID_train_0000/ILSVRC2015_train_00139005"
    assert content(tracks) == {
        (video, "00"): {frame: [frame, 0, frame + 20, 15] for frame in (0, 1, 2, 6, 7)},
        (video, "02"): {frame: [frame, 20, frame + 20, 35] for frame in (1, 2)},
    }
    assert tracks.view(4).image[0, 0, 0] == pytest.approx(70, abs=2)


@pytest.mark.parametrize("name", [ytbb_by_second, ytbb_by_object])
def test_ytbb_has_pixels_and_both_x_first(tmp_path: Path, name) -> None:
    tracks = load_track_set("YTBB", make_ytbb(tmp_path, name))
    assert content(tracks) == {
        ("0/AAB6lO-XiKE", "00"): {238: [20, 50, 70, 75], 240: [40, 50, 90, 75]},  # of 200 x 100 pixels: 50 x 25
        ("0/AAB6lO-XiKE", "01"): {241: [60, 10, 80, 20]},
        ("7/other", "00"): {0: [0, 0, 200, 99.9]},
    }
    assert tracks.notes == ("YTBB: 1 of 5 boxes left out, whose images are not there",)
    assert tracks.view(1).image[0, 0, 0] == pytest.approx(240, abs=2)


def test_ytbb_as_fractions_would_have_another_shape(tmp_path: Path) -> None:
    """The trap: a box of 0.25 x 0.25 of a 2:1 image is twice as wide as high, and so is the label."""
    pipeline = pysot_pipeline([load_track_set("YTBB", make_ytbb(tmp_path))], PysotDataConfig(negative=0), 0)
    samples = [sample for sample in map(pipeline.sample, range(40)) if sample["ids"].endswith("/000238.00")]
    assert len(samples) > 3
    for sample in samples:
        width, height = sample["box"][2:] - sample["box"][:2]
        assert 2 / 1.45 < width / height < 2 * 1.45  # the jitter of scale


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("v,1000,0,person,0,present,0.1,0.2,0.3", "csv:7: 9 columns"),
        ("v,1000,0,person,0,present,0.1,0.2,0.3,x", "csv:7: could not convert"),
        ("v,1500,0,person,0,present,0.1,0.2,0.3,0.4", "csv:7: a timestamp that is no whole second"),
        ("v,1000,0,person,0,present,10,20,30,40", "csv:7: .* a coordinate over 1"),
    ],
)
def test_ytbb_names_a_bad_line(tmp_path: Path, row: str, message: str) -> None:
    make_ytbb(tmp_path)
    write_lines(tmp_path / "yt_bb_detection_train.csv", [*YTBB_ROWS, row])
    with pytest.raises(LockonError, match=message):
        load_track_set("YTBB", tmp_path)


def test_ytbb_without_images(tmp_path: Path) -> None:
    write_lines(tmp_path / "yt_bb_detection_train.csv", YTBB_ROWS)
    with pytest.raises(LockonError, match=r"holds no image of yt_bb_detection_train\.csv; expected one of the names"):
        load_track_set("YTBB", tmp_path)


@pytest.mark.filterwarnings("ignore:.*without area")
def test_got10k_and_lasot_give_boxes_inside_the_image(tmp_path: Path) -> None:
    lines = ["2,3,5,6", "-1,3,5,6", "2,3,0,6", "10,3,7,6", "3,3,5,6"]  # of 16 x 12 pixels
    build("GOT10k_train", tmp_path / "GOT-10k", 5, lines)
    tracks = load_track_set("GOT10k_train", tmp_path / "GOT-10k")
    assert content(tracks) == {("GOT-10k_Train_000001", "00"): {0: [2, 3, 7, 9], 4: [3, 3, 8, 9]}}
    assert tracks.notes == ("GOT10k_train: 3 frames left out (hidden, absent or not wholly inside the image)",)
    build("LaSOT_train", tmp_path / "LaSOT")
    write_lines(tmp_path / "LaSOT" / "airplane" / "airplane-2" / "full_occlusion.txt", ["0,1,0,0"])
    tracks = load_track_set("LaSOT_train", tmp_path / "LaSOT")
    assert list(content(tracks)["airplane-2", "00"]) == [0, 2, 3]  # 1-based boxes became 0-based
    assert content(tracks)["airplane-2", "00"][0] == [2, 3, 7, 9]


@pytest.mark.filterwarnings("ignore:.*without area")
def test_own_videos_and_stills(tmp_path: Path) -> None:
    make_otb(tmp_path / "train_video" / "TinyTLP", "Drone", 3, ["1,1,8,8", "2,1,8,8", "0,0,0,0"])
    tracks = load_track_set("videos", tmp_path / "train_video")
    assert content(tracks) == {("TinyTLP/Drone", "00"): {0: [0, 0, 8, 8], 1: [1, 0, 9, 8]}}
    tracks = load_track_set("stills", make_own_stills(tmp_path / "train"))
    assert content(tracks) == {
        ("foxes/00000.webp", "00"): {0: [2, 2, 10, 10]},
        ("foxes/clip", "00"): {4: [2, 2, 10, 10], 7: [4, 2, 12, 10]},
    }


def test_511(tmp_path: Path) -> None:
    made = {
        "a/ILSVRC2015_train_00000000": {"00": {"000004": [10, 20, 40, 40], "000002": [10, 20, 40, 45], "note": [0, 0, 1, 1]}},
        "b": {"03": {"000000": [30, 20]}, "04": {"000000": [10, 10, 10, 20]}},
    }
    del made["a/ILSVRC2015_train_00000000"]["00"]["note"]
    tracks = load_track_set("VID", make_511(tmp_path, made))
    assert tracks.cropped
    assert content(tracks) == {
        ("a/ILSVRC2015_train_00000000", "00"): {2: [10, 20, 40, 45], 4: [10, 20, 40, 40]},
        ("b", "03"): {0: [0, 0, 30, 20]},
    }
    assert tracks.view(1).image[0, 0, 0] == pytest.approx(40, abs=2)
    assert pysot_pipeline([tracks], PysotDataConfig(), 0).sample(0)["search"].shape == (255, 255, 3)


GOOD = {"00": {"000000": [10, 20, 40, 40]}}


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (3, "no {track: {frame: box}}, 'int' object has no attribute 'items'"),
        (None, "no {track: {frame: box}}"),
        ({**GOOD, "01": []}, "no {track: {frame: box}}, 'list' object has no attribute 'items'"),
        ({**GOOD, "01": {"000000": 7}}, "no {track: {frame: box}}"),
        ({**GOOD, "01": {"000000": "abcd"}}, "could not convert string to float"),
        ({**GOOD, "01": {"000000": [1, 2, None, 4], "000001": [1, 2, 3, 4, 5]}}, "inhomogeneous"),
        ({**GOOD, "01": {"9" * 12: [1, 2, 3, 4]}}, "track 01: frames or boxes are no numbers of their kind"),
    ],
)
def test_511_without_the_videos_that_are_malformed(tmp_path: Path, bad: object, why: str) -> None:
    root = make_511(tmp_path, {"a": GOOD, "c": GOOD})
    (root / "train.json").write_text(json.dumps({"a": GOOD, "b": bad, "c": GOOD}))
    tracks = load_track_set("VID", root)
    assert content(tracks) == {("a", "00"): {0: [10, 20, 40, 40]}, ("c", "00"): {0: [10, 20, 40, 40]}}
    (note,) = tracks.notes
    assert note.startswith("VID: 1 videos left out that cannot be read: b (")
    assert why in note
    assert [*check_track_set("VID", root).problems] == [f"b: {note.partition(' b (')[2][:-1]}"]


def test_511_with_fractions_is_refused(tmp_path: Path) -> None:
    make_511(tmp_path, {"v": {"00": {"000000": [0.1, 0.2, 0.5, 0.6]}}})
    with pytest.raises(LockonError, match="boxes from 0 to 1, whose shape is not the object's"):
        load_track_set("YTBB", tmp_path)


@pytest.mark.parametrize(
    ("name", "train", "other"),
    [("GOT10k_train", "GOT-10k_Train_000001", "GOT-10k_Val_000001"), ("LaSOT_train", "airplane-2", "airplane-1")],
)
def test_511_of_all_parts_loses_what_may_not_train(tmp_path: Path, name: str, train: str, other: str) -> None:
    box = {"00": {"000000": [1.0, 2, 30, 40]}}
    tracks = load_track_set(name, make_511(tmp_path, {train: box, other: box}, "all.json"))
    assert tracks.videos == (train,)
    assert tracks.notes == (f"{name}: 1 videos left out that belong to a validation or test part, which never train",)


def test_found_by_name_under_a_data_root(tmp_path: Path) -> None:
    make_all(tmp_path)
    found = find_track_sets(tmp_path)
    assert list(found) == list(TRAIN_SETS)
    assert found["VID"] == found["DET"] == tmp_path / "ILSVRC2015"
    assert found["GOT10k_train"] == tmp_path / "GOT-10k" / "train"
    sets = load_track_sets(dict(reversed(found.items())))
    assert [one.name for one in sets] == list(TRAIN_SETS)
    pipeline = pysot_pipeline(sets, PysotDataConfig(), 0)
    seen = {pipeline.sample(index)["ids"].split("/")[0] for index in range(40)}
    assert seen == set(TRAIN_SETS)
    make_511(tmp_path / "vid", {"v": {"00": {"000000": [1, 2, 30, 40]}}})
    assert find_track_sets(tmp_path)["VID"] == tmp_path / "vid"  # patches go before whole images
    assert load_track_set("VID", tmp_path / "vid").cropped


def test_skip_lists(tmp_path: Path) -> None:
    box = {"00": {"000000": [1.0, 2, 30, 40]}}
    names = [f"GOT-10k_Train_{number:06d}" for number in (1, 2, 3, 8628, 4419)]
    make_511(tmp_path, dict.fromkeys(names, box))
    tracks = load_track_set("GOT10k_train", tmp_path)
    assert tracks.videos == tuple(names[:3])
    assert "2 videos left out by the list of bad ones" in tracks.notes[0]
    file = tmp_path / "skip.txt"
    file.write_text("# mine\nGOT-10k_Train_000001\nGOT10k_train/GOT-10k_Train_000003  # blurred\n\n")
    assert load_track_set("GOT10k_train", tmp_path, skip=file).videos == (names[1],)


@pytest.mark.parametrize("name", ["OTB100", "GOT10k_val", "GOT-10k_test", "LaSOT", "VOT2018", "DAVIS2017", "pool", "TrackingNet"])
def test_what_is_for_tests_never_trains(tmp_path: Path, name: str) -> None:
    with pytest.raises(LockonError, match="never trains; expected one of COCO, VID"):
        load_track_set(name, tmp_path)


def test_the_one_shot_protocol_of_got10k(tmp_path: Path) -> None:
    make_coco(tmp_path / "COCO")
    build("GOT10k_train", tmp_path / "GOT-10k")
    places = find_track_sets(tmp_path)
    assert len(load_track_sets(places)) == 2
    with pytest.raises(LockonError, match="trains on GOT10k_train alone: COCO may not be used"):
        load_track_sets(places, protocol="got10k")
    with pytest.raises(LockonError, match="GOT10k_train is missing"):
        check_protocol([], "got10k")
    (only,) = load_track_sets({"got10k-train": places["GOT10k_train"]}, protocol="got10k")
    assert only.name == "GOT10k_train"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("COC", "unknown training set 'COC'; did you mean 'COCO'"),
        ("COCO", "expected NAME:ROOT, for example COCO:/data/COCO"),
        ("COCO:", "expected NAME:ROOT"),
        ("COCO:/nowhere", "/nowhere is no folder"),
        ("stills:{}", "does not look like stills; expected SET/annotations.jsonl and SET/images/$"),
        ("VID:{}", "expected Annotations/VID/train/.*; or the 511-pixel layout: train.json"),
    ],
)
def test_wrong_usage(tmp_path: Path, spec: str, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        load_track_set(spec.format(tmp_path))


def test_broken_annotations_are_named(tmp_path: Path) -> None:
    write_lines(make_coco(tmp_path / "COCO") / "annotations" / "instances_train2017.json", ['{"images": []}'])
    with pytest.raises(LockonError, match=r"instances_train2017\.json is no annotation of COCO instances: KeyError 'annotations'"):
        load_track_set("COCO", tmp_path)
    file = make_det(tmp_path / "DET") / "Annotations/DET/train/ILSVRC2013_train/n01440764/n01440764_18.xml"
    for text in ("<annotation><object><bndbox><xmin>3</xmin></bndbox></object></annotation>", "<annotation>"):
        file.write_text(text)
        with pytest.raises(LockonError, match=r"n01440764_18\.xml is no annotation of ImageNet objects"):
            load_track_set("DET", tmp_path)
    folder = make_vid(tmp_path / "VID") / "Annotations/VID/train/ILSVRC2015_VID_train_0000/ILSVRC2015_train_00139005"
    (folder / "000000.xml").write_text(xml([(None, (1, 2, 3, 4))]))
    with pytest.raises(LockonError, match="without trackid"):
        load_track_set("VID", tmp_path)
    (tmp_path / "P" / "crop511").mkdir(parents=True)
    for text in ("[]", '{"v": {"00": {"000000": "x"}}}', '{"v": 3}', "{"):
        (tmp_path / "P" / "train.json").write_text(text)
        with pytest.raises(LockonError, match=r"train\.json is no annotation of 511-pixel patches"):
            load_track_set("COCO", tmp_path / "P")


ENTITIES = "".join(f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True))
HOSTILE = {
    "entities": f'<!DOCTYPE annotation [<!ENTITY a "aaaaaaaaaa">{ENTITIES}]><annotation><object>&i;</object></annotation>',
    "other file": '<!DOCTYPE annotation [<!ENTITY a SYSTEM "file:///etc/hostname">]><annotation><object><trackid>&a;</trackid></object></annotation>',
    "document type": '<!DOCTYPE annotation SYSTEM "http://localhost:1/a.dtd"><annotation/>',
    "UTF-16": '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE annotation [<!ENTITY a "b">]><annotation/>',
    "depth": "<annotation>" + "<object>" * 300_000,
    "closed depth": "<annotation>" + "<object>" * 50_000 + "</object>" * 50_000 + "</annotation>",
    "width": "<annotation>" + "<object/>" * 200_000 + "</annotation>",
    "encoding": '<?xml version="1.0" encoding="no-such"?><annotation/>',
    "infinite": xml([(None, (1, 2, 3, 4))]).replace("<xmin>1<", "<xmin>1e999<"),
    "Python's number": xml([(None, (1, 2, 3, 4))]).replace("<xmin>1<", "<xmin>1_0<"),
    "huge number": xml([(1, (1, 2, 3, 4))]).replace("<trackid>1<", f"<trackid>{'9' * 5000}<"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_annotation_is_one_line(tmp_path: Path, kind: str) -> None:
    root = make_det(tmp_path)
    file = next(iter(sorted((root / "Annotations").rglob("*.xml"))))
    file.write_bytes(HOSTILE[kind].encode("utf-16" if kind == "UTF-16" else "utf-8"))
    with pytest.raises(LockonError, match=r"\.xml is no annotation of ImageNet objects: ") as caught:
        load_track_set("DET", root)
    assert len(str(caught.value)) < len(str(file)) + 200
