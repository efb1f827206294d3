"""Lists of complete benchmarks, names in other spellings, and how much of a benchmark is there."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from tiny_benchmarks import build
from tiny_layouts import make_otb

from lockon.data.completeness import Cut, completeness
from lockon.data.datasets.lists import official
from lockon.data.datasets.registry import load_dataset
from lockon.data.datasets.table import canonical_name, known_names, official_list, official_sequences, origin, resolve
from lockon.errors import LockonError

LISTS = sorted(file.name.removesuffix(".json") for file in (resources.files("lockon.data") / "lists").iterdir())
# Sequences and annotated frames: the published ground truth.
COUNTS = {
    "DTB70": (70, 15777),
    "LaSOT": (280, 685360),
    "OTB100": (100, 59040),
    "UAV123": (123, 112578),
    "UAV123_10fps": (123, 37607),
    "UAV20L": (20, 58670),
    "UAVDT": (50, 37084),
    "VOT2018": (60, 21356),
    "VOT2019": (60, 19935),
}


def test_every_list_has_a_source_and_belongs_to_a_dataset() -> None:
    assert sorted(COUNTS) == LISTS
    for name in LISTS:
        complete = official(name)
        assert complete is not None
        assert "published" in complete.source
        assert resolve(name) == name
        assert (len(complete.sequences), sum(one.frames for one in complete.sequences.values())) == COUNTS[name]
        assert all(one.first >= 1 and one.attributes <= set(complete.attributes) for one in complete.sequences.values())
    size = sum(len((resources.files("lockon.data") / "lists" / f"{name}.json").read_bytes()) for name in LISTS)
    assert size < 300_000


def test_attribute_counts_of_uav123() -> None:
    complete = official("UAV123")
    assert complete is not None
    found = {name: sum(name in one.attributes for one in complete.sequences.values()) for name in complete.attributes}
    assert found == {
        "scale variation": 109,
        "aspect ratio change": 68,
        "low resolution": 48,
        "fast motion": 28,
        "full occlusion": 33,
        "partial occlusion": 73,
        "out of view": 30,
        "background clutter": 21,
        "illumination variation": 31,
        "viewpoint change": 60,
        "camera motion": 70,
        "similar object": 39,
    }


def test_pieces_at_ten_frames_per_second_start_at_every_third_frame() -> None:
    full, slow = official("UAV123"), official("UAV123_10fps")
    assert full is not None
    assert slow is not None
    for name, one in full.sequences.items():
        assert slow.sequences[name].first == (one.first - 1) // 3 + 1
        assert slow.sequences[name].frames == (one.frames + 2) // 3
        assert slow.sequences[name].attributes == one.attributes


def test_no_list_without_a_source() -> None:
    for name in ("OTB50", "TC128", "NFS30", "VOT2016", "GOT10k_val", "TrackingNet", "TNL2K", "folder"):
        assert official_sequences(name) is None
    assert official_list("OTB50") is official("OTB100")  # attributes and ranges, not the list


@pytest.mark.parametrize(
    ("given", "expected"),
    [("jogging-1", "Jogging.1"), ("Skating2_2", "Skating2.2"), ("human4.2", "Human4.2"), ("David", "David"), ("Nobody", "Nobody")],
)
def test_sequence_names_in_other_spellings(given: str, expected: str) -> None:
    complete = official("OTB100")
    assert complete is not None
    assert complete.canonical(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("OTB-100", "OTB100"),
        ("otb2015", "OTB100"),
        ("GOT-10k_val", "GOT10k_val"),
        ("got10k-test", "GOT10k_test"),
        ("lasot", "LaSOT"),
        ("LaSOT-test", "LaSOT"),
        ("UAV123@10fps", "UAV123_10fps"),
        ("uav20l", "UAV20L"),
        ("Temple-Color-128", "TC128"),
        ("nfs_30", "NFS30"),
        ("vot18", "VOT2018"),
        ("trackingnet", "TrackingNet"),
        ("tnl2k", "TNL2K"),
        ("nuo-323", "NUO323"),
        ("TC128+NFS30+UAV123", "TC128+NFS30+UAV123"),
        ("otb-100+nfs30", "OTB100+NFS30"),
        ("Folder", "folder"),
    ],
)
def test_dataset_names_in_other_spellings(given: str, expected: str) -> None:
    assert canonical_name(given) == expected


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("GOT-10k", "GOT10k_val"),
        ("got-10k", "GOT10k_val"),
        ("nfs-24", "NFS240"),
        ("NFS", "NFS30"),
        ("LaSO", "LaSOT"),
        ("VOT2021", "VOT20"),
        ("OTB100+LaSOTT", "LaSOT"),
        ("OTB100+pool", "pool"),
    ],
)
def test_unknown_names_bring_the_nearest(given: str, near: str) -> None:
    with pytest.raises(LockonError, match=rf"unknown dataset .*did you mean .*{near}"):
        canonical_name(given)


def test_names_are_told_apart_in_any_spelling() -> None:
    assert [canonical_name(name) for name in known_names()] == known_names()


def test_origins() -> None:
    assert {name: origin(name) for name in ("OTB100", "UAV20L", "LaSOT", "TC128", "VOT2018", "GOT10k_val", "TrackingNet", "folder")} == {
        "OTB100": 1,
        "UAV20L": 1,
        "LaSOT": 1,
        "TC128": 1,
        "VOT2018": 0,
        "GOT10k_val": 0,
        "TrackingNet": 0,
        "folder": 0,
    }


def full(name: str) -> dict[str, int]:
    complete = official(name)
    assert complete is not None
    return {sequence: one.frames for sequence, one in complete.sequences.items()}


def test_complete() -> None:
    found = completeness(full("OTB100"), "OTB100")
    assert found.complete is True
    assert str(found) == "100 of 100 sequences"


def test_missing_cut_and_extra() -> None:
    lengths = {name: count for name, count in full("OTB100").items() if name not in ("Biker", "Woman")}
    lengths["Basketball"] = 100
    lengths["jogging-1"] = lengths.pop("Jogging.1")  # another spelling is the same sequence
    lengths["MyOwn"] = 5
    found = completeness(lengths, "OTB100")
    assert found.complete is False
    assert (found.found, found.expected, found.missing, found.extra) == (98, 100, ("Biker", "Woman"), ("MyOwn",))
    assert found.cut == (Cut("Basketball", 100, 725),)
    assert str(found) == "98 of 100 sequences, 1 cut, 1 that are not in the list"


def test_of_sequences(tmp_path: Path) -> None:
    make_otb(tmp_path, "Basketball", 3)
    found = completeness(load_dataset(f"OTB100:{tmp_path}"), "OTB100")
    assert str(found) == "1 of 100 sequences, 1 cut"


@pytest.mark.parametrize("name", ["GOT10k_val", "OTB50", "folder", "NUO323", "something else"])
def test_no_list_to_compare_with(name: str) -> None:
    found = completeness({"a": 3, "b": 4}, name)
    assert (found.complete, found.expected, found.missing) == (None, None, ())
    assert str(found) == "2 sequences (no list to compare with)"


def test_pooled_sets_with_lists() -> None:
    lengths = {**full("UAV123"), **full("VOT2018")}
    assert completeness(lengths, "UAV123+VOT2018").complete is True
    pooled = completeness({}, "UAV123+UAV20L")
    assert pooled.expected == 143
    assert {"UAV123-bike1", "UAV20L-bike1", "car1", "car1_1"} <= set(pooled.missing)  # both have a bike1


def test_pooled_sets_load_as_one_dataset(tmp_path: Path) -> None:
    for name in ("NFS30", "UAV123", "OTB100"):
        build(name, tmp_path / name)
    sequences = load_dataset(f"NUO323:{tmp_path}")
    assert [(one.dataset, one.name) for one in sequences] == [("NUO323", "airboard"), ("NUO323", "bus9"), ("NUO323", "Car9")]
    two = load_dataset("otb100+nfs30", tmp_path)
    assert [(one.dataset, one.name) for one in two] == [("OTB100+NFS30", "Car9"), ("OTB100+NFS30", "airboard")]
    with pytest.raises(LockonError, match="does not look like TC128"):
        load_dataset(f"TC128+NFS30+UAV123:{tmp_path}")


def test_pooled_sets_keep_names_unique(tmp_path: Path) -> None:
    for name in ("OTB100", "TinyTLP"):
        build(name, tmp_path / name)
    assert [one.name for one in load_dataset(f"OTB100+TinyTLP:{tmp_path}")] == ["OTB100-Car9", "TinyTLP-Car9"]
