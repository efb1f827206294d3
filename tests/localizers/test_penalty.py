from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from lockon.localizers.rank import change_penalty

SIDES = st.floats(0.5, 500)


@pytest.mark.parametrize(
    ("size", "last", "product"),
    [
        ((20, 20), (20, 20), 1.0),
        ((40, 40), (20, 20), 2.0),  # the size alone
        ((20, 20), (40, 40), 2.0),
        ((20, 40), (40, 20), 4.0),  # the shape alone: from 2 to 1/2
        ((60, 20), (20, 20), 3 * math.sqrt(100 * 60) / 40),  # the margin is 40 of new sides 60 and 20, 20 of old ones
    ],
)
def test_change_penalty_equals_that_worked_out_by_hand(size: tuple[float, float], last: tuple[float, float], product: float) -> None:
    found = change_penalty(np.array(size, dtype=float), np.array(last, dtype=float), 0.3)
    assert float(found) == pytest.approx(math.exp(-0.3 * (product - 1)))


@given(w=SIDES, h=SIDES, last_w=SIDES, last_h=SIDES, strength=st.floats(0, 1))
def test_a_change_and_its_reverse_cost_the_same(w: float, h: float, last_w: float, last_h: float, strength: float) -> None:
    new, old = np.array([w, h]), np.array([last_w, last_h])
    there, back = change_penalty(new, old, strength), change_penalty(old, new, strength)
    assert 0 <= float(there) <= 1 + 1e-12
    assert float(there) == pytest.approx(float(back), rel=1e-9)


@pytest.mark.parametrize("strength", [0.0, 0.04, 1e3])
def test_sides_of_nothing(strength: float) -> None:
    sizes = np.array([[0.0, 0.0], [0.0, 20.0], [-3.0, 5.0]])
    assert np.isfinite(change_penalty(sizes[:, None], sizes[None], strength)).all()
