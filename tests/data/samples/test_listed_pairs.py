from __future__ import annotations

import numpy as np
import pytest

from lockon.data.samples.listed_pairs import ListedPairs, PairRows
from lockon.data.samples.pools import DatasetSampling
from lockon.errors import LockonError
from tiny_tracks import plain_set

SETS = (plain_set("A", [[30], [5, 5], [1]]), plain_set("B", [[8]] * 4))


def draws(lists: ListedPairs, count: int) -> list[PairRows]:
    return [lists.rows(np.random.default_rng((0, index)), index) for index in range(count)]


def test_lists_hold_each_video_as_often_as_it_is_used() -> None:
    lists = ListedPairs(SETS, [DatasetSampling("A", count=8)], negative=0, seed=1)
    assert len(lists) == 8 + 4
    found = np.unique(lists.items, axis=0, return_counts=True)
    assert found[0].tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2], [1, 3]]
    assert sorted(found[1][:3]) == [2, 3, 3]  # 8 of 3 videos: two rounds and two of a third
    assert list(found[1][3:]) == [1, 1, 1, 1]


def test_each_pass_is_another_order_of_the_same_list() -> None:
    lists = ListedPairs(SETS, [DatasetSampling("A", count=40), DatasetSampling("B", count=40)], negative=0)
    videos = [SETS[draw.template_set].video_of(SETS[draw.template_set].track_of(draw.template_row)) for draw in draws(lists, 160)]
    assert sorted(videos[:80]) == sorted(videos[80:])
    assert videos[:80] != videos[80:]
    assert draws(lists, 3) == draws(ListedPairs(SETS, lists.samplings, negative=0), 3)  # back from the second pass, and by another one
    other = ListedPairs(SETS, lists.samplings, negative=0, seed=9)
    assert (other.items != lists.items).any()


def test_search_frames_stay_in_their_track_and_range() -> None:
    lists = ListedPairs([SETS[0]], [DatasetSampling("A", gap=3)], negative=0)
    gaps = set()
    for draw in draws(lists, 600):
        tracks = SETS[0]
        assert tracks.track_of(draw.template_row) == tracks.track_of(draw.search_row)
        assert draw.present
        gaps.add(draw.search_row - draw.template_row)
    assert gaps == set(range(-3, 4))
    assert all(draw.search_row == draw.template_row for draw in draws(ListedPairs([SETS[0]], [DatasetSampling("A", 0)], negative=0), 30))


def test_negative_pairs_take_each_dataset_alike() -> None:
    lists = ListedPairs(SETS, [DatasetSampling("A", count=900), DatasetSampling("B", count=100)], negative=0.3)
    found = draws(lists, 4000)
    negative = [draw for draw in found if not draw.present]
    assert len(negative) / len(found) == pytest.approx(0.3, abs=0.03)
    assert np.mean([draw.search_set for draw in negative]) == pytest.approx(0.5, abs=0.05)
    assert np.mean([draw.template_set for draw in negative]) == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(
    ("sets", "samplings", "message"),
    [
        ((), (), "expected at least one"),
        ((SETS[0], SETS[0]), (), "each once"),
        (SETS, (DatasetSampling("COCO"),), "no training set 'COCO'"),
        (SETS, (DatasetSampling("A", weight=2.0),), "A: this dataset is drawn from a list; set its count"),
    ],
)
def test_wrong_sets(sets: tuple, samplings: tuple, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        ListedPairs(sets, samplings)
