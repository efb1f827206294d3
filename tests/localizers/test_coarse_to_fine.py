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
from lockon.localizers.boxes import Best, MeanRanked
from lockon.localizers.dense import DenseLocalizer, LocalizerConfig
from lockon.localizers.place import Argmax, CoarseToFine, locate
from lockon.localizers.rank import Blend
from lockon.localizers.score import SigmoidScore, StretchedScore
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


def slow(prediction: Prediction, crop: Crop, last: NDArray[np.float64], config: LocalizerConfig) -> list[float]:
    """One target: cx, cy, w, h."""
    fine, k = config.place, config.rank.penalty_k
    scale = crop.size / float(crop.side)
    cls = (1 / (1 + np.exp(-prediction.logits))).reshape(SIDE, SIDE)
    cen = prediction.quality.reshape(SIDE, SIDE)
    cen = (cen - cen.min()) / (cen.max() - cen.min()) if isinstance(config.score, StretchedScore) else 1 / (1 + np.exp(-cen))
    axis = fine.first + fine.stride * np.arange(SIDE)
    x1, y1, x2, y2 = prediction.boxes.reshape(SIDE, SIDE, 4).transpose(2, 0, 1)
    ltrb = [axis[None] - x1, axis[:, None] - y1, x2 - axis[None], y2 - axis[:, None]]
    p = cls * cen
    for row, column in itertools.product(range(SIDE), range(SIDE)):
        w, h = ltrb[0][row, column] + ltrb[2][row, column], ltrb[1][row, column] + ltrb[3][row, column]
        p[row, column] *= penalty(w, h, last[2] * scale, last[3] * scale, k)
    hann = np.hanning(SIDE) if config.rank.zero_border else np.hanning(SIDE + 2)[1:-1]
    hp_up = upsampled(p * (1 - config.rank.window_influence) + np.outer(hann, hann) * config.rank.window_influence, fine)
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
    rate = penalty(w, h, before[0], before[1], k) * upsampled(cls, fine)[row, column] * config.size_lr
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
    ("place", "score"),
    [
        (CoarseToFine(), SigmoidScore()),
        (PUBLISHED, StretchedScore()),
        *((replace(CoarseToFine(), **{flag: True}), SigmoidScore()) for flag in FLAGS),
        (CoarseToFine(origin=31.0), StretchedScore()),
        (CoarseToFine(stride=16, first=8.0, nearest=30, farthest=90), SigmoidScore()),
    ],
    ids=str,
)
def test_equals_one_target_at_a_time(place: CoarseToFine, score: SigmoidScore | StretchedScore) -> None:
    rank = Blend(window_influence=0.44, penalty_k=0.1, zero_border=True)
    config = LocalizerConfig(place=place, score=score, rank=rank, size_lr=0.4)
    for seed in range(4):
        prediction, crop, last = make(seed, 3, place)
        boxes = DenseLocalizer(config)(prediction, crop, last).boxes
        expected = [slow(one(prediction, i), crop[i], last[i], config) for i in range(3)]
        np.testing.assert_allclose(boxes, expected, rtol=1e-5)


def test_every_flag_changes_something() -> None:
    prediction, crop, last = make(0, 8, CoarseToFine())
    base = LocalizerConfig(place=CoarseToFine(), size_lr=0.5, rank=Blend(penalty_k=0.1), score=StretchedScore())

    def boxes(**changes: object) -> NDArray[np.float64]:
        return np.asarray(DenseLocalizer(apply_overrides(base, changes))(prediction, crop, last).boxes)

    plain = boxes()
    for change in [
        *({f"place.{flag}": True} for flag in FLAGS if flag != "stretched"),
        {"place.origin": 31.0},
        {"score": "sigmoid-score"},
    ]:
        assert not np.allclose(boxes(**change), plain), change
    np.testing.assert_allclose(boxes(**{"place.origin": 31.0})[:, :2], plain[:, :2] - 1 / crop.scale)


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
    base = LocalizerConfig(place=CoarseToFine(), rank=Blend(penalty_k=1.0, window_influence=0.0), size_lr=0.5)
    foreground = 0.5
    clean = DenseLocalizer(base)(prediction, crop, last).boxes[0]
    assert clean[2] == pytest.approx(20 + 10 * 0.5 * foreground * math.exp(-(1.5 - 1)), rel=1e-6)
    mixed = DenseLocalizer(replace(base, place=CoarseToFine(mixed_units=True)))(prediction, crop, last).boxes[0]
    assert mixed[2] == pytest.approx(20 + 10 * 0.5 * foreground * math.exp(-(40 / 30 - 1)), rel=1e-6)


def test_the_size_of_several_boxes() -> None:
    """With a box rule other than `Best` the best boxes' mean size is taken, at the place of the fine peak."""
    prediction, crop, last = make(3, 2, CoarseToFine())
    base = LocalizerConfig(place=CoarseToFine(), size_lr=1.0)
    alone, three = (DenseLocalizer(replace(base, boxes=rule))(prediction, crop, last).boxes for rule in (Best(), MeanRanked(top=3)))
    candidates = DenseLocalizer(replace(base, boxes=MeanRanked(top=3), place=Argmax()))(prediction, crop, last).boxes
    assert np.array_equal(alone[:, :2], three[:, :2])
    np.testing.assert_allclose(three[:, 2:], candidates[:, 2:])
    assert not np.allclose(alone[:, 2:], three[:, 2:])


@pytest.mark.parametrize("place", [CoarseToFine(), PUBLISHED])
@pytest.mark.parametrize("last", [[40.0, 40, 0, 0], [40.0, 40, 0, 30], [40.0, 40, 20, 20]])
def test_boxes_without_area_stay_finite(place: CoarseToFine, last: list[float]) -> None:
    boxes = np.concatenate([around(0.0), around(-5.0), around(30.0)])  # nothing, inside out, something
    flat = np.zeros((3, SIDE * SIDE))
    crop = Crop(np.full((3, 2), 40.0), np.full(3, 80.0), SIZE, middle=127.0)
    config = LocalizerConfig(place=place, score=StretchedScore())
    chosen = DenseLocalizer(config)(Prediction(flat, boxes, flat), crop, np.tile(np.array(last), (3, 1)))
    assert np.isfinite(chosen.boxes).all()
    assert np.isfinite(chosen.logits).all()
    assert (chosen.boxes[:, 2:] >= 0).all()
    np.testing.assert_allclose(chosen.scores, 0.5)


def test_several_anchors_are_refused() -> None:
    with pytest.raises(LockonError, match=r"one candidate per point, .* anchors=5; leave localizer.place=argmax"):
        apply_overrides(TrackerConfig(localizer=LocalizerConfig(anchors=5)), {"localizer.place": "coarse-to-fine"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride": 0}, r"stride=0 given, expected 1 to 64"),
        ({"nearest": 60}, r"nearest=60 given, expected 0 to 55"),
        ({"nearest": -1}, r"nearest=-1"),
    ],
)
def test_what_makes_no_sense(changes: dict[str, object], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        apply_overrides(
            TrackerConfig(), {"localizer.place": "coarse-to-fine"} | {f"localizer.place.{name}": value for name, value in changes.items()}
        )


def test_overrides_and_headers_carry_it() -> None:
    config = apply_overrides(TrackerConfig(), {"localizer.place.stride": "16", "localizer.place": "coarse-to-fine"})
    assert config.localizer.place == CoarseToFine(stride=16)
    assert apply_overrides(TrackerConfig(), flatten(as_json(config))) == config
