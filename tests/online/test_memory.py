"""Memories: weights and places as the official trackers have them, and values that never change."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import golden_data
from lockon.errors import LockonError
from lockon.online.memory import FillThenSmallest, Memory, MemoryRule, SmallestWeight

PLACES = {"dimp": FillThenSmallest(), "atom": SmallestWeight()}


@pytest.mark.parametrize("rule", PLACES)
@pytest.mark.parametrize("case", ["default", "mixed", "no_minimum"])
def test_weights_and_replaced_places_are_the_official_ones(case: str, rule: str) -> None:
    stored = np.load(golden_data.FOLDER / "pytracking_online.npz")
    name = f"memory.{case}.{rule}"
    count, share = stored[f"{name}.initial_minimum"]
    expected = stored[f"{name}.weights"]
    memory_rule = MemoryRule(capacity=expected.shape[1], initial_share=0 if np.isnan(share) else share, place=PLACES[rule])
    memory = memory_rule.start(_numbered(int(count)), _numbered(int(count)))
    for step, rate in enumerate(stored[f"{name}.learning_rates"]):
        memory = memory_rule.store(memory, np.array(100 + step), np.array(200 + step), rate)
        assert memory.last == stored[f"{name}.index"][step]
        assert (int(memory.samples[memory.last]), int(memory.targets[memory.last])) == (100 + step, 200 + step)
        weights = np.zeros(expected.shape[1])
        weights[: len(memory.weights)] = memory.weights
        np.testing.assert_allclose(weights, expected[step], atol=1e-7)
    assert len(memory.samples) <= expected.shape[1]


def _numbered(count: int) -> tuple[np.ndarray, ...]:
    return tuple(np.array(number) for number in range(count))


def test_the_first_weights_by_hand() -> None:
    """Two samples of the first frame, and one of rate 0.2: 0.5 / 0.8 each against 0.2, normalised."""
    rule = MemoryRule(capacity=4, initial_share=0.0)
    start = rule.start(_numbered(2), _numbered(2))
    assert start.weights.tolist() == [0.5, 0.5]
    one = rule.store(start, np.array(7), np.array(7), 0.2)
    np.testing.assert_allclose(one.weights, np.array([0.625, 0.625, 0.2]) / 1.45, rtol=1e-6)
    two = rule.store(one, np.array(8), np.array(8), 0.5)
    np.testing.assert_allclose(two.weights, np.array([0.625, 0.625, 0.2, 0.4]) / 1.85, rtol=1e-6)


def test_samples_of_the_first_frame_keep_their_share_and_place() -> None:
    rule = MemoryRule(capacity=5, initial_share=0.25)
    memory = rule.start(_numbered(3), _numbered(3))
    for number in range(60):
        memory = rule.store(memory, np.array(100 + number), np.array(0), 0.3)
    assert [int(sample) for sample in memory.samples[:3]] == [0, 1, 2]
    assert {int(sample) for sample in memory.samples[3:]} == {158, 159}
    np.testing.assert_allclose(memory.weights[:3], 0.25 / 3, rtol=1e-5)
    assert memory.weights.sum() == pytest.approx(0.25 + 0.765 / 1.015, abs=0.02)  # others are scaled before these are lifted


def test_an_older_memory_stays_as_it_was_and_shares_its_samples() -> None:
    rule = MemoryRule(capacity=4)
    first = rule.start((np.zeros((2, 3, 3)), np.ones((2, 3, 3))), _numbered(2))
    second = rule.store(first, np.full((2, 3, 3), 2.0), np.array(5), 0.01)
    third = rule.store(second, np.full((2, 3, 3), 3.0), np.array(6), 0.01)
    fourth = rule.store(third, np.full((2, 3, 3), 4.0), np.array(7), 0.01)
    assert (len(first.samples), len(second.samples), len(fourth.samples)) == (2, 3, 4)
    assert second.samples[2].max() == 2.0
    assert all(fourth.samples[place] is first.samples[place] for place in (0, 1))
    with pytest.raises(ValueError, match="read-only"):
        second.weights[0] = 1
    copied: Memory = pickle.loads(pickle.dumps(second))
    assert copied.weights.tolist() == second.weights.tolist()


def test_a_memory_without_a_free_place_is_refused() -> None:
    with pytest.raises(LockonError, match=r"memory\.capacity=3, but the first frame gives 3 samples; expected at least 4"):
        MemoryRule(capacity=3).start(_numbered(3), _numbered(3))
    with pytest.raises(LockonError, match="capacity=1"):
        MemoryRule(capacity=1)
    with pytest.raises(LockonError, match=r"initial_share=1\.5"):
        MemoryRule(initial_share=1.5)
