from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.train.keep_schedules import AlternateKeep, CosineKeep  # noqa: E402


@pytest.mark.parametrize(("epoch", "ratio"), [(1, 1.0), (19, 1.0), (20, 1.0), (40, 0.9560660), (60, 0.85), (100, 0.7), (300, 0.7)])
def test_the_published_descent(epoch: int, ratio: float) -> None:
    """Epochs count from 1: all tokens through 20, 0.7 + 0.3 (1 + cos 45 degrees) / 2 at 40, half way at 60, 0.7 from 100 on."""
    schedule = CosineKeep()
    assert schedule.ratio(2 * (epoch - 1), 600, 300) == pytest.approx(ratio)
    assert schedule.ratio(2 * (epoch - 1) + 1, 600, 300) == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (AlternateKeep(), [1, 1, 0.7, 0.7, 1, 1]),
        (AlternateKeep(first="sparse", keep=0.5), [0.5, 0.5, 1, 1, 0.5, 0.5]),
        (AlternateKeep(by="batch"), [1, 0.7, 1, 0.7, 1, 0.7]),
    ],
)
def test_dense_and_sparse_take_turns(schedule: AlternateKeep, expected: list[float]) -> None:
    assert [schedule.ratio(step, 6, 3) for step in range(6)] == expected


@pytest.mark.parametrize("values", [{"start_epoch": -1}, {"warm_epochs": 0}, {"keep": 0.0}])
def test_impossible_schedules_are_refused(values: dict) -> None:
    with pytest.raises(LockonError):
        CosineKeep(**values)
