"""SiamCAR's location against one target at a time by OpenCV's resize, written from the formulas of its inference."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from lockon.config import apply_overrides, as_json, flatten
from lockon.errors import LockonError
from lockon.localizers.coarse_to_fine import CoarseToFine, locate
from lockon.localizers.window import WindowConfig, WindowLocalizer
from lockon.ops.crop import Crop
from lockon.tracker import TrackerConfig
from lockon.types import Prediction

SIDE, SIZE = 25, 255
FLAGS = ("half_pixel", "stretched", "mixed_units")
PUBLISHED = CoarseToFine(origin=31.0, half_pixel=True, stretched=True, mixed_units=True)


def upsampled(values: NDArray[np.float64], config: CoarseToFine) -> NDArray[np.float64]:
    """(S, S) by OpenCV."""
    image = np.ascontiguousarray(values, dtype=np.float32)
    length = (len(values) - 1) * config.stride + 1
    if config.half_pixel:
        return cv2.resize(image, (length, length), interpolation=cv2.INTER_CUBIC).astype(np.float64)
    matrix = np.array([[1 / config.stride, 0, 0], [0, 1 / config.stride, 0]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (length, length), flags=flags, borderMode=cv2.BORDER_REPLICATE).astype(np.float64)


def penalty(w: float, h: float, last_w: float, last_h: float, strength: float) -> float:
    def padded(a: float, b: float) -> float:
        return math.sqrt((a + (a + b) / 2) * (b + (a + b) / 2))

    s, r = padded(w, h) / padded(last_w, last_h), (last_w / last_h) / (w / h)
    return math.exp(-(max(s, 1 / s) * max(r, 1 / r) - 1) * strength)


def slow(prediction: Prediction, crop: Crop, last: NDArray[np.float64], config: WindowConfig) -> list[float]:
    """One target: cx, cy, w, h."""
    fine, k = config.refine, config.penalty
    scale = crop.size / float(crop.side)
    cls = (1 / (1 + np.exp(-prediction.logits))).reshape(SIDE, SIDE)
    cen = prediction.quality.reshape(SIDE, SIDE)
    cen = (cen - cen.min()) / (cen.max() - cen.min()) if config.quality_scale == "minmax" else 1 / (1 + np.exp(-cen))
    axis = fine.first + fine.stride * np.arange(SIDE)
    x1, y1, x2, y2 = prediction.boxes.reshape(SIDE, SIDE, 4).transpose(2, 0, 1)
    ltrb = [axis[None] - x1, axis[:, None] - y1, x2 - axis[None], y2 - axis[:, None]]
    p = cls * cen
    for row, column in itertools.product(range(SIDE), range(SIDE)):
        w, h = ltrb[0][row, column] + ltrb[2][row, column], ltrb[1][row, column] + ltrb[3][row, column]
        p[row, column] *= penalty(w, h, last[2] * scale, last[3] * scale, k)
    hann = np.hanning(SIDE) if config.zero_border else np.hanning(SIDE + 2)[1:-1]
    hp_up = upsampled(p * (1 - config.window) + np.outer(hann, hann) * config.window, fine)
    p_up = upsampled(p, fine)
    length = len(p_up)
    row, column = (int(v) for v in np.unravel_index(hp_up.argmax(), hp_up.shape))
    share = length / SIDE if fine.stretched else fine.stride
    cell = min(round(row / share), SIDE - 1), min(round(column / share), SIDE - 1)
    left, top, right, bottom = (min(max(float(side[cell]), fine.nearest), fine.farthest) for side in ltrb)
    rows = slice(row - int(min(row, top) / 2), row + int(min(length - row, bottom) / 2) + 1)
    columns = slice(column - int(min(column, left) / 2), column + int(min(length - column, right) / 2) + 1)
    inside = p_up[rows, columns]
    at = np.unravel_index(inside.argmax(), inside.shape)
    row, column = rows.start + int(at[0]), columns.start + int(at[1])
    origin = fine.first if fine.origin is None else fine.origin
    middle = crop.size / 2 if crop.middle is None else crop.middle
    center = [crop.center[i] + (place + origin - middle) / scale for i, place in enumerate((column, row))]
    sides = [upsampled(side, fine)[row, column] for side in ltrb]
    w, h = (sides[0] + sides[2]) / scale, (sides[1] + sides[3]) / scale
    before = last[2:] * scale if fine.mixed_units else last[2:]
    rate = penalty(w, h, before[0], before[1], k) * upsampled(cls, fine)[row, column] * config.smoothing
    return [*center, (1 - rate) * last[2] + rate * w, (1 - rate) * last[3] + rate * h]


def smooth(rng: np.random.Generator, targets: int, low: float, high: float) -> NDArray[np.float64]:
    """(B, N) maps with a few hills."""
    return np.stack(
        [cv2.resize(rng.uniform(low, high, (6, 6)), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR).ravel() for _ in range(targets)]
    )


def make(seed: int, targets: int, config: CoarseToFine) -> tuple[Prediction, Crop, NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(*[config.first + config.stride * np.arange(SIDE)] * 2)
    points = np.stack([x.ravel(), y.ravel()], axis=-1)  # (N, 2)
    distances = [smooth(rng, targets, 3, 70) for _ in range(4)]
    boxes = np.stack(
        [points[:, 0] - distances[0], points[:, 1] - distances[1], points[:, 0] + distances[2], points[:, 1] + distances[3]], -1
    )
    prediction = Prediction(smooth(rng, targets, -4, 4), boxes, smooth(rng, targets, -2, 2))
    last = np.concatenate([rng.uniform(50, 200, (targets, 2)), rng.uniform(10, 90, (targets, 2))], axis=1)
    crop = Crop(last[:, :2], rng.uniform(80, 400, targets), SIZE, middle=(SIZE - 1) / 2)
    return prediction, crop, last


def one(prediction: Prediction, index: int) -> Prediction:
    return Prediction(prediction.logits[index], prediction.boxes[index], prediction.quality[index])


@pytest.mark.parametrize(
    ("refine", "scale"),
    [
        (CoarseToFine(), "sigmoid"),
        (PUBLISHED, "minmax"),
        *((replace(CoarseToFine(), **{flag: True}), "sigmoid") for flag in FLAGS),
        (CoarseToFine(origin=31.0), "minmax"),
        (CoarseToFine(stride=16, first=8.0, nearest=30, farthest=90), "sigmoid"),
    ],
    ids=str,
)
def test_equals_one_target_at_a_time(refine: CoarseToFine, scale: str) -> None:
    settings = {"location": "coarse-to-fine", "refine": refine, "quality_scale": scale, "zero_border": True}
    config = apply_overrides(WindowConfig(window=0.44, penalty=0.1, smoothing=0.4), settings)
    for seed in range(4):
        prediction, crop, last = make(seed, 3, refine)
        boxes = WindowLocalizer(config)(prediction, crop, last).boxes
        expected = [slow(one(prediction, i), crop[i], last[i], config) for i in range(3)]
        np.testing.assert_allclose(boxes, expected, rtol=1e-5)


def test_every_flag_changes_something() -> None:
    prediction, crop, last = make(0, 8, CoarseToFine())
    base = WindowConfig(location="coarse-to-fine", smoothing=0.5, penalty=0.1, quality_scale="minmax")

    def boxes(**changes: object) -> NDArray[np.float64]:
        return np.asarray(WindowLocalizer(apply_overrides(base, changes))(prediction, crop, last).boxes)

    plain = boxes()
    for change in [
        *({f"refine.{flag}": True} for flag in FLAGS if flag != "stretched"),
        {"refine.origin": 31.0},
        {"quality_scale": "sigmoid"},
    ]:
        assert not np.allclose(boxes(**change), plain), change
    np.testing.assert_allclose(boxes(**{"refine.origin": 31.0})[:, :2], plain[:, :2] - 1 / crop.scale)


def hill(row: int, column: int) -> NDArray[np.float64]:
    """(1, N) with one peak."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.exp(-((y - row) ** 2 + (x - column) ** 2) / 8.0).reshape(1, -1)


def around(reach: float) -> NDArray[np.float64]:
    """(1, N, 4) boxes whose sides are `reach` pixels from each point."""
    x, y = np.meshgrid(*[32.0 + 8 * np.arange(SIDE)] * 2)
    points = np.stack([x.ravel(), y.ravel()], axis=-1)
    return np.concatenate([points - reach, points + reach], axis=1)[None]


@pytest.mark.parametrize("config", [CoarseToFine(), PUBLISHED])
@pytest.mark.parametrize(("row", "column"), [(0, 0), (24, 24), (0, 24), (12, 5)])
def test_a_single_peak_is_found_everywhere(config: CoarseToFine, row: int, column: int) -> None:
    """Also in the last cell, whose number by the published rule is beyond the map."""
    peak = hill(row, column)
    place = locate(config, peak, peak, peak, around(20.0))
    assert divmod(int(place.cells[0]), SIDE) == (row, column)
    np.testing.assert_allclose(place.centers[0], [32 + 8 * column, 32 + 8 * row], atol=5 if config.half_pixel else 0)
    np.testing.assert_allclose(place.sizes[0], [40, 40], atol=1e-9)


def test_the_stretched_cell_is_another_one_near_the_end() -> None:
    """Sample 100 of 193 is 12.95 of 25 shares, so cell 13; in steps of 8 pixels it is 12.5, so cell 12."""
    config = CoarseToFine(nearest=0, farthest=100)
    ranked = np.full((SIDE, SIDE), 0.0)
    ranked[12:14, 12:14] = 1.0  # the peak lies between cells 12 and 13
    reach = np.full((SIDE, SIDE), 1.0)
    reach[13, 13] = 40.0
    x, y = np.meshgrid(*[32.0 + 8 * np.arange(SIDE)] * 2)
    points = np.stack([x, y], axis=-1)
    boxes = np.concatenate([points - reach[..., None], points + reach[..., None]], axis=-1).reshape(1, -1, 4)
    plain = np.zeros((SIDE, SIDE))
    plain[14, 14] = 1.0  # sample 112: within 20 of 100 only from cell (13, 13)
    arguments = ranked.reshape(1, -1), plain.reshape(1, -1), plain.reshape(1, -1), boxes
    assert locate(config, *arguments).centers[0].tolist() != [144.0, 144.0]
    assert locate(replace(config, stretched=True), *arguments).centers[0].tolist() == [144.0, 144.0]


@given(
    seed=st.integers(0, 1000),
    nearest=st.integers(0, 30),
    more=st.integers(0, 40),
    half_pixel=st.booleans(),
)
def test_the_fine_peak_is_within_reach_of_the_coarse_one(seed: int, nearest: int, more: int, half_pixel: bool) -> None:
    rng = np.random.default_rng(seed)
    config = CoarseToFine(nearest=nearest, farthest=nearest + more, half_pixel=half_pixel)
    plain, coarse = rng.uniform(0, 1, (2, SIDE * SIDE)), hill(int(rng.integers(SIDE)), int(rng.integers(SIDE)))
    boxes = around(float(rng.uniform(0, 100)))
    place = locate(config, np.repeat(coarse, 2, axis=0), plain, plain, np.repeat(boxes, 2, axis=0))
    peak = locate(replace(config, nearest=0, farthest=0), coarse, coarse, coarse, boxes).centers
    assert np.abs(place.centers - peak).max() <= (nearest + more) / 2
    assert ((place.centers >= 32) & (place.centers <= 32 + 8 * (SIDE - 1))).all()


def test_mixed_units_by_hand() -> None:
    """Two crop pixels per image pixel. The size goes from 20 to 30, a change by 1.5; the published penalty sees one from 40 to 30."""
    last = np.array([[100.0, 100, 20, 20]])
    crop = Crop(last[:, :2], np.array([SIZE / 2]), SIZE, middle=127.0)
    prediction = Prediction(np.log(hill(12, 12)), around(30.0))  # 60 crop pixels, 30 image pixels
    base = WindowConfig(location="coarse-to-fine", penalty=1.0, smoothing=0.5, window=0.0)
    foreground = 0.5
    clean = WindowLocalizer(base)(prediction, crop, last).boxes[0]
    assert clean[2] == pytest.approx(20 + 10 * 0.5 * foreground * math.exp(-(1.5 - 1)), rel=1e-6)
    mixed = WindowLocalizer(replace(base, refine=CoarseToFine(mixed_units=True)))(prediction, crop, last).boxes[0]
    assert mixed[2] == pytest.approx(20 + 10 * 0.5 * foreground * math.exp(-(40 / 30 - 1)), rel=1e-6)


def test_the_size_of_several_boxes() -> None:
    """With `top` above 1 the best boxes' mean size is taken, at the place of the fine peak."""
    prediction, crop, last = make(3, 2, CoarseToFine())
    base = WindowConfig(location="coarse-to-fine", smoothing=1.0, top_rule="ranked")
    alone, three = (WindowLocalizer(replace(base, top=top))(prediction, crop, last).boxes for top in (1, 3))
    candidates = WindowLocalizer(replace(base, top=3, location="candidate"))(prediction, crop, last).boxes
    assert np.array_equal(alone[:, :2], three[:, :2])
    np.testing.assert_allclose(three[:, 2:], candidates[:, 2:])
    assert not np.allclose(alone[:, 2:], three[:, 2:])


@pytest.mark.parametrize("refine", [CoarseToFine(), PUBLISHED])
@pytest.mark.parametrize("last", [[40.0, 40, 0, 0], [40.0, 40, 0, 30], [40.0, 40, 20, 20]])
def test_boxes_without_area_stay_finite(refine: CoarseToFine, last: list[float]) -> None:
    boxes = np.concatenate([around(0.0), around(-5.0), around(30.0)])  # nothing, inside out, something
    flat = np.zeros((3, SIDE * SIDE))
    crop = Crop(np.full((3, 2), 40.0), np.full(3, 80.0), SIZE, middle=127.0)
    config = WindowConfig(location="coarse-to-fine", quality_scale="minmax", refine=refine)
    chosen = WindowLocalizer(config)(Prediction(flat, boxes, flat), crop, np.tile(np.array(last), (3, 1)))
    assert np.isfinite(chosen.boxes).all()
    assert np.isfinite(chosen.logits).all()
    assert (chosen.boxes[:, 2:] >= 0).all()
    np.testing.assert_allclose(chosen.scores, 0.5)


def test_several_anchors_are_refused() -> None:
    with pytest.raises(LockonError, match=r"one candidate per point, .* anchors=5; leave localizer.location=candidate"):
        apply_overrides(TrackerConfig(localizer=WindowConfig(anchors=5)), {"localizer.location": "coarse-to-fine"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride": 0}, r"stride=0 given, expected at least 1"),
        ({"nearest": 60}, r"nearest=60, farthest=55 given, expected 0 <= nearest <= farthest"),
        ({"nearest": -1}, r"nearest=-1"),
    ],
)
def test_what_makes_no_sense(changes: dict[str, object], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        apply_overrides(TrackerConfig(), {f"localizer.refine.{name}": value for name, value in changes.items()})


def test_overrides_and_headers_carry_it() -> None:
    config = apply_overrides(TrackerConfig(), {"localizer.refine.stride": "16", "localizer.location": "coarse-to-fine"})
    assert (config.localizer.refine.stride, config.localizer.location) == (16, "coarse-to-fine")
    assert apply_overrides(TrackerConfig(), flatten(as_json(config))) == config
