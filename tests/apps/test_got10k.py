"""The adapter for the GOT-10k toolkit, called as the toolkit calls it; the real one is in `test_got10k_toolkit`."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lockon.apps.got10k import Got10kTracker
from lockon.types import Result


class Mover:
    def init(self, frame, box):
        self.frame, self.box = frame, np.asarray(box)

    def track(self, frame):
        self.box = self.box + np.array([1, 0, 0, 0])
        return Result(self.box, 0.5, "tracked")


@pytest.fixture
def images(tmp_path):
    paths = [str(tmp_path / f"{index}.png") for index in range(3)]
    for path in paths:
        cv2.imwrite(path, np.full((6, 8, 3), (1, 2, 3), dtype=np.uint8))
    return paths


@pytest.mark.parametrize("origin", [0, 1])
def test_a_sequence(images, origin):
    tracker = Mover()
    boxes, times = Got10kTracker(tracker, origin=origin).track(images, np.array([3.0, 2, 2, 3]), visualize=False)
    np.testing.assert_array_equal(boxes, [[3, 2, 2, 3], [4, 2, 2, 3], [5, 2, 2, 3]])
    assert tracker.box[0] == 5 - origin  # inside, pixels count from 0
    assert times.shape == (3,)
    assert (times > 0).all()
    assert tracker.frame[0, 0].tolist() == [3, 2, 1]  # RGB


def test_names():
    assert Got10kTracker(Mover()).name == "Mover"
    assert Got10kTracker(Mover(), name="mine").name == "mine"
    adapter = Got10kTracker("kcf")
    assert (adapter.name, adapter.is_deterministic) == ("kcf", True)
