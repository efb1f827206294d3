"""Ranking by hand on a map of 3 x 3; whole localizers with it are in test_dense.py."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lockon.errors import LockonError
from lockon.localizers.rank import Blend, Product, change_penalty, hann_of

SCORES = np.array([[0.8, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9]])
WINDOW = np.array([[0.25, 0.5, 0.25, 0.5, 1, 0.5, 0.25, 0.5, 0.25]])  # 1/2, 1, 1/2 on each axis
ALONE = np.array([[0, 0, 0, 0, 1, 0, 0, 0, 0]])  # with a border of zeros only the middle is left


@pytest.mark.parametrize(("zero_border", "window"), [(False, WINDOW), (True, ALONE)])
def test_blend(zero_border: bool, window: np.ndarray) -> None:
    ranked = Blend(window_influence=0.35, zero_border=zero_border)(SCORES, 1)
    np.testing.assert_allclose(ranked, 0.65 * SCORES + 0.35 * window)
    assert ranked.argmax() == (4 if zero_border else 8)  # the corner's 0.9 is 0.6725 or 0.585, the middle's 0.4 is 0.61


@pytest.mark.parametrize(("zero_border", "window"), [(False, WINDOW), (True, ALONE)])
def test_product(zero_border: bool, window: np.ndarray) -> None:
    ranked = Product(zero_border=zero_border)(SCORES, 1)
    np.testing.assert_allclose(ranked, SCORES * window, atol=1e-15)
    assert ranked.argmax() == 4


def test_influences_at_their_ends() -> None:
    np.testing.assert_array_equal(Blend(window_influence=0.0)(SCORES, 1), SCORES)
    np.testing.assert_allclose(Blend(window_influence=1.0)(SCORES, 1), WINDOW)


@pytest.mark.parametrize("rank", [Blend(window_influence=1.0), Product()])
def test_each_anchor_has_its_own_map(rank: Blend | Product) -> None:
    """And every row of a batch the same window."""
    np.testing.assert_allclose(rank(np.ones((2, 27)), 3), np.tile(WINDOW, (2, 3)))


def test_the_window_is_made_once() -> None:
    assert hann_of(27, 3, False) is hann_of(27, 3, False)
    assert hann_of(27, 3, False) is not hann_of(27, 3, True)


@pytest.mark.parametrize("rank", [Blend(), Product()])
def test_candidates_that_fill_no_square(rank: Blend | Product) -> None:
    with pytest.raises(LockonError, match=r"24 candidates are not 1 per point of a square map; set localizer\.anchors"):
        rank(np.ones((1, 24)), 1)


def test_the_penalty_compares_each_candidate_with_its_targets_last_box() -> None:
    """Unchanged, twice as large, twice as wide; the second target has the last size of the second candidate."""
    candidates = np.array([[[9.0, 9, 20, 20], [0, 0, 40, 40], [0, 0, 40, 20]]] * 2)
    last = np.array([[50.0, 50, 20, 20], [50, 50, 40, 40]])
    change = 2 * math.sqrt(70 * 50) / 40  # of shape, times that of size
    other = 2 * 80 / math.sqrt(70 * 50)
    expected = [[1, math.exp(-0.3), math.exp(-0.3 * (change - 1))], [math.exp(-0.3), 1, math.exp(-0.3 * (other - 1))]]
    np.testing.assert_allclose(change_penalty(candidates[..., 2:], last[:, None, 2:], 0.3), expected)
    assert (change_penalty(candidates[..., 2:], last[:, None, 2:], 0.0) == 1).all()


def test_defaults() -> None:
    assert (Blend().penalty_k, Blend().window_influence, Product().penalty_k) == (0.04, 0.3, 0.0)
