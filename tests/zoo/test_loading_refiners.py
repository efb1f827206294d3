"""Refiners by name: where weights come from, presets, and a tracker with one behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lockon
from colored_scenes import RED, scene
from fake_cards import register
from fake_refiner import BlobRefiner, Fixed
from lockon.errors import LockonError
from lockon.ops.crop_rules import OfficialStretchedRule, StretchedRule
from lockon.refiners.alpha_refine import AlphaRefiner, RefinerConfig
from lockon.refiners.combine import RefineConfig
from lockon.refiners.wrapper import RefinedSession, RefinedTracker
from lockon.start_rules import UnclippedStart
from lockon.tracker import NetworkTracker
from lockon.zoo import loading
from lockon.zoo.card import Card
from lockon.zoo.loading import wrap
from lockon.zoo.networks import open_model, weight_files, weights_path
from lockon.zoo.registry import card

TARGET = (60, 50, 20, 16)


@pytest.fixture
def blob(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a refiner that needs no weights; its file says crop.factor=3."""
    made = BlobRefiner(), {"tracker": {"crop": {"factor": 3.0}}}
    monkeypatch.setattr(loading, "open_model", lambda name, *more: made if name == "blob" else open_model(name, *more))
    monkeypatch.setattr(loading, "weights_path", lambda one, given: Path("blob.onnx") if one.name == "blob" else weights_path(one, given))
    blob = Card(
        name="blob",
        kind="refiner",
        summary="finds colours",
        config=RefinerConfig(),
        presets=card("refine-s").presets,
        assemble=AlphaRefiner,
    )
    return register(monkeypatch, blob)


def test_parameters_come_from_file_then_preset_then_overrides(blob: str) -> None:
    assert lockon.load_refiner(blob).config == RefinerConfig(crop=StretchedRule(factor=3.0))
    official = RefinerConfig(crop=OfficialStretchedRule(factor=3.0), start=UnclippedStart())
    assert lockon.load_refiner(blob, preset="official").config == official
    narrow = replace(official, crop=OfficialStretchedRule(factor=2.5), mask_threshold=0.65)
    assert lockon.load_refiner(blob, preset="vot2020", **{"crop.factor": "2.5"}).config == narrow


def test_a_tracker_with_a_refiner_by_name(blob: str) -> None:
    tracker = lockon.load("mil", refiner=blob, **{"refine.box": "mask", "refiner.crop.factor": 2.0})
    assert isinstance(tracker, RefinedSession)
    assert (tracker.config, tracker.refiner.config.crop.factor) == (RefineConfig(box="mask"), 2.0)
    tracker = lockon.load("lockon-s", refiner=f"{blob}:official", **{"localizer.rank.window_influence": 0.4, "refine.clip": True})
    assert isinstance(tracker, RefinedTracker)
    assert isinstance(tracker.tracker, NetworkTracker)
    assert tracker.tracker.config.localizer.rank.window_influence == 0.4
    assert tracker.config == RefineConfig(clip=True, lost=True, official_start=True)
    assert tracker.refiner.config.crop == OfficialStretchedRule(factor=3.0)


def test_a_tracker_with_a_refiner_of_ones_own() -> None:
    own = AlphaRefiner(BlobRefiner())
    tracker = lockon.load("lockon-s", refiner=own, **{"refine.write_back": False})
    assert tracker.refiner is own
    assert not tracker.config.write_back
    with pytest.raises(LockonError, match="belong to its name"):
        lockon.load("lockon-s", refiner=own, **{"refiner.crop.factor": 3})


def test_whole_videos(blob: str) -> None:
    frames = [scene((60 + 2 * step, 50, 20, 16, RED)) for step in range(4)]
    results = list(lockon.track(frames, TARGET, "lockon-s", refiner=blob))
    assert len(results) == 4
    for step, result in enumerate(results):
        np.testing.assert_allclose(result.box, [60 + 2 * step, 50, 20, 16], atol=1.5)


def test_what_is_written_back_moves_the_tracker(blob: str) -> None:
    tracker = lockon.load("lockon-s", refiner=blob)
    tracker.init(scene((*TARGET, RED)), TARGET)
    box = tracker.track(scene((62, 51, 20, 16, RED))).box
    (target,) = tracker.targets
    np.testing.assert_allclose(target.base.box, [box[0] + box[2] / 2, box[1] + box[3] / 2, *box[2:]], atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "blob", "preset": "offical"}, "unknown preset of blob 'offical'; did you mean 'official'"),
        ({"name": "siammask", "preset": "official"}, "unknown preset of siammask 'official'"),
        ({"name": "blob", "facto": 3}, "unknown .*'facto'.*factor"),
        ({"name": "refine"}, "unknown refiner 'refine'; did you mean 'refine-s'"),
    ],
)
def test_unknown_refiners_and_options_are_refused(blob: str, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        lockon.load_refiner(**arguments)


def test_weights_that_are_not_there() -> None:
    with pytest.raises(LockonError, match=r"lockon convert alpha-refine-r34 FILE alpha-refine-r34\.safetensors"):
        lockon.load_refiner("alpha-refine-r34")
    with pytest.raises(LockonError, match=r"lockon convert siammask-r50 FILE siammask-r50\.safetensors"):
        lockon.load_refiner("siammask")
    with pytest.raises(LockonError, match="none were published; train them"):
        lockon.load_refiner("alpha-refine-r50")
    with pytest.raises(LockonError, match="does not exist"):
        weight_files("refine-s", Path("none.onnx"))
    assert weight_files("refine-s", Path("own.safetensors")) == (Path("own.safetensors"),)


def test_wrong_settings_of_the_wrapper(blob: str) -> None:
    with pytest.raises(LockonError, match=r"unknown .*'write'"):
        lockon.load("mil", refiner=blob, **{"refine.write": False})
    with pytest.raises(LockonError, match="weights and parameters of a refiner belong to its name"):
        wrap(Fixed(), AlphaRefiner(BlobRefiner()), weights="some.onnx")


def test_siammask_takes_the_trackers_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes as the network gives them; options of the search begin with tracker."""
    asked = {}

    def load(name, weights, **options):
        asked.update(options, name=name, weights=weights)
        raise LockonError("stop here")

    monkeypatch.setattr(loading, "load", load)
    with pytest.raises(LockonError, match="stop here"):
        lockon.load_refiner("siammask", "weights.onnx", **{"tracker.localizer.rank.window_influence": 0.1, "box": "own"})
    assert asked == {
        "name": "siammask-r50",
        "weights": Path("weights.onnx"),
        "device": "auto",
        "localizer.size_lr": 1.0,
        "localizer.rank.window_influence": 0.1,
    }


def test_torch_weights(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the torch extra")
    pytest.importorskip("safetensors", reason="needs the torch extra")
    path = tmp_path / "weights.safetensors"
    state = lockon.zoo.build("alpha-refine-r18", size=64).state_dict()
    lockon.zoo.save("alpha-refine-r18", state, path, header={"tracker": {"crop": {"pixel_centers": True}}}, size=64)
    refiner = lockon.load_refiner("alpha-refine-r18", path)
    assert (refiner.model.search_size, refiner.masks, refiner.config) == (64, True, RefinerConfig(crop=StretchedRule(pixel_centers=True)))
    refiner.init(scene((*TARGET, RED)), TARGET)
    result = refiner.refine(scene((*TARGET, RED)), (58, 49, 22, 17), mask=True)
    assert (result.box.shape, result.mask.shape) == ((4,), (120, 160))
    with pytest.raises(LockonError, match="holds weights of 'alpha-refine-r18', not of 'alpha-refine-r34'"):
        lockon.load_refiner("alpha-refine-r34", path)
