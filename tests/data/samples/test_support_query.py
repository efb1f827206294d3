"""Samples of several frames, of PySOT's patches and of lockon's own crops: what they have, and where the target is in them."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lockon.data.samples.frames import SupportQuery, WithTemplates, views_by_role
from lockon.data.samples.pairs import PairDataConfig, pair_pipeline
from lockon.data.samples.patch_jitter import PatchJitter
from lockon.data.samples.pipeline import SamplePipeline
from lockon.data.samples.pools import DatasetSampling
from lockon.data.samples.pysot import PysotDataConfig, pysot_pipeline
from lockon.data.samples.score_labels import AnchorLabel, GaussianLabel
from lockon.data.samples.support_query import SequenceFrames
from lockon.data.samples.views import View, Views
from lockon.data.tracks import Track, TrackSet
from lockon.errors import LockonError
from tiny_tracks import plain_set

BOX = (60.0, 40.0, 100.0, 65.0)
STILL = PysotDataConfig(
    template=PatchJitter(size=127), search=PatchJitter(size=255), negative=0.0, frames=SequenceFrames(support=3, query=2)
)
JITTERED = replace(PysotDataConfig(negative=0.0), frames=SequenceFrames())
OWN = PairDataConfig(frames=SequenceFrames(label=GaussianLabel(sigma=1.0, odd=True, stride=16.0, first=8.0)))


def white(frame: int = 0) -> np.ndarray:
    """A white box on dark noise."""
    image = np.random.default_rng(frame).integers(10, 60, (120, 160, 3), dtype=np.uint8)
    x1, y1, x2, y2 = (int(value) for value in BOX)
    image[y1:y2, x1:x2] = 255
    return image


def patches(config: PysotDataConfig, seed: int = 0) -> SamplePipeline:
    tracks = TrackSet.build("A", [Track("v0", "00", np.arange(12), np.tile(BOX, (12, 1)))], lambda video, track, frame: white(frame))
    return pysot_pipeline([tracks], config, seed)


class Still:
    """Draws one image for all frames."""

    def draw(self, rng: np.random.Generator, index: int = 0) -> Views:
        rule = SequenceFrames().rule(5)
        return views_by_role(rule(rng, np.arange(9)), lambda place: View(white(place), np.array(BOX), f"v/{place}"))


def extent(pixels: np.ndarray) -> list[int]:
    rows, columns = np.nonzero(pixels[..., 0] > 157)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize(
    ("pipeline", "sizes", "side"),
    [(patches(STILL), (127, 255), 25), (pair_pipeline(Still(), OWN, 0, lambda rng: white()), (112, 224), 14)],
    ids=["pysot", "own"],
)
def test_what_a_sample_has(pipeline: SamplePipeline, sizes: tuple[int, int], side: int) -> None:
    small, large = sizes
    found = {name: (value.dtype.str, value.shape) for name, value in pipeline.sample(3).items() if name != "ids"}
    assert found == {
        "template": ("|u1", (3, small, small, 3)),
        "train": ("|u1", (3, large, large, 3)),
        "train_box": ("<f4", (3, 4)),
        "test": ("|u1", (2, large, large, 3)),
        "test_box": ("<f4", (2, 4)),
        "label": ("<f4", (2, side, side)),
        "present": ("|b1", ()),
        "redraws": ("<i8", ()),
    }


def test_train_boxes_count_from_the_corner_and_test_boxes_as_those_of_pairs() -> None:
    """Without jitter the target is in the middle of 255 pixels: 127.5 from the corner, 127 from the middle of the first pixel."""
    sample = patches(STILL).sample(0)
    for name, middle in (("train_box", 127.5), ("test_box", 127.0)):
        np.testing.assert_allclose((sample[name][:, :2] + sample[name][:, 2:]) / 2, middle, rtol=1e-6)
    assert np.unravel_index(sample["label"][0].argmax(), (25, 25)) == (12, 12)
    assert sample["label"][0].max() == pytest.approx(1)


def test_boxes_follow_the_jitter_of_each_crop() -> None:
    sample = patches(replace(JITTERED, search=replace(JITTERED.search, blur=0.0, color=0.0))).sample(5)
    assert len({tuple(box) for box in sample["train_box"].tolist()}) == 3
    for crop, box in zip(sample["train"], sample["train_box"], strict=True):
        np.testing.assert_allclose(box, extent(crop), atol=2.0)
    for crop, box in zip(sample["test"], sample["test_box"], strict=True):
        np.testing.assert_allclose(box + 0.5, extent(crop), atol=2.0)


def test_the_label_peaks_at_the_target_of_each_query_frame() -> None:
    sample = patches(JITTERED).sample(2)
    for label, box in zip(sample["label"], sample["test_box"], strict=True):
        row, column = np.unravel_index(label.argmax(), label.shape)
        center = (box[:2] + box[2:]) / 2 + 0.5
        assert np.abs(31.5 + 8 * np.array([column, row]) - center).max() <= 4.01


def test_labels_of_anchors_and_no_labels() -> None:
    five = AnchorLabel(shapes=((104.0, 32.0), (64.0, 64.0), (32.0, 96.0)), stride=8, first=31.5)
    sample = patches(replace(STILL, frames=SequenceFrames(label=five))).sample(0)
    assert sample["label"].shape == (2, 3, 25, 25)
    assert set(np.unique(sample["label"])) == {-1, 0, 1}
    assert "label" not in patches(replace(STILL, frames=SequenceFrames(label=None))).sample(0)


@pytest.mark.parametrize(
    "make", [lambda seed: patches(JITTERED, seed), lambda seed: pair_pipeline(Still(), OWN, seed, lambda rng: white())]
)
def test_a_sample_is_a_pure_function_of_seed_and_number(make: Any) -> None:
    made, again, other = make(4), make(4), make(5)
    made.sample(0)
    first, second, third = made.sample(7), again.sample(7), other.sample(7)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert first["train_box"].tolist() != third["train_box"].tolist()


def test_a_pipeline_goes_to_other_processes() -> None:
    made = pysot_pipeline([plain_set("A", [[9]] * 5)], JITTERED, seed=4)
    again = pickle.loads(pickle.dumps(made))
    assert np.array_equal(again.sample(1)["train"], made.sample(1)["train"])


def test_templates_are_the_support_frames_and_all_are_within_the_gap() -> None:
    rule = WithTemplates(SupportQuery(3, 2, gap=4))
    frames = np.arange(0, 60, 2)
    for seed in range(200):
        places = rule(np.random.default_rng(seed), frames)
        assert list(places) == ["template", "train", "test"]
        assert places["template"] == places["train"]
        assert (len(places["train"]), len(places["test"])) == (3, 2)
        assert np.abs(frames[list(places["train"] + places["test"])] - frames[places["train"][0]]).max() <= 4


def test_listed_videos_give_their_own_frames() -> None:
    """Every frame of a sample is of one track, at most the dataset's gap of annotated frames, two apart, away from the first."""
    sets = (plain_set("A", [[30], [5, 5], [1]]), plain_set("B", [[8]] * 4))
    pipeline = pysot_pipeline(sets, replace(STILL, sets=(DatasetSampling("A", gap=3), DatasetSampling("B", gap=2))), seed=0)
    for index in range(40):
        ids = pipeline.sample(index)["ids"]
        roles = [role.split(" + ") for role in ids.split(" -> ")]
        assert [len(role) for role in roles] == [3, 3, 2]
        assert roles[0] == roles[1]
        tracks = {(one.rsplit("/", 1)[0], one.rsplit(".", 1)[1]) for role in roles for one in role}
        assert len(tracks) == 1
        numbers = [int(one.rsplit("/", 1)[1].split(".")[0]) for role in roles for one in role]
        assert max(abs(number - numbers[0]) for number in numbers) <= 2 * (3 if ids.startswith("A") else 2)


@pytest.mark.parametrize("change", [{"negative": 0.2}, {"masks": True}])
def test_what_pairs_alone_have_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(LockonError, match=f"{next(iter(change))}=.*samples of several frames have none"):
        replace(STILL, **change)


@pytest.mark.parametrize("change", [{"support": 0}, {"query": 0}])
def test_wrong_numbers_name_themselves(change: dict[str, int]) -> None:
    with pytest.raises(LockonError, match=next(iter(change))):
        SequenceFrames(**change)
