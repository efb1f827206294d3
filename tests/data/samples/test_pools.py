from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lockon.data.samples.frames import FrameDraw, NearPair
from lockon.data.samples.pools import DatasetSampling, TrackPool, VideoPool
from lockon.data.samples.views import ImageCache, View
from lockon.data.sequence import LazyList, VideoSequence
from lockon.data.tracks import Track, TrackSet
from lockon.errors import LockonError

IMAGE = DatasetSampling("made", gap=50)
VIDEO = DatasetSampling("made", gap=50, min_boxes=5, min_span=20)


def make(*tracks: tuple[str, list[int]], cropped: bool = False, masks: bool = False, reads: list[str] | None = None) -> TrackSet:
    """A set of tracks (video, frames); pixels of frame i are all i, its box begins at i."""

    def read(video: str, track: str, frame: int) -> np.ndarray:
        if reads is not None:
            reads.append(f"{video}/{frame}")
        return np.full((511, 511, 3) if cropped else (80, 300, 3), frame % 256, np.uint8)

    items = [Track(video, "00", frames, [[frame, 10, frame + 30, 50] for frame in frames]) for video, frames in tracks]
    found = TrackSet.build("made", items, read, cropped=cropped)
    if not masks:
        return found
    return TrackSet(
        **{name: getattr(found, name) for name in found.__slots__ if name != "masks"}, masks=lambda *key: np.ones((80, 300), bool)
    )


def near(pool: TrackPool) -> FrameDraw:
    """Pairs less than the gap apart, as Alpha-Refine draws them."""
    return FrameDraw(pool, NearPair(pool.sampling.gap, pool.sampling.gap - 1))


def view_of(pool: TrackPool) -> View:
    return pool.choose(np.random.default_rng(0)).view(0)


def draws(pool: TrackPool, count: int = 400) -> list[tuple[str, int, int]]:
    """Video and both frame numbers of many pairs."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(count):
        first, second = near(pool).draw(rng)
        names = [view.id.removeprefix("made/").removesuffix(".00").split("/") for view in (first, second)]
        assert names[0][0] == names[1][0]
        found.append((names[0][0], int(names[0][1]), int(names[1][1])))
    return found


def test_pairs_are_less_than_a_gap_apart_either_way() -> None:
    """[ref - 10, ref + 10) of the frames 0, 3, 6, ..., 87."""
    pool = TrackPool(make(("v", list(range(0, 90, 3)))), DatasetSampling("made", gap=10))
    gaps = {second - first for _, first, second in draws(pool)}
    assert gaps == {-9, -6, -3, 0, 3, 6, 9}
    assert {first for _, first, _ in draws(pool)} == set(range(0, 90, 3))


def test_a_frame_alone_is_its_own_pair() -> None:
    pool = TrackPool(make(("v", [0, 1, 2, 3, 500])), DatasetSampling("made", gap=10))
    assert all(second == 500 for _, first, second in draws(pool) if first == 500)


def test_tracks_that_are_too_short_are_left_out() -> None:
    tracks = make(("few", [0, 30, 60, 90]), ("short", [0, 1, 2, 3, 4, 5]), ("good", [0, 5, 10, 15, 19]), ("still", [7]))
    pool = TrackPool(tracks, VIDEO)
    assert pool.skipped == 3
    assert {video for video, _, _ in draws(pool, 20)} == {"good"}
    everything = TrackPool(tracks, IMAGE)
    assert everything.skipped == 0
    seen = [video for video, _, _ in draws(everything)]
    assert {video: seen.count(video) / len(seen) for video in set(seen)} == pytest.approx(
        dict.fromkeys(("few", "short", "good", "still"), 0.25), abs=0.08
    )  # each track alike
    with pytest.raises(LockonError, match="made has no track of 5 boxes over 200 frames"):
        TrackPool(tracks, DatasetSampling("made", min_boxes=5, min_span=200))


def test_images_boxes_and_masks() -> None:
    pool = TrackPool(make(("v", [9]), masks=True), IMAGE)
    view, other = near(pool).draw(np.random.default_rng(0))
    assert view.image[0, 0, 0] == other.image[0, 0, 0] == 9
    np.testing.assert_array_equal(view.box, [9, 10, 39, 50])
    assert view.mask is not None
    assert view.mask().shape == (80, 300)
    assert view_of(TrackPool(make(("v", [9])), IMAGE)).mask is None


def test_patches() -> None:
    """30 x 40 with a context of 35: a side of sqrt(65 * 75) = 69.82 is shown by 127 pixels; the middle of 511 pixels is 255.5."""
    view = view_of(TrackPool(make(("v", [9]), cropped=True), IMAGE))
    width, height = 30 * 127 / 69.8212, 40 * 127 / 69.8212
    expected = [255.5 - width / 2, 255.5 - height / 2, 255.5 + width / 2, 255.5 + height / 2]
    np.testing.assert_allclose(view.box, expected, atol=1e-3)


def test_images_are_kept() -> None:
    reads: list[str] = []
    pool = TrackPool(make(("v", [0, 1]), reads=reads), IMAGE, ImageCache())
    draws(pool, 30)
    assert sorted(reads) == ["v/0", "v/1"]


@pytest.mark.parametrize("change", [{"weight": 0.0}, {"min_boxes": 0}, {"min_span": 0}])
def test_bad_weights_and_lengths(change) -> None:
    with pytest.raises(LockonError, match=r"made: weight .*; expected a weight above 0 and whole numbers from 1 on"):
        DatasetSampling("made", **change)


@pytest.mark.parametrize("change", [{"gap": -1}, {"count": 0}])
def test_bad_gaps_and_counts(change) -> None:
    with pytest.raises(LockonError, match=r"made: gap .*, count .*; expected a gap from 0 on and a count from 1 on, or -1"):
        DatasetSampling("made", **change)


def test_a_pool_has_no_count() -> None:
    with pytest.raises(LockonError, match="made: count 9 given, but this dataset is drawn by weight"):
        TrackPool(make(("v", [9])), DatasetSampling("made", count=9))


def video(name: str, boxes, visible=None) -> VideoSequence:
    """A 100 x 80 video; the pixels of frame i are all i."""
    paths = [Path(str(i)) for i in range(len(boxes))]
    frames = LazyList(paths, lambda path: np.full((80, 100, 3), int(path.name), np.uint8))
    return VideoSequence(name, "made", frames, np.asarray(boxes, dtype=np.float64), None if visible is None else np.asarray(visible))


GOOD = (10, 10, 20, 20)


class TestVideoPool:
    def test_pairs_are_close_usable_and_of_one_video(self) -> None:
        boxes = [GOOD] * 40
        boxes[5] = (np.nan,) * 4
        boxes[6] = (10, 10, 0, 20)
        visible = [True] * 40
        visible[7] = False
        pool = VideoPool([video("one", boxes, visible)], ImageCache())
        assert pool.skipped == 3
        source = FrameDraw(pool, NearPair(10, 10))
        rng = np.random.default_rng(0)
        seen = set()
        for _ in range(300):
            template, search = source.draw(rng)
            first, second = (int(view.id.split("/")[-1]) for view in (template, search))
            assert abs(first - second) <= 10
            assert template.image[0, 0, 0] == first
            assert search.image[0, 0, 0] == second
            assert template.box.tolist() == [10, 10, 30, 30]  # xyxy
            seen |= {first, second}
        assert seen == set(range(40)) - {5, 6, 7}

    def test_weights(self) -> None:
        sequences = [video("a", [GOOD] * 3), video("bad", [(0, 0, 1, 1)] * 3), video("b", [GOOD] * 3)]
        pool = VideoPool(sequences, ImageCache(), weights=[3.0, 100.0, 1.0])
        rng = np.random.default_rng(0)
        counts = Counter(pool.choose(rng).view(0).id.split("/")[1] for _ in range(800))
        assert set(counts) == {"a", "b"}
        assert counts["a"] / 800 == pytest.approx(0.75, abs=0.06)

    def test_without_a_usable_video(self) -> None:
        with pytest.raises(LockonError, match="no training video has two usable boxes"):
            VideoPool([video("bad", [GOOD, (0, 0, 1, 1)])], ImageCache())
