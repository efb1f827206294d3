from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lockon.video_sources import list_images, natural_key, read_pixels


def test_natural_order(tmp_path: Path) -> None:
    for name in ("10.jpg", "9.PNG", "frame2.jpg", "frame10.jpg", ".hidden.jpg", "notes.txt", "007.jpg"):
        (tmp_path / name).touch()
    assert [path.name for path in list_images(tmp_path)] == ["007.jpg", "9.PNG", "10.jpg", "frame2.jpg", "frame10.jpg"]


@settings(deadline=None)
@given(st.lists(st.text(max_size=8), max_size=6))
def test_any_names_sort_the_same_way_from_any_order(names: list[str]) -> None:
    backwards = list(reversed(names))
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**6), unique=True))
def test_numbers_sort_as_numbers(numbers: list[int]) -> None:
    names = [f"img{number}.jpg" for number in numbers]
    assert sorted(names, key=natural_key) == [f"img{number}.jpg" for number in sorted(numbers)]


@pytest.mark.parametrize(
    "image",
    [
        np.full((4, 6), 0x8000, np.uint16),
        np.full((4, 6, 3), 0x8000, np.uint16),
        np.full((4, 6), 0x80, np.uint8),
        np.full((4, 6, 4), (0x80, 0x80, 0x80, 3), np.uint8),
    ],
)
def test_images_of_any_kind_are_read_as_rgb(tmp_path: Path, image: np.ndarray) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), image)
    pixels = read_pixels(tmp_path / "a.png")
    assert pixels is not None
    assert pixels.dtype == np.uint8
    assert pixels.tolist() == np.full((4, 6, 3), 0x80).tolist()


def test_colours_are_rgb(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((2, 2, 3), (1, 2, 3), np.uint8))  # OpenCV writes BGR
    pixels = read_pixels(tmp_path / "a.png")
    assert pixels is not None
    assert pixels[0, 0].tolist() == [3, 2, 1]


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_no_image_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert read_pixels(tmp_path / "a.png") is None
    assert read_pixels(tmp_path / "missing.png") is None
