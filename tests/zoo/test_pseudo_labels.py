"""Objects found by a tracker with masks; the tracker here knows discs of one colour."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lockon.data.datasets.stills import load_stills
from lockon.errors import LockonError
from lockon.types import Result
from lockon.zoo.pseudo_labels import LabelConfig, draw_boxes, find_objects, label_set

CONFIG = LabelConfig(proposals=24)


def discs(*centers: tuple[int, int], radius: int = 24) -> Any:
    image = np.full((160, 200, 3), 90, np.uint8)
    for center in centers:
        cv2.circle(image, center, radius, (255, 255, 255), -1)
    return image


class KnowsDiscs:
    """The mask is the white disc under the box's centre; on the background it is the box itself, unsure."""

    def init(self, frame: Any, box: Any) -> None:
        self.boxes = np.atleast_2d(box)

    def track(self, frame: Any) -> Result:
        _, parts = cv2.connectedComponents((frame[..., 0] > 200).astype(np.uint8))
        masks, scores = [], []
        for x, y, w, h in self.boxes:
            part = parts[int(y + h / 2), int(x + w / 2)]
            mask = parts == part
            if part == 0:
                mask = np.zeros(parts.shape, bool)
                mask[int(y) : int(y + h), int(x) : int(x + w)] = True
            masks.append(mask)
            scores.append(0.99 if part else 0.5)
        return Result(self.boxes, np.array(scores), ("tracked",) * len(masks), np.stack(masks))


def test_every_disc_is_found_once() -> None:
    image = discs((60, 80), (140, 90))
    found = find_objects(KnowsDiscs(), image, np.random.default_rng(0), LabelConfig(proposals=40))
    assert sorted(one.box.tolist() for one in found) == [[36.0, 56.0, 49.0, 49.0], [116.0, 66.0, 49.0, 49.0]]
    assert all(one.mask[int(one.box[1]) + 24, int(one.box[0]) + 24] for one in found)


@pytest.mark.parametrize(
    ("image", "config"),
    [
        (discs(), CONFIG),  # nothing there: unsure
        (discs((10, 80)), CONFIG),  # cut by the border
        (discs((100, 80)), LabelConfig(proposals=24, fill=0.9)),  # a disc fills .785 of its box
    ],
    ids=["empty", "border", "fill"],
)
def test_what_is_no_object_is_left_out(image: Any, config: LabelConfig) -> None:
    assert find_objects(KnowsDiscs(), image, np.random.default_rng(0), config) == []


def test_an_answer_that_depends_on_the_first_box_is_no_object() -> None:
    class Echo(KnowsDiscs):
        """Takes whatever it was given, less a border, for the object: another box gives another mask."""

        def track(self, frame: Any) -> Result:
            masks = []
            for x, y, w, h in self.boxes:
                mask = np.zeros(frame.shape[:2], bool)
                mask[int(y + h / 8) : int(y + 7 * h / 8), int(x + w / 8) : int(x + 7 * w / 8)] = True
                masks.append(mask)
            return Result(self.boxes, np.full(len(masks), 0.99), ("tracked",) * len(masks), np.stack(masks))

    assert find_objects(Echo(), discs(), np.random.default_rng(0), CONFIG) == []


def test_boxes_lie_inside_and_differ_in_size() -> None:
    boxes = draw_boxes(np.random.default_rng(1), (200, 120), LabelConfig(proposals=200))
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= [200, 120]).all()
    sides = np.sqrt(boxes[:, 2] * boxes[:, 3])
    assert sides.min() < 0.2 * 120
    assert sides.max() > 0.6 * 120


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "stills" / "bare"
    (folder / "images").mkdir(parents=True)
    lines = []
    for number, center in enumerate([(60, 80), (120, 70), (90, 60)]):
        cv2.imwrite(str(folder / f"images/{number}.png"), discs(center))
        lines.append(json.dumps({"image": f"images/{number}.png", "width": 200, "height": 160, "objects": []}))
    (folder / "annotations.jsonl").write_text("\n".join(lines))
    return folder


def test_the_set_can_be_read_and_a_stopped_run_goes_on(pictures: Path, tmp_path: Path) -> None:
    images = load_stills(pictures.parent)
    whole, halves = tmp_path / "out" / "whole", tmp_path / "out" / "halves"
    assert label_set(KnowsDiscs(), images, whole, CONFIG) == 3

    class StoppedError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        assert total == 3
        if done == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        label_set(KnowsDiscs(), images, halves, CONFIG, progress=stop)
    assert not (halves / "annotations.jsonl").exists()
    asked: list[int] = []
    assert label_set(KnowsDiscs(), images, halves, CONFIG, progress=lambda done, _: asked.append(done)) == 3
    assert asked == [3]
    assert (halves / "annotations.jsonl").read_text() == (whole / "annotations.jsonl").read_text()
    found = load_stills(tmp_path / "out", sets=["whole"])
    mask = found[1].mask(0)
    assert mask is not None
    assert mask.sum() == pytest.approx(np.pi * 24**2, rel=0.05)
    with pytest.raises(LockonError, match="finished set"):
        label_set(KnowsDiscs(), images, whole, CONFIG)


def test_a_tracker_without_masks_is_refused() -> None:
    class Boxes(KnowsDiscs):
        def track(self, frame: Any) -> Result:
            return Result(self.boxes, np.ones(len(self.boxes)), ("tracked",) * len(self.boxes))

    with pytest.raises(LockonError, match="makes no masks"):
        find_objects(Boxes(), discs(), np.random.default_rng(0), CONFIG)
    with pytest.raises(LockonError, match="smallest"):
        LabelConfig(smallest=0.9, largest=0.1)
