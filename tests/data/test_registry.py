from pathlib import Path

import numpy as np
import pytest
from tiny_layouts import make_davis, make_otb, make_uav123, make_vot, mask_of, write_images, write_lines

from lockon.data.datasets.registry import load_dataset, load_videos, split_spec
from lockon.data.datasets.table import known_datasets, official_sequences
from lockon.errors import LockonError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    make_otb(tmp_path / "OTB100", "Car1", 2)
    make_otb(tmp_path / "TinyTLP", "Drone", 2)
    make_vot(tmp_path / "VOT2018", "car1", ["0,0,5,5"] * 3)
    make_uav123(tmp_path / "UAV123_10fps", "bike1", ["1,1,2,2"] * 2)
    make_davis(tmp_path / "DAVIS2016", "dog", [mask_of(1, 2, 3, 4)] * 2)
    (tmp_path / "unrelated").mkdir()
    return tmp_path


def test_by_name_and_root(data: Path) -> None:
    for sequences in (load_dataset("OTB100", data), load_dataset(f"OTB100:{data / 'OTB100'}")):
        assert [sequence.name for sequence in sequences] == ["Car1"]
        assert sequences[0].dataset == "OTB100"


def test_pool_takes_every_benchmark_and_keeps_names_unique(data: Path) -> None:
    sequences = load_dataset(f"pool:{data}")
    assert {(sequence.dataset, sequence.name) for sequence in sequences} == {
        ("OTB100", "OTB100-Car1"),  # VOT2018 has a car1: the same name where letters have no case
        ("VOT2018", "VOT2018-car1"),
        ("TinyTLP", "Drone"),
        ("UAV123_10fps", "bike1"),
        ("DAVIS2016", "dog"),
    }
    dog = next(sequence for sequence in sequences if sequence.name == "dog")
    assert dog.masks is not None
    np.testing.assert_array_equal(dog.boxes[0], [1, 2, 3, 4])


def test_environment_is_the_default_root(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKON_DATA", str(data))
    assert len(load_dataset("VOT2018")[0]) == 3
    assert len(load_dataset("pool")) == 5


def test_videos_are_benchmarks_by_name_or_your_own(data: Path) -> None:
    assert len(load_videos(data)) == 5
    write_images(data / "mine" / "walk", [1, 2], "{}.png")
    write_lines(data / "mine" / "walk" / "boxes.txt", ["0,0,2,2", "1,1,2,2"])
    assert [(sequence.dataset, sequence.name) for sequence in load_videos(data / "mine")] == [("folder", "walk")]


@pytest.mark.parametrize(("spec", "expected"), [("OTB100", ("OTB100", None)), ("OTB100:/a:b", ("OTB100", Path("/a:b")))])
def test_split_spec(spec: str, expected: tuple[str, Path | None]) -> None:
    assert split_spec(spec) == expected


@pytest.mark.parametrize("spec", ["", ":/a", "OTB100:"])
def test_bad_spec(spec: str) -> None:
    with pytest.raises(LockonError, match="expected NAME or NAME:ROOT"):
        load_dataset(spec)


def test_two_roots_and_stills_are_refused(data: Path) -> None:
    with pytest.raises(LockonError, match="give one of them"):
        load_dataset(f"OTB100:{data}", data)
    with pytest.raises(LockonError, match="stills are single images"):
        load_dataset("stills", data)


def test_official_lists() -> None:
    counts = {name: len(names) for name in known_datasets() if (names := official_sequences(name)) is not None}
    assert counts == {
        "OTB100": 100,
        "DTB70": 70,
        "UAV123": 123,
        "UAV123_10fps": 123,
        "UAV20L": 20,
        "UAVDT": 50,
        "VOT2018": 60,
        "VOT2019": 60,
        "LaSOT": 280,
    }
    for name in counts:
        names = official_sequences(name)
        assert names is not None
        assert len(set(names)) == len(names)
