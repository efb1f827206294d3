"""Training runs of Alpha-Refine on a few made images: the published numbers, what they take, refuse and leave behind."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning_fabric", reason="needs the train extra")

from rich.console import Console  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from lockon.data.samples.appearance import Appearance  # noqa: E402
from lockon.data.samples.frames import NearPair  # noqa: E402
from lockon.data.samples.placement import BoxJitter  # noqa: E402
from lockon.data.samples.pools import DatasetSampling  # noqa: E402
from lockon.data.tracks import Track, TrackSet  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.models.backbones.resnet import ResNet  # noqa: E402
from lockon.train.checkpoint import read_weights  # noqa: E402
from lockon.train.engine import Engine  # noqa: E402
from lockon.train.optim import AdamW  # noqa: E402
from lockon.train.recipe import Recipe, TrainSources  # noqa: E402
from lockon.zoo.refine_training import SAMPLINGS, draw_pairs  # noqa: E402
from lockon.zoo.registry import card  # noqa: E402
from lockon.zoo.training import recipe  # noqa: E402
from tiny_training_data import make_stills  # noqa: E402

SMALL = {
    "train.batch_size": "2",
    "train.gradients.accumulate": "1",
    "train.machine.workers": "0",
    "train.steps": "4",
    "train.output.log_every": "1",
    "train.machine.threads": "1",
    "model.size": "64",
}
NAMES = ("alpha-refine-r18", "alpha-refine-r34", "alpha-refine-r50")


@pytest.fixture
def sources(tmp_path: Path) -> TrainSources:
    make_stills(tmp_path / "data")
    return TrainSources.find(tmp_path / "data")


def make(sources: TrainSources, name: str = "alpha-refine-r18", **settings: str) -> Recipe:
    return recipe(sources, {**SMALL, **settings}, name)


@pytest.mark.parametrize("name", NAMES)
def test_published_numbers(name: str) -> None:
    config = card(name).experiments()["default"]
    train = config.train.resolved()
    assert train.steps == 40 * 500
    assert train.batch_size * train.gradients.accumulate == 32 * 8
    assert train.gradients.reduction == "mean"
    assert train.optimizer == AdamW(learning_rate=1e-3, weight_decay=0.0, backbone_multiplier=1.0)
    assert (train.gradients.clip_norm, train.ema_decay, train.unfreeze) == (0, 0, ())
    rates = [train.rate_at(step) / 1e-3 for step in (0, 3999, 4000, 8000, 12000, 16000, 19999)]
    assert rates == [1, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 16]
    assert (config.loss.mse.weight, config.loss.mask.weight, config.loss.confidence.weight) == (1, 1000, 0)
    data = config.data
    assert (data.search, data.reference) == (BoxJitter(scale=0.25, offset=0.25), BoxJitter())
    assert data.official
    assert data.appearance == Appearance(gray=0.05, brightness=0.2)
    assert config.model.train_norms
    weights = {name: SAMPLINGS[name].weight for name in config.datasets}
    assert weights == {"LaSOT_train": 1, "GOT10k_train": 1, "COCO": 1, "VID": 1, "DET": 1, "YouTubeVOS": 2, "saliency": 3}
    without = card(name).experiments()["boxes"]
    assert without.datasets == ("LaSOT_train", "GOT10k_train", "COCO")
    assert not without.model.mask


def test_datasets_are_drawn_by_their_weights() -> None:
    def read(video: str, track: str, frame: int) -> np.ndarray:
        return np.zeros((60, 80, 3), np.uint8)

    sets = [TrackSet.build(name, [Track(name, "00", [0], [[10, 10, 40, 40]])], read) for name in ("COCO", "saliency")]
    draw, _ = draw_pairs(sets, {}, None)
    rng = np.random.default_rng(0)
    counts = Counter(draw.draw(rng).ids.split("/")[0] for _ in range(400))
    assert counts["saliency"] / 400 == pytest.approx(3 / 4, abs=0.07)


def test_ones_own_data_will_do(sources: TrainSources) -> None:
    made = make(sources)
    assert made.notes[0].endswith("is there: training on stills")
    assert "the backbone starts from random weights" in made.notes[-1]
    assert made.header["architecture"] == "alpha-refine-r18"
    assert made.header["tracker"] == {"crop": {"pixel_centers": True}}
    assert make(sources, **{"data.official": "false"}).header["tracker"] == {}
    assert made.settings["datasets"] == ["stills"]
    sample = made.pipeline.sample(0)
    assert sample["search"].shape == (64, 64, 3)
    assert not sample["has_mask"]
    draw = made.pipeline.draw.parts[0][0]  # type: ignore[attr-defined]
    assert draw.rule == NearPair(before=50, after=49)
    assert draw.pool.cache is not None  # few images: decoded once


def test_other_weights(sources: TrainSources) -> None:
    made = make(sources, weights='(("stills",2.0),)')
    draw, weight = made.pipeline.draw.parts[0]  # type: ignore[attr-defined]
    assert (draw.pool.sampling, weight) == (DatasetSampling("stills", gap=50, weight=2.0), 2.0)
    with pytest.raises(LockonError, match="a weight for COCO, which this run does not use; it uses stills"):
        make(sources, weights='(("COCO",2.0),)')
    with pytest.raises(LockonError, match=r"stills: weight 0\.0"):
        make(sources, weights='(("stills",0),)')


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"experiment": "masks"}, "experiment of alpha-refine-r18"),
        ({"datasets": "COCO"}, "COCO not found under .*--set datasets=stills"),
        ({"protocol": "got10k"}, "LaSOT_train.* may not be used"),
        ({"backbone_weights": "nowhere.pth"}, "backbone weights nowhere.pth do not exist"),
        ({"data.search.offset": "-1"}, "offset=-1"),
    ],
)
def test_refused(sources: TrainSources, settings: dict[str, str], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        make(sources, **settings)


def test_backbone_weights(sources: TrainSources, tmp_path: Path) -> None:
    torch.manual_seed(3)
    weights = ResNet(18, (4,)).state_dict()
    save_file({**weights, "fc.bias": torch.zeros(1000)}, str(tmp_path / "resnet18.safetensors"))
    made = make(sources, backbone_weights=str(tmp_path / "resnet18.safetensors"))
    own = made.task.module.backbone.state_dict()  # type: ignore[union-attr]
    assert all(torch.equal(own[name], weights[name]) for name in own)


class Few:
    """The first samples of a pipeline over and over: on so few pairs a loss that falls cannot be chance."""

    def __init__(self, pipeline: Any, count: int) -> None:
        self.samples = [pipeline.sample(index) for index in range(count)]

    def sample(self, index: int) -> dict[str, Any]:
        return self.samples[index % len(self.samples)]


def few(sources: TrainSources) -> Recipe:
    made = make(sources, **{"train.steps": "20"})
    return Recipe(**{**vars(made), "pipeline": Few(made.pipeline, 2)})


@pytest.mark.slow
def test_twenty_steps_interrupted_and_resumed(sources: TrainSources, tmp_path: Path) -> None:
    quiet, run = Console(quiet=True), tmp_path / "run"
    first = few(sources)
    first.task.on_step = lambda step: os.kill(os.getpid(), signal.SIGINT) if step == 9 else None  # type: ignore[attr-defined]
    outcome = Engine(first, run, device="cpu", console=quiet).fit()
    assert (outcome.status, outcome.state.step) == ("interrupted", 10)
    outcome = Engine(few(sources), run, device="cpu", resume=True, console=quiet).fit()
    assert outcome.status == "finished"
    records = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    losses = [record["loss"] for record in records if record["kind"] == "train"]
    assert len(losses) == 20
    assert np.mean(losses[-4:]) < 0.8 * np.mean(losses[:4])
    assert read_weights(run / "last.safetensors")[1]["training"]["step"] == 20
