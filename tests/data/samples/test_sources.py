from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from lockon.data.datasets.stills import StillImage, StillObject, short_videos
from lockon.data.samples.frames import FrameDraw, NearPair, SupportQuery
from lockon.data.samples.pools import VideoPool
from lockon.data.samples.sources import MixedDraw, StillSource, SyntheticSource
from lockon.data.samples.views import Draw, ImageCache, View, Views
from lockon.data.sequence import LazyList, VideoSequence
from lockon.data.synthesize import Cutout
from lockon.errors import LockonError


def video(name: str, boxes, visible=None) -> VideoSequence:
    """A 100 x 80 video; the pixels of frame i are all i."""
    paths = [Path(str(i)) for i in range(len(boxes))]
    frames = LazyList(paths, lambda path: np.full((80, 100, 3), int(path.name), np.uint8))
    return VideoSequence(name, "made", frames, np.asarray(boxes, dtype=np.float64), None if visible is None else np.asarray(visible))


GOOD = (10, 10, 20, 20)


def views_of(draw: Draw, rng: np.random.Generator | int = 0) -> list[View]:
    """Template and search view of one draw."""
    return list(draw.draw(np.random.default_rng(rng)))


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
            template, search = views_of(source, rng)
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
        counts = Counter(views_of(source, rng)[0].id.split("#")[0] for _ in range(1200))
        assert counts["x/x.png"] / 1200 == pytest.approx(0.25, abs=0.04)
        assert counts["y/y1.png"] / 1200 == pytest.approx(0.375, abs=0.04)
        assert counts["y/y9.png"] / 1200 == pytest.approx(0.375, abs=0.04)

    def test_short_videos_give_two_images(self, tmp_path: Path) -> None:
        images = [still(tmp_path, f"v{i}", [GOOD], video="clip", frame=i) for i in range(3)]
        source = StillSource(images, ImageCache(), {}, short_videos(images), video_share=1.0)
        rng = np.random.default_rng(0)
        for _ in range(20):
            template, search = views_of(source, rng)
            assert template.id != search.id
            assert template.id.startswith("set/v")

    def test_a_rule_makes_more_views_than_two(self, tmp_path: Path) -> None:
        """A still is all of its frames; a short video gives as many of its images as the rule asks for."""
        images = [still(tmp_path, str(i), [GOOD], video="v", frame=i) for i in range(5)]
        rule = SupportQuery(3, 2, gap=4)
        of_a_still = StillSource(images[:1], ImageCache(), {}, rule=rule).draw(np.random.default_rng(0))
        assert {role: len(views) for role, views in of_a_still.roles.items()} == {"train": 3, "test": 2}
        assert len({view.id for view in of_a_still}) == 1
        moving = StillSource(images, ImageCache(), {}, short_videos(images), video_share=1.0, rule=rule)
        drawn = moving.draw(np.random.default_rng(1))
        assert [len(views) for views in drawn.roles.values()] == [3, 2]
        assert len({view.id for view in drawn}) > 2

    def test_without_a_usable_box(self, tmp_path: Path) -> None:
        with pytest.raises(LockonError, match="no still image has a usable box"):
            StillSource([still(tmp_path, "a", [(0, 0, 1, 1)])], ImageCache(), {})


def cutout(color, label: str) -> Cutout:
    return Cutout(np.dstack([np.full((30, 30, 3), color, np.uint8), np.full((30, 30), 255, np.uint8)]), label)


class TestSyntheticSource:
    def test_two_visible_frames_of_one_scene(self, tmp_path: Path) -> None:
        source = SyntheticSource([cutout((255, 0, 0), "red"), cutout((0, 0, 255), "blue")], [still(tmp_path, "b", [GOOD])], ImageCache())
        for seed in range(10):
            template, search = views_of(source, seed)
            assert template.id.rsplit("/", 1)[0] == search.id.rsplit("/", 1)[0]
            for view in (template, search):
                assert view.image.shape == (300, 400, 3)
                x1, y1, x2, y2 = view.box
                assert 0 <= x1 < x2 <= 400
                assert 0 <= y1 < y2 <= 300
            channel = 0 if ":red@" in template.id else 2
            x, y = ((template.box[:2] + template.box[2:]) / 2).astype(int)
            assert template.image[y, x, channel] > 150 or template.image[y, x].max() > 150  # target, or what covers it in part

    def test_a_rule_makes_more_frames_than_two(self, tmp_path: Path) -> None:
        cutouts, images = [cutout((255, 0, 0), "red")], [still(tmp_path, "b", [GOOD])]
        source = SyntheticSource(cutouts, images, ImageCache(), rule=SupportQuery(3, 2, gap=60))
        drawn = source.draw(np.random.default_rng(0))
        assert {role: len(views) for role, views in drawn.roles.items()} == {"train": 3, "test": 2}
        assert len({view.id.rsplit("/", 1)[0] for view in drawn}) == 1  # one scene
        assert len({view.id for view in drawn}) > 2

    def test_needs_objects_and_backgrounds(self, tmp_path: Path) -> None:
        with pytest.raises(LockonError, match="objects with masks"):
            SyntheticSource([], [still(tmp_path, "b", [GOOD])], ImageCache())


class TestMasks:
    def test_of_a_video(self) -> None:
        one = video("one", [GOOD] * 4)
        masks = LazyList(one.frames.paths, lambda path: np.full((80, 100), int(path.name) == 2))
        source = FrameDraw(VideoPool([VideoSequence("one", "made", one.frames, one.boxes, masks=masks)], ImageCache()), NearPair(60, 60))
        for seed in range(6):
            for view in views_of(source, seed):
                assert view.mask is not None
                assert view.mask().all() == view.id.endswith("/2")
        assert views_of(FrameDraw(VideoPool([one], ImageCache()), NearPair(60, 60)))[0].mask is None

    def test_of_a_still(self, tmp_path: Path) -> None:
        plain = still(tmp_path, "a", [GOOD])
        runs = StillObject("0", "thing", GOOD, "0d00", (80, 100))  # an empty run, then 52 pixels and more: decoded when it is asked for
        source = StillSource([StillImage(plain.path, 100, 80, (runs,), "set")], ImageCache(), {})
        view = views_of(source)[0]
        assert view.mask is not None
        assert views_of(StillSource([plain], ImageCache(), {}))[0].mask is None

    def test_of_a_scene(self, tmp_path: Path) -> None:
        """Red on blue: what is red is the target, where nothing lies in front."""
        blue = still(tmp_path, "b", [GOOD])
        source = SyntheticSource([cutout((255, 0, 0), "red")], [blue], ImageCache())
        for seed in range(6):
            view = views_of(source, seed)[1]
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

    def draw(self, rng, index=0) -> Views:
        view = View(np.zeros((8, 8, 3), np.uint8), np.array([0.0, 0, 8, 8]), f"{self.name}/{rng.integers(1000)}")
        return Views({"train": (view,) * 2, "test": (view,)})


class TestMixedDraw:
    def test_sources_by_weight(self) -> None:
        draw = MixedDraw([(Fixed("a"), 3.0), (Fixed("b"), 1.0), (Fixed("c"), 0.0)], negative=0.0)
        rng = np.random.default_rng(0)
        draws = [draw.draw(rng) for _ in range(800)]
        counts = Counter(views.ids.split("/")[0] for views in draws)
        assert counts["a"] / 800 == pytest.approx(0.75, abs=0.06)
        assert counts["c"] == 0
        assert all(views.present for views in draws)

    def test_negative_pairs_show_another_object(self) -> None:
        draw = MixedDraw([(Fixed("a"), 1.0), (Fixed("b"), 1.0)], negative=0.5)
        rng = np.random.default_rng(0)
        draws = [draw.draw(rng) for _ in range(800)]
        for views in draws:
            first, again, searched = (view.id.split("/")[0] for view in views)
            assert views.present == (first == searched)
            assert first == again
        assert sum(not views.present for views in draws) / 800 == pytest.approx(0.25, abs=0.05)  # half of them met themselves
