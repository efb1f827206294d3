"""Learning-rate schedules, by hand-computed numbers and published logs."""

from __future__ import annotations

import pytest

from lockon.train.schedules import CosineDecay, LogDecay, StepDecay, epoch_at


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.25),  # first of 4 warm-up updates
        (3, 1.0),
        (4, 1.0),  # the cosine starts at its top
        (9, 0.1 + 0.9 * 0.5),  # half way from 4 to 14
        (14, 0.1),  # the last update
        (20, 0.1),
    ],
)
def test_learning_rate_factor(step: int, expected: float) -> None:
    assert CosineDecay(warmup_steps=4, final_lr_ratio=0.1).factor(step, 15, 1) == pytest.approx(expected)


def test_warm_up_takes_at_most_half_of_a_short_run() -> None:
    schedule = CosineDecay(warmup_steps=500, final_lr_ratio=0.0)
    assert [schedule.factor(step, 4, 1) for step in range(4)] == pytest.approx([0.5, 1.0, 1.0, 0.0])


def test_rates_by_epoch_are_those_of_the_published_log() -> None:
    """The rates of SiamBAN and of the ranking losses: 20 epochs, 0.001 up to 0.005, down to 0.00005."""
    rates = [0.005 * LogDecay(final_lr_ratio=0.01).factor(step, 40, 20) for step in range(40)]
    assert rates[::2] == rates[1::2]  # constant within an epoch of two updates
    warmup, decay = rates[:10:2], rates[10::2]
    assert warmup == pytest.approx([1e-3, 1.380e-3, 1.904e-3, 2.627e-3, 3.624e-3], rel=1e-3)
    assert decay[:3] == pytest.approx([5e-3, 3.598e-3, 2.590e-3], rel=1e-3)
    assert decay[-2:] == pytest.approx([6.947e-5, 5e-5], rel=1e-3)


@pytest.mark.parametrize(
    ("schedule", "epochs", "expected"),
    [
        (LogDecay(), 1, [1, 1, 1]),  # a single epoch has no room for a warm-up
        (LogDecay(warmup_epochs=5, warmup_ratio=0.25), 2, [0.25, 1]),
        (LogDecay(warmup_epochs=0), 3, [1, 0.1, 0.01]),
        (LogDecay(warmup_epochs=0), 4, [1, 0.01 ** (2 / 3)]),  # fewer updates than epochs
    ],
)
def test_short_schedules_in_epochs(schedule: LogDecay, epochs: int, expected: list[float]) -> None:
    assert [schedule.factor(step, len(expected), epochs) for step in range(len(expected))] == pytest.approx(expected)


def test_rates_in_steps() -> None:
    """Alpha-Refine's: halved every eight of 40 epochs, here of two updates each; no warm-up."""
    rates = [StepDecay(decay_epochs=8, decay_factor=0.5).factor(step, 80, 40) for step in range(80)]
    assert rates == [0.5 ** (step // 16) for step in range(80)]
    assert (rates[0], rates[-1]) == (1, 1 / 16)


def test_epochs_are_parts_of_a_run() -> None:
    assert [epoch_at(step, 20 * 2678, 20) for step in (0, 2677, 2678, 20 * 2678 - 1)] == [0, 0, 1, 19]
