"""The plain place by hand; SiamCAR's has test_coarse_to_fine.py."""

from __future__ import annotations

import numpy as np
from candidates import ranked

from lockon.localizers.boxes import Best, MeanRanked
from lockon.localizers.place import Argmax

BOXES = np.array([[[50.0, 50, 20, 20], [60, 60, 30, 20], [90, 90, 10, 10]]] * 2)


def test_the_highest_rank_decides() -> None:
    """Not the score. The size follows score times penalty."""
    given = ranked(BOXES, [[0.9, 0.5, 0.4]] * 2, values=[[0.2, 0.8, 0.1], [0.3, 0.3, 0.9]], penalty=[[1.0, 0.5, 1], [1, 1, 0.25]])
    placed = Argmax()(given, Best())
    assert placed.best.tolist() == [1, 2]
    assert placed.boxes.tolist() == [[60, 60, 30, 20], [90, 90, 10, 10]]
    np.testing.assert_allclose(placed.trust, [0.25, 0.1])


def test_the_first_of_equals() -> None:
    assert Argmax()(ranked(BOXES, [[0.5, 0.5, 0.5], [0.1, 0.5, 0.5]]), Best()).best.tolist() == [0, 1]


def test_the_box_is_the_rules() -> None:
    placed = Argmax()(ranked(BOXES, [[0.9, 0.5, 0.4]] * 2), MeanRanked(top=2))
    assert placed.best.tolist() == [0, 0]
    assert placed.boxes.tolist() == [[55, 55, 25, 20]] * 2
    np.testing.assert_allclose(placed.trust, [0.9, 0.9])  # of the best alone
