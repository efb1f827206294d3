"""Training runs of DuML: what follows from the modalities, the data sets of Table 11, and real steps that stop and go on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning_fabric", reason="needs the train extra")

from rich.console import Console  # noqa: E402

import lockon  # noqa: E402
import moving_square  # noqa: E402
from lockon.config import as_json, differences  # noqa: E402
from lockon.data.samples.score_labels import AnchorLabel, GaussianLabel  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.online.labels import AnchorLabels, DistanceLabels  # noqa: E402
from lockon.train.checkpoint import read_weights  # noqa: E402
from lockon.train.engine import Engine  # noqa: E402
from lockon.train.loader import collate  # noqa: E402
from lockon.train.losses.focal import BalancedFocal  # noqa: E402
from lockon.train.losses.gaussian_focal import GaussianFocal  # noqa: E402
from lockon.train.losses.soft_targets import WindowGaussian  # noqa: E402
from lockon.train.recipe import Recipe, TrainSources  # noqa: E402
from lockon.zoo.recipe_config import RecipeConfig, base_config, full_config  # noqa: E402
from lockon.zoo.registry import TRACKERS, card  # noqa: E402
from lockon.zoo.training import recipe  # noqa: E402
from tiny_training_data import make_stills, make_validation  # noqa: E402

NAMES = [name for name in TRACKERS if name.startswith("duml")]
SHAPES = ((104.0, 32.0), (88.0, 40.0), (64.0, 64.0), (40.0, 80.0), (32.0, 96.0))
SMALL = {
    "train.batch_size": "2",
    "train.machine.workers": "0",
    "train.output.log_every": "1",
    "train.steps": "4",
    "model.channels": "16",
    "descent.steps": "2",
}


def settings(name: str, **overrides: Any) -> RecipeConfig:
    return full_config(card(name), base_config(card(name), overrides), overrides)


@pytest.fixture
def stills(tmp_path: Path) -> TrainSources:
    return TrainSources(stills=make_stills(tmp_path / "data"))


def test_there_are_the_six_modalities_and_their_nine_pairs() -> None:
    assert len(NAMES) == 15
    assert len({(card(name).model.offline, card(name).model.online) for name in NAMES}) == 15


@pytest.mark.parametrize("name", NAMES)
def test_what_is_learnt_follows_from_the_modalities(name: str) -> None:
    model, run = card(name).model, settings(name)
    assert run.assigner is not None
    assert run.assigner.candidates.k == 15  # five anchors have boxes whatever is scored
    assert isinstance(run.loss.cls, GaussianFocal if model.offline == "ofr" else BalancedFocal)
    if model.offline == "ofr":
        assert (run.loss.cls.target, run.loss.cls.power, run.loss.cls.soft_power) == (WindowGaussian(), 2, 4)
    compared = {"ofc5s": 15, "ofc1s": 11, "ofr": 11, "none": None}[model.offline]
    assert (run.score_assigner.candidates.k if run.score_assigner is not None else None) == compared
    if model.online == "none":
        assert (run.data.frames, run.descent, run.data.negative) == (None, None, 0.2)  # pairs, as SiamRPN++
        return
    frames = run.data.frames
    assert (frames.support, frames.query, run.data.negative) == (3, 2, 0.0)
    shapes = {"onr": None, "onc1s": SHAPES[2:3], "onc5s": SHAPES}[model.online]
    if shapes is None:
        assert frames.label == GaussianLabel(sigma=2.0, odd=True, stride=8.0, first=31.5)
        assert run.descent.labels == DistanceLabels(stride=8.0, first=7.5)
    else:
        assert frames.label == AnchorLabel(shapes=shapes, stride=8.0, first=31.5)
        assert run.descent.labels == AnchorLabels(shapes=shapes, stride=8.0, first=7.5)
    assert run.descent.labels == card(name).config.learner.labels


@pytest.mark.parametrize("name", NAMES)
def test_schedule_and_weights_are_siamrpnpps_and_eq_6s(name: str) -> None:
    run = settings(name)
    assert not differences(as_json(run.train), as_json(settings("siamrpnpp-r50").train))
    assert [getattr(run.loss, term).weight for term in ("online", "cls", "box", "quality")] == [10, 1, 1.2, 1.2]


@pytest.mark.parametrize(
    ("experiment", "sets"),
    [
        ("default", ("VID", "YTBB", "COCO", "LaSOT_train", "GOT10k_train")),
        ("vycd", ("VID", "YTBB", "COCO", "DET")),
        ("vyc", ("VID", "YTBB", "COCO")),
        ("vc", ("VID", "COCO")),
        ("literal", ("VID", "YTBB", "COCO", "LaSOT_train", "GOT10k_train")),
    ],
)
def test_the_data_sets_of_table_11(experiment: str, sets: tuple[str, ...]) -> None:
    run = settings("duml", experiment=experiment)
    assert run.datasets == sets
    assert {sampling.name for sampling in run.data.sets} == {*sets, "stills", "videos"}
    weights = (run.loss.online.weight, run.loss.cls.weight)
    assert weights == ((1, 10) if experiment == "literal" else (10, 1))
    changed = differences(as_json(settings("duml")), as_json(run))
    assert all(text.startswith(("datasets", "data.sets", "experiment", "loss.")) for text in changed)


@pytest.mark.parametrize("name", ["duml", "compact-duml"])
@pytest.mark.parametrize(("offline", "online"), [("ofr", "onc5s"), ("none", "onc1s"), ("ofc1s", "onr"), ("ofc5s", "none")])
def test_changed_modalities_change_what_is_learnt(name: str, offline: str, online: str) -> None:
    run = settings(name, **{"model.offline": offline, "model.online": online})
    assert isinstance(run.loss.cls, GaussianFocal) == (offline == "ofr")
    assert (run.data.frames is None) == (online == "none")
    assert isinstance(getattr(run.descent, "labels", None), AnchorLabels) == (online in ("onc1s", "onc5s"))
    if name == "duml" and offline != "none":
        twin = f"duml-{offline}-{online}".removesuffix("-none")
        assert not [text for text in differences(as_json(settings(twin)), as_json(run)) if not text.startswith("experiment")]


def test_what_is_set_counts_more_than_what_follows() -> None:
    run = settings("compact-duml", **{"model.online": "onc5s", "loss.online.weight": 3.0, "descent.labels.positive": 0.7})
    assert (run.loss.online.weight, run.descent.labels.positive, run.descent.labels.negative) == (3.0, 0.7, 0.3)


def test_a_larger_search_crop_has_more_cells() -> None:
    run = settings("duml", **{"model.search_size": 319})
    assert run.data.search.size == 319
    assert run.data.frames.label.cells(319) == 33


def test_negative_pairs_have_no_part_in_sequences(stills: TrainSources) -> None:
    with pytest.raises(LockonError, match="negative"):
        recipe(stills, {**SMALL, "mix.negative": "0.1"}, "compact-duml")


def fit(
    sources: TrainSources, folder: Path, *, resume: bool = False, change: Callable[[Recipe], None] = lambda _: None, **more: str
) -> str:
    made = recipe(sources, {**SMALL, **more}, "compact-duml")
    change(made)
    return Engine(made, folder, resume=resume, device="cpu", console=Console(quiet=True)).fit().status


def test_an_interrupted_run_goes_on_exactly(stills: TrainSources, tmp_path: Path) -> None:
    """The same weights as a run that was never stopped, to the bit."""

    def stop_at_the_second(made: Recipe) -> None:
        loss, calls = made.task.loss, []

        def counted(batch: dict[str, Any]) -> dict[str, Any]:
            calls.append(1)
            if len(calls) == 2:
                os.kill(os.getpid(), signal.SIGINT)
            return loss(batch)

        made.task.loss = counted  # type: ignore[method-assign]

    assert fit(stills, tmp_path / "whole") == "finished"
    assert fit(stills, tmp_path / "halved", change=stop_at_the_second) == "interrupted"
    assert fit(stills, tmp_path / "halved", resume=True) == "finished"
    (whole, _), (halved, _) = (read_weights(tmp_path / name / "last.safetensors") for name in ("whole", "halved"))
    assert whole.keys() == halved.keys()
    for name, value in whole.items():
        assert torch.equal(value, halved[name]), name


@pytest.mark.parametrize(("offline", "online"), [("ofc5s", "onr"), ("ofr", "none"), ("none", "onc5s")])
def test_a_few_steps_lower_the_losses_and_their_weights_track(offline: str, online: str, stills: TrainSources, tmp_path: Path) -> None:
    chosen = {
        "model.offline": offline,
        "model.online": online,
        "train.steps": "12",
        "train.schedule.warmup_steps": "1",
        "train.ema_decay": "0",
    }
    chosen |= {"descent.steps": "2"} if online != "none" else {}
    small = {name: value for name, value in SMALL.items() if name != "descent.steps"}
    made = recipe(stills, {**small, **chosen}, "compact-duml")
    batch = {name: value for name, value in collate([made.pipeline.sample(i) for i in range(1000, 1004)]).items() if name != "ids"}
    with torch.no_grad():
        before = {name: float(value) for name, value in recipe(stills, {**small, **chosen}, "compact-duml").task.loss(batch).items()}
    assert Engine(made, tmp_path / "run", device="cpu", console=Console(quiet=True)).fit().status == "finished"
    with torch.no_grad():
        after = {name: float(value) for name, value in made.task.loss(batch).items()}
    assert after["loss"] < before["loss"]
    scored = {name for name, kind in (("cls", offline), ("online", online)) if kind != "none"}
    assert set(after) == {"loss", "box", "quality", "iou"} | scored
    tracker = lockon.load("compact-duml", tmp_path / "run" / "last.safetensors")
    assert (tracker.learner is None) == (online == "none")
    tracker.init(moving_square.picture(0), moving_square.box_of(0))
    for frame in range(1, 4):
        result = tracker.track(moving_square.picture(frame))
        assert np.isfinite(result.box).all()
        assert 0 <= float(result.score) <= 1


@pytest.mark.parametrize(("offline", "online"), [("ofc1s", "onc5s"), ("none", "onr"), ("ofr", "none")])
def test_validation_tracks_with_the_modalities_that_are_trained(offline: str, online: str, tmp_path: Path) -> None:
    sources = TrainSources(stills=make_stills(tmp_path / "data"), val=(make_validation(tmp_path),))
    made = recipe(sources, {"model.offline": offline, "model.online": online, "model.channels": "16"}, "compact-duml")
    assert made.validate is not None
    found = made.validate(made.task.module.eval())
    assert all(0 <= value <= 1 for value in found.values())
