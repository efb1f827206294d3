"""Loading the SiamRPN++ family: weights, presets, and their precedence. The networks are untrained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lockon
from lockon.errors import LockonError
from lockon.localizers.place import Argmax, CoarseToFine
from lockon.ops.crop_rules import ContextRule, PysotRule
from lockon.start_rules import UnclippedStart
from lockon.zoo.networks import weight_files

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("safetensors", reason="needs the torch extra")

NAME = "siamrpn-alexnet"  # the smallest of the family


def write(folder: Path, tracker: dict[str, Any] | None = None) -> Path:
    from lockon.zoo.convert import save

    torch.manual_seed(0)
    path = folder / f"{NAME}.safetensors"
    save(NAME, lockon.zoo.build(NAME).state_dict(), path, header={"tracker": tracker or {}})
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("weights"))


def test_a_converted_file_tracks(weights: Path) -> None:
    tracker = lockon.load(NAME, weights)
    frames = np.random.default_rng(0).integers(0, 256, (2, 90, 120, 3), dtype=np.uint8)
    tracker.init(frames[0], [[30, 30, 20, 20], [60, 40, 20, 30]])
    result = tracker.track(frames[1])
    assert result.box.shape == (2, 4)
    assert np.isfinite(result.box).all()
    assert tracker.config.search_crop == ContextRule(factor=287 / 127, pixel_centers=True)
    assert tracker.config.localizer.rank.window_influence == 0.40


def test_file_then_preset_then_overrides(tmp_path: Path) -> None:
    rank = {"window_influence": 0.11, "penalty_k": 0.01}
    path = write(tmp_path, {"localizer": {"rank": rank}, "calibration": {"bias": -1.0}, "search_crop": {"factor": 2.5}})
    plain = lockon.load(NAME, path).config
    assert (plain.localizer.rank.window_influence, plain.localizer.rank.penalty_k) == (0.11, 0.01)
    assert (plain.calibration.bias, plain.search_crop.factor) == (-1.0, 2.5)
    preset = lockon.load(NAME, path, preset="otb100", **{"localizer.rank.penalty_k": 0.3}).config
    assert (preset.localizer.rank.window_influence, preset.localizer.rank.penalty_k, preset.calibration.bias) == (0.40, 0.3, -1.0)
    assert preset.search_crop == PysotRule(factor=2.5)
    assert (preset.template_crop, preset.start) == (PysotRule(), UnclippedStart())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": None}, "siamrpn-alexnet has no weights in the package; .* lockon convert siamrpn-alexnet FILE"),
        ({"preset": "got10k"}, "unknown preset of siamrpn-alexnet 'got10k'"),
        ({"localizer.windows": 1}, "unknown .*localizer.rank.window_influence"),
        ({"device": "tpu"}, "torch cannot use device 'tpu'"),
    ],
)
def test_what_does_not_load(weights: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        lockon.load(NAME, **{"weights": weights, **options})


def test_a_tracker_whose_weights_nobody_published() -> None:
    with pytest.raises(LockonError, match=r"siamla-r50 .* none were published; train them \(lockon train siamla-r50"):
        lockon.load("siamla-r50")


@pytest.mark.parametrize(("name", "preset"), [("siamcar-r50", "default"), ("siamcar-r50", "official"), ("siamla-r50", "siamcar")])
def test_siamcar_and_siamla_track(tmp_path: Path, name: str, preset: str) -> None:
    from lockon.zoo.convert import save

    torch.manual_seed(0)
    path = tmp_path / "weights.safetensors"
    small = {"layers": (2,), "channels": 8}
    save(name, lockon.zoo.build(name, **small).state_dict(), path, **small)
    tracker = lockon.load(name, path, preset=preset, **({} if preset == "default" else {"localizer.place.farthest": 60}))
    frames = np.random.default_rng(0).integers(0, 256, (2, 90, 120, 3), dtype=np.uint8)
    tracker.init(frames[0], [[30, 30, 20, 20], [60, 40, 20, 30]])
    result = tracker.track(frames[1])
    assert np.isfinite(result.box).all()
    place = tracker.config.localizer.place
    assert isinstance(place, Argmax if preset == "default" else CoarseToFine)
    assert preset == "default" or place.farthest == 60


def test_weights_of_another_network(weights: Path) -> None:
    with pytest.raises(LockonError, match=r"holds weights of 'siamrpn-alexnet', not of 'siamban-r50'"):
        lockon.load("siamban-r50", weights)


@pytest.mark.parametrize("name", ["model.pth", "model.pth.tar", "snapshot.model"])
def test_a_published_checkpoint_is_told_how_to_convert(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(LockonError, match=r"lockon convert siamban-r50 .*model"):
        lockon.load("siamban-r50", tmp_path / name)


def test_files_of_the_weights(weights: Path, tmp_path: Path) -> None:
    assert weight_files(NAME, weights) == (weights,)
    for part in ("a.onnx", "a.template.onnx", "b.onnx", "b.template.onnx", "b.mask.onnx", "c.xml", "c.template.xml"):
        (tmp_path / part).touch()
    assert [path.name for path in weight_files(NAME, tmp_path / "a.onnx")] == ["a.onnx", "a.template.onnx"]
    assert [path.name for path in weight_files(NAME, tmp_path / "b.onnx")] == ["b.onnx", "b.template.onnx", "b.mask.onnx"]
    files = [path.name for path in weight_files(NAME, tmp_path / "c.xml")]
    assert files == ["c.xml", "c.template.xml", "c.bin", "c.template.bin"]
    with pytest.raises(LockonError, match="no weights in the package"):
        weight_files(NAME, None)
