"""Polygons: shapes worked out by hand, properties, and the figures of four other programs.

golden_regions.npz holds polygons and boxes made up for the purpose and what other programs made of them: ``region.*`` the
rasterised overlap of STVIR/pysot d04028f (unbounded; 120 x 90; 80 x 60; rows padded with NaN are boxes), ``poly.*`` the exact one
of got-10k/toolkit 956e728 (shapely), ``quads.*``, ``boxes.*``, ``mixed.*`` those of vot-trax 4.0.2 and vot-toolkit 0.9.0 without
bounds and with 180 x 120.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from lockon.errors import LockonError
from lockon.ops import regions
from lockon.ops.boxes import clip_xywh, iou_xywh
from lockon.ops.raster import RULES, raster_overlap

GOLDEN = dict(np.load(Path(__file__).parent / "golden_regions.npz"))
SQUARE = np.array([0.0, 0, 2, 0, 2, 2, 0, 2])
DIAMOND = np.array([1.0, -1, 3, 1, 1, 3, -1, 1])  # around the same centre, area 8
ARROW = np.array([0.0, 0, 4, 0, 4, 4, 2, 1])  # not convex: a corner is pushed in; area 6
BOW_TIE = np.array([0.0, 0, 2, 2, 2, 0, 0, 2])  # crosses itself at (1, 1); two triangles of area 1
TOUCHING = np.array([0.0, 0, 2, 0, 1, 1, 2, 2, 0, 2, 1, 1])  # two triangles that meet in (1, 1)


def turned(polygon: np.ndarray) -> np.ndarray:
    """The same outline the other way round, from another corner."""
    return np.roll(polygon.reshape(-1, 2)[::-1], 1, axis=0).ravel()


def test_boxes_and_polygons():
    box = [[1.0, 2, 3, 4]]
    assert regions.box_to_polygon(box).tolist() == [[1, 2, 4, 2, 4, 6, 1, 6]]
    np.testing.assert_array_equal(regions.polygon_to_box(regions.box_to_polygon(box)), box)
    assert regions.polygon_to_box(DIAMOND).tolist() == [-1, -1, 4, 4]
    assert regions.box_to_polygon(np.zeros((0, 4))).shape == (0, 8)


def test_box_of_equal_area():
    assert regions.polygon_to_box_of_equal_area(DIAMOND) == pytest.approx([1 - (8**0.5 + 1) / 2] * 2 + [8**0.5 + 1] * 2)
    assert regions.polygon_to_box_of_equal_area([0, 0, 4, 0, 4, 9, 0, 9]).tolist() == [-0.5, -0.5, 5, 10]
    assert regions.polygon_to_box_of_equal_area([3.0, 4] * 4).tolist() == [2.5, 3.5, 1, 1]


@pytest.mark.parametrize(
    ("polygon", "area"), [(SQUARE, 4), (DIAMOND, 8), (ARROW, 6), (BOW_TIE, 2), (TOUCHING, 2), ([0, 0, 1, 1, 2, 2], 0), ([0, 0, 3, 3], 9)]
)
def test_area(polygon, area):
    polygon = np.asarray(polygon, dtype=float)
    assert regions.polygon_area(polygon) == pytest.approx(area)
    if len(polygon) > 4:
        assert regions.polygon_area(turned(polygon)) == pytest.approx(area)
    assert regions.polygon_area(np.tile(polygon, (2, 3, 1))).shape == (2, 3)


def test_area_inside_bounds():
    assert regions.polygon_area(DIAMOND, (1, 10)) == pytest.approx(2.5)  # for x of 0 to 1, y from 0 to 2 + x
    assert regions.polygon_area(DIAMOND + 50, (10, 10)) == 0


@pytest.mark.parametrize(
    ("a", "b", "inter", "union"),
    [
        (SQUARE, DIAMOND, 4, 8),  # the square's corners lie on the diamond's edges
        (SQUARE, SQUARE + 1, 1, 7),
        (SQUARE, SQUARE + np.tile([2, 0], 4), 0, 8),  # share an edge
        (SQUARE, SQUARE, 4, 4),
        (ARROW, np.array([0.0, 0, 4, 0, 4, 4, 0, 4]), 6, 16),
        (ARROW, np.array([0.0, 2, 2, 2, 2, 4, 0, 4]), 0, 10),  # lies in the bay
        (BOW_TIE, SQUARE, 2, 4),
        (BOW_TIE, BOW_TIE, 2, 2),
        (TOUCHING, np.array([1.0, 0, 1, 2, 3, 1]), 2 / 3, 10 / 3),  # a triangle with three corners against six
        (SQUARE, np.array([0.5, 0.5, 1, 1]), 1, 4),  # a box
    ],
)
def test_exact_overlap(a, b, inter, union):
    assert regions.polygon_iou(a, b) == pytest.approx(inter / union)
    assert regions.polygon_iou(b, a) == pytest.approx(inter / union)
    if len(b) > 4:
        assert regions.polygon_iou(turned(a), turned(b)) == pytest.approx(inter / union)


def test_exact_overlap_of_what_is_no_area():
    assert regions.polygon_iou([0, 0, 0, 0], [0, 0, 0, 0]) == 0
    assert np.isnan(regions.polygon_iou(SQUARE, [np.nan] * 8))
    assert regions.polygon_iou(np.zeros((0, 8)), np.zeros((0, 8))).shape == (0,)
    rows = np.stack([SQUARE, [np.nan] * 8, [np.inf] * 8])
    np.testing.assert_array_equal(np.isnan(regions.polygon_iou(rows, SQUARE)), [False, True, True])


def test_many_polygons_are_worked_off_in_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0, 50, (2, 40, 8))
    whole = regions.polygon_iou(a, b, (40, 40))
    monkeypatch.setattr(regions, "_BLOCK", 512 * 3)
    np.testing.assert_array_equal(regions.polygon_iou(a, b, (40, 40)), whole)


coordinate = st.floats(-50, 50).map(lambda number: round(number, 3))
boxes = st.tuples(coordinate, coordinate, st.floats(0.1, 60), st.floats(0.1, 60)).map(np.array)
quads = st.lists(coordinate, min_size=8, max_size=8).map(np.array)


@given(boxes, boxes)
def test_exact_overlap_of_boxes_is_theirs(a, b):
    assert regions.polygon_iou(a, b) == pytest.approx(iou_xywh(a, b), abs=1e-9)
    inside = iou_xywh(clip_xywh(a, 30, 20), clip_xywh(b, 30, 20))
    assert regions.polygon_iou(a, b, (30, 20)) == pytest.approx(inside, abs=1e-9)


@given(quads, quads, st.floats(0, 6.28))
def test_exact_overlap_keeps_when_both_are_turned(a, b, angle):
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    c, d = ((polygon.reshape(4, 2) @ turn).ravel() for polygon in (a, b))
    area, other = regions.polygon_area(a), regions.polygon_area(b)
    if min(area, other) > 1:  # slivers lose their digits in the turn
        assert regions.polygon_iou(c, d) == pytest.approx(regions.polygon_iou(a, b), abs=1e-6)
        assert regions.polygon_iou(a, b) <= min(area, other) / max(area, other) + 1e-9


@given(quads, st.integers(0, 2**32 - 1))
def test_area_counts_points(polygon, seed):
    """Against points thrown at random, by the even-odd rule."""
    points = np.random.default_rng(seed).uniform(-50, 50, (4000, 2))
    x, y = polygon[::2], polygon[1::2]
    inside = np.zeros(len(points), dtype=bool)
    for i in range(4):
        j = (i + 1) % 4
        above = (y[i] <= points[:, 1]) != (y[j] <= points[:, 1])
        with np.errstate(all="ignore"):
            inside ^= above & (points[:, 0] < x[i] + (points[:, 1] - y[i]) / (y[j] - y[i]) * (x[j] - x[i]))
    assert regions.polygon_area(polygon) / 10_000 == pytest.approx(inside.mean(), abs=0.05)


def test_exact_overlap_is_that_of_shapely():
    np.testing.assert_allclose(regions.polygon_iou(GOLDEN["poly.first"], GOLDEN["poly.second"]), GOLDEN["poly.iou"], atol=1e-12)
    bounds = tuple(GOLDEN["poly.bound"].astype(float))
    np.testing.assert_allclose(
        regions.polygon_iou(GOLDEN["poly.first"], GOLDEN["poly.second"], bounds), GOLDEN["poly.iou_bound"], atol=1e-12
    )


def pysot_rows(name: str) -> np.ndarray:
    """Corners in the 32-bit floats of the toolkit, where boxes are padded with NaN."""
    rows = GOLDEN[name].astype(np.float32)
    x, y, w, h = rows[:, :4].T
    return np.where(np.isnan(rows[:, 4:5]), np.stack([x, y, x + w, y, x + w, y + h, x, y + h], axis=1), rows)


@pytest.mark.parametrize(("column", "bounds"), list(enumerate([None, (120, 90), (80, 60)])))
def test_rasterised_overlap_is_that_of_pysot(column, bounds):
    overlaps = raster_overlap(pysot_rows("region.first"), pysot_rows("region.second"), bounds)
    np.testing.assert_allclose(overlaps, GOLDEN["region.overlap"][:, column], atol=1e-7, rtol=0)


@pytest.mark.parametrize("rule", ["trax", "vot-toolkit"])
@pytest.mark.parametrize("kind", ["quads", "boxes", "mixed"])
def test_rasterised_overlap_is_that_of_the_vot_programs(kind, rule):
    a, b = GOLDEN[f"{kind}.a"], GOLDEN[f"{kind}.b"]
    for limits, bounds in (("free", None), ("bounded", (180, 120))):
        if f"{kind}.{rule}.{limits}" in GOLDEN:
            expected = np.nan_to_num(GOLDEN[f"{kind}.{rule}.{limits}"])  # 0 / 0 where no pixel is left
            np.testing.assert_allclose(raster_overlap(a, b, bounds, rule), expected, atol=1e-7, rtol=0)


def test_rasterised_overlap_counts_pixels_of_both_ends():
    a, b = [[0.0, 0, 4, 4]], [[2.0, 0, 4, 4]]  # columns 0..4 and 2..6, five rows
    assert raster_overlap(a, b) == pytest.approx(15 / 35)
    assert raster_overlap(a, b, (3, 100)) == pytest.approx(10 / 20)  # columns 0..3 stay: 0..3 and 2..3
    assert raster_overlap(a, b, rule="trax") == pytest.approx(2 / 6)  # columns 0..3 and 2..5
    assert raster_overlap(a, b, (4, 100), rule="vot-toolkit") == pytest.approx(2 / 4)  # columns up to 3 stay


def test_rasterised_overlap_of_odd_rows():
    rows = np.array([[0.0, 0, 4, 4], [np.nan] * 4, [0, 0, 0, 0], [4, 0, 4, 4], [-90, -90, 4, 4]])
    overlaps = raster_overlap(rows, np.tile([0.0, 0, 4, 4], (5, 1)), (50, 50))
    np.testing.assert_array_equal(overlaps, [1, np.nan, 0, 0, 0])
    assert raster_overlap(np.zeros((0, 4)), np.zeros((0, 8))).shape == (0,)


@pytest.mark.parametrize("rule", RULES)
def test_rasterised_overlap_of_large_regions_is_nearly_exact(rule):
    rng = np.random.default_rng(1)
    angle = np.sort(rng.uniform(0, 2 * np.pi, (50, 4)))
    a = (700 + 500 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)).reshape(50, 8)
    b = a + rng.normal(0, 60, (50, 8))
    large = regions.polygon_area(a) > 100_000
    difference = raster_overlap(a, b, (1400, 1300), rule) - regions.polygon_iou(a, b, (1400, 1300))
    assert large.sum() > 20
    assert np.abs(difference[large]).max() < 0.01


def test_arguments_are_left_alone():
    a, b = GOLDEN["quads.a"].copy(), GOLDEN["quads.b"].copy()
    regions.polygon_iou(a, b, (50, 50))
    raster_overlap(a, b, (50, 50))
    np.testing.assert_array_equal(a, GOLDEN["quads.a"])
    np.testing.assert_array_equal(b, GOLDEN["quads.b"])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: regions.box_to_polygon([1, 2, 3]), "4 numbers per row"),
        (lambda: regions.polygon_area([1, 2, 3, 4, 5]), "x1, y1, x2, y2"),
        (lambda: regions.polygon_iou(np.zeros((3, 8)), np.zeros((2, 8))), "same number of rows"),
        (lambda: regions.polygon_iou(SQUARE, SQUARE, (0, 5)), "bounds"),
        (lambda: regions.polygon_to_box_of_equal_area([0, 0, 1, 1, 2, 2]), "8 numbers per row"),
        (lambda: raster_overlap(np.zeros((3, 8)), np.zeros((2, 4))), "one row per frame"),
        (lambda: raster_overlap([0, 0, 1, 1], [0, 0, 1, 1]), "expected \\(T, 2 N\\)"),
        (lambda: raster_overlap([[0, 0, 1, 1]], [[0, 0, 1, 1]], (5,)), "bounds"),
        (lambda: raster_overlap([[0, 0, 1, 1]], [[0, 0, 1, 1]], rule="tracks"), "did you mean 'trax'"),
    ],
)
def test_rows_that_are_no_regions_and_impossible_bounds_are_refused(call, text):
    with pytest.raises(LockonError, match=text):
        call()
