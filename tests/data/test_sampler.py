from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from lockon.data.datasets.stills import StillImage, StillObject, short_videos
from lockon.data.sampler import ImageCache, PairSampler, StillSource, SyntheticSource, VideoSource, View, is_trainable
from lockon.data.sequence import LazyList, VideoSequence
from lockon.data.synthesize import Cutout
from lockon.errors import LockonError


def video(name: str, boxes, visible=None) -> VideoSequence:
    """A 100 x 80 video; the pixels of frame i are all i."""
    paths = [Path(str(i)) for i in range(len(boxes))]
    frames = LazyList(paths, lambda path: np.full((80, 100, 3), int(path.name), np.uint8))
    return VideoSequence(name, "made", frames, np.asarray(boxes, dtype=np.float64), None if visible is None else np.asarray(visible))


GOOD = (10, 10, 20, 20)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (GOOD, True),
        ((10, 10, 5, 20), False),  # under 6 px
        ((10, 10, 60, 7), False),  # beyond 1:8
        ((10, 10, 56, 7), True),
        ((95, 10, 20, 20), False),  # centre outside
        ((-9, 10, 20, 20), True),
        ((np.nan, 10, 20, 20), False),
        ((10, 10, np.inf, 20), False),
        ((10, 10, -20, 20), False),
    ],
)
def test_usable(box, expected: bool) -> None:
    assert is_trainable(np.asarray(box, dtype=float), 100, 80) is expected


class TestImageCache:
    def test_reads_once_and_drops_the_least_recently_used(self) -> None:
        image = np.zeros((10, 10, 3), np.uint8)  # 300 bytes
        reads: list[str] = []

        def read(key: str):
            return lambda: reads.append(key) or image

        cache = ImageCache(limit=650)
        for key in ("a", "b", "a", "c", "a", "b"):
            cache.get(key, read(key))
        assert reads == ["a", "b", "c", "b"]  # b made room for c, c for b
        assert list(cache.items) == ["a", "b"]
        assert cache.size == 600

    def test_keeps_one_image_above_the_limit(self) -> None:
        cache = ImageCache(limit=10)
        cache.get("a", lambda: np.zeros((10, 10, 3), np.uint8))
        assert list(cache.items) == ["a"]
        cache.get("b", lambda: np.zeros((10, 10, 3), np.uint8))
        assert list(cache.items) == ["b"]
        assert cache.size == 300


class TestVideoSource:
    def test_pairs_are_close_usable_and_of_one_video(self) -> None:
        boxes = [GOOD] * 40
        boxes[5] = (np.nan,) * 4
        boxes[6] = (10, 10, 0, 20)
        visible = [True] * 40
        visible[7] = False
        source = VideoSource([video("one", boxes, visible)], ImageCache(), max_gap=10)
        assert source.skipped == 3
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
        source = VideoSource(sequences, ImageCache(), weights=[3.0, 100.0, 1.0])
        rng = np.random.default_rng(0)
        counts = Counter(source.draw(rng)[0].id.split("/")[1] for _ in range(800))
        assert set(counts) == {"a", "b"}
        assert counts["a"] / 800 == pytest.approx(0.75, abs=0.06)

    def test_without_a_usable_video(self) -> None:
        with pytest.raises(LockonError, match="no training video has two usable boxes"):
            VideoSource([video("bad", [GOOD, (0, 0, 1, 1)])], ImageCache())


def still(folder: Path, name: str, boxes, set_name: str = "set", **video_of) -> StillImage:
    path = folder / f"{name}.png"
    cv2.imwrite(str(path), np.full((80, 100, 3), len(boxes) * 10, np.uint8))
    objects = tuple(StillObject(str(i), "thing", box) for i, box in enumerate(boxes))
    return StillImage(path, 100, 80, objects, set_name, **video_of)


class TestStillSource:
    def test_both_views_are_the_same_object(self, tmp_path: Path) -> None:
        image = still(tmp_path, "a", [GOOD, (0, 0, 2, 2), (30, 30, 40, 40)])
        source = StillSource([image], ImageCache(), {})
        assert source.skipped == 1
        rng = np.random.default_rng(0)
        ids = set()
        for _ in range(30):
            template, search = source.draw(rng)
            assert template is search
            ids.add(template.id)
        assert ids == {"set/a.png#0", "set/a.png#2"}

    def test_images_of_a_set_weigh_the_same_and_sets_as_told(self, tmp_path: Path) -> None:
        """Set x (weight 1) has one image; set y (weight 3) has one with a single object and one with nine."""
        images = [
            still(tmp_path, "x", [GOOD], "x"),
            still(tmp_path, "y1", [GOOD], "y"),
            still(tmp_path, "y9", [GOOD] * 9, "y"),
        ]
        source = StillSource(images, ImageCache(), {"x": 1.0, "y": 3.0})
        rng = np.random.default_rng(0)
        counts = Counter(source.draw(rng)[0].id.split("#")[0] for _ in range(1200))
        assert counts["x/x.png"] / 1200 == pytest.approx(0.25, abs=0.04)
        assert counts["y/y1.png"] / 1200 == pytest.approx(0.375, abs=0.04)
        assert counts["y/y9.png"] / 1200 == pytest.approx(0.375, abs=0.04)

    def test_short_videos_give_two_images(self, tmp_path: Path) -> None:
        images = [still(tmp_path, f"v{i}", [GOOD], video="clip", frame=i) for i in range(3)]
        source = StillSource(images, ImageCache(), {}, short_videos(images), video_share=1.0)
        rng = np.random.default_rng(0)
        for _ in range(20):
            template, search = source.draw(rng)
            assert template.id != search.id
            assert template.id.startswith("set/v")

    def test_without_a_usable_box(self, tmp_path: Path) -> None:
        with pytest.raises(LockonError, match="no still image has a usable box"):
            StillSource([still(tmp_path, "a", [(0, 0, 1, 1)])], ImageCache(), {})


def cutout(color, label: str) -> Cutout:
    return Cutout(np.dstack([np.full((30, 30, 3), color, np.uint8), np.full((30, 30), 255, np.uint8)]), label)


class TestSyntheticSource:
    def test_two_visible_frames_of_one_scene(self, tmp_path: Path) -> None:
        source = SyntheticSource([cutout((255, 0, 0), "red"), cutout((0, 0, 255), "blue")], [still(tmp_path, "b", [GOOD])], ImageCache())
        for seed in range(10):
            template, search = source.draw(np.random.default_rng(seed))
            assert template.id.rsplit("/", 1)[0] == search.id.rsplit("/", 1)[0]
            for view in (template, search):
                assert view.image.shape == (300, 400, 3)
                x1, y1, x2, y2 = view.box
                assert 0 <= x1 < x2 <= 400
                assert 0 <= y1 < y2 <= 300
            channel = 0 if ":red@" in template.id else 2
            x, y = ((template.box[:2] + template.box[2:]) / 2).astype(int)
            assert template.image[y, x, channel] > 150 or template.image[y, x].max() > 150  # target, or what covers it in part

    def test_needs_objects_and_backgrounds(self, tmp_path: Path) -> None:
        with pytest.raises(LockonError, match="objects with masks"):
            SyntheticSource([], [still(tmp_path, "b", [GOOD])], ImageCache())


class TestMasks:
    def test_of_a_video(self) -> None:
        one = video("one", [GOOD] * 4)
        masks = LazyList(one.frames.paths, lambda path: np.full((80, 100), int(path.name) == 2))
        source = VideoSource([VideoSequence("one", "made", one.frames, one.boxes, masks=masks)], ImageCache())
        for seed in range(6):
            for view in source.draw(np.random.default_rng(seed)):
                assert view.mask is not None
                assert view.mask().all() == view.id.endswith("/2")
        assert VideoSource([one], ImageCache()).draw(np.random.default_rng(0))[0].mask is None

    def test_of_a_still(self, tmp_path: Path) -> None:
        plain = still(tmp_path, "a", [GOOD])
        runs = StillObject("0", "thing", GOOD, "0d00", (80, 100))  # an empty run, then 52 pixels and more: decoded when it is asked for
        source = StillSource([StillImage(plain.path, 100, 80, (runs,), "set")], ImageCache(), {})
        view = source.draw(np.random.default_rng(0))[0]
        assert view.mask is not None
        assert StillSource([plain], ImageCache(), {}).draw(np.random.default_rng(0))[0].mask is None

    def test_of_a_scene(self, tmp_path: Path) -> None:
        """Red on blue: what is red is the target, where nothing lies in front."""
        blue = still(tmp_path, "b", [GOOD])
        source = SyntheticSource([cutout((255, 0, 0), "red")], [blue], ImageCache())
        for seed in range(6):
            view = source.draw(np.random.default_rng(seed))[1]
            assert view.mask is not None
            mask = view.mask()
            assert mask.shape == view.image.shape[:2]
            assert view.image[mask][:, 0].mean() > 150
            rows, columns = np.nonzero(mask)
            assert (columns.min() >= view.box[0]) & (columns.max() + 1 <= view.box[2])
            assert (rows.min() >= view.box[1]) & (rows.max() + 1 <= view.box[3])


class Fixed:
    """A source whose views carry its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def draw(self, rng):
        view = View(np.zeros((8, 8, 3), np.uint8), np.array([0.0, 0, 8, 8]), f"{self.name}/{rng.integers(1000)}")
        return view, view


class TestPairSampler:
    def test_sources_by_weight(self) -> None:
        sampler = PairSampler([(Fixed("a"), 3.0), (Fixed("b"), 1.0), (Fixed("c"), 0.0)], negative=0.0)
        rng = np.random.default_rng(0)
        draws = [sampler.draw(rng) for _ in range(800)]
        counts = Counter(template.id.split("/")[0] for template, _, _ in draws)
        assert counts["a"] / 800 == pytest.approx(0.75, abs=0.06)
        assert counts["c"] == 0
        assert all(present for _, _, present in draws)

    def test_negative_pairs_show_another_object(self) -> None:
        sampler = PairSampler([(Fixed("a"), 1.0), (Fixed("b"), 1.0)], negative=0.5)
        rng = np.random.default_rng(0)
        draws = [sampler.draw(rng) for _ in range(800)]
        for template, search, present in draws:
            assert present == (template.id.split("/")[0] == search.id.split("/")[0])
        assert sum(not present for _, _, present in draws) / 800 == pytest.approx(0.25, abs=0.05)  # half of them met themselves
