"""Curves of learning: their points, their files, and what a page says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("lightning_fabric", reason="needs the train extra")

from lockon.config import as_json
from lockon.errors import LockonError
from lockon.studies.curve import CurvePoint, LearningCurve, curve_section, marks_of, pairs_seen, read_curve, write_curve
from lockon.studies.rtrack import RTRACK
from lockon.studies.spec import Row
from lockon.train.config import GradientConfig, TrainConfig


def test_marks_lie_before_the_last_update() -> None:
    assert marks_of(TrainConfig(steps=1500), (1 / 16, 1 / 8, 1 / 4, 1 / 2)) == (94, 188, 375, 750)
    assert marks_of(TrainConfig(steps=2), (1 / 16, 1 / 2)) == (1,)
    assert marks_of(TrainConfig(steps=1), (1 / 2,)) == ()
    epochs = TrainConfig(steps=0, epochs=10, pairs_per_epoch=320, batch_size=32)
    assert marks_of(epochs, (0.5,)) == (50,)


def test_pairs_count_all_passes_of_an_update() -> None:
    assert pairs_seen(as_json(TrainConfig(batch_size=8, gradients=GradientConfig(accumulate=3))), 10) == 240


def test_a_curve_is_read_for_the_sequences_that_it_was_made_of(tmp_path: Path) -> None:
    path = tmp_path / "curve.json"
    assert read_curve(path, ["a"]) is None
    write_curve(path, [CurvePoint(1, 32, {"a": 0.25, "b": float("nan")}), CurvePoint(2, 64, {"a": 0.5, "b": 0.75})])
    found = read_curve(path, ["b", "a"])
    assert found is not None
    assert found[0] == (32, 64)
    np.testing.assert_array_equal(found[1], [[np.nan, 0.25], [0.75, 0.5]])
    assert read_curve(path, ["a"]) is None
    path.write_text('{"points": [{"pairs": 3}]}')
    with pytest.raises(LockonError, match=r"curve\.json lacks points of the curve .*remove it"):
        read_curve(path, ["a"])


def test_a_page_says_when_a_row_is_where_the_baseline_ends() -> None:
    """The baseline ends at 0.6, which the other row has after half of the pairs: 0.7 there, 0.8 at the end."""
    pairs = (100, 200)
    base = LearningCurve(Row("compact-rtrack", "base"), (0, 1), pairs, np.array([[[0.3, 0.5]] * 2, [[0.5, 0.7]] * 2]))
    other = LearningCurve(Row("compact-rtrack", "leading"), (0, 1), pairs, np.array([[[0.6, 0.8]] * 2, [[0.7, 0.9]] * 2]))
    assert (base.seen_at(0.6), other.seen_at(0.6), base.seen_at(0.61)) == (200, 100, None)
    text = curve_section([base, other], RTRACK)
    assert "100 (0.50)" in text
    assert "200 (1.00)" in text
    assert "- one-to-one: from 100 to 200 pairs +0.200 (95 % interval +0.200 to +0.200)." in text
