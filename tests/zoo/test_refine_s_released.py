"""The refine-s that comes in the package, on frames of the bundled clip."""

from __future__ import annotations

import json
from importlib import resources
from itertools import islice

import numpy as np
import pytest

import lockon
from lockon.ops.boxes import iou_xyxy, xywh_to_xyxy
from lockon.video import open_frames
from lockon.zoo.networks import embedded_header, embedded_path


@pytest.fixture(scope="module")
def clip():
    """Six frames in which the target hardly moves, and its box in the first one."""
    assets = resources.files("lockon") / "assets"
    start = json.loads((assets / "big_buck_bunny.json").read_text(encoding="utf-8"))
    with resources.as_file(assets / start["clip"]) as path, open_frames(path) as reader:
        return [frame for _, frame in islice(reader, 6)], np.array(start["box"], dtype=float)


def jittered(box: np.ndarray, count: int) -> np.ndarray:
    """(count, 4) boxes around the same place, their centres and sides a little wrong."""
    rng = np.random.default_rng(0)
    sides = box[2:] * np.exp(rng.normal(0, 0.2, (count, 2)))
    return np.concatenate([box[:2] + box[2:] / 2 + rng.uniform(-0.15, 0.15, (count, 2)) * box[2:] - sides / 2, sides], axis=1)


def overlap(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    return iou_xyxy(xywh_to_xyxy(boxes), np.broadcast_to(xywh_to_xyxy(box), boxes.shape))


def test_boxes_become_better_and_have_masks(clip) -> None:
    frames, box = clip
    given = jittered(box, 8)
    refiner = lockon.load_refiner("refine-s")
    refiner.init(frames[0], np.broadcast_to(box, given.shape))
    result = refiner.refine(frames[5], given, mask=True)
    before, after = overlap(given, box).mean(), overlap(result.box, box).mean()
    assert before < 0.7
    assert after > 0.8
    inside = np.zeros(frames[0].shape[:2], dtype=bool)
    inside[int(box[1]) : int(box[1] + box[3]), int(box[0]) : int(box[0] + box[2])] = True
    for mask in result.mask:
        assert mask.sum() > 0.3 * inside.sum()
        assert (mask & inside).sum() > 0.85 * mask.sum()


def test_the_deployed_files_do_what_the_weights_do(clip) -> None:
    pytest.importorskip("torch", reason="needs the torch extra")
    frames, box = clip
    given = jittered(box, 3)
    answers = []
    for weights in (None, embedded_path("refine-s").with_suffix(".safetensors")):
        refiner = lockon.load_refiner("refine-s", weights)
        refiner.init(frames[0], np.broadcast_to(box, given.shape))
        answers.append(refiner.refine(frames[3], given, mask=True))
    np.testing.assert_allclose(answers[0].box, answers[1].box, atol=0.5)  # one is stored in half precision
    assert (answers[0].mask != answers[1].mask).mean() < 0.002


def test_the_header_says_where_the_weights_come_from() -> None:
    header = embedded_header("refine-s")
    assert header["architecture"] == "refine-s"
    assert header["training"] == {"hours": 0.918, "seed": 0, "step": 2500, "steps": 3000}
    assert header["metrics"]["IoU"] > header["metrics"]["given"] + 0.2
    assert header["data"]["stills"]
