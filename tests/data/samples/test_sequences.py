from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from lockon.data.samples.appearance import Appearance
from lockon.data.samples.placement import BoxJitter
from lockon.data.samples.proposals import GaussianProposals, MixtureProposals, mixture_density, relative_boxes
from lockon.data.samples.score_labels import DensityLabel, GaussianLabel
from lockon.data.samples.sequences import SequenceDataConfig, sequence_pipeline
from lockon.data.tracks import Track, TrackSet
from lockon.errors import LockonError
from lockon.ops.boxes import iou_xyxy
from lockon.ops.inside_frame import InsideMajor
from tiny_tracks import plain_set

BOX = (60.0, 40.0, 100.0, 65.0)  # x1, y1, x2, y2: sqrt(w h) = 31.62..
STILL = SequenceDataConfig(size=96, train=BoxJitter(), test=BoxJitter(), appearance=Appearance())
MOVED = replace(STILL, train=BoxJitter(scale=0.25, offset=3.0), test=BoxJitter(scale=0.5, offset=4.5))
SUPER = replace(MOVED, inside=InsideMajor(), factor=6.0, proposals=MixtureProposals(count=16), flip_each=0.5)


def bright_box(video: str, track: str, frame: int) -> np.ndarray:
    """A white box on dark noise."""
    image = np.random.default_rng(frame).integers(10, 60, (120, 160, 3), dtype=np.uint8)
    x1, y1, x2, y2 = (int(value) for value in BOX)
    image[y1:y2, x1:x2] = 255
    return image


def pipeline(config: SequenceDataConfig = STILL, seed: int = 0):
    tracks = TrackSet.build("A", [Track("v0", "00", np.arange(12), np.tile(BOX, (12, 1)))], bright_box)
    return sequence_pipeline([tracks], config, seed)


def extent(pixels: np.ndarray) -> list[int]:
    rows, columns = np.nonzero(pixels[..., 0] > 157)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def shapes(config: SequenceDataConfig) -> dict[str, tuple[str, tuple[int, ...]]]:
    sample = pipeline(config).sample(3)
    return {name: (value.dtype.str, value.shape) for name, value in sample.items() if name not in ("ids", "present", "redraws")}


def test_what_a_sample_of_dimp_has() -> None:
    assert shapes(STILL) == {
        "train": ("|u1", (3, 96, 96, 3)),
        "test": ("|u1", (3, 96, 96, 3)),
        "train_box": ("<f4", (3, 4)),
        "test_box": ("<f4", (3, 4)),
        "proposals": ("<f4", (3, 8, 4)),
        "proposal_iou": ("<f4", (3, 8)),
        "label": ("<f4", (3, 7, 7)),
    }


def test_a_single_frame_keeps_its_axis() -> None:
    """ATOM: one reference and one test frame, and no classifier."""
    found = shapes(replace(STILL, train_frames=1, test_frames=1, label=None, proposals=GaussianProposals(count=16)))
    assert found["train"][1] == found["test"][1] == (1, 96, 96, 3)
    assert found["test_box"][1] == (1, 4)
    assert found["proposals"][1] == (1, 16, 4)
    assert "label" not in found


def test_what_a_sample_of_super_dimp_has() -> None:
    found = shapes(SUPER)
    assert found["proposal_density"] == found["truth_density"] == ("<f4", (3, 16))
    assert "proposal_iou" not in found


@pytest.mark.parametrize("config", [MOVED, SUPER])
def test_a_sample_is_a_pure_function_of_seed_and_number(config: SequenceDataConfig) -> None:
    made, again, other = pipeline(config), pickle.loads(pickle.dumps(pipeline(config))), pipeline(config, seed=1)
    made.sample(0)
    first, second, third = made.sample(7), again.sample(7), other.sample(7)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
    assert not np.array_equal(first["proposals"], third["proposals"])
    assert not np.array_equal(first["test"], made.sample(8)["test"])


@pytest.mark.parametrize(("config", "close"), [(MOVED, 3.0), (replace(MOVED, inside=InsideMajor()), 2.0), (SUPER, 2.0)])
def test_boxes_follow_the_crops(config: SequenceDataConfig, close: float) -> None:
    """Also mirrored, moved inside or shrunk; a crop of 96 pixels is much smaller than its window, so that edges are a pixel wide."""
    made = pipeline(config)
    for index in range(15):
        sample = made.sample(index)
        for role in ("train", "test"):
            for pixels, box in zip(sample[role], sample[f"{role}_box"], strict=True):
                np.testing.assert_allclose(np.clip(box, 0, 96), extent(pixels), atol=close)


def test_windows_of_super_dimp_stay_inside() -> None:
    """A window of 190 pixels in a frame of 160 x 120 is shrunk by min(190 / 160, 190 / 120) = 1.19 to 160: no column is repeated."""
    sample = pipeline(replace(STILL, inside=InsideMajor(), factor=6.0)).sample(0)
    np.testing.assert_allclose(sample["test_box"][0], (np.array(BOX) - [0, -20, 0, -20]) * 96 / 160, atol=1e-4)


def test_proposals_judge_the_boxes_after_mirroring() -> None:
    sample = pipeline(replace(MOVED, flip_each=1.0)).sample(2)
    found = 2 * iou_xyxy(sample["proposals"], sample["test_box"][:, None]) - 1
    np.testing.assert_allclose(found, sample["proposal_iou"], atol=1e-4)
    sample = pipeline(SUPER).sample(2)
    relative = relative_boxes(sample["proposals"].astype(float), sample["test_box"][:, None].astype(float))
    np.testing.assert_allclose(mixture_density(relative, [(0.05, 0.05)]), sample["truth_density"], rtol=2e-2, atol=1e-12)


def test_labels_are_around_the_test_boxes() -> None:
    sample = pipeline(MOVED).sample(5)
    centers = (sample["test_box"][:, :2] + sample["test_box"][:, 2:]) / 2
    for label, center in zip(sample["label"], centers, strict=True):
        row, column = np.unravel_index(label.argmax(), label.shape)
        assert [column, row] == np.clip(np.round(center / 16), 0, 6).tolist()


def test_density_labels_sum_to_one() -> None:
    boxes = np.array([[40.0, 40, 60, 60], [20, 30, 80, 90]])
    assert DensityLabel()(boxes, 96).sum((1, 2)) == pytest.approx(1)
    assert GaussianLabel(odd=True)(boxes, 96).shape == (2, 6, 6)


def test_test_frames_come_after_the_train_frames() -> None:
    made = sequence_pipeline([plain_set("A", [[40]])], STILL, 0)
    for index in range(20):
        sample = made.sample(index)
        train, test = sample["train"][:, 48, 48, 0], sample["test"][:, 48, 48, 0]  # red is the number of the frame
        assert train.max() == train[0]
        assert test.min() > train.max()
    either = sequence_pipeline([plain_set("A", [[40]])], replace(STILL, causal=False, train_frames=1, test_frames=1), 0)
    pairs = [(int(s["train"][0, 48, 48, 0]), int(s["test"][0, 48, 48, 0])) for s in map(either.sample, range(30))]
    assert {np.sign(test - train) for train, test in pairs} >= {-1, 1}


def test_an_image_gives_all_frames() -> None:
    sample = sequence_pipeline([plain_set("A", [[1]])], STILL, 0).sample(0)
    assert len(np.unique(sample["train"])) == len(np.unique(sample["test"]))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"size": 100}, "size=100 given, expected a multiple of 16"),
        ({"factor": 0.0}, "factor=0"),
        ({"train_frames": 0}, "train_frames=0"),
        ({"flip_each": 2.0}, "flip_each=2"),
        ({"appearance": Appearance(occlusion=0.5)}, "appearance.occlusion has no part"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(changes, text: str) -> None:
    with pytest.raises(LockonError, match=text):
        replace(STILL, **changes)


def test_a_label_without_width_is_refused() -> None:
    with pytest.raises(LockonError, match="sigma=0"):
        GaussianLabel(sigma=0.0)
