"""`StoredBoxes`: results of others as a tracker."""

import numpy as np

from lockon.refiners.stored import StoredBoxes
from lockon.types import Result


def test_says_what_is_stored_of_the_frame_that_is_next() -> None:
    results = {number: Result(np.full(4, float(number)), 1.0, "tracked") for number in (3, 7, 5)}
    stored = StoredBoxes(results)
    assert (stored.first, stored.last, stored.number) == (3, 7, 3)
    assert [number in stored for number in (3, 4, 5)] == [True, False, True]
    stored.init(np.zeros((4, 4, 3), np.uint8), (0, 0, 2, 2))
    stored.number = 5
    assert stored.track(np.zeros((4, 4, 3), np.uint8)) is results[5]
