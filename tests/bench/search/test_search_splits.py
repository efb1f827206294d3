"""Which data are refused, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockon.bench.search.splits import check_splits, judge
from lockon.data.datasets.table import POOLS, known_datasets
from lockon.errors import LockonError


def otb(folder: Path) -> Path:
    """A benchmark with one sequence, by its folders alone."""
    images = folder / "Car1" / "img"
    images.mkdir(parents=True)
    (images / "0001.jpg").write_bytes(b"")
    (folder / "Car1" / "groundtruth_rect.txt").write_text("1,1,9,9\n")
    return folder


def got10k(folder: Path, part: str = "Val") -> Path:
    sequence = folder / f"GOT-10k_{part}_000001"
    sequence.mkdir(parents=True)
    (sequence / "00000001.jpg").write_bytes(b"")
    (sequence / "groundtruth.txt").write_text("1,1,9,9\n")
    return folder


def own(folder: Path) -> Path:
    """A folder of one's own videos."""
    (folder / "walk").mkdir(parents=True)
    (folder / "walk" / "1.jpg").write_bytes(b"")
    (folder / "walk" / "boxes.txt").write_text("1,1,9,9\n")
    return folder


# The benchmarks that papers report on, written down a second time: a change of a role must be meant.
TEST_SETS = {
    *("OTB100", "OTB50", "TC128", "NFS30", "NFS240", "DTB70", "TNL2K", "TLP", "TinyTLP"),
    *("UAV123", "UAV123_10fps", "UAV20L", "UAVDT"),
    *("VOT2016", "VOT2017", "VOT2018", "VOT2019", "VOT2020"),
    *("GOT10k_test", "LaSOT", "TrackingNet"),
}


def test_benchmarks_that_are_reported_on_are_test_sets():
    assert {name for name, dataset in known_datasets().items() if dataset.role == "test"} == TEST_SETS
    assert {part for parts in POOLS.values() for part in parts} <= TEST_SETS


def test_the_other_roles():
    roles = {name: dataset.role for name, dataset in known_datasets().items() if dataset.role != "test"}
    assert {name for name, role in roles.items() if role == "train"} == {"GOT10k_train", "LaSOT_train", "TrackingNet_train"}
    assert {name for name, role in roles.items() if role == "validation"} == {"GOT10k_val"}
    assert {name for name, role in roles.items() if role == "mixed"} == {"DAVIS2016", "DAVIS2017", "AntiUAV", "folder"}


@pytest.mark.parametrize(
    ("spec", "make", "place", "reason"),
    [
        ("OTB100:{}", otb, "data/OTB100", "OTB100 is there to report on"),
        ("OTB100:{}/..", otb, "data/OTB100", "OTB100 is there to report on"),
        ("otb-2015:{}", otb, "data/OTB100", "OTB100 is there to report on"),
        ("TinyTLP:{}", otb, "data/mine", "TinyTLP is there to report on"),
        ("pool:{}/..", otb, "data/OTB100", "OTB100 is there to report on"),
        ("OTB100+OTB50:{}", otb, "data/mine", "OTB100, OTB50 is there to report on"),
        ("GOT10k_test:{}", lambda place: got10k(place, "Test"), "data/GOT-10k/test", "in a folder named 'test'"),
        ("GOT10k_test:{}", lambda place: got10k(place, "Test"), "data/mine", "GOT10k_test is there to report on"),
        ("folder:{}", own, "data/test", "in a folder named 'test'"),
        ("folder:{}", own, "data/Test-set/drone", "in a folder named 'Test-set'"),
        ("folder:{}", own, "data/my_test", "in a folder named 'my_test'"),
        ("folder:{}", own, "data/testing/a", "in a folder named 'testing'"),
        ("folder:{}", own, "data/val/test", "in a folder named 'test'"),
        ("folder:{}", own, "OTB100", "OTB100 is there to report on"),
        ("pool:{}/..", otb, "test/OTB100", "in a folder named 'test'"),
        ("GOT10k_val:{}/..", got10k, "test/val", "in a folder named 'test'"),
    ],
)
def test_test_data_are_refused(tmp_path, spec, make, place, reason):
    given = spec.format(make(tmp_path / place))
    with pytest.raises(LockonError, match=r"is test data: .*insist with --force") as error:
        check_splits([given])
    assert reason in str(error.value)
    assert given in str(error.value)
    assert "\n" not in str(error.value)
    (verdict,) = check_splits([given], force=True)
    assert verdict.split == "test"
    assert verdict.as_json() == {"data": given, "split": "test", "reason": verdict.reason}


@pytest.mark.parametrize(
    ("spec", "make", "place", "split", "note"),
    [
        ("GOT10k_val:{}", got10k, "data/GOT-10k/val", "validation", False),
        ("GOT10k_val:{}", got10k, "data/mine", "validation", False),
        ("folder:{}", own, "data/mine", "unknown", False),
        ("folder:{}", own, "data/val", "validation", False),
        ("folder:{}", own, "data/test/val", "validation", False),
        ("folder:{}", own, "latest/contest/testimony", "unknown", False),
        ("folder:{}", own, "test/of/my/new/camera", "unknown", False),
        ("pool:{}/..", otb, "val/OTB100", "validation", True),
        ("pool:{}/..", otb, "my-validation/OTB100", "validation", True),
        ("OTB100:{}", otb, "validation/OTB100", "validation", True),
        ("OTB100:{}", otb, "VAL", "validation", True),
        ("GOT10k_train:{}", lambda place: got10k(place, "Train"), "data/train", "unknown", True),
    ],
)
def test_other_data_are_taken(tmp_path, spec, make, place, split, note):  # noqa: PLR0917 - a table of cases
    (verdict,) = check_splits([spec.format(make(tmp_path / place))])
    assert verdict.split == split
    assert bool(verdict.note) == note


def test_a_user_s_name_is_no_split(tmp_path):
    """Only the folder itself and the one above it can make a benchmark validation data."""
    with pytest.raises(LockonError, match="OTB100 is there to report on"):
        check_splits([f"OTB100:{otb(tmp_path / 'val' / 'data' / 'OTB100')}"])


def test_links_do_not_hide_a_test_set(tmp_path):
    own(tmp_path / "test")
    (tmp_path / "mine").symlink_to(tmp_path / "test")
    with pytest.raises(LockonError, match="in a folder named 'test'"):
        check_splits([f"folder:{tmp_path / 'mine'}"])


@pytest.mark.parametrize(
    ("name", "content", "split"),
    [
        ("MANIFEST.txt", "name: drones\nsplit: test\n", "test"),
        ("MANIFEST.json", '{\n "split": "test-dev",\n "videos": 3\n}\n', "test"),
        ("MANIFEST.json", '{\n "split": "testing",\n "videos": 3\n}\n', "test"),
        ("MANIFEST", "split = validation", "validation"),
        ("MANIFEST.tsv", "sequence\tsplit\nwalk\tval\nrun\ttest\n", "test"),
        ("MANIFEST.csv", "split,sequence\nval,walk\n", "validation"),
        ("MANIFEST.tsv", "sequence\tframes\nwalk\t3\n", "unknown"),
        ("MANIFEST.txt", "", "unknown"),
        ("README.txt", "split: test", "unknown"),
    ],
)
def test_a_manifest_names_the_split(tmp_path, name, content, split):
    root = own(tmp_path / "drones" / "videos")
    root.parent.joinpath(name).write_text(content)
    assert judge(f"folder:{root}").split == split


def test_one_test_set_among_others_is_refused(tmp_path):
    specs = [f"folder:{own(tmp_path / 'mine')}", f"OTB100:{otb(tmp_path / 'OTB100')}"]
    with pytest.raises(LockonError, match="OTB100 is test data"):
        check_splits(specs)


def test_unknown_data(tmp_path):
    with pytest.raises(LockonError, match="unknown dataset 'OTB1000'"):
        check_splits(["OTB1000:x"])
    with pytest.raises(LockonError, match="does not exist"):
        check_splits([f"folder:{tmp_path / 'missing'}"])
