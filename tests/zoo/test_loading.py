"""`load` with a tiny exported model in the place of the one in the package."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from lockon._weights import METADATA_KEY
from lockon.errors import LockonError
from lockon.export.header import part_path, read_header
from lockon.tracker import NetworkTracker, TrackerConfig
from lockon.zoo.loading import load
from lockon.zoo.networks import WEIGHTS, embedded_header, embedded_path
from sealed_models import save_sealed

if TYPE_CHECKING:
    from miniatures import Miniature


@pytest.fixture
def weights(miniature: Callable[[str], Miniature], tmp_path: Path) -> Path:
    """The exported miniature of lockon-s, whose header has inference parameters."""
    onnx = pytest.importorskip("onnx", reason="needs the export extra")
    pytest.importorskip("onnxscript", reason="needs the export extra")
    source = miniature("lockon-s").exported
    header = read_header(source) | {"tracker": {"search_crop": {"factor": 3.0}, "localizer": {"rank": {"window_influence": 0.25}}}}
    folder = tmp_path / "weights"
    folder.mkdir()
    for path in (source, part_path(source, "template")):
        model = onnx.load(path)
        onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(header)})
        save_sealed(model, folder / path.name)
    return folder / source.name


def test_header_and_overrides_reach_the_configuration(weights: Path) -> None:
    plain = load("lockon-s", weights=weights)
    assert isinstance(plain, NetworkTracker)
    assert plain.config.search_crop.factor == 3.0
    assert plain.config.localizer.rank.window_influence == 0.25
    assert plain.config.states == TrackerConfig().states
    changed = load("lockon-s", weights=weights, **{"states.lost_after": 9, "localizer.rank.window_influence": "0.4"})
    assert (changed.config.states.lost_after, changed.config.localizer.rank.window_influence) == (9, 0.4)
    assert changed.config.search_crop.factor == 3.0
    assert changed.localizer.config.rank.window_influence == 0.4


def test_the_tracker_runs(weights: Path) -> None:
    tracker = load("lockon-s", weights=weights, device="cpu")
    frames = np.random.default_rng(0).integers(0, 256, (3, 90, 120, 3), dtype=np.uint8)
    tracker.init(frames[0], [[30, 30, 20, 20], [60, 40, 20, 30]])
    for frame in frames[1:]:
        result = tracker.track(frame)
        assert result.box.shape == (2, 4)
        assert np.isfinite(result.box).all()
        assert ((result.score >= 0) & (result.score <= 1)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "defualt"}, "unknown preset of lockon-s 'defualt'; did you mean 'default'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"device": "torch"}, "device 'torch' needs torch weights"),
        ({"states.lost_afer": 3}, "unknown option 'states.lost_afer'; did you mean 'states.lost_after'"),
        ({"localizer.rank.window_influence": "wide"}, "localizer.rank.window_influence must be a number"),
    ],
)
def test_weights_and_options_that_do_not_fit_are_refused_in_one_line(weights: Path, options, message: str) -> None:
    with pytest.raises(LockonError, match=message) as caught:
        load("lockon-s", weights=weights, **options)
    assert "\n" not in str(caught.value)


def test_weights_of_another_architecture(weights: Path) -> None:
    with pytest.raises(LockonError, match="holds weights of 'lockon-s', not of 'compact-ban'"):
        load("compact-ban", weights=weights)


@pytest.mark.parametrize(("name", "message"), [("none.onnx", "does not exist"), ("weights.bin", "is not a deployed model")])
def test_missing_or_strange_files(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "weights.bin").write_bytes(b"x")
    with pytest.raises(LockonError, match=message):
        load("lockon-s", weights=tmp_path / name)


def test_torch_weights_that_are_no_safetensors(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the torch extra")
    (tmp_path / "weights.pth").write_bytes(b"x")
    with pytest.raises(LockonError, match="is not a safetensors file"):
        load("lockon-s", weights=tmp_path / "weights.pth")


def test_weights_in_the_package() -> None:
    path = embedded_path("lockon-s")
    assert path == WEIGHTS / "lockon-s.onnx"
    assert embedded_header("lockon-s")["architecture"] == "lockon-s"
    assert embedded_path("csrt") is None
    with pytest.raises(LockonError, match="compact-ban has no weights in the package"):
        embedded_header("compact-ban")


def test_a_package_without_its_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("lockon.zoo.networks.WEIGHTS", tmp_path)
    with pytest.raises(LockonError, match=r"lockon-s\.onnx does not exist: .*install the package again"):
        load()
