"""The compact networks, their recipe and their loader."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("lightning_fabric", reason="needs the train extra")

from lockon.config import as_json  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.train.checkpoint import save_weights  # noqa: E402
from lockon.zoo import compact, compact_duml, compact_one_stream  # noqa: E402
from lockon.zoo.loading import load  # noqa: E402
from lockon.zoo.registry import TRACKERS  # noqa: E402
from lockon.zoo.training import recipe  # noqa: E402
from tiny_training_data import make_stills  # noqa: E402

CARDS = {one.name: one for one in compact.CARDS}
NAMES = tuple(CARDS)


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    return make_stills(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_prediction_has_a_candidate_per_point_and_anchor(name: str) -> None:
    config = replace(CARDS[name].model, channels=8, template_size=64, search_size=96)
    model = compact.build(config).eval()
    with torch.no_grad():
        prediction = model(model.encode(torch.rand(2, 3, 64, 64) * 255), torch.rand(2, 3, 96, 96) * 255)
    assert prediction.boxes.shape == (2, 36 * CARDS[name].config.localizer.anchors, 4)
    centers = (prediction.boxes[..., :2] + prediction.boxes[..., 2:]) / 2
    assert ((centers > -48) & (centers < 144)).all()
    sides = prediction.boxes[..., 2:] - prediction.boxes[..., :2]
    assert 16 < sides.mean() < 160  # random weights begin with boxes of about the right size


@pytest.mark.parametrize("name", NAMES)
def test_the_map_is_centred_in_the_crop(name: str) -> None:
    places = compact.build(replace(CARDS[name].model, channels=8)).head.candidates.points
    np.testing.assert_allclose(places.mean(0), [112, 112])
    assert places.min() == 8


def test_anchors_fit_the_target() -> None:
    """A target has 60 of the 224 pixels: the square anchor is of about that size."""
    anchors = compact.build(compact.CompactConfig(head="rpn", channels=8)).head.anchors
    assert [64, 64] in anchors[:, 2:].tolist()


@pytest.mark.parametrize("name", ["template_size", "search_size"])
def test_crop_sides_are_multiples_of_the_stride(name: str) -> None:
    with pytest.raises(LockonError, match=f"{name}=100 given, expected a multiple of 16"):
        compact.CompactConfig(**{name: 100})


def test_branches_are_for_one_head() -> None:
    with pytest.raises(LockonError, match="branch=localization given for head=ban, which has no branch; take compact-car"):
        compact.CompactConfig(branch="localization")


@pytest.mark.parametrize("branch", ["centerness", "localization", "none"])
def test_branches(branch: str, tmp_path: Path) -> None:
    """Heads of different branches begin with equal weights where they have the same parts, and the weight file says which it is."""
    config = compact.CompactConfig(head="car", branch=branch, channels=8, template_size=64, search_size=96)
    torch.manual_seed(0)
    plain = compact.build(replace(config, branch="none")).state_dict()
    torch.manual_seed(0)
    model = compact.build(config)
    weights = model.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in plain.items())
    assert (len(weights) > len(plain)) == (branch != "none")
    path = tmp_path / "weights.safetensors"
    save_weights(model, path, {"architecture": "compact-car", "config": {"model": as_json(config)}})
    tracker = load("compact-car", path)
    frame = np.random.default_rng(0).integers(0, 255, (80, 100, 3), dtype=np.uint8)
    tracker.init(frame, (30, 20, 24, 30))
    assert np.isfinite(tracker.track(frame).box).all()
    assert tracker.model.module.head.branch == branch


def test_recipes_differ_in_head_and_loss_alone(stills: Path) -> None:
    from lockon.train.recipe import TrainSources

    made = {name: recipe(TrainSources(stills=stills), {"model.channels": 8, "train.machine.workers": 0}, name) for name in NAMES}
    for name, one in made.items():
        json.dumps([one.header, one.settings, one.defaults])  # they go into files
        assert one.header["architecture"] == name
        assert one.settings["data"] == made["compact-ban"].settings["data"]
        assert one.settings["loss"]["rank_cls"]["weight"] == one.settings["loss"]["ranking"]["weight"] == 0
        first, other = one.pipeline.sample(3), made["compact-ban"].pipeline.sample(3)
        assert np.array_equal(first["search"], other["search"])
    assert made["compact-rpn"].settings["loss"]["box"]["part"] == "delta-l1"


@pytest.mark.parametrize("name", NAMES)
def test_a_ranking_step(name: str, stills: Path) -> None:
    from lockon.train.loader import collate
    from lockon.train.recipe import TrainSources

    settings = {"model.channels": 8, "loss.rank_cls.weight": 0.5, "loss.ranking.weight": 0.25, "train.machine.workers": 0}
    made = recipe(TrainSources(stills=stills), settings, name)
    losses = made.task.loss(collate([made.pipeline.sample(index) for index in range(2)]))
    losses["loss"].backward()
    assert {"rank_cls", "rank_score", "rank_iou"} <= set(losses)
    assert all(torch.isfinite(value) for value in losses.values())


def test_loading(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    model = compact.build(compact.CompactConfig(head="rpn", channels=8, template_size=64, search_size=96))
    header = {"architecture": "compact-rpn", "tracker": {"search_crop": {"factor": 2.5}, "states": {"absent_score": 0.3}}}
    config = {"head": "rpn", "channels": 8, "template_size": 64, "search_size": 96}
    save_weights(model, path, {**header, "config": {"model": config}})
    tracker = load("compact-rpn", path)
    assert (tracker.config.search_crop.factor, tracker.config.states.absent_score, tracker.config.localizer.anchors) == (2.5, 0.0, 5)
    frame = np.random.default_rng(0).integers(0, 255, (80, 100, 3), dtype=np.uint8)
    tracker.init(frame, (30, 20, 24, 30))
    assert np.isfinite(tracker.track(frame).box).all()
    for arguments, message in (
        ({}, "compact-rpn has no weights in the package"),
        ({"weights": path, "preset": "otb"}, "unknown preset of compact-rpn 'otb'"),
    ):
        with pytest.raises(LockonError, match=message):
            load("compact-rpn", **arguments)
    with pytest.raises(LockonError, match="not of 'compact-ban'"):
        load("compact-ban", path)


def test_one_preset_for_all() -> None:
    configs = [CARDS[name].config for name in NAMES]
    assert {config.localizer.rank.window_influence for config in configs} == {0.3}
    others = (*compact_one_stream.CARDS, *compact_duml.CARDS)
    configs += [one.config for one in others]
    assert len({config.localizer.rank for config in configs}) == len({config.states for config in configs}) == 1
    names = {*NAMES, *(one.name for one in others)}
    assert names == {name for name in TRACKERS if name.startswith("compact-")} - {"compact-dimp"}  # it learns online: no candidates to rank
