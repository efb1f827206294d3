"""One sequence, many names."""

from __future__ import annotations

import pytest

from lockon.bench.formats.matching import canonical, match_names


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ("Basketball", "Basketball"),
        ("basketball", "Basketball"),
        ("Skating2.1", "Skating2-1"),
        ("skating2_1", "Skating2-1"),
        ("Jogging-1", "Jogging.1"),
        ("jogging_1", "Jogging-1"),
        ("Human4", "Human4-2"),
        ("human4-2", "Human4"),
        ("Human4.2", "human4_2"),
        ("uav_bike1", "bike1"),
        ("nfs_Gymnastics", "gymnastics"),
        ("Blurcar4", "BlurCar4"),
    ],
)
def test_the_same_sequence(found, wanted):
    matched = match_names([found], [wanted])
    assert matched.pairs == {wanted: found}
    assert (matched.unknown, matched.missing, matched.doubtful) == ((), (), ())


@pytest.mark.parametrize(("found", "wanted"), [("car1_3", "car13"), ("car13", "car1_3"), ("Skating1", "Skating2-1"), ("bike", "bike1")])
def test_different_sequences(found, wanted):
    matched = match_names([found], [wanted])
    assert matched.pairs == {}
    assert (matched.unknown, matched.missing) == ((found,), (wanted,))


def test_the_nearest_name_wins():
    matched = match_names(["Skating2-1", "skating2_1"], ["Skating2-1"])
    assert matched.pairs == {"Skating2-1": "Skating2-1"}
    assert matched.unknown == ("skating2_1",)


def test_two_files_for_one_sequence_are_doubtful():
    matched = match_names(["Skating2-1", "skating2_1"], ["Skating2.1"])
    assert matched.pairs == {}
    assert matched.doubtful == ("Skating2-1 and skating2_1 could both be Skating2.1",)


def test_one_file_for_two_sequences_is_doubtful():
    matched = match_names(["Jogging"], ["Jogging-1", "Jogging-2"])
    assert matched.pairs == {}
    assert matched.doubtful == ("Jogging could be Jogging-1 or Jogging-2",)


def test_a_missing_piece_is_not_taken_for_its_video():
    """UAV123 has car1 beside car1_1, car1_2, car1_3: car1 is not car1_3, even where car1_3 has no file."""
    matched = match_names(["car1", "car1_1", "car1_2"], ["car1_1", "car1_2", "car1_3"])
    assert matched.missing == ("car1_3",)
    assert matched.unknown == ("car1",)


def test_everything_is_accounted_for():
    found, wanted = ["a", "B", "x"], ["A", "b", "c"]
    matched = match_names(found, wanted)
    assert sorted([*matched.pairs.values(), *matched.unknown]) == sorted(found)
    assert sorted([*matched.pairs, *matched.missing]) == sorted(wanted)


def test_canonical_keeps_separators_apart():
    assert canonical("UAV-1_2.3 b") == "uav-1-2-3-b"
