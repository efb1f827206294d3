from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import ArrayLike

import lockon
from lockon import _background
from lockon.api import track_frames
from lockon.errors import LockonError, LockonWarning
from lockon.types import Frame, Result
from lockon.video import open_frames


class Shifter:
    """Moves its boxes by one pixel per frame and remembers what it was given."""

    def init(self, frame: Frame, box: ArrayLike) -> None:
        self.first, self.boxes, self.calls = frame, np.asarray(box), 0

    def track(self, frame: Frame) -> Result:
        self.calls += 1
        boxes = self.boxes + np.array([self.calls, 0, 0, 0])
        if boxes.ndim == 1:
            return Result(boxes, 0.5, "uncertain")
        return Result(boxes, np.full(len(boxes), 0.5), ("uncertain",) * len(boxes))


def frames(n: int = 5, size: tuple[int, int] = (48, 64)) -> list[Frame]:
    return [np.full((*size, 3), number, np.uint8) for number in range(n)]


def test_one_result_per_frame_and_the_first_is_the_box() -> None:
    results = list(lockon.track(frames(), (10, 20, 5, 6), Shifter()))
    assert [result.box.tolist() for result in results] == [[10 + n, 20, 5, 6] for n in range(5)]
    assert (results[0].score, results[0].state) == (1.0, "tracked")
    assert (results[1].score, results[1].state) == (0.5, "uncertain")


def test_several_targets() -> None:
    results = list(lockon.track(frames(2), [(10, 20, 5, 6), (1, 2, 3, 4)], Shifter()))
    assert results[0].box.shape == (2, 4)
    assert results[0].state == ("tracked", "tracked")
    assert [one.box.tolist() for one in results[1].each()] == [[11, 20, 5, 6], [2, 2, 3, 4]]


def test_start_and_frames() -> None:
    tracker = Shifter()
    results = list(lockon.track(frames(10), (10, 20, 5, 6), tracker, start=3, frames=4))
    assert len(results) == 4
    assert tracker.first[0, 0, 0] == 3
    assert tracker.calls == 3


def test_frames_are_not_taken_beyond_the_last_one() -> None:
    source = iter(frames(10))
    assert len(list(lockon.track(source, (10, 20, 5, 6), Shifter(), frames=4))) == 4
    assert len(list(source)) == 6


def test_numbers_stay_true_where_frames_are_skipped(tmp_path: Path) -> None:
    for number, frame in enumerate(frames()):
        cv2.imwrite(str(tmp_path / f"{number}.png"), frame)
    (tmp_path / "2.png").write_bytes(b"no image")
    with pytest.warns(LockonWarning, match="frame 2 skipped"), open_frames(tmp_path) as reader:
        tracked = list(track_frames(reader, Shifter(), (10, 20, 5, 6)))
    assert [one.number for one in tracked] == [0, 1, 3, 4]
    assert [int(one.image[0, 0, 0]) for one in tracked] == [0, 1, 3, 4]


def clip(tmp_path: Path) -> str:
    path = str(tmp_path / "clip.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for frame in frames(30):
        writer.write(frame)
    writer.release()
    return path


def frame_threads() -> list[threading.Thread]:
    """Threads that read frames; those that wait for further work are left out."""
    return [thread for thread in threading.enumerate() if thread.name == "lockon-background" and thread not in _background._waiting]


def test_closing_early_closes_the_source(tmp_path: Path) -> None:
    results = lockon.track(clip(tmp_path), (10, 20, 5, 6), Shifter())
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert not frame_threads()


def test_an_error_of_the_tracker_closes_the_source(tmp_path: Path) -> None:
    class Broken(Shifter):
        def track(self, frame: Frame) -> Result:
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        list(lockon.track(clip(tmp_path), (10, 20, 5, 6), Broken()))
    assert not frame_threads()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "missing.mp4"}, "does not exist"),
        ({"box": (1, 2, 3)}, "expected"),
        ({"box": (1, 2, 0, 4)}, "no area"),
        ({"box": (1, 2, float("nan"), 4)}, "not finite"),
        ({"box": (500, 2, 3, 4)}, "outside the frame"),
        ({"frames": 0}, "give 1 or more"),
        ({"start": 99}, "no frame from number 99"),
        ({"tracker": "lockon-z"}, "did you mean 'lockon-s'"),
        ({"preset": "fast"}, "belong to a tracker's name"),
        ({"window": 3}, "belong to a tracker's name"),
    ],
)
def test_mistakes_are_raised_by_the_call(arguments: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"source": frames(), "box": (1, 2, 3, 4), "tracker": Shifter()}
    with pytest.raises(LockonError, match=message):
        lockon.track(**(good | arguments))


def test_a_box_partly_outside_is_clipped_once() -> None:
    tracker = Shifter()
    with pytest.warns(LockonWarning, match="clipped") as caught:
        results = list(lockon.track(frames(), (60, 40, 20, 20), tracker))
    assert len(caught) == 1
    assert results[0].box.tolist() == [60, 40, 4, 8]
    assert tracker.boxes.tolist() == [60, 40, 4, 8]


def test_a_size_change_is_an_error_after_the_results_before_it() -> None:
    results = lockon.track([*frames(3), *frames(1, (20, 30))], (10, 20, 5, 6), Shifter())
    assert [next(results).box[0] for _ in range(3)] == [10, 11, 12]
    with pytest.raises(LockonError, match="frame 3 is 30x20"):
        next(results)


def scene(number: int) -> Frame:
    """A red square on green that goes to the right."""
    frame = np.full((60, 80, 3), (20, 120, 20), np.uint8)
    frame[20:36, 10 + number : 30 + number] = (200, 30, 30)
    return frame


def test_frames_in_the_order_of_opencv_are_tracked_as_those_in_ours() -> None:
    frames = [scene(number) for number in range(4)]
    ours = [result.box for result in lockon.track(frames, (10, 20, 20, 16), "kcf")]
    theirs = [result.box for result in lockon.track([frame[..., ::-1] for frame in frames], (10, 20, 20, 16), "kcf", color="bgr")]
    assert np.array_equal(ours, theirs)


def test_the_order_of_colours_is_for_arrays(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), scene(0))
    with pytest.raises(LockonError, match="color='bgr' is for arrays"):
        lockon.track(tmp_path, (10, 20, 20, 16), color="bgr")


@pytest.mark.parametrize("values", [(7500, 7000), (7000,), "7000:7500", (0, 10**400)])
def test_a_range_that_is_none_is_refused_by_the_call(values: Any) -> None:
    with pytest.raises(LockonError, match="range"):
        lockon.track([scene(0)], (10, 20, 20, 16), "kcf", range=values)


def test_raw_frames_are_stretched_alike_and_it_is_said_once() -> None:
    frames = [scene(number)[..., 0] + np.uint16(7000) for number in range(4)]
    with pytest.warns(LockonWarning, match="stretched") as caught:
        found = [result.box for result in lockon.track(frames, "10,20,20,16", "kcf")]
    assert len(caught) == 1
    assert found[-1] == pytest.approx([13, 20, 20, 16], abs=1.5)


def test_a_range_of_raw_frames_is_taken_in_silence(recwarn: pytest.WarningsRecorder) -> None:
    frames = [scene(number)[..., 0] + np.uint16(7000) for number in range(4)]
    reader = open_frames(frames, range=(7000, 7255))
    assert np.array_equal(next(reader).image[..., 0], scene(0)[..., 0])
    assert not recwarn.list


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 1.5}, "start=1.5 given, expected a whole number"),
        ({"frames": "a"}, "frames='a' given, expected a whole number"),
        ({"weights": 3}, "weights=3 given, expected the path of a file"),
        ({"device": None}, "device=None given, expected a name"),
        ({"preset": None}, "preset=None given, expected a name"),
        ({"source": -1}, "-1 is no number of a webcam"),
        ({"source": True}, "True is no number of a webcam"),
        ({"source": 2**40}, "is no number of a webcam"),
        ({"source": "/dev/null"}, "neither a regular file nor a folder"),
    ],
)
def test_arguments_of_other_types_are_refused_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        list(lockon.track(**{"source": [np.zeros((48, 64, 3), np.uint8)] * 2, "box": (9, 9, 20, 20), **options}))


WRONG = [3, 3.5, float("nan"), True, b"x", [], (1, 2), {1}, object(), len, np.zeros(3), np.array(2), 2j, Path("x"), "no such"]
FINE = {"source": (3,), "start": (3,), "frames": (3,), "range": ((1, 2),)}  # 3 is a webcam


def refused(call: Any, values: list[Any], fine: Any = ()) -> None:
    """Assert that a call refuses values of wrong types in one line, but for those that are fine."""
    for value in values:
        if any(type(value) is type(one) and value == one for one in fine):
            continue
        with pytest.raises(LockonError) as caught:
            call(value)
        assert "\n" not in str(caught.value), value


@pytest.mark.parametrize(
    "name", ["source", "box", "tracker", "start", "frames", "range", "color", "weights", "preset", "device", "refiner"]
)
def test_every_argument_of_track_with_a_value_of_another_type_is_one_line(name: str) -> None:
    good: dict[str, Any] = {"source": frames(), "box": (1, 2, 30, 40)}
    refused(lambda value: lockon.track(**(good | {name: value})), WRONG, FINE.get(name, ()))


@pytest.mark.parametrize("name", ["name", "weights", "preset", "device", "refiner"])
def test_every_argument_of_the_loaders_with_a_value_of_another_type_is_one_line(name: str) -> None:
    refused(lambda value: lockon.load(**{name: value}), WRONG)
    if name != "refiner":
        refused(lambda value: lockon.load_refiner(**({"name": "refine-s"} | {name: value})), WRONG)


@pytest.mark.parametrize(("place", "name"), list(enumerate(["tracker", "refiner", "config"])))
def test_what_is_no_tracker_or_refiner_is_not_put_together(place: int, name: str) -> None:
    good = [Shifter(), lockon.load_refiner("refine-s"), None]
    with pytest.raises(LockonError, match=f"{name}=3 given, expected"):
        lockon.with_refiner(*[3 if index == place else one for index, one in enumerate(good)])  # type: ignore[arg-type]
    refused(lambda value: lockon.with_refiner(*[value if index == place else one for index, one in enumerate(good)]), WRONG)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{}, {"name": "kcf"}, {"refiner": "refine-s"}, {"name": "kcf", "refiner": "refine-s"}])
def test_every_argument_of_a_tracker_with_a_value_of_another_type_is_one_line(options: dict[str, Any]) -> None:
    tracker: Any = lockon.load(**options)
    good = {"frame": scene(0), "box": (10, 20, 20, 16)}
    for name in ("frame", "box", "range", "color"):
        refused(lambda value, name=name: tracker.init(**(good | {name: value})), WRONG, FINE.get(name, ()))
    tracker.init(**good)
    refused(tracker.track, WRONG)
    refused(lambda value: tracker.track(scene(1), color=value), WRONG)
    if options.get("name") != "kcf":
        refused(tracker.move, WRONG)
        refused(lambda value: tracker.init(**good, seed=value), [*WRONG, -1], (3,))


def test_as_many_frames_as_one_likes_may_be_asked_for() -> None:
    assert len(list(lockon.track(frames(3), (1, 2, 3, 4), Shifter(), frames=10**30))) == 3
