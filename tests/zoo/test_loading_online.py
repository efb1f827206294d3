"""A learner beside a tracker, by `lockon.load` and by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lockon
import moving_square
from colored_learner import online_tracker, register_learner
from fake_cards import register
from lockon.errors import LockonError
from lockon.localizers.dense import LocalizerConfig
from lockon.localizers.score import DualModalScore
from lockon.online.fused import FusedTracker, FusionConfig
from lockon.ops.boxes import iou_xywh
from lockon.refiners.wrapper import RefinedTracker
from lockon.session import ScoreMapSource
from lockon.tracker import NetworkTracker, TrackerConfig
from lockon.zoo.card import Card
from lockon.zoo.loading import load_online

FRAMES = [moving_square.picture(number) for number in range(7)]
BOX = moving_square.box_of(0)


def test_the_learner_has_its_share_of_the_scores() -> None:
    online = online_tracker()
    quality = lockon.load("lockon-s").config.localizer.score.quality  # type: ignore[attr-defined]
    tracker = lockon.load("lockon-s", online=online, **{"localizer.score.mu": 0.6, "fusion.redetect": 0.3, "localizer.size_lr": 0.5})
    assert isinstance(tracker, FusedTracker)
    assert tracker.online is online
    assert tracker.config == FusionConfig(redetect=0.3)
    assert tracker.base.config.localizer.score == DualModalScore(mu=0.6, quality=quality)
    assert tracker.base.config.localizer.size_lr == 0.5
    assert lockon.load("lockon-s", online=online).base.config.localizer.score.mu == 0.8  # type: ignore[attr-defined]


def test_a_video_is_followed_by_both() -> None:
    boxes = {}
    for mu in (0.0, 0.7):
        results = list(lockon.track(FRAMES, BOX, "lockon-s", online=online_tracker(), **{"localizer.score.mu": mu}))
        boxes[mu] = np.stack([result.box for result in results])
        truth = np.array([moving_square.box_of(number) for number in range(7)], dtype=np.float64)
        assert (iou_xywh(boxes[mu], truth) > 0.6).all()
    alone = np.stack([result.box for result in lockon.track(FRAMES, BOX, "lockon-s")])
    assert boxes[0.0].tolist() == alone.tolist()
    assert np.abs(boxes[0.7] - alone).max() > 0.1


def test_a_refiner_stands_behind_both() -> None:
    tracker = lockon.load("lockon-s", refiner="refine-s", online=online_tracker(), **{"localizer.score.mu": 0.5, "refine.mask": True})
    assert isinstance(tracker, RefinedTracker)
    assert isinstance(tracker.tracker, FusedTracker)
    tracker.init(FRAMES[0], BOX)
    result = tracker.track(FRAMES[1])
    assert result.mask is not None
    assert float(iou_xywh(result.box, moving_square.box_of(1))) > 0.6


def test_score_maps_are_those_of_the_fused_scores() -> None:
    maps = []
    for mu in (0.0, 1.0):
        tracker = lockon.load("lockon-s", online=online_tracker(), **{"localizer.score.mu": mu})
        assert isinstance(tracker, ScoreMapSource)
        assert tracker.score_maps == ()
        tracker.keep_scores = True
        tracker.init(FRAMES[0], BOX)
        tracker.track(FRAMES[1])
        assert tracker.keep_scores
        maps.append(tracker.score_maps[0].scores)
    assert maps[0].shape == maps[1].shape == (14, 14)
    assert np.abs(maps[0] - maps[1]).max() > 0.1
    assert min(one.min() for one in maps) >= 0
    assert max(one.max() for one in maps) <= 1


def test_an_online_tracker_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, weights = register_learner(monkeypatch), tmp_path / "weights.onnx"
    assert load_online(name, weights).config.learner.every == 4
    assert load_online(f"{name}:slow", weights).config.learner.every == 50
    assert load_online(f"{name}:slow", weights, overrides={"learner.steps": 7}).config.learner.steps == 7
    for text, message in {
        "lockon-s": "'lockon-s' is no tracker whose learner can stand beside another; expected one of compact-dimp, atom, dimp18",
        "lockon-s-dimp": "'lockon-s-dimp' is no tracker whose learner",
        "refine-s": "'refine-s' is no tracker whose learner",
        "nobody": "'nobody' is no tracker whose learner",
        f"{name}:fast": "unknown preset of colored 'fast'",
    }.items():
        with pytest.raises(LockonError, match=message):
            load_online(text, weights)
    with pytest.raises(LockonError, match="colored needs weights of its own beside another tracker; give --online-weights FILE"):
        load_online(name)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a name": ({"online": "compact-dimp"}, "online='compact-dimp' given, expected a tracker that learns online"),
    "a tracker that does not learn": ({"online": "lockon-s!"}, "online=<.*NetworkTracker object.* given, expected a tracker that learns"),
    "a base without candidates": ({"name": "csrt", "online": "!"}, "csrt has no candidates that a learner beside it could judge"),
    "an online tracker as base": ({"name": "dimp18", "online": "!"}, "dimp18 has no candidates .*, or learns online itself; take a"),
    "two networks as base": ({"name": "lockon-s-dimp", "online": "!"}, "lockon-s-dimp has no candidates"),
    "a refiner as base": ({"name": "refine-s", "online": "!"}, "refine-s refines the boxes of a tracker and does not track"),
    "scores that do not mix": ({"online": "!", "localizer.score": "sigmoid-score"}, r"set localizer\.score=dual-modal-score"),
    "a share beyond 1": ({"online": "!", "localizer.score.mu": 1.5}, r"localizer\.score\.mu=1\.5 given, expected 0 to 1"),
    "an unknown part of the fusion": ({"online": "!", "fusion.mu": 0.5}, "unknown option 'mu'; known: redetect"),
    "a share of nobody": ({"localizer.score.mu": 0.5}, "mixes in what a learner finds, and there is none; give a tracker that learns"),
    "a mixture of nobody": ({"localizer.score": "dual-modal-score"}, "mixes in what a learner finds, and there is none"),
    "a fusion with nobody": ({"fusion.redetect": 0.5}, "unknown option 'fusion.redetect'"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_one_line(case: str) -> None:
    arguments, message = BAD[case]
    makes = {"!": online_tracker, "lockon-s!": lambda: lockon.load("lockon-s")}
    made = {key: makes[value]() if value in makes else value for key, value in arguments.items()}
    with pytest.raises(LockonError, match=message) as told:
        lockon.load(**made)
    assert "\n" not in str(told.value)


def test_a_network_with_a_learner_of_its_own_takes_its_share_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def construct(weights: Path | None, device: str, overrides: Mapping[str, Any]) -> Mapping[str, Any]:
        return overrides

    def assemble(*parts: Any) -> Any:
        return parts

    config = TrackerConfig(localizer=LocalizerConfig(score=DualModalScore()))
    name = register(monkeypatch, Card(name="both", summary="two modalities", config=config, construct=construct, assemble=assemble))
    settings: Any = {"localizer.score.mu": 0.3}
    assert lockon.load(name, **settings) == settings
    with pytest.raises(LockonError, match=r"both has no candidates .*, or learns online itself"):
        lockon.load(name, online=online_tracker())


def test_a_base_that_was_made_elsewhere() -> None:
    base = lockon.load("lockon-s")
    assert isinstance(base, NetworkTracker)
    with pytest.raises(LockonError, match="the scores take no responses of a learner"):
        FusedTracker(base, online_tracker())
