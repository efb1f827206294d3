"""Decisions on response maps: by hand, and as the official trackers of DiMP and ATOM decide."""

from __future__ import annotations

import numpy as np
import pytest

import golden_data
from lockon.errors import LockonError
from lockon.localizers.peaks import LargestPeak, SecondPeak

CASES = (
    "normal",
    "weak_second",
    "hard_by_ratio",
    "ratio_but_low",
    "not_found",
    "distractor_far",
    "distractor_swap",
    "both_far",
    "both_near",
    "swap_by_previous",
    "window_at_border",
)


def _responses(*peaks: tuple[int, int, float], side: int = 9) -> np.ndarray:
    """A (1, side, side) map that is 0 but for some (row, column, value)."""
    responses = np.zeros((1, side, side))
    for row, column, value in peaks:
        responses[0, row, column] = value
    return responses


@pytest.mark.parametrize("case", CASES)
def test_dimp_decides_as_the_official_tracker(case: str) -> None:
    """Cells of 12.8 pixels; last positions count."""
    stored = np.load(golden_data.FOLDER / "pytracking_online.npz")
    name = f"localize.dimp.{case}"
    cell = 288 / 18 * 0.8
    previous = (stored[f"{name}.pos"] - [101, 121])[None, ::-1] / cell
    peaks = SecondPeak()(stored[f"{name}.scores"][None], np.array([[52, 40]]) / cell, previous)
    np.testing.assert_allclose(peaks.displacements[0, ::-1] * cell, stored[f"{name}.result"], atol=1e-4)
    assert peaks.verdicts == (str(stored[f"{name}.flag"]),)


@pytest.mark.parametrize("case", CASES)
def test_atom_decides_as_the_official_tracker(case: str) -> None:
    """Displacement 0 came first in these maps, and last positions do not count."""
    stored = np.load(golden_data.FOLDER / "pytracking_online.npz")
    name = f"localize.atom.{case}"
    responses = np.roll(stored[f"{name}.scores"], (18, 18), (0, 1))[None]
    peaks = SecondPeak(from_middle=True)(responses, np.array([[5.2, 4]]) / 0.8, np.array([[9.0, -3]]))
    np.testing.assert_allclose(peaks.displacements[0, ::-1] * 0.8, stored[f"{name}.result"], atol=1e-6)
    flag = str(stored[f"{name}.flag"])
    assert peaks.verdicts == ("normal" if flag == "None" else flag,)


def test_a_second_peak_inside_the_window_of_the_first_does_not_count() -> None:
    """A target of 2 x 1 cells with a window of twice that: columns 2 to 6 and rows 3 to 5 around (4, 4)."""
    near = SecondPeak(neighborhood=2.0)(_responses((4, 4, 1.0), (4, 6, 0.9), (5, 2, 0.9)), np.array([[2.0, 1.0]]), np.zeros((1, 2)))
    assert (near.verdicts, near.second.tolist()) == (("normal",), [0.0])
    below = SecondPeak(neighborhood=2.0)(_responses((4, 4, 1.0), (6, 4, 0.9)), np.array([[2.0, 1.0]]), np.zeros((1, 2)))
    assert (below.verdicts, below.second.tolist(), below.second_cells.tolist()) == (("uncertain",), [0.9], [[6, 4]])


def test_the_peak_near_the_last_position_is_the_target_and_the_other_a_hard_negative() -> None:
    """Half of 9 cells times 0.5 may be moved: 2.25."""
    far_first = _responses((0, 0, 1.0), (4, 5, 0.9))
    swapped = SecondPeak(displacement=0.5)(far_first, np.ones((1, 2)), np.zeros((1, 2)))
    assert (swapped.displacements.tolist(), swapped.scores.tolist(), swapped.verdicts) == ([[1, 0]], [0.9], ("hard_negative",))
    moved = SecondPeak(displacement=0.5)(far_first, np.ones((1, 2)), np.array([[-4.0, -4.0]]))
    assert (moved.displacements.tolist(), moved.scores.tolist(), moved.verdicts) == ([[-4, -4]], [1.0], ("hard_negative",))
    weaker = SecondPeak(displacement=0.5, distractor=0.95)(far_first, np.ones((1, 2)), np.zeros((1, 2)))
    assert (weaker.displacements.tolist(), weaker.verdicts) == ([[-4, -4]], ("hard_negative",))


def test_maps_of_a_batch_are_judged_one_by_one() -> None:
    maps = np.concatenate([_responses((4, 4, 1.0)), _responses((1, 2, 0.2)), _responses((4, 4, 1.0), (8, 8, 0.6))])
    peaks = SecondPeak()(maps, np.ones((3, 2)), np.zeros((3, 2)))
    assert peaks.verdicts == ("normal", "not_found", "hard_negative")
    assert peaks.displacements.tolist() == [[0, 0], [-2, -3], [0, 0]]
    assert np.isnan(peaks.second).tolist() == [False, True, False]
    for row in range(3):
        one = SecondPeak()(maps[row : row + 1], np.ones((1, 2)), np.zeros((1, 2)))
        assert (one.verdicts, one.displacements.tolist()) == (peaks.verdicts[row : row + 1], peaks.displacements[row : row + 1].tolist())


def test_a_target_larger_than_the_map_leaves_no_second_peak() -> None:
    peaks = SecondPeak()(_responses((4, 4, 1.0), (0, 0, 0.95)), np.full((1, 2), 30.0), np.zeros((1, 2)))
    assert (peaks.verdicts, peaks.second.tolist()) == (("normal",), [-np.inf])


def test_the_largest_peak_alone_is_always_the_target() -> None:
    peaks = LargestPeak()(_responses((2, 7, -0.5)) - 1, np.ones((1, 2)), np.zeros((1, 2)))
    assert (peaks.displacements.tolist(), peaks.scores.tolist(), peaks.verdicts) == ([[-4, -4]], [-1.0], ("normal",))
    assert peaks.second_cells.tolist() == [[-1, -1]]


@pytest.mark.parametrize("field", ["distractor", "hard_negative", "neighborhood", "displacement"])
def test_negative_numbers_are_refused(field: str) -> None:
    with pytest.raises(LockonError, match=f"{field}=-1"):
        SecondPeak(**{field: -1})
