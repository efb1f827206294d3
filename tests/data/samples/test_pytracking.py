from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import sample_scenes as scenes

from lockon.data.samples.appearance import Appearance
from lockon.data.samples.frames import NearPair, SupportQuery
from lockon.data.samples.placement import BoxJitter
from lockon.data.samples.pools import DatasetSampling
from lockon.data.samples.pytracking import JitteredCrop, PytrackingDataConfig, pytracking_pipeline
from lockon.data.samples.whole_windows import MeanSideJitter
from lockon.data.tracks import Track, TrackSet
from lockon.errors import LockonError
from lockon.ops.borders import Replicate, Zero
from tiny_tracks import plain_set

BOX = (60.0, 40.0, 100.0, 65.0)  # x1, y1, x2, y2: sqrt(w h) = 31.62..
STILL = PytrackingDataConfig(
    template=JitteredCrop(size=64, factor=2.0),
    search=JitteredCrop(size=128, factor=4.0),
    appearance=Appearance(),
    flip_each=0.0,
)
MOVED = replace(STILL, search=JitteredCrop(size=128, factor=4.0, jitter=BoxJitter(scale=0.25, offset=3.0)))


def bright_box(video: str, track: str, frame: int) -> np.ndarray:
    """A white box on dark noise."""
    image = np.random.default_rng(frame).integers(10, 60, (120, 160, 3), dtype=np.uint8)
    x1, y1, x2, y2 = (int(value) for value in BOX)
    image[y1:y2, x1:x2] = 255
    return image


def box_set(frames: int = 8) -> TrackSet:
    return TrackSet.build("A", [Track("v0", "00", np.arange(frames), np.tile(BOX, (frames, 1)))], bright_box)


def pipeline(config: PytrackingDataConfig = STILL, seed: int = 0):
    return pytracking_pipeline([box_set()], config, seed)


def extent(pixels: np.ndarray) -> list[int]:
    rows, columns = np.nonzero(pixels[..., 0] > 157)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


class Fixed:
    """Numbers in place of random ones."""

    def __init__(self, normal: list[float], uniform: list[float]) -> None:
        self.normal, self.uniform = np.array(normal), np.array(uniform)

    def standard_normal(self, count: int) -> np.ndarray:
        assert count == 2
        return self.normal

    def random(self, count: int) -> np.ndarray:
        assert count == 2
        return self.uniform


@pytest.mark.parametrize(
    ("jitter", "expected"),
    [
        # sides 40 e^.5 = 65.949, 10 e^-.25 = 7.788; OSTrack: 3 sqrt(65.949 * 7.788) = 67.989; TransT: 3 (65.949 + 7.788) / 2 = 110.605
        (BoxJitter(scale=0.25, offset=3.0), [50 + 0.4 * 67.989, 30 - 0.5 * 67.989, 65.949, 7.788]),
        (MeanSideJitter(scale=0.25, offset=3.0), [50 + 0.4 * 110.605, 30 - 0.5 * 110.605, 65.949, 7.788]),
    ],
)
def test_jitters_by_hand(jitter, expected) -> None:
    given = jitter(Fixed([2.0, -1.0], [0.9, 0.0]), np.array([50.0, 30.0, 40.0, 10.0]))
    np.testing.assert_allclose(given, expected, atol=2e-3)


def test_what_a_sample_has() -> None:
    sample = pipeline().sample(3)
    shapes = {name: (value.dtype.str, value.shape) for name, value in sample.items() if name != "ids"}
    assert shapes == {
        "template": ("|u1", (64, 64, 3)),
        "search": ("|u1", (128, 128, 3)),
        "template_box": ("<f4", (4,)),
        "box": ("<f4", (4,)),
        "present": ("|b1", ()),
        "redraws": ("<i8", ()),
    }


def test_without_jitter_by_hand() -> None:
    """sqrt(40 * 25) = 31.62: windows of ceil(63.2) = 64, ceil(126.5) = 127 pixels; published boxes: middle at (size - 1) / 2."""
    sample = pipeline().sample(0)
    np.testing.assert_allclose(sample["template_box"], [31.5 - 20, 31.5 - 12.5, 31.5 + 20, 31.5 + 12.5], atol=1e-5)
    half = np.array([20, 12.5]) * 128 / 127
    np.testing.assert_allclose(sample["box"], [*(63.5 - half), *(63.5 + half)], atol=1e-5)


def test_exact_boxes_by_hand() -> None:
    """The search window begins at round(80 - 63.5), round(52.5 - 63.5) = 16, -11: half a pixel aside of the box's middle in x."""
    sample = pipeline(replace(STILL, official=False)).sample(0)
    scale = 128 / 127
    np.testing.assert_allclose(sample["box"], np.array([60 - 16, 40 + 11, 100 - 16, 65 + 11]) * scale, atol=1e-5)
    np.testing.assert_allclose(sample["template_box"], [60 - 48, 40 - 20, 100 - 48, 65 - 20], atol=1e-5)


@pytest.mark.parametrize(("official", "close"), [(False, 1.6), (True, 2.6)])  # published boxes ignore the rounding, and half a pixel
@pytest.mark.parametrize("flip", [0.0, 0.5])
def test_boxes_follow_the_crops(official: bool, close: float, flip: float) -> None:
    config = replace(MOVED, official=official, flip_each=flip, appearance=Appearance(flip=flip))
    made, boxes = pipeline(config), []
    for index in range(40):
        sample = made.sample(index)
        for role, name in (("template", "template_box"), ("search", "box")):
            size = len(sample[role])
            np.testing.assert_allclose(np.clip(sample[name], 0, size), extent(sample[role]), atol=close if flip == 0 else close + 1)
        boxes.append(sample["box"])
    assert np.std(boxes, axis=0).min() > 5


def test_mirrored_by_itself_in_fractions_of_the_crop() -> None:
    """x becomes size - x, also where boxes count from the first pixel's centre; mirrored together it is (size - 1) - x there."""
    plain = pipeline(MOVED).sample(5)
    for changed, width in ((replace(MOVED, flip_each=1.0), 128), (replace(MOVED, appearance=Appearance(flip=1.0)), 127)):
        flipped = pipeline(changed).sample(5)
        x1, y1, x2, y2 = plain["box"]
        np.testing.assert_allclose(flipped["box"], [width - x2, y1, width - x1, y2], atol=1e-4)
        np.testing.assert_array_equal(flipped["search"], plain["search"][:, ::-1])
        np.testing.assert_array_equal(flipped["template"], plain["template"][:, ::-1])


def test_crops_are_mirrored_and_brightened_one_by_one_and_lose_their_colour_together() -> None:
    plain = pipeline(MOVED)
    flipped = pipeline(replace(MOVED, flip_each=0.5))
    seen = Counter()
    for index in range(60):
        one, other = plain.sample(index), flipped.sample(index)
        seen[tuple(bool((one[role] != other[role]).any()) for role in ("template", "search"))] += 1
    assert min(seen[key] for key in ((True, True), (True, False), (False, True), (False, False))) > 5
    bright = pipeline(replace(MOVED, appearance=Appearance(brightness=0.2)))
    ratios = []
    for index in range(20):
        sample, base = bright.sample(index), plain.sample(index)
        ratios.append([sample[role][base[role] < 100].mean() / base[role][base[role] < 100].mean() for role in ("template", "search")])
    assert np.abs(np.subtract(*np.transpose(ratios))).max() > 0.05
    assert 0.78 < np.min(ratios) < np.max(ratios) < 1.22
    gray = pipeline(replace(MOVED, appearance=Appearance(gray=1.0))).sample(0)
    assert max(np.ptp(gray[role].astype(int), axis=2).max() for role in ("template", "search")) == 0


@pytest.mark.parametrize(("border", "outside"), [(Zero(), 0), (Replicate(), 200)])
def test_what_lies_outside_the_image(border, outside: int) -> None:
    def read(video: str, track: str, frame: int) -> np.ndarray:
        return np.full((50, 50, 3), 200, np.uint8)

    corner = TrackSet.build("A", [Track("v0", "00", [0, 1], np.tile([0, 0, 20, 20], (2, 1)))], read)
    search = pytracking_pipeline([corner], replace(STILL, border=border), 0).sample(0)["search"]
    assert set(search[:40].ravel()) == set(search[:, :40].ravel()) == {outside}
    assert set(search[60:120, 60:120].ravel()) == {200}


def test_a_function_of_seed_and_index() -> None:
    config = PytrackingDataConfig()
    one, other = pipeline(config), pickle.loads(pickle.dumps(pipeline(config)))
    for index in (7, 0, 7):
        first, second = one.sample(index), other.sample(index)
        assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(one.sample(0)["search"], one.sample(1)["search"])
    assert not np.array_equal(one.sample(0)["search"], pipeline(config, seed=1).sample(0)["search"])


@pytest.mark.parametrize("causal", [True, False])
def test_pairs_are_near_in_time_and_in_order(causal: bool) -> None:
    sets = [plain_set("A", [[30]])]  # frames 0, 2, 4, .. 58
    config = replace(STILL, causal=causal, sets=(DatasetSampling("A", gap=9),))
    made, gaps = pytracking_pipeline(sets, config, 0), Counter()
    for index in range(200):
        template, search = (int(text.split("/")[-1].split(".")[0]) for text in made.sample(index)["ids"].split(" -> "))
        gaps[search - template] += 1
    assert set(gaps) == ({2, 4, 6, 8} if causal else set(range(-8, 9, 2)))


def test_a_still_image_is_both_crops() -> None:
    sample = pytracking_pipeline([plain_set("A", [[1]])], STILL, 0).sample(0)
    template, search = sample["ids"].split(" -> ")
    assert template == search


def test_datasets_are_mixed_by_weight() -> None:
    sets = [plain_set("A", [[3]] * 5), plain_set("B", [[3]])]
    config = replace(STILL, sets=(DatasetSampling("B", weight=3.0),))
    for weights, share in (({}, 3 / 4), ({"A": 9.0}, 1 / 4)):
        made = pytracking_pipeline(sets, config, 0, weights=weights)
        drawn = Counter(made.sample(index)["ids"].split("/")[0] for index in range(200))
        assert drawn["B"] / 200 == pytest.approx(share, abs=0.08)
    with pytest.raises(LockonError, match="a weight for C, which this run does not use; it uses A, B"):
        pytracking_pipeline(sets, config, 0, weights={"C": 1.0})


def test_targets_that_the_crop_does_not_show_are_drawn_again() -> None:
    """A target of 80 x 10 in a window of 4 sqrt(800) = 114: moved by up to 1.5 * 45 pixels in y, a third of the draws lose it."""
    slim = TrackSet.build("A", [Track("v0", "00", [0], [[40, 50, 120, 60]])], bright_box)
    config = replace(STILL, search=JitteredCrop(size=128, factor=4.0, jitter=MeanSideJitter(offset=3.0)))
    made, redraws = pytracking_pipeline([slim], config, 0), []
    for index in range(60):
        sample = made.sample(index)
        shown = np.clip(sample["box"], 0, 128)
        assert min(shown[2:] - shown[:2]) >= 4
        redraws.append(int(sample["redraws"]))
    assert 0 < np.mean(redraws) < 1


def test_frame_rules() -> None:
    config = PytrackingDataConfig(sets=(DatasetSampling("A", gap=200),))
    assert config.frame_rule(config.sampling("A")) == SupportQuery.causal_pair(200)
    assert replace(config, causal=False).frame_rule(config.sampling("B")) == NearPair(100, 100)


def test_any_kind_of_track() -> None:
    """Patches, absent masks and short tracks, all of the golden scenes."""
    sets = [scenes.track_set("A"), scenes.track_set("C", cropped=True)]
    made = pytracking_pipeline(sets, PytrackingDataConfig(), 3)
    assert all(np.isfinite(made.sample(index)["box"]).all() for index in range(20))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flip_each": 2.0}, "flip_each=2"),
        ({"sets": (DatasetSampling("A"), DatasetSampling("A"))}, "sets names A twice"),
        ({"appearance": Appearance(occlusion=0.1)}, r"appearance\.occlusion has no part"),
    ],
)
def test_refused(changes, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        PytrackingDataConfig(**changes)


def test_refused_crops_and_jitters() -> None:
    with pytest.raises(LockonError, match="size=8"):
        JitteredCrop(size=8, factor=2)
    with pytest.raises(LockonError, match="factor=0"):
        JitteredCrop(size=64, factor=0)
    with pytest.raises(LockonError, match="scale=-1"):
        MeanSideJitter(scale=-1)
