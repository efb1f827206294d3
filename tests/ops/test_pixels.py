from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from lockon.errors import LockonError, LockonWarning
from lockon.ops.pixels import FrameConversion, check_range, parse_range, to_rgb

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


RAMP = np.linspace(0, 1, 64 * 48).reshape(48, 64)  # a picture of every brightness

STRETCHED: dict[str, Any] = {
    "14-bit thermal": (7122 + 326 * RAMP).astype(np.uint16),
    "hundredths of a kelvin": (29300 + 1200 * RAMP).astype(np.uint16),
    "12 bits": (4095 * RAMP).astype(np.uint16),
    "other byte order": (7122 + 326 * RAMP).astype(">u2"),
    "hundredths of a degree below zero": (2000 * RAMP - 1500).astype(np.int16),
    "kelvin": (290 + 20 * RAMP).astype(np.float32),
    "degrees": 15 + 20 * RAMP,
    "normalised": np.repeat((4.8 * RAMP - 2.1)[..., None], 3, axis=2),
    "radiance": np.exp(8 * RAMP).astype(np.float32),
    "dim, of unit range": 0.108 + 0.005 * RAMP,
}


@pytest.mark.parametrize("name", STRETCHED)
def test_values_that_would_leave_few_grey_levels_are_stretched_and_it_is_said(name: str) -> None:
    conversion = FrameConversion(name="clip")
    with pytest.warns(LockonWarning, match=r"clip: values of type .* are stretched to 8 bits in all frames; .* --range LOW:HIGH"):
        rgb = conversion(STRETCHED[name])
    assert len(np.unique(rgb)) > 100
    levels = rgb[..., 0].ravel().astype(int)
    assert (np.diff(levels) >= 0).all(), "brighter stays brighter"


USUAL: dict[str, tuple[Any, Any]] = {
    "16 bits": ((65535 * RAMP).astype(np.uint16), lambda frame: frame >> 8),
    "a dim picture of 16 bits": ((9000 * RAMP).astype(np.uint16), lambda frame: frame >> 8),
    "8 bits in 16": ((40 * RAMP).astype(np.uint16), lambda frame: frame),
    "8 bits in floats": ((200 * RAMP).round(), lambda frame: frame),
    "floats of unit range": (RAMP, lambda frame: np.floor(255 * frame + 0.5)),
    "16 bits in floats": (65535 * RAMP, lambda frame: np.floor(frame / 257 + 0.5)),
}


@pytest.mark.parametrize("name", USUAL)
@pytest.mark.filterwarnings("error")
def test_pictures_of_a_usual_range_keep_it_in_silence(name: str) -> None:
    frame, expected = USUAL[name]
    assert np.array_equal(FrameConversion()(frame)[..., 0], expected(frame).astype(np.uint8))


@pytest.mark.filterwarnings("ignore::lockon.errors.LockonWarning")
def test_all_frames_of_a_video_are_converted_alike() -> None:
    conversion, first = FrameConversion(), (7000 + 400 * RAMP).astype(np.uint16)
    shades = conversion(first)
    later = first.copy()
    later[:4] = 60000  # something hot comes in, or a dead line
    assert np.array_equal(conversion(later)[4:], shades[4:])
    assert (conversion(later)[:4] == 255).all()


@pytest.mark.filterwarnings("ignore::lockon.errors.LockonWarning")
def test_dead_pixels_and_borders_without_data_do_not_take_the_contrast() -> None:
    clean = (30000 + 300 * RAMP).astype(np.uint16)
    framed, dead = np.pad(clean, 4), clean.copy()
    dead[0, 0], dead[0, 1] = 65535, 1
    for frame in (framed[4:-4, 4:-4], framed, dead):
        assert len(np.unique(FrameConversion()(frame))) > 100


def test_a_video_that_begins_black_is_not_judged_by_that() -> None:
    conversion = FrameConversion()
    assert not conversion(np.zeros((48, 64), np.uint16)).any()
    with pytest.warns(LockonWarning, match="stretched"):
        assert len(np.unique(conversion((7000 + 300 * RAMP).astype(np.uint16)))) > 100


def test_frames_at_hand_are_looked_at_together() -> None:
    frames = [(7000 + 300 * index + 300 * RAMP).astype(np.uint16) for index in range(9)]
    conversion = FrameConversion()
    with pytest.warns(LockonWarning, match="from 6.* to 10.* are stretched"):
        conversion.look_at(len(frames), frames.__getitem__)
    assert conversion(frames[-1]).min() > conversion(frames[0]).max(), "the last is brighter, and neither is white"
    assert conversion(frames[-1]).max() < 255


@pytest.mark.filterwarnings("error")
def test_a_range_is_given() -> None:
    frame = np.array([[7000, 7050, 7100, 9999, 0]], np.uint16)
    assert FrameConversion((7000, 7100))(frame)[0, :, 0].tolist() == [0, 128, 255, 255, 0]
    assert FrameConversion([10, 20])(np.array([[10, 15, 20, 200]], np.uint8))[0, :, 0].tolist() == [0, 128, 255, 255]
    assert FrameConversion((0, 300000))(np.array([[300000, 0]]))[0, :, 0].tolist() == [255, 0]


def test_a_range_beyond_8_bit_frames_is_refused() -> None:
    with pytest.raises(LockonError, match="the range 7000 to 7500 is none of 8-bit frames"):
        FrameConversion((7000, 7500))(np.zeros((2, 2, 3), np.uint8))


@pytest.mark.parametrize("values", [(2, 1), (1, 1), (1,), (0, np.nan), "ab", None, (1, 10**400), [[1, 2]]])
def test_what_is_no_range_is_refused(values: Any) -> None:
    with pytest.raises(LockonError, match="range"):
        check_range(values)


@pytest.mark.parametrize("text", ["", "7000", "a:b", "2:1", "1:2:3", "0:inf", "nan:1"])
def test_what_is_no_typed_range_is_refused(text: str) -> None:
    with pytest.raises(LockonError, match="as LOW:HIGH, for example 7000:7500"):
        parse_range(text)


def test_bgr_frames_are_turned() -> None:
    frame = np.full((2, 3, 3), (1, 2, 3), np.uint8)
    assert FrameConversion(color="bgr")(frame)[0, 0].tolist() == [3, 2, 1]
    assert FrameConversion(color="bgr")(frame, color="rgb") is frame
    assert FrameConversion(color="bgr")(np.full((2, 3, 4), (1, 2, 3, 9), np.uint8))[0, 0].tolist() == [3, 2, 1]
    with pytest.raises(LockonError, match=r"unknown color 'BGR'; .*bgr, rgb"):
        FrameConversion(color="BGR")


@pytest.mark.parametrize(
    ("shape", "message"),
    [((3, 48, 64), r"channels come first here: give frame.transpose\(1, 2, 0\)"), ((1, 48, 64, 3), "a batch of 1"), ((48, 64, 7), "RGBA")],
)
def test_other_orders_of_axes_are_named(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        to_rgb(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(("frame", "message"), [(None, "the frame is None"), ("a.png", "is no image but a text"), (b"\x89PNG", "a text")])
def test_frames_that_were_not_read_are_named(frame: Any, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        to_rgb(frame)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK", "L", "LA", "YCbCr", "HSV"])
def test_images_of_pillow_are_taken_in_every_mode(mode: str) -> None:
    image = pytest.importorskip("PIL.Image").new("RGB", (6, 4), (200, 200, 200)).convert(mode)
    assert np.abs(to_rgb(image).astype(int) - 200).max() <= 5
