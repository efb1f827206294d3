"""Milliseconds of two trackers that take turns."""

from __future__ import annotations

import numpy as np
import pytest

from colored_videos import RED, video
from lockon.analysis import latency
from lockon.analysis.latency import Latency, LatencyScene, latency_markdown, measure, scene_of
from lockon.errors import LockonError
from lockon.types import Result

FRAME = np.zeros((8, 8, 3), np.uint8)


class Timed:
    """Takes `seconds` of a clock that stands still elsewhere; writes its name down."""

    def __init__(self, name, seconds, clock):
        self.name, self.seconds, self.clock = name, seconds, clock

    def init(self, frame, box):
        self.clock.diary.append(self.name.upper())

    def track(self, frame):
        self.clock.now += self.seconds
        self.clock.diary.append(self.name)
        return Result(np.zeros(4), 0.5, "tracked")


class Clock:
    def __init__(self):
        self.now, self.diary = 0.0, []

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(latency, "time", clock)
    return clock


def test_they_take_turns_and_swap(clock):
    scene = LatencyScene("clip", [FRAME] * 5, np.zeros(4))
    done = []
    found = measure(Timed("b", 0.01, clock), Timed("r", 0.03, clock), [scene], rounds=2, warmup=1, advance=done.append)
    assert "".join(clock.diary) == "BR" + "br" + "rb" + "br" + "rb" + "BR" + "rb" + "br" + "rb" + "br"
    assert found.milliseconds.shape == (2, 6), "one of four frames is warm-up, in both rounds"
    np.testing.assert_allclose(found.milliseconds, [[10] * 6, [30] * 6])
    assert done == [5, 5]
    assert (found.base, found.refined) == ("base", "refined")


def test_the_summary_is_of_pairs():
    found = Latency("csrt", "csrt+s", np.array([[10.0, 20, 90], [15.0, 24, 93]]))
    values = found.summary()
    assert (values["base_median_ms"], values["refined_median_ms"], values["added_median_ms"]) == (20, 24, 4)
    assert (values["base_mean_ms"], values["added_mean_ms"]) == (40, 4)
    assert values["base_fps"] == 50
    assert found.as_json()["frames"] == 3
    lines = latency_markdown([found], ["abacus."]).splitlines()
    assert lines[0] == "| tracker | refiner | ms | fps | refined ms | fps | added ms | frames |"
    assert lines[2] == "| csrt | s | 20.0 (40.0) | 50 | 24.0 (44.0) | 42 | +4.0 (+4.0) | 3 |"
    assert lines[-1] == "abacus."


def test_a_scene_is_the_beginning_of_a_sequence():
    scene = scene_of(video("red", RED), 4)
    assert (scene.name, len(scene.frames), scene.box.tolist()) == ("red", 4, [40, 40, 24, 24])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"rounds": 0}, "rounds=0, warmup=10; expected rounds of 1 or more"),
        ({"warmup": -1}, "rounds=3, warmup=-1"),
        ({"warmup": 4}, "scenes of at most 5 frames and 4 of warm-up leave none to measure"),
    ],
)
def test_impossible_numbers_of_rounds_and_frames_are_refused(clock, options, text):
    scene = LatencyScene("clip", [FRAME] * 5, np.zeros(4))
    with pytest.raises(LockonError, match=text):
        measure(Timed("b", 0.01, clock), Timed("r", 0.03, clock), [scene], **options)
