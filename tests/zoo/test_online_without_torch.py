"""Trackers that learn online, whose learner is NumPy's or torch's, and whose network is torch's or a file."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

import lockon

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("safetensors", reason="needs the torch extra")

import golden_data  # noqa: E402
import without_torch  # noqa: E402
from exporter_table import read_operators_once  # noqa: E402
from lockon.cli.export import export  # noqa: E402
from lockon.export.torch_online import TorchOnline  # noqa: E402
from lockon.online.learner import numbers  # noqa: E402
from lockon.online.network import OnlineFeatures  # noqa: E402
from lockon.online.tracker import OnlineTracker  # noqa: E402
from lockon.zoo.registry import all_cards  # noqa: E402

if TYPE_CHECKING:
    from miniatures import Miniature

Minis = Callable[[str], "Miniature"]
CARDS = {name: one for name, one in all_cards().items() if one.torch_network is not None}
ALIKE = ("dimp50", "prdimp50")  # as miniatures the same as with a ResNet-18
STARTS = np.array([[120.0, 100, 60, 50], [200, 150, 40, 60], [300, 200, 50, 50]])
# Targets are never lost, so that there is much to learn.
LEARNING: dict[str, Any] = {"localization.not_found": -10.0, "learner.every": 2}


class InNumpy:
    """A torch network whose answers are arrays, so that the learner is NumPy's."""

    def __init__(self, network: TorchOnline) -> None:
        self.network = network
        self.search_size, self.header = network.search_size, network.header
        given = network.weights
        self.weights = None if given is None else {name: None if value is None else value.numpy() for name, value in given.items()}

    def features(self, images: np.ndarray) -> OnlineFeatures:
        seen = self.network.features(images)
        return OnlineFeatures(numbers(seen.classification), tuple(map(numbers, seen.boxes)))

    def initial(self, classification: np.ndarray, boxes_xyxy: np.ndarray) -> np.ndarray:
        return numbers(self.network.initial(torch.from_numpy(classification), boxes_xyxy))

    def modulation(self, images: np.ndarray, boxes_xyxy: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(map(numbers, self.network.modulation(images, boxes_xyxy)))

    def overlap(self, features: Any, modulation: Any, boxes_xyxy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        tensors = (tuple(map(torch.from_numpy, arrays)) for arrays in (features, modulation))
        return self.network.overlap(*tensors, boxes_xyxy)  # type: ignore[misc]


@pytest.mark.parametrize("name", [name for name in CARDS if name not in ALIKE])
@pytest.mark.parametrize("count", [1, 3])
def test_a_learner_in_numpy_is_the_learner_in_torch(name: str, count: int, miniature: Minis) -> None:
    tracker = lockon.load(name, miniature(name).weights, **LEARNING)
    assert isinstance(tracker, OnlineTracker)
    other = OnlineTracker(InNumpy(tracker.network), tracker.config)  # type: ignore[arg-type]
    frames = golden_data.frames()
    for one in (tracker, other):
        one.init(frames[0], STARTS[:count])
    before = [target.learned.filter for target in other.targets if target.learned is not None]
    for frame in frames[1:11]:
        np.testing.assert_allclose(other.track(frame).box, tracker.track(frame).box, atol=0.01)
    for ours, theirs, first in zip(other.targets, tracker.targets, before, strict=True):
        assert ours.learned is not None
        assert theirs.learned is not None
        assert isinstance(ours.learned.filter, np.ndarray)
        assert isinstance(ours.learned.memory.samples[0], np.ndarray)
        fitted = numbers(theirs.learned.filter)
        np.testing.assert_allclose(ours.learned.filter, fitted, atol=2e-3 * np.abs(fitted).max())
        assert np.abs(ours.learned.filter - first).max() > 1e-3 * np.abs(fitted).max(), "it was fitted again"
        np.testing.assert_allclose(ours.learned.memory.weights, theirs.learned.memory.weights, atol=1e-6)
        assert np.abs(ours.box - STARTS[0]).max() > 1


@pytest.mark.slow  # the exporter
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_exported_weights_track_without_torch(miniature: Minis, tmp_path: Path) -> None:
    """`lockon export` checks features, first filters, modulation and overlap before it puts the files in place."""
    pytest.importorskip("onnxscript", reason="needs the export extra")
    read_operators_once()
    weights, files = miniature("dimp18").weights, tmp_path / "files"
    export("dimp18", weights=weights, out=files)
    assert sorted(path.name for path in files.iterdir()) == sorted(
        ["dimp18.onnx", "dimp18.initial.onnx", "dimp18.modulation.onnx", "dimp18.overlap.onnx"]
    )
    expected = lockon.load("dimp18", weights, **LEARNING)
    frames = golden_data.frames()
    expected.init(frames[0], STARTS)
    boxes = np.array([expected.track(frame).box for frame in frames[1:4]])
    found = without_torch.tracked("dimp18", files / "dimp18.onnx", STARTS, 3, **LEARNING)
    np.testing.assert_allclose(found, boxes, atol=0.05)  # weights are stored as they are
    if importlib.util.find_spec("openvino"):
        export("dimp18", weights=files / "dimp18.onnx", out=tmp_path, target="openvino")
        deployed = lockon.load("dimp18", tmp_path / "dimp18.xml", **LEARNING)
        deployed.init(frames[0], STARTS)
        np.testing.assert_allclose(deployed.track(frames[1]).box, found[0], atol=0.01)
    (tmp_path / "clip").mkdir()
    for number, frame in enumerate(frames[:3]):
        cv2.imwrite(str(tmp_path / "clip" / f"{number:04d}.png"), frame[..., ::-1])
    command = ["track", tmp_path / "clip", "--box", "120,100,60,50", "--tracker", "dimp18", "--weights", files / "dimp18.onnx"]
    command += ["--save", tmp_path / "boxes.csv"]
    without_torch.run("from lockon.cli import main\nmain()", *map(str, command))
    assert len((tmp_path / "boxes.csv").read_text().splitlines()) == 4
    tracker = lockon.load("dimp18", files / "dimp18.onnx", **LEARNING)
    tracker.init(frames[0], STARTS)
    tracker.track(frames[1])
    copied = pickle.loads(pickle.dumps(tracker))  # with what it has learnt; networks by the path of their weights
    np.testing.assert_array_equal(copied.track(frames[2]).box, tracker.track(frames[2]).box)
    refiner = lockon.load_refiner("iou-net", files / "dimp18.onnx")
    refiner.init(frames[0], STARTS)
    theirs = lockon.load_refiner("iou-net", weights)
    theirs.init(frames[0], STARTS)
    np.testing.assert_allclose(refiner.refine(frames[1], STARTS + 2).box, theirs.refine(frames[1], STARTS + 2).box, atol=1)
