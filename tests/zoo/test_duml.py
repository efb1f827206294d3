"""The cards of DuML: which networks there are, where their cells lie, and what follows from their modalities."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import lockon
from lockon.errors import LockonError
from lockon.localizers.boxes import Best
from lockon.localizers.vote import ScoreVote
from lockon.online.dual_modal import DualModalConfig
from lockon.online.labels import AnchorLabels, DistanceLabels
from lockon.ops.grid import Grid
from lockon.zoo import compact_duml, duml
from lockon.zoo.card import Card
from lockon.zoo.modalities import ModalityConfig, with_modalities
from lockon.zoo.registry import TRACKERS, card

PAIRS = {
    "duml": ("ofc5s", "onr"),
    **{f"duml-{name}": (name, "none") for name in ("ofr", "ofc1s", "ofc5s")},
    **{f"duml-{name}": ("none", name) for name in ("onr", "onc1s", "onc5s")},
    "duml-ofr-onr": ("ofr", "onr"),
    "duml-ofc1s-onr": ("ofc1s", "onr"),
    **{f"duml-{a}-{b}": (a, b) for a in ("ofr", "ofc1s", "ofc5s") for b in ("onc1s", "onc5s")},
}
FIVE = ((104.0, 32.0), (88.0, 40.0), (64.0, 64.0), (40.0, 80.0), (32.0, 96.0))


def test_there_is_a_card_for_every_modality_and_every_pair() -> None:
    """Tables 2 and 3: six alone, nine pairs."""
    names = [name for name in TRACKERS if name.startswith("duml")]
    assert {name: (card(name).model.offline, card(name).model.online) for name in names} == PAIRS
    assert len(names) == 15
    assert all("no public code" in card(name).paper and not card(name).checkpoint for name in (*names, "compact-duml"))


@pytest.mark.parametrize(("name", "modalities"), PAIRS.items())
def test_inference_follows_from_the_modalities(name: str, modalities: tuple[str, str]) -> None:
    config, (offline, online) = card(name).config, modalities
    assert isinstance(config, DualModalConfig)
    assert config.localizer.boxes == (ScoreVote() if name == "duml" else Best())
    assert config.localizer.score.mu == (1.0 if offline == "none" else 0.8)
    if online == "none":
        assert config.learner is None
        return
    assert (config.learner.rate, config.learner.hard_negative_rate, config.learner.memory.capacity) == (0.1, 0.2, 50)
    assert (config.learner.first_steps, config.learner.steps, config.learner.every, config.learner.hard_negative_steps) == (10, 2, 20, 1)
    labels = {"onr": DistanceLabels(stride=8.0, first=7.5), "onc1s": AnchorLabels(shapes=FIVE[2:3]), "onc5s": AnchorLabels(shapes=FIVE)}
    assert config.learner.labels == labels[online]


@pytest.mark.parametrize(("search_size", "points", "cells"), [(255, 25, 31), (319, 33, 39)])
def test_anchors_lie_on_cells_of_the_features(search_size: int, points: int, cells: int) -> None:
    """From the corner of the crop, feature i is at 8 i + 7.5; the head's points, which count from a pixel's centre, are three cells in."""
    grid = duml.anchor_grid(search_size).grid
    features = duml.FIRST + duml.STRIDE * np.arange(cells)
    np.testing.assert_allclose(Grid(grid.size, grid.stride, grid.offset + 0.5).points()[:points, 0], features[3:-3])
    assert features[0] + features[-1] == search_size  # the middle is the crop's


def test_compact_anchors_lie_on_cells_of_the_features() -> None:
    points = compact_duml.anchor_grid(compact_duml.MODEL.grid).grid.points()
    labels = compact_duml.CONFIG.learner.labels
    np.testing.assert_allclose(points[:14, 0], labels.first + labels.stride * np.arange(14))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"offline": "none", "online": "none"}, "nothing says where the target is"),
        ({"offline": "ofc3s"}, "offline must be one of ofc5s, ofc1s, ofr, none, got 'ofc3s'"),
        ({"online": "ofr"}, "online must be one of onr, onc1s, onc5s, none, got 'ofr'"),
        ({"box_shapes": 1}, "box_shapes=1 given, but ofc5s scores anchors of five shapes"),
        ({"box_shapes": 1, "offline": "ofr", "online": "onc5s"}, "box_shapes=1 given, but onc5s"),
        ({"box_shapes": 3}, "box_shapes must be 1 or 5"),
        ({"filter_size": 0}, "filter_size"),
        ({"filter_size": 4}, "filter_size must be odd"),
        ({"label_sigma": 0.0}, "label_sigma"),
    ],
)
@pytest.mark.parametrize("kind", [ModalityConfig, duml.DuMLConfig, compact_duml.CompactDuMLConfig])
def test_networks_that_cannot_be_are_refused(kind: type, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(LockonError, match=words):
        kind(**changes)


def test_labels_of_another_number_of_anchors_than_filters_are_refused() -> None:
    learner = replace(duml.FUSED.learner, labels=AnchorLabels(shapes=FIVE))
    with pytest.raises(
        LockonError, match=r"labels of 5 shapes given for a network with 1 filters \(online=onr\); leave learner.labels out"
    ):
        with_modalities(replace(duml.FUSED, learner=learner), "ofc5s", "onr", duml.ANCHORS)


class Header:
    """A network of which nothing but the header is asked."""

    template_size, search_size = 112, 224
    weights = None

    def __init__(self, **model: str) -> None:
        self.header = {"config": {"model": model}} if model else {}


@pytest.mark.parametrize(
    ("model", "mu", "labels"),
    [
        ({}, 0.8, DistanceLabels),
        ({"offline": "none"}, 1.0, DistanceLabels),
        ({"offline": "ofr", "online": "none"}, 0.8, None),
        ({"offline": "none", "online": "onc5s"}, 1.0, AnchorLabels),
    ],
)
def test_a_compact_tracker_knows_its_modalities_by_the_header(model: dict[str, str], mu: float, labels: Any) -> None:
    one = card("compact-duml")
    config = one.assemble(Header(**model), one.config).config
    assert config.localizer.score.mu == mu
    assert type(config.learner and config.learner.labels) is (labels or type(None))
    if labels is AnchorLabels:
        assert config.learner.labels.shapes[2] == (64.0, 64.0)
        assert (config.learner.labels.stride, config.learner.labels.first) == (16.0, 8.0)


def needs_torch() -> None:
    pytest.importorskip("torch", reason="needs the torch extra")
    pytest.importorskip("safetensors", reason="needs the torch extra")


@pytest.mark.parametrize(("name", "modalities"), PAIRS.items())
def test_networks_have_the_parts_of_their_modalities(name: str, modalities: tuple[str, str]) -> None:
    needs_torch()
    import torch

    scores = {"ofc5s": 5, "ofc1s": 1, "ofr": 1, "none": 0}[modalities[0]]
    filters = {"onc5s": 5, "onc1s": 1, "onr": 1, "none": 0}[modalities[1]]
    with torch.device("meta"):
        module: Any = lockon.zoo.build(name, layers=(2,), channels=8).to("meta").eval()
        template = module.encode(torch.empty(1, 3, 127, 127))
        out = module(template, torch.empty(1, 3, 255, 255))
    assert len(template.features) == 1 + bool(filters)
    assert (out.logits.shape, out.quality.shape) == ((1, 3125), (1, 3125))
    assert ("localization" in out.extras) == bool(scores)
    assert not scores or out.extras["localization"].shape == (1, scores * 625)
    assert not filters or (template.features[-1].shape[1], out.extras["features"].shape) == (filters, (1, 8, 31, 31))


def test_online_labels_and_masks_begin_with_the_published_ones_at_twice_the_cells() -> None:
    needs_torch()
    for name, changes, step, cells in (("duml", {"layers": (2,)}, 0.9, 2), ("compact-duml", {}, 0.0, 1)):
        numbers = lockon.zoo.build(name, **changes).optimizer.numbers()
        assert numbers["log_step_length"].item() == pytest.approx(step)
        label, mask = numbers["label_map"][10 * cells].item(), numbers["target_mask"][20 * cells].item()
        assert (label, mask) == (pytest.approx(np.exp(-0.5), abs=1e-4), pytest.approx(0, abs=1e-5))


def saved(one: Card, folder: Path, **model: Any) -> Path:
    import torch

    torch.manual_seed(0)
    path = folder / f"{one.name}.safetensors"
    lockon.zoo.save(one.name, lockon.zoo.build(one.name, **model).state_dict(), path, **model)
    return path


def test_the_larger_search_crop_is_a_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """319 pixels for NFS30, UAV123 and LaSOT (Appendix A): the weights are those of 255, the window shows as much more."""
    needs_torch()
    from miniatures import make_backbones_shallow

    make_backbones_shallow(monkeypatch)
    weights = saved(card("duml"), tmp_path, layers=(2,), channels=8)
    usual, large = lockon.load("duml", weights), lockon.load("duml", weights, preset="search319")
    assert (usual.model.search_size, large.model.search_size) == (255, 319)
    assert (usual.config.search_crop.factor, large.config.search_crop.factor) == (255 / 127, 319 / 127)
    assert large.model.header["config"]["model"]["search_size"] == 319
    assert lockon.load("duml", weights, **{"model.search_size": 287}).config.search_crop.factor == 287 / 127
    with pytest.raises(LockonError, match="search_size=300 given"):
        lockon.load("duml", weights, **{"model.search_size": 300})
    frame = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    large.init(frame, (30, 30, 24, 20))
    assert np.isfinite(large.track(frame).box).all()


def test_files_of_one_crop_size_refuse_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lockon.zoo import networks

    header = {"architecture": "duml", "config": {"model": {"search_size": 255}}}
    monkeypatch.setattr(networks, "load_model", lambda path, device: SimpleNamespace(header=header))
    path = tmp_path / "duml.onnx"
    assert networks.open_model("duml", path, "cpu", {"search_size": 255})[1] == header
    with pytest.raises(LockonError, match=r"duml\.onnx was not exported with search_size=319, .* give .safetensors weights"):
        networks.open_model("duml", path, "cpu", {"search_size": 319})
