from __future__ import annotations

import numpy as np
import pytest

from lockon.data.sampler import ImageCache
from lockon.data.track_source import SetShare, TrackSource
from lockon.data.tracks import Track, TrackSet
from lockon.errors import LockonError

IMAGE = SetShare("made", min_boxes=1, min_span=1)


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


def draws(source: TrackSource, count: int = 400) -> list[tuple[str, int, int]]:
    """Video and both frame numbers of many pairs."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(count):
        first, second = source.draw(rng)
        names = [view.id.removeprefix("made/").removesuffix(".00").split("/") for view in (first, second)]
        assert names[0][0] == names[1][0]
        found.append((names[0][0], int(names[0][1]), int(names[1][1])))
    return found


def test_pairs_are_less_than_a_gap_apart_either_way() -> None:
    """[ref - 10, ref + 10) of the frames 0, 3, 6, ..., 87."""
    source = TrackSource(make(("v", list(range(0, 90, 3)))), SetShare("made", gap=10))
    gaps = {second - first for _, first, second in draws(source)}
    assert gaps == {-9, -6, -3, 0, 3, 6, 9}
    assert {first for _, first, _ in draws(source)} == set(range(0, 90, 3))


def test_a_frame_alone_is_its_own_pair() -> None:
    source = TrackSource(make(("v", [0, 1, 2, 3, 500])), SetShare("made", gap=10))
    assert all(second == 500 for _, first, second in draws(source) if first == 500)


def test_tracks_that_are_too_short_are_left_out() -> None:
    tracks = make(("few", [0, 30, 60, 90]), ("short", [0, 1, 2, 3, 4, 5]), ("good", [0, 5, 10, 15, 19]), ("still", [7]))
    source = TrackSource(tracks, SetShare("made"))
    assert source.skipped == 3
    assert {video for video, _, _ in draws(source, 20)} == {"good"}
    everything = TrackSource(tracks, IMAGE)
    assert everything.skipped == 0
    seen = [video for video, _, _ in draws(everything)]
    assert {video: seen.count(video) / len(seen) for video in set(seen)} == pytest.approx(
        dict.fromkeys(("few", "short", "good", "still"), 0.25), abs=0.08
    )  # each track alike
    with pytest.raises(LockonError, match="made has no track of 5 boxes over 200 frames"):
        TrackSource(tracks, SetShare("made", min_span=200))


def test_images_boxes_and_masks() -> None:
    source = TrackSource(make(("v", [9]), masks=True), IMAGE)
    view, other = source.draw(np.random.default_rng(0))
    assert view.image[0, 0, 0] == other.image[0, 0, 0] == 9
    np.testing.assert_array_equal(view.box, [9, 10, 39, 50])
    assert view.mask is not None
    assert view.mask().shape == (80, 300)
    assert TrackSource(make(("v", [9])), IMAGE).draw(np.random.default_rng(0))[0].mask is None


def test_patches() -> None:
    """30 x 40 with a context of 35: a side of sqrt(65 * 75) = 69.82 is shown by 127 pixels; the middle of 511 pixels is 255.5."""
    view, _ = TrackSource(make(("v", [9]), cropped=True), IMAGE).draw(np.random.default_rng(0))
    width, height = 30 * 127 / 69.8212, 40 * 127 / 69.8212
    expected = [255.5 - width / 2, 255.5 - height / 2, 255.5 + width / 2, 255.5 + height / 2]
    np.testing.assert_allclose(view.box, expected, atol=1e-3)


def test_images_are_kept() -> None:
    reads: list[str] = []
    source = TrackSource(make(("v", [0, 1]), reads=reads), IMAGE, ImageCache())
    draws(source, 30)
    assert sorted(reads) == ["v/0", "v/1"]


@pytest.mark.parametrize("change", [{"weight": 0.0}, {"gap": 0}, {"min_boxes": 0}, {"min_span": 0}])
def test_bad_shares(change) -> None:
    with pytest.raises(LockonError, match=r"made: weight .*; expected a weight above 0 and whole numbers from 1 on"):
        SetShare("made", **change)
