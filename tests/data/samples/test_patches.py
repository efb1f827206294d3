"""The 511-pixel patches, by hand-computed cases."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lockon.data.samples.patches import as_patch, box_in_patch, context_side, cut_patch
from lockon.data.samples.views import View
from lockon.errors import LockonError


@pytest.mark.parametrize(("width", "height"), [(40, 40), (10, 90), (33.5, 20.25)])
def test_context_and_box_in_patch(width: float, height: float) -> None:
    p = (width + height) / 2
    assert context_side(width, height) == pytest.approx(math.sqrt((width + p) * (height + p)))
    box = box_in_patch(width, height)
    np.testing.assert_allclose((box[:2] + box[2:]) / 2, [255, 255])
    np.testing.assert_allclose(box[2:] - box[:2], np.array([width, height]) * 127 / context_side(width, height))


def test_a_square_target_has_half_of_its_template() -> None:
    np.testing.assert_allclose(box_in_patch(30, 30), [255 - 127 / 4, 255 - 127 / 4, 255 + 127 / 4, 255 + 127 / 4])


def test_patch_maps_the_square_to_its_corner_pixels() -> None:
    """A 63.5-pixel square target has a context square of 127 and a patch square of 511: shown at 510 / 511."""
    image = np.zeros((600, 700, 3), np.uint8)
    image[..., 0] = (np.arange(700) // 4).astype(np.uint8)
    middle = np.array([350.0, 300])
    box = np.concatenate([middle - 31.75, middle + 31.75])
    patch = cut_patch(image, box)
    assert patch.shape == (511, 511, 3)
    columns = np.arange(0, 511, 51)
    expected = middle[0] - 511 / 2 + columns * 511 / 510
    np.testing.assert_allclose(patch[255, columns, 0], expected // 4, atol=1)


def test_outside_the_image_is_its_mean_color() -> None:
    image = np.full((50, 60, 3), (10, 20, 30), np.uint8)
    image[:25] = (30, 60, 90)
    patch = cut_patch(image, np.array([20.0, 20, 30, 30]))
    np.testing.assert_array_equal(patch[0, 0], [20, 40, 60])


def test_a_patch_with_its_mask() -> None:
    """30 x 20: a context of 25, a side of sqrt(55 * 45) = 49.7 for 127 pixels; the mask is cut as the image is."""
    image = np.zeros((90, 120, 3), np.uint8)
    image[30:50, 40:70] = 255
    whole = View(image, np.array([40.0, 30, 70, 50]), "v/0")
    view = as_patch(replace(whole, mask=lambda: image[..., 0] > 0), cropped=False)
    assert view.image.shape == (511, 511, 3)
    half = np.array([30, 20]) * 127 / math.sqrt(55 * 45) / 2
    np.testing.assert_allclose(view.box, [*(255 - half), *(255 + half)])
    inside = view.image[..., 0] > 127
    np.testing.assert_array_equal(view.coverage() > 127, inside)
    assert inside.sum() == pytest.approx(4 * half.prod(), rel=0.02)
    assert as_patch(whole, cropped=False).coverage() is None
    assert as_patch(replace(whole, mask=lambda: None), cropped=False).coverage() is None
    with pytest.raises(LockonError, match=r"v/0: a mask of \(5, 5\) for an image of \(90, 120\)"):
        as_patch(replace(whole, mask=lambda: np.zeros((5, 5), bool)), cropped=False).coverage()


def test_a_patch_from_a_file_is_taken_as_it_is() -> None:
    image = np.full((511, 511, 3), 7, np.uint8)
    view = as_patch(View(image, np.array([0.0, 0, 30, 20]), "v/0"), cropped=True)
    assert view.image is image
    np.testing.assert_array_equal(view.box, box_in_patch(30, 20))
    with pytest.raises(LockonError, match="v/0 is a patch of 100x80 pixels, expected 511x511"):
        as_patch(View(image[:80, :100], view.box, "v/0"), cropped=True)
