from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lockon.video_sources import FrameClock, list_images, natural_key, read_pixels


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


def number_all(times: list[float], fps: float, count: int | None = None) -> list[int]:
    """Numbers of frames with these time stamps (in frame periods), where the decoder reports no failures."""
    clock, last, numbers = FrameClock(fps, count), -1, []
    for time in times:
        last = clock.number(last + 1, last, 500 + time * 1000 / fps)
        numbers.append(last)
    return numbers


def test_lost_frames_of_a_constant_rate_are_seen() -> None:
    times = [*range(40), *range(45, 60)]
    assert number_all([float(time) for time in times], 25.0) == times


def test_rounded_stamps_are_on_the_grid() -> None:
    clock = FrameClock(30.0, None)
    numbers = [clock.number(index, index - 1, round(1000 * index / 30)) for index in range(100)]
    assert numbers == list(range(100))


@pytest.mark.parametrize(
    "times",
    [
        [0.97 * index for index in range(60)],  # off the grid after four frames
        [float(index) for index in range(200) if index % 9],  # a gap before the rate is known to be constant
        [0.0] * 40,  # no time stamps
    ],
)
def test_variable_rates_are_counted(times: list[float]) -> None:
    assert number_all(times, 25.0) == list(range(len(times)))


def test_numbers_beyond_the_count_are_not_believed() -> None:
    assert number_all([*map(float, range(30)), 500.0, 501.0], 25.0, count=40) == list(range(32))


def test_no_rate_no_clock() -> None:
    assert FrameClock(None, None).number(7, 6, 12345.0) == 7
