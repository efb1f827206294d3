"""Crop rules by hand: one box, several, growth, boxes without area, boxes outside the frame."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import golden_data
from golden.procedural import smooth_image
from lockon.errors import LockonError
from lockon.ops.borders import MeanColor, Replicate, Zero
from lockon.ops.crop import Crop
from lockon.ops.crop_rules import (
    AreaRule,
    ContextRule,
    InsideMajor,
    OfficialStretchedRule,
    OSTrackRule,
    PysotRule,
    PytrackingRule,
    Rule,
    StretchedRule,
    WholeContextRule,
)
from lockon.ops.stretched_crop import OfficialStretchedCrop, StretchedCrop
from lockon.ops.whole_crops import OSTrackCrop, PatchCrop, PysotCrop

RULES = (AreaRule(factor=4.0), ContextRule(), PysotRule(), WholeContextRule(), OSTrackRule(factor=4.0), PytrackingRule(factor=4.0))
WIDE = PytrackingRule(factor=4.0, inside=InsideMajor())
FRAME = (160, 120)
NOISE = np.random.default_rng(3).integers(0, 256, (120, 160, 3), dtype=np.uint8)


@pytest.mark.parametrize("rule", [*RULES, WIDE], ids=str)
def test_a_batch_is_its_boxes(rule: Rule) -> None:
    """Also with a growth per box, and boxes in and far outside the frame."""
    boxes = np.array([[50.3, 40.6, 20, 5], [10, 10, 1, 1], [-80, 300, 33.3, 47], [150, 110, 90, 120]])
    growth = np.array([1.0, 1.5, 1.05, 1.1])
    crops = rule(boxes, 64, growth, FRAME)
    assert np.shape(crops.side) == (4,)
    for number, box in enumerate(boxes):
        one, row = rule(box, 64, float(growth[number]), FRAME), crops[number]
        assert (type(row), row.size, row.middle) == (type(one), 64, one.middle)
        assert (row.center.tolist(), float(row.side)) == (np.asarray(one.center).tolist(), float(one.side))
        np.testing.assert_array_equal(row.extract(NOISE, None), one.extract(NOISE, None))


@pytest.mark.parametrize("rule", [*RULES, WIDE], ids=str)
@pytest.mark.parametrize("box", [[5, 5, 0, 0], [5, 5, -3, 2], [5, 5, 0, 40], [-500, 900, 0, 0]])
def test_boxes_without_area_have_a_window(rule: Rule, box: list[float]) -> None:
    crop = rule(box, 16, 1.0, FRAME)
    assert float(crop.side) >= 1
    assert np.isfinite(crop.center).all()
    assert crop.extract(NOISE, None).shape == (16, 16, 3)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_windows_outside_the_frame_show_the_border_alone(rule: Rule) -> None:
    pixels = rule([-300, 500, 20, 30], 32, 1.0, FRAME).extract(NOISE, (7, 8, 9))
    assert (pixels == [7, 8, 9]).all()


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_only_rules_that_stay_inside_look_at_the_frame(rule: Rule) -> None:
    alone, known = rule([20, 90, 40, 30], 64), rule([20, 90, 40, 30], 64, 1.0, FRAME)
    assert (alone.center.tolist(), float(alone.side)) == (known.center.tolist(), float(known.side))


def test_borders_that_rules_have_unless_told_otherwise() -> None:
    assert [rule.border for rule in RULES] == [MeanColor(), MeanColor(), MeanColor(), MeanColor(), Zero(), Replicate()]
    assert OSTrackRule(factor=5.0, border=Replicate()).border == Replicate()


def test_area_rule() -> None:
    crop = AreaRule(factor=4.0)([[50, 40, 20, 5], [10, 10, 1, 1]], 128)
    assert (type(crop), crop.size, crop.middle) == (Crop, 128, None)
    assert crop.center.tolist() == [[50, 40], [10, 10]]
    assert crop.side.tolist() == [40, 10]  # 4 sqrt(100); the second is held at the least side
    grown = AreaRule(factor=4.0)([[50, 40, 20, 5], [10, 10, 1, 1]], 128, np.array([1.5, 1.2]))
    np.testing.assert_allclose(grown.side, [60, 12])  # what is held grows, too
    assert float(AreaRule(factor=4.0, min_side=2.0)([10, 10, 1, 1], 128).side) == 4
    assert AreaRule(factor=4.0, pixel_centers=True)([10, 10, 1, 1], 128).middle == 63.5


def test_context_rule() -> None:
    """A square target: p = w, so the side is 2 w."""
    crop = ContextRule()([[50, 40, 30, 30], [10, 10, 20, 60]], 127)
    assert (type(crop), crop.size, crop.middle) == (Crop, 127, None)
    assert crop.center.tolist() == [[50, 40], [10, 10]]
    np.testing.assert_allclose(crop.side, [60, np.sqrt((20 + 40) * (60 + 40))])
    np.testing.assert_allclose(ContextRule(factor=2.0, context=0.25)([0, 0, 20, 60], 255, 1.5).side, 1.5 * 2 * np.sqrt(40 * 80))
    assert ContextRule()([[5, 5, 0, 0], [5, 5, -3, 2]], 64, 2.0).side.tolist() == [2, 2]
    assert float(ContextRule(min_side=10.0)([5, 5, 1, 1], 64).side) == 10
    assert ContextRule(pixel_centers=True)([5, 5, 1, 1], 255).middle == 127


@pytest.mark.parametrize(
    ("box", "growth", "first", "side"),
    [
        ([30, 40, 4, 4], 1.0, (26, 36), 8),  # floor(30 - 9 / 2 + 1 / 2)
        ([30.99, 40.4, 4, 4], 1.0, (26, 36), 8),
        ([31, 40, 4, 4], 1.0, (27, 36), 8),
        ([30, 40, 4.25, 4.25], 1.0, (26, 36), 8),  # 8.5 is rounded to the even 8
        ([30, 40, 4.75, 4.75], 1.0, (25, 35), 10),  # 9.5 to 10
        ([30, 40, 4, 4], 1.25, (25, 35), 10),
    ],
)
def test_pysot_rule(box: list[float], growth: float, first: tuple[int, int], side: int) -> None:
    """Whole pixels are cut, but boxes are mapped as if they had not been."""
    crop = PysotRule()(box, side, growth)
    assert (type(crop), crop.size, crop.middle) == (PysotCrop, side, (side - 1) / 2)
    assert (crop.center.tolist(), float(crop.side)) == (box[:2], pytest.approx(2 * box[2] * growth))
    x, y = first
    np.testing.assert_array_equal(crop.extract(NOISE, None), NOISE[y : y + side, x : x + side])
    assert crop.to_crop([*box[:2], *box[:2]]).tolist() == [(side - 1) / 2] * 4
    assert PysotRule(pixel_centers=False)(box, side).middle is None


@pytest.mark.parametrize(
    ("context", "growth", "side"),
    [
        (0.5, 1.0, 14),  # sqrt(17 * 11) = 13.67
        (1.5, 1.0, 28),  # sqrt(31 * 25) = 27.84
        (0.5, 1.25, 18),  # 17.09
    ],
)
def test_whole_context_rule(context: float, growth: float, side: int) -> None:
    """The side is rounded up, and boxes are mapped by that, from the unrounded centre, which is the crop's middle."""
    box = [40.3, 50.6, 10.0, 4.0]
    crop = WholeContextRule(context=context)(box, 64, growth)
    assert (type(crop), float(crop.side), crop.middle) == (PysotCrop, side, None)
    np.testing.assert_allclose(crop.to_crop([30.3, 50.6, 40.3, 60.6]), np.array([-10, 0, 0, 10]) * 64 / side + 32)
    whole = WholeContextRule(context=context)(box, side, growth).extract(NOISE, None)
    x, y = (math.floor(value - (side + 1) / 2 + 0.5) for value in box[:2])
    np.testing.assert_array_equal(whole, NOISE[y : y + side, x : x + side])


@pytest.mark.parametrize(
    ("box", "growth", "first", "side"),
    [
        ([20, 30, 5, 5], 1.0, (15, 25), 10),
        ([20, 30, 2.5, 10], 1.0, (15, 25), 10),  # the area alone counts
        ([20, 30, 5.05, 5.05], 1.0, (14, 24), 11),  # 10.1 pixels become 11; 14.5 is rounded to the even 14, 24.5 to 24
        ([21, 31, 5.05, 5.05], 1.0, (16, 26), 11),  # 15.5 to 16, 25.5 to 26
        ([20.5, 30.4, 5, 5], 1.0, (16, 25), 10),  # 15.5 to 16, 25.4 to 25
        ([19.5, 30.6, 5, 5], 1.0, (14, 26), 10),  # 14.5 to 14, 25.6 to 26
        ([20, 30, 5, 5], 1.01, (14, 24), 11),  # the grown side is rounded up
    ],
)
def test_ostrack_rule(box: list[float], growth: float, first: tuple[int, int], side: int) -> None:
    crop = OSTrackRule(factor=2.0)(box, side, growth)
    assert (type(crop), crop.size, crop.middle) == (OSTrackCrop, side, None)
    assert (crop.center.tolist(), float(crop.side)) == ([first[0] + side / 2, first[1] + side / 2], side)
    np.testing.assert_array_equal(crop.extract(NOISE, (0, 0, 0)), NOISE[first[1] : first[1] + side, first[0] : first[0] + side])
    corner = crop.to_crop([*first, first[0] + side, first[1] + side])
    assert corner.tolist() == [0, 0, side, side]  # boxes are mapped from the pixels that were cut


def test_ostrack_leaves_out_the_last_column_and_row() -> None:
    """Where the window ends at the frame's last pixel or beyond; it has two pixels more than the frame on the right, none below."""
    height, width = NOISE.shape[:2]
    rule = OSTrackRule(factor=2.0)
    pixels = rule([width - 3, height - 5, 5, 5], 10).extract(NOISE, rule.border.color(NOISE))
    np.testing.assert_array_equal(pixels[:9, :7], NOISE[height - 10 : height - 1, width - 8 : width - 1])
    assert not pixels[9].any()
    assert not pixels[:, 7:].any()
    inside = rule([width - 6, height - 6, 5, 5], 10).extract(NOISE, (0, 0, 0))
    np.testing.assert_array_equal(inside, NOISE[height - 11 : height - 1, width - 11 : width - 1])
    repeated = rule([width - 3, height - 6, 5, 5], 10).extract(NOISE, None)
    assert (repeated[:, 7:] == repeated[:, 6:7]).all()


@pytest.mark.parametrize("run", ["no_elimination", "default", "other"])
def test_every_crop_of_ostrack(run: str) -> None:
    """The size and the mean of the official tracker's crops, many of which reach outside of the frame: see golden/README.md."""
    stored = np.load(golden_data.FOLDER / "ostrack_crops.npz")
    boxes, settings = stored[f"{run}.boxes"], json.loads(str(stored[f"{run}.settings"]))
    for number, frame in enumerate(golden_data.frames()):
        part = "search" if number else "template"
        size = settings[f"{part}_size"]
        x, y, w, h = boxes[max(number - 1, 0)]
        rule = OSTrackRule(factor=settings[f"{part}_factor"])
        crop = rule([x + w / 2, y + h / 2, w, h], size)
        assert float(crop.scale[0]) == pytest.approx(stored[f"{run}.resize_factors"][number])
        pixels = crop.extract(frame, rule.border.color(frame))
        assert pixels.mean(dtype=np.float64) == pytest.approx(stored[f"{run}.crop_mean"][number], abs=1e-9), number


def test_ostracks_tracker_maps_boxes_from_the_centre_that_was_not_rounded() -> None:
    """The same pixels; side 8 from pixel 6 on, where the box's centre would have it at 6.4."""
    plain, official = (OSTrackRule(factor=2.0, unrounded=unrounded)([10.4, 10, 4, 4], 16) for unrounded in (False, True))
    np.testing.assert_array_equal(plain.extract(NOISE), official.extract(NOISE))
    assert plain.to_image([8, 8, 8, 8]).tolist() == [10, 10, 10, 10]
    assert official.to_image([8, 8, 8, 8]).tolist() == pytest.approx([10.4, 10, 10.4, 10])


def test_ostrack_rule_pads_with_black() -> None:
    """The window begins 4 pixels left of and 3 above the frame."""
    rule = OSTrackRule(factor=2.0)
    pixels = rule([1, 2, 5, 5], 10).extract(NOISE, rule.border.color(NOISE))
    assert not pixels[:3].any()
    assert not pixels[:, :4].any()
    np.testing.assert_array_equal(pixels[3:, 4:], NOISE[:7, :6])
    assert float(rule([1, 2, 0, 0], 10).side) == 1


@pytest.mark.parametrize(
    ("box", "size", "growth", "first", "side", "step", "phase"),
    [
        ([50.5, 40.5, 10, 10], 20, 1.0, (41, 31), 20, 1, (0, 0)),  # 20 pixels around pixel 50, 40: nine before it, ten after it
        ([50.5, 40.5, 10, 10], 21, 1.05, (40, 30), 21, 1, (0, 0)),  # ten on each side
        ([51.4, 40.6, 10, 10], 20, 1.0, (41, 31), 20, 1, (0, 0)),  # still pixel 50, 40
        ([50.5, 40.5, 10, 10], 8, 1.0, (42, 32), 20, 2, (0, 0)),  # 20 / 8 - 0.1 = 2.4: every second pixel, 10 of them, number 4 is pixel 50
        ([51.5, 40.5, 10, 10], 8, 1.0, (42, 32), 20, 2, (1, 0)),  # the odd columns are kept
        ([50.5, 40.5, 0, 10], 8, 1.0, (50, 40), 2, 1, (0, 0)),  # never less than two pixels
        ([-2.5, 40.5, 10, 10], 20, 1.0, (-12, 31), 20, 1, (0, 0)),  # pixel -3
    ],
)
def test_pytracking_rule(  # noqa: PLR0917
    box: list[float], size: int, growth: float, first: tuple[int, int], side: int, step: int, phase: tuple[int, int]
) -> None:
    crop = PytrackingRule(factor=2.0)(box, size, growth)
    assert (type(crop), crop.size, crop.middle) == (PatchCrop, size, None)
    assert (np.asarray(crop.center) - np.asarray(crop.side) / 2).tolist() == list(first)
    assert (float(crop.side), int(crop.step), np.asarray(crop.phase).tolist()) == (side, step, list(phase))


@pytest.mark.parametrize(
    ("box", "shrink", "corners"),
    [
        ([80.5, 60.5, 20, 20], 1.5, [61, 41, 101, 81]),  # inside anyway: 40 pixels, 19 before pixel 80, 60
        ([3, 4, 20, 20], 1.5, [0, 0, 40, 40]),  # moved in
        ([500, -90, 20, 20], 1.5, [120, 0, 160, 40]),
        ([80, 60, 100, 100], 1.5, [0, -20, 160, 140]),  # 200 pixels: 160 / 200 of it fills the width and reaches 20 outside on both sides
        ([80, 60, 200, 200], 1.5, [-53, -73, 213, 193]),  # 400 / 1.5 = 266.7, cut to 266: outside, in the middle
        ([80, 60, 100, 100], 1.0, [-20, -40, 180, 160]),  # never shrunk, only moved
    ],
)
def test_pytracking_rule_inside(box: list[float], shrink: float, corners: list[int]) -> None:
    crop = PytrackingRule(factor=2.0, inside=InsideMajor(max_shrink=shrink))(box, 300, 1.0, FRAME)
    half = float(crop.side) / 2
    assert [*(crop.center - half), *(crop.center + half)] == corners


def test_frames_of_several_sizes() -> None:
    """Targets of different videos in one batch: each window stays in its own frame."""
    crops = PytrackingRule(factor=2.0, inside=InsideMajor())([[150, 60, 20, 20]] * 2, 40, 1.0, [FRAME, (400, 300)])
    assert (crops.center - 20).tolist() == [[120, 40], [130, 40]]


def test_staying_inside_needs_a_frame() -> None:
    with pytest.raises(LockonError, match=r"needs frame_size=\(width, height\)"):
        WIDE([50, 40, 20, 20], 64)


def test_the_patches_of_pytracking() -> None:
    """Corners exactly, and 64 pixels of each patch: see golden/README.md. "inside" alone, which nobody uses, is left out."""
    stored = np.load(golden_data.FOLDER / "pytracking_patches.npz")
    image = smooth_image("pt-ops|main|im", 90, 120).astype(np.float32)
    modes = set()
    for number, ((row, column), sides, output, mode, shrink) in enumerate(json.loads(str(stored["cases"]))):
        if mode == "inside":
            continue
        modes.add(mode)
        rule = PytrackingRule(factor=1.0, inside=None if mode == "replicate" else InsideMajor(max_shrink=shrink))
        crop = rule([column + 0.5, row + 0.5, sides[1], sides[0]], output, 1.0, (120, 90))
        half = np.asarray(crop.side) / 2
        top_left, bottom_right = np.asarray(crop.center) - half, np.asarray(crop.center) + half
        assert [*top_left[::-1], *bottom_right[::-1]] == stored["coords"][number].tolist(), number
        pixels = crop.extract(image, rule.border.color(image)).transpose(2, 0, 1).ravel()
        places = np.floor(np.linspace(0, pixels.size - 1, 64)).astype(int)
        np.testing.assert_allclose(pixels[places], stored["sample64"][number], atol=1e-3, rtol=0, err_msg=str(number))  # measured 8e-5
    assert modes == {"replicate", "inside_major"}


def test_stretched_rules() -> None:
    """20.2 x 10 pixels: twice that on each axis, or the next whole number of pixels."""
    boxes = [[50, 40, 20.2, 10], [-90, 500, 0, 0]]
    plain, official = StretchedRule(factor=2.0)(boxes, 64), OfficialStretchedRule(factor=2.0)(boxes, 64)
    assert (type(plain), plain.size, plain.middle) == (StretchedCrop, 64, None)
    np.testing.assert_allclose(plain.windows(), [[29.8, 30, 70.2, 50], [-90.5, 499.5, -89.5, 500.5]])
    assert (type(official), official.size) == (OfficialStretchedCrop, 64)
    assert official.windows().tolist() == [[30, 30, 71, 50], [-90, 500, -89, 501]]  # 29.5, -90.5 and 499.5 go to the even number
    assert StretchedRule(pixel_centers=True)(boxes, 64).middle == 31.5
    assert StretchedRule(factor=3.0)([50, 40, 20, 10], 64).sides.tolist() == [60, 30]


@pytest.mark.parametrize("kind", [StretchedRule, OfficialStretchedRule])
@pytest.mark.parametrize("factor", [-1, 0, 1, 8.01, float("nan")])
def test_factors_that_make_no_sense(kind: type[StretchedRule], factor: float) -> None:
    with pytest.raises(LockonError, match=r"factor=.* given, expected above 1, up to 8"):
        kind(factor=factor)
    assert kind(factor=8).factor == 8
