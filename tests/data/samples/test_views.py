from __future__ import annotations

import numpy as np
import pytest

from lockon.data.samples.views import ImageCache, View, Views, is_trainable
from lockon.errors import LockonError

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


class TestViews:
    IMAGE = np.zeros((6, 8, 3), np.uint8)

    def view(self, name: str, mask=None) -> View:
        return View(self.IMAGE, np.array([1.0, 2, 5, 4]), name, mask)

    def test_of_several_roles(self) -> None:
        views = Views({"train": (self.view("a/0"), self.view("a/1")), "test": (self.view("a/2"),)})
        assert views.ids == "a/0 + a/1 -> a/2"
        assert views.searched == "test"
        assert [view.id for view in views] == ["a/0", "a/1", "a/2"]
        other = views.with_negative(Views({"train": (self.view("b/0"),), "test": (self.view("b/1"),)}))
        assert (other.ids, other.present) == ("a/0 + a/1 -> b/1", False)

    def test_coverage(self) -> None:
        mask = np.zeros((6, 8), bool)
        mask[2:4, 1:5] = True
        coverage = self.view("a/0", lambda: mask).coverage()
        assert coverage is not None
        assert coverage.dtype == np.uint8
        np.testing.assert_array_equal(coverage, mask * 255)
        soft = coverage // 2
        assert self.view("a/0", lambda: soft).coverage() is soft
        assert self.view("a/0").coverage() is None
        assert self.view("a/0", lambda: None).coverage() is None
        with pytest.raises(LockonError, match=r"a/0: a mask of \(5, 5\) for an image of \(6, 8\)"):
            self.view("a/0", lambda: mask[:5, :5]).coverage()
