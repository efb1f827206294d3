"""What crops show outside the image, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from lockon.ops.borders import Border, MeanColor, Replicate, Zero
from lockon.ops.crop import Crop
from lockon.ops.whole_crops import PatchCrop, PysotCrop

# two rows of three pixels, two channels: means 35 and 7
FRAME = np.array([[[10, 2], [20, 4], [30, 6]], [[40, 8], [50, 10], [60, 12]]], dtype=np.uint8)
KINDS = (Crop, PysotCrop, PatchCrop)


def test_colours() -> None:
    assert MeanColor().color(FRAME).tolist() == [35, 7]
    assert Zero().color(FRAME).tolist() == [0, 0]
    assert Replicate().color(FRAME) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("border", "expected"),
    [
        (MeanColor(), [[35, 35, 35, 35], [35, 10, 20, 30], [35, 40, 50, 60], [35, 35, 35, 35]]),
        (Zero(), [[0, 0, 0, 0], [0, 10, 20, 30], [0, 40, 50, 60], [0, 0, 0, 0]]),
        (Replicate(), [[10, 10, 20, 30], [10, 10, 20, 30], [40, 40, 50, 60], [40, 40, 50, 60]]),
    ],
    ids=str,
)
def test_one_pixel_outside_on_three_sides(kind: type[Crop], border: Border, expected: list[list[int]]) -> None:
    """Columns -1 to 2 and rows -1 to 2, each pixel of the crop one of the frame."""
    pixels = kind(np.array([1.0, 1.0]), np.asarray(4.0), 4).extract(FRAME, border.color(FRAME))
    assert pixels[..., 0].tolist() == expected
    second = {35: 7, 0: 0}
    assert pixels[..., 1].tolist() == [[second.get(value, value // 5) for value in row] for row in expected]


@pytest.mark.parametrize("kind", KINDS)
def test_far_outside_the_nearest_corner_repeats(kind: type[Crop]) -> None:
    for center, corner in (((-50.0, -40.0), FRAME[0, 0]), ((50.0, -40.0), FRAME[0, 2]), ((50.0, 40.0), FRAME[1, 2])):
        pixels = kind(np.array(center), np.asarray(4.0), 4).extract(FRAME, Replicate().color(FRAME))
        assert (pixels == corner).all()


@pytest.mark.parametrize("kind", KINDS)
def test_between_the_image_and_a_border_of_its_own_colour_is_no_seam(kind: type[Crop]) -> None:
    """Enlarged threefold: interpolation mixes image and border."""
    flat = np.full((6, 8, 3), 90, np.uint8)
    for border in (MeanColor(), Replicate()):
        assert (kind(np.array([1.0, 1.0]), np.asarray(8.0), 24).extract(flat, border.color(flat)) == 90).all()
    dark = kind(np.array([1.0, 1.0]), np.asarray(8.0), 24).extract(flat, Zero().color(flat))
    assert (dark[0, 0].tolist(), dark[-4, -4].tolist()) == ([0, 0, 0], [90, 90, 90])
