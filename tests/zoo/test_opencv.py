"""OpenCV's trackers behind the `Tracker` interface, on a made clip."""

from __future__ import annotations

import copy
import pickle
import types

import cv2
import numpy as np
import pytest

from lockon.api import track
from lockon.errors import LockonError, LockonWarning
from lockon.session import Tracker
from lockon.zoo import loading, opencv
from lockon.zoo.networks import weight_files

CLASSIC = ["csrt", "kcf", "mil"]


def _frame(x, y=40, size=(160, 120)):
    """A textured square of 32 pixels at x, y on a darker texture."""
    rng = np.random.default_rng(3)
    frame = cv2.resize(rng.integers(0, 90, (30, 40, 3), dtype=np.uint8), size)
    patch = cv2.resize(rng.integers(120, 255, (8, 8, 3), dtype=np.uint8), (32, 32))
    frame[y : y + 32, x : x + 32] = patch
    return frame


class Fake:
    """Stands for an OpenCV tracker object."""

    def __init__(self, answers=((True, (1, 2, 3, 4)),), score=None):
        self.answers = iter(answers)
        if score is not None:
            self.getTrackingScore = lambda: score

    def init(self, image, rect):
        self.image, self.rect = image, rect

    def update(self, image):
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def _with(*fakes, scored=False):
    waiting = iter(fakes)
    return opencv.OpenCVTracker("fake", lambda: next(waiting), scored=scored)


def _follow(name):
    tracker = loading.load(name)
    assert isinstance(tracker, Tracker)
    tracker.init(_frame(40), (40.2, 39.8, 32, 32))
    return [tracker.track(_frame(40 + 3 * step)) for step in range(1, 5)][-1]


@pytest.mark.parametrize("name", CLASSIC)
def test_follows_a_moving_square(name):
    result = _follow(name)
    assert result.box.dtype == np.float64
    assert abs(result.box[:2] - [52, 40]).max() < 6
    assert (result.score, result.state) == (1.0, "tracked")


def test_several_boxes_have_a_tracker_each():
    tracker = loading.load("kcf")
    frame = np.maximum(_frame(20), _frame(100))
    tracker.init(frame, [[20, 40, 32, 32], [100, 40, 32, 32]])
    result = tracker.track(frame)
    assert result.box.shape == (2, 4)
    assert result.score.tolist() == [1, 1]
    assert result.state == ("tracked", "tracked")
    assert len(result.each()) == 2
    tracker.init(frame, [[20, 40, 32, 32]])  # one row stays one row
    assert tracker.track(frame).box.shape == (1, 4)


def test_opencv_gets_whole_pixels_and_bgr():
    fake = Fake()
    frame = np.zeros((50, 60, 3), dtype=np.uint8)
    frame[..., 0] = 200  # red in RGB
    _with(fake).init(frame, (10.6, 5.4, 20.5, 9.6))
    assert fake.rect == (11, 5, 20, 10)
    assert all(type(value) is int for value in fake.rect)
    assert fake.image[0, 0].tolist() == [0, 0, 200]


def test_lost_keeps_the_last_box_and_scores_zero():
    tracker = _with(Fake([(True, (1, 2, 3, 4)), (False, (0, 0, 0, 0)), (True, (2, 2, 3, 4))]))
    frame = np.zeros((50, 60, 3), dtype=np.uint8)
    tracker.init(frame, (5, 5, 10, 10))
    results = [tracker.track(frame) for _ in range(3)]
    assert [result.state for result in results] == ["tracked", "lost", "tracked"]
    assert [result.score for result in results] == [1, 0, 1]
    assert [result.box.tolist() for result in results] == [[1, 2, 3, 4], [1, 2, 3, 4], [2, 2, 3, 4]]


@pytest.mark.parametrize(("given", "score"), [(0.25, 0.25), (1.5, 1.0), (-2.0, 0.0)])
def test_the_network_score_is_used_and_clipped(given, score):
    tracker = _with(Fake(score=given), scored=True)
    frame = np.zeros((50, 60, 3), dtype=np.uint8)
    tracker.init(frame, (5, 5, 10, 10))
    assert tracker.track(frame).score == score


def test_mistakes_while_tracking():
    frame = np.zeros((50, 60, 3), dtype=np.uint8)
    tracker = _with(Fake([cv2.error("OpenCV(9) x.cpp:1: error: (-215:Assertion failed) n > 0")]))
    with pytest.raises(LockonError, match="track\\(\\) before init"):
        tracker.track(frame)
    tracker.init(frame, (5, 5, 10, 10))
    with pytest.raises(LockonError, match="frame of 50x60 pixels, but tracking began on 60x50"):
        tracker.track(np.zeros((60, 50, 3), dtype=np.uint8))
    with pytest.raises(LockonError, match=r"fake failed inside OpenCV .*: \(-215:Assertion failed\) n > 0; start it again"):
        tracker.track(frame)


def test_boxes_that_opencv_cannot_start_on():
    with pytest.raises(LockonError, match="mil cannot start on box 10,10,4,4; it needs at least 6 pixels"):
        loading.load("mil").init(_frame(40), (10, 10, 4, 4))
    with pytest.raises(LockonError, match="csrt cannot start on box 10,10,1,8: OpenCV says"):
        loading.load("csrt").init(_frame(40), (10, 10, 1, 8))
    with pytest.raises(LockonError, match="outside the frame"):
        loading.load("kcf").init(_frame(40), (500, 10, 30, 8))
    with pytest.warns(LockonWarning, match="clipped to 150,10,10,20"):
        loading.load("kcf").init(_frame(40), (150, 10, 30, 20))


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("kcf", {"preset": "official"}, "unknown preset of kcf"),
        ("kcf", {"device": "cuda"}, "CPU only"),
        ("kcf", {"window": 0.4}, "no option 'window'"),
        ("kcf", {"weights": "somewhere"}, "kcf has no weights"),
        ("nanotrack-v1", {}, "nanotrack-v1 needs weights: the folder with nanotrack_backbone_sim.onnx and"),
        ("nanotrack-v1", {"weights": "somewhere"}, "somewhere has no nanotrack_backbone_sim.onnx"),
    ],
)
def test_mistakes_in_loading(name, options, text):
    with pytest.raises(LockonError, match=text):
        loading.load(name, **options)


def test_unreadable_network(tmp_path):
    for file in opencv.FILES:
        (tmp_path / file).write_bytes(b"not a network")
    with pytest.raises(LockonError, match="OpenCV cannot read"):
        loading.load("nanotrack-v2", weights=tmp_path)
    assert weight_files("nanotrack-v2", tmp_path) == tuple(tmp_path / file for file in opencv.FILES)


@pytest.mark.parametrize(
    "module",
    [
        {"TrackerCSRT_create": lambda: "made"},
        {"TrackerCSRT": types.SimpleNamespace(create=lambda: "made")},
        {"legacy": types.SimpleNamespace(TrackerCSRT_create=lambda: "made")},
        {"legacy": types.SimpleNamespace(TrackerCSRT=types.SimpleNamespace(create=lambda: "made"))},
    ],
)
def test_classes_are_found_wherever_an_opencv_has_them(monkeypatch, module):
    monkeypatch.setattr(opencv, "cv2", types.SimpleNamespace(**module))
    assert opencv._find("CSRT")() == "made"


def test_an_opencv_without_trackers_names_the_package(monkeypatch):
    monkeypatch.setattr(opencv, "cv2", types.SimpleNamespace(__version__="4.0"))
    with pytest.raises(LockonError, match="pip install opencv-contrib-python-headless"):
        opencv._find("CSRT")


@pytest.mark.parametrize("name", CLASSIC)
def test_the_same_frames_give_the_same_boxes_each_time(name):
    first = _follow(name).box
    for _ in range(2):
        cv2.setRNGSeed(int(np.random.default_rng().integers(1000)))
        np.testing.assert_array_equal(_follow(name).box, first)


@pytest.mark.parametrize("name", CLASSIC)
def test_an_object_of_opencv_is_a_tracker(name):
    frames = [_frame(40 + 3 * step) for step in range(5)]
    made = getattr(cv2, f"Tracker{name.upper()}_create", None) or getattr(cv2, f"Tracker{name.upper()}").create
    boxes = [result.box for result in track(frames, (40, 40, 32, 32), made())]
    np.testing.assert_array_equal(boxes, [result.box for result in track(frames, (40, 40, 32, 32), name)])


def test_an_object_of_opencv_follows_one_target_and_says_what_box_it_refuses():
    frames = [_frame(40), _frame(43)]
    with pytest.raises(LockonError, match="TrackerKCF object of OpenCV follows one target"):
        list(track(frames, [(40, 40, 32, 32), (60, 40, 32, 32)], cv2.TrackerKCF.create()))
    with pytest.raises(LockonError, match="TrackerMIL cannot start on box 40,40,3,3; it needs at least 6 pixels"):
        list(track(frames, (40, 40, 3, 3), cv2.TrackerMIL.create()))
    with pytest.raises(LockonError, match="is no tracker; give a name such as"):
        track(frames, (40, 40, 32, 32), object())


def test_what_opencv_keeps_cannot_be_copied():
    tracker = loading.load("kcf")
    for copied in (copy.copy(tracker), copy.deepcopy(tracker), pickle.loads(pickle.dumps(tracker))):
        copied.init(_frame(40), (40, 40, 32, 32))
    tracker.init(_frame(40), (40, 40, 32, 32))
    for copying in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(LockonError, match=r"kcf keeps .* before init\(\)"):
            copying(tracker)
