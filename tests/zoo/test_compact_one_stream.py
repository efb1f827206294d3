"""The compact one-stream networks: what they predict, what they learn, and how they are loaded."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("lightning_fabric", reason="needs the train extra")

from lockon.config import as_json  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.models.choices import CandidateElimination  # noqa: E402
from lockon.studies.rtrack import RTRACK  # noqa: E402
from lockon.train.checkpoint import save_weights  # noqa: E402
from lockon.train.engine import Engine, TrainOutcome  # noqa: E402
from lockon.train.loader import collate  # noqa: E402
from lockon.train.recipe import TrainSources  # noqa: E402
from lockon.zoo import compact_one_stream  # noqa: E402
from lockon.zoo.compact_one_stream import CompactOneStreamConfig, build  # noqa: E402
from lockon.zoo.loading import load  # noqa: E402
from lockon.zoo.training import recipe  # noqa: E402
from tiny_training_data import make_stills  # noqa: E402

CARDS = {one.name: one for one in compact_one_stream.CARDS}
NAMES = tuple(CARDS)
TINY = {"channels": 8, "depth": 2, "heads": 2, "template_size": 64, "search_size": 96}
SETTINGS = {**{f"model.{name}": value for name, value in TINY.items()}, "train.machine.workers": 0}


@pytest.mark.parametrize("name", NAMES)
def test_a_prediction_has_a_candidate_per_token_around_the_middle_of_the_crop(name: str) -> None:
    model = build(replace(CARDS[name].model, **TINY)).eval()
    with torch.no_grad():
        prediction = model(model.encode(torch.rand(2, 3, 64, 64) * 255), torch.rand(2, 3, 96, 96) * 255)
    assert prediction.boxes.shape == (2, 36, 4)
    np.testing.assert_allclose(model.head.candidates.points.mean(0), [48, 48])
    assert model.head.candidates.points.min() == 8
    assert ((prediction.boxes > -96) & (prediction.boxes < 192)).all()


def test_tokens_may_leave() -> None:
    model = build(CompactOneStreamConfig(**TINY, elimination=CandidateElimination(blocks=(0,), keep=0.5))).eval()
    template, search = model.encode(torch.rand(1, 3, 64, 64) * 255), torch.rand(1, 3, 96, 96) * 255
    with torch.no_grad():
        sparse, dense = (model.encoder(template.features[0], model.backbone(search), keep=keep) for keep in (None, 1.0))
    assert (sparse.abs().sum(1) == 0).sum() == 18  # half of the 36 are zeros
    assert (dense.abs().sum(1) > 0).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": 10, "heads": 4}, "channels must be a multiple of heads=4, got 10"),
        ({"depth": 0}, "depth must be 1 or more, got 0"),
        ({"search_size": 100}, "search_size=100 given, expected a multiple of 16"),
        ({"elimination": CandidateElimination(blocks=(4,))}, "expected blocks from 0 to 3: depth=4"),
    ],
)
def test_a_network_that_cannot_be_built_is_one_line(changes: dict[str, object], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        CompactOneStreamConfig(**changes)


def test_recipes_of_both_see_the_samples_of_the_other_compact_trackers(tmp_path: Path) -> None:
    sources = TrainSources(stills=make_stills(tmp_path))
    made = [recipe(sources, SETTINGS, name) for name in NAMES]
    sizes = {"model.channels": 8, "model.template_size": 64, "model.search_size": 96}
    made.append(recipe(sources, sizes, "compact-ban"))
    for one in made:
        assert np.array_equal(one.pipeline.sample(3)["search"], made[0].pipeline.sample(3)["search"])


@pytest.mark.parametrize("variant", RTRACK.variants)
def test_every_row_of_the_study_takes_a_step(variant: str, tmp_path: Path) -> None:
    settings = {**SETTINGS, "model.head.widths": (8,), **RTRACK.variants[variant].settings}
    if variant == "center":
        del settings["model.head.widths"]
    made = recipe(TrainSources(stills=make_stills(tmp_path)), settings, "compact-rtrack")
    losses = made.task.loss(collate([made.pipeline.sample(index) for index in range(2)]))
    losses["loss"].backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert ("affinity" in losses) == ("affinity" in variant)


@pytest.mark.parametrize("variant", ["base", "max-iou", "center"])
def test_a_row_with_other_parts_than_the_recipe_goes_on(variant: str, tmp_path: Path) -> None:
    settings = {**SETTINGS, **RTRACK.variants[variant].settings, "train.steps": 2, "train.output.save_every": 1}
    sources, run = TrainSources(stills=make_stills(tmp_path)), tmp_path / "run"

    def fit(**options: bool) -> TrainOutcome:
        made = recipe(sources, {**settings, "train.batch_size": 2, "train.machine.workers": 0}, "compact-rtrack")
        return Engine(made, run, device="cpu", console=Console(quiet=True), **options).fit()

    fit()
    shutil.rmtree(run / "checkpoints" / "step-000002")
    assert fit(resume=True).status == "finished"


def test_the_row_with_the_head_of_ostrack_is_compact_ostrack(tmp_path: Path) -> None:
    sources = TrainSources(stills=make_stills(tmp_path))
    row = recipe(sources, {**SETTINGS, **RTRACK.variants["center"].settings}, "compact-rtrack")
    other = recipe(sources, SETTINGS, "compact-ostrack")
    assert row.settings == other.settings
    weights = other.task.module.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in row.task.module.state_dict().items())


@pytest.mark.parametrize("name", NAMES)
def test_weights_load_as_their_header_says(name: str, tmp_path: Path) -> None:
    model = build(replace(CARDS[name].model, **TINY))
    path = tmp_path / "weights.safetensors"
    save_weights(model, path, {"architecture": name, "config": {"model": as_json(replace(CARDS[name].model, **TINY))}})
    tracker = load(name, path)
    frame = np.random.default_rng(0).integers(0, 255, (80, 100, 3), dtype=np.uint8)
    tracker.init(frame, (30, 20, 24, 30))
    assert np.isfinite(tracker.track(frame).box).all()
