from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from lockon.errors import LockonError
from lockon.ops.pixels import to_rgb

PIXEL: dict[str, tuple[Any, list[int]]] = {
    "grey": (np.full((2, 3), 7, np.uint8), [7, 7, 7]),
    "grey with a channel axis": (np.full((2, 3, 1), 7, np.uint8), [7, 7, 7]),
    "grey and alpha": (np.full((2, 3, 2), (7, 200), np.uint8), [7, 7, 7]),
    "rgba": (np.full((2, 3, 4), (1, 2, 3, 9), np.uint8), [1, 2, 3]),
    "16 bit": (np.full((2, 3, 3), (256, 512, 65535), np.uint16), [1, 2, 255]),
    "16 bit that holds 8": (np.full((2, 3, 3), (1, 2, 255), np.uint16), [1, 2, 255]),
    "16 bit grey": (np.full((2, 3), 0x1234, np.uint16), [0x12, 0x12, 0x12]),
    "int64": (np.full((2, 3, 3), (1, -5, 255)), [1, 0, 255]),
    "float 0..1": (np.full((2, 3, 3), (0.0, 0.5, 1.0)), [0, 128, 255]),
    "float 0..1 that overshoots": (np.full((2, 3, 3), (-0.1, 0.5, 1.02), np.float16), [0, 128, 255]),
    "float 0..255": (np.full((2, 3, 3), (0.2, 100.0, 300.0), np.float32), [0, 100, 255]),
    "float with NaN": (np.full((2, 3, 3), (np.nan, 0.0, 1.0)), [0, 0, 255]),
    "bool": (np.full((2, 3, 3), (True, False, True)), [255, 0, 255]),
    "list": ([[[1, 2, 3]] * 3] * 2, [1, 2, 3]),
}


@pytest.mark.parametrize("name", PIXEL)
def test_every_kind_of_pixel_becomes_uint8_rgb(name: str) -> None:
    frame, expected = PIXEL[name]
    rgb = to_rgb(frame)
    assert rgb.dtype == np.uint8
    assert rgb.shape == (2, 3, 3)
    assert rgb.flags.c_contiguous
    assert rgb[1, 2].tolist() == expected


def test_a_good_frame_costs_nothing() -> None:
    frame = np.zeros((2, 3, 3), np.uint8)
    assert np.shares_memory(to_rgb(frame), frame)


@pytest.mark.parametrize(
    "frame", [np.zeros(3), np.zeros((2, 2, 5)), np.zeros((0, 4, 3)), np.zeros((2, 2, 2, 3)), "text", [None], 1j * np.ones((2, 2))]
)
def test_no_image(frame: Any) -> None:
    with pytest.raises(LockonError, match=r"is no (image|array)"):
        to_rgb(frame)


def test_values_beyond_16_bits() -> None:
    with pytest.raises(LockonError, match="70000"):
        to_rgb(np.full((2, 2), 70000))


@settings(deadline=None)
@given(hnp.arrays(st.sampled_from([np.uint8, np.int16, np.uint16, np.float32, np.float64]), st.tuples(*[st.integers(1, 4)] * 3)))
def test_any_numbers_become_rgb(frame: Any) -> None:
    rgb = to_rgb(frame)
    assert rgb.dtype == np.uint8
    assert rgb.shape == (*frame.shape[:2], 3)
