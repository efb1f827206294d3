from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from lockon.data.samples.frames import FrameDraw, NearPair, SupportQuery, TrackFrames
from lockon.data.samples.pools import DatasetSampling, TrackPool, VideoPool
from lockon.data.samples.views import SEARCH, TEMPLATE, ImageCache, View
from lockon.data.sequence import LazyList, VideoSequence
from lockon.data.tracks import Track, TrackSet
from lockon.errors import LockonError

FRAMES = np.array([0, 3, 4, 10, 11, 12, 40])


def choices(rule, frames=FRAMES, count: int = 600) -> list[dict[str, list[int]]]:
    """The frame numbers of many samples, by role."""
    rng = np.random.default_rng(0)
    return [{role: frames[list(places)].tolist() for role, places in rule(rng, frames).items()} for _ in range(count)]


def test_near_pairs() -> None:
    found = [(made[TEMPLATE][0], made[SEARCH][0]) for made in choices(NearPair(before=2, after=7))]
    counts = Counter(first for first, _ in found)
    assert {first: count / 600 for first, count in counts.items()} == pytest.approx(dict.fromkeys(FRAMES.tolist(), 1 / 7), abs=0.05)
    assert {second for first, second in found if first == 4} == {3, 4, 10, 11}
    assert {second for first, second in found if first == 40} == {40}


def test_causal_pairs() -> None:
    found = {(made[TEMPLATE][0], made[SEARCH][0]) for made in choices(SupportQuery.causal_pair(gap=7))}
    after = {first: {other for one, other in found if one == first} for first, _ in found}
    # nothing follows 12 within seven frames: the next one does, and the last frame is never a template
    assert after == {0: {3, 4}, 3: {4, 10}, 4: {10, 11}, 10: {11, 12}, 11: {12}, 12: {40}}


@pytest.mark.parametrize("causal", [False, True])
def test_support_and_query(causal: bool) -> None:
    """3 + 2 frames; all within ten of the first one, in a causal sample the query after and all support up to it."""
    frames = np.arange(0, 90, 2)
    seen = set()
    for made in choices(SupportQuery(3, 2, gap=10, causal=causal), frames):
        assert [len(numbers) for numbers in made.values()] == [3, 2]
        assert list(made) == ["train", "test"]
        first, *others = made["train"]
        support, query = ({number - first for number in numbers} for numbers in (others, made["test"]))
        assert support <= set(range(-10, 1 if causal else 11, 2))
        assert query <= set(range(2 if causal else -10, 11, 2))
        seen |= {("train", gap) for gap in support} | {("test", gap) for gap in query}
    both = range(-10, 11, 2)
    expected = {("train", gap) for gap in both if gap <= 0 or not causal} | {("test", gap) for gap in both if gap > 0 or not causal}
    assert seen == expected


@pytest.mark.parametrize("causal", [False, True])
def test_a_track_of_one_frame(causal: bool) -> None:
    assert choices(SupportQuery(3, 3, causal=causal), np.array([7]), 3) == [{"train": [7, 7, 7], "test": [7, 7, 7]}] * 3


def test_bad_numbers() -> None:
    with pytest.raises(LockonError, match="0 support and 3 query frames within 30"):
        SupportQuery(support=0)
    with pytest.raises(LockonError, match="both roles are 'train'"):
        SupportQuery(roles=("train", "train"))
    with pytest.raises(LockonError, match="from -1 before to 3 after"):
        NearPair(-1, 3)


def gray_frame(number: int) -> np.ndarray:
    return np.full((80, 100, 3), number, np.uint8)


def video_pool() -> VideoPool:
    paths = LazyList([str(number) for number in range(30)], lambda path: gray_frame(int(path)))
    return VideoPool([VideoSequence("v", "made", paths, np.tile([10.0, 10, 20, 20], (30, 1)))], ImageCache())


def track_pool() -> TrackPool:
    track = Track("v", "00", np.arange(30), np.tile([10.0, 10, 30, 30], (30, 1)))
    return TrackPool(TrackSet.build("made", [track], lambda video, name, frame: gray_frame(frame)), DatasetSampling("made"))


@pytest.mark.parametrize("pool", [video_pool, track_pool])
def test_any_pool_goes_with_any_rule(pool) -> None:
    for rule in (NearPair(5, 5), SupportQuery(3, 3, gap=9, causal=True)):
        views = FrameDraw(pool(), rule).draw(np.random.default_rng(4))
        assert views.present
        places = rule(np.random.default_rng(4), np.arange(30))
        assert list(views.roles) == list(places)
        assert len(list(views)) == sum(len(role) for role in places.values())
        for view in views:
            assert f"{view.image[0, 0, 0]:06d}" == view.id.rsplit("/", 1)[1].removesuffix(".00").zfill(6)  # the picture is that of the id
            np.testing.assert_array_equal(view.box, [10, 10, 30, 30])


def test_a_frame_that_is_drawn_twice_is_read_once() -> None:
    reads: list[int] = []

    class Pool:
        def choose(self, rng: np.random.Generator) -> TrackFrames:
            def view(place: int) -> View:
                reads.append(place)
                return View(gray_frame(place), np.zeros(4), str(place))

            return TrackFrames(np.array([5]), view)

    views = FrameDraw(Pool(), SupportQuery()).draw(np.random.default_rng(0))
    assert len(list(views)) == 6
    assert reads == [0]
