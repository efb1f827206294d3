from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lockon.types import Prediction, Result


def test_each_of_one_target_is_the_result_itself() -> None:
    result = Result(np.array([1.0, 2, 3, 4]), 0.5, "uncertain")
    assert result.each() == (result,)


def test_each_of_several_targets() -> None:
    masks = np.zeros((2, 3, 3), dtype=bool)
    masks[1] = True
    result = Result(np.arange(8.0).reshape(2, 4), np.array([0.25, 0.75]), ("lost", "tracked"), masks)
    first, second = result.each()
    assert first.box.tolist() == [0, 1, 2, 3]
    assert (first.score, first.state) == (0.25, "lost")
    assert isinstance(first.score, float)
    assert second.box.tolist() == [4, 5, 6, 7]
    assert (second.score, second.state) == (0.75, "tracked")
    assert second.mask is not None
    assert second.mask.all()
    assert first.mask is not None
    assert not first.mask.any()


def test_each_without_masks() -> None:
    result = Result(np.ones((2, 4)), np.ones(2), ("tracked", "tracked"))
    assert [one.mask for one in result.each()] == [None, None]


def test_values_are_frozen() -> None:
    prediction = Prediction(np.zeros((1, 1)), np.zeros((1, 1, 4)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        prediction.logits = np.ones((1, 1))  # type: ignore[misc]
