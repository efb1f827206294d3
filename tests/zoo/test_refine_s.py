"""refine-s: the network, what a run of it takes, refuses and leaves behind."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning_fabric", reason="needs the train extra")

from rich.console import Console  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

import lockon  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.models.heads.corner import CornerHead  # noqa: E402
from lockon.train.engine import Engine  # noqa: E402
from lockon.train.recipe import Recipe, TrainSources  # noqa: E402
from lockon.zoo.recipe_config import GROUPS  # noqa: E402
from lockon.zoo.refine_s import RefineSConfig, build  # noqa: E402
from lockon.zoo.training import recipe  # noqa: E402
from tiny_training_data import make_stills, make_validation  # noqa: E402

SMALL = {
    "train.batch_size": "2",
    "train.machine.workers": "0",
    "train.steps": "4",
    "train.output.log_every": "1",
    "train.machine.threads": "1",
    "train.machine.precision": "fp32",
    "model.size": "64",
    "model.hidden": "16",
    "model.width": "16",
    "model.channels": "16",
}


def small(**changes: Any) -> RefineSConfig:
    return RefineSConfig(**{"size": 64, "hidden": 16, "width": 16, "channels": 16, **changes})


def images(count: int = 2, size: int = 64, seed: int = 0):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 255


def test_it_is_small() -> None:
    model = build(RefineSConfig())
    count = sum(parameter.numel() for parameter in model.parameters())
    assert 1_000_000 < count < 1_500_000
    assert (model.template_size, model.search_size) == (192, 192)


@pytest.mark.parametrize("fusion", ["pixelwise", "depthwise", "naive"])
@pytest.mark.parametrize("head", ["corner", "rpn", "rcnn"])
@pytest.mark.parametrize("mask", [True, False])
def test_every_combination(fusion: str, head: str, mask: bool) -> None:
    torch.manual_seed(0)
    model = build(small(fusion=fusion, head=head, mask=mask)).eval()
    with torch.no_grad():
        template = model.encode(images())
        found = model(template, images(seed=1))
    assert template.features[0].shape == (2, 112, 2, 2)
    assert found.logits.shape == (2, 1)
    assert found.boxes.shape == (2, 1, 4)
    assert found.boxes.isfinite().all()
    assert model.reference == ("crop" if fusion == "pixelwise" else "prroi")
    if mask:
        assert model.mask(found.extras).shape == (2, 64, 64)
    assert (model.mask_inputs == ()) == (not mask)


@pytest.mark.parametrize("head", ["corner", "rcnn"])
def test_the_first_boxes_are_in_the_middle(head: str) -> None:
    torch.manual_seed(0)
    model = build(RefineSConfig(head=head)).eval()
    with torch.no_grad():
        boxes = model(model.encode(images(size=192)), images(size=192, seed=1)).boxes[:, 0]
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    torch.testing.assert_close(middle, torch.full((2, 2), 96.0), atol=3, rtol=0)


def test_corners_may_be_anywhere_but_in_the_rim() -> None:
    head = build(RefineSConfig()).head
    assert isinstance(head, CornerHead)
    assert (head.places[0].item(), head.places[-1].item()) == (8, 184)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 100}, "size=100 given, expected a multiple of 32"),
        ({"size": 32}, "size=32 given"),
        ({"hidden": 12}, "hidden=12 given, expected a multiple of 8"),
        ({"width": 2}, "width, channels, laterals and decoder must be 4 or more"),
        ({"decoder": (2, 8, 8)}, "width, channels, laterals and decoder must be 4 or more"),
    ],
)
def test_bad_networks(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        RefineSConfig(**changes)


@pytest.fixture
def sources(tmp_path: Path) -> TrainSources:
    make_stills(tmp_path / "data")
    return TrainSources.find(tmp_path / "data")


def make(sources: TrainSources, **settings: str) -> Recipe:
    return recipe(sources, {**SMALL, **settings}, "refine-s")


def test_what_a_run_says_of_itself(sources: TrainSources, tmp_path: Path) -> None:
    made = make(sources)
    assert made.header["architecture"] == "refine-s"
    assert made.header["config"]["model"]["size"] == 64
    assert made.header["tracker"] == {}
    assert made.header["data"]["stills"] == ["cats", "dogs"]
    assert set(made.settings) == set(made.defaults) == set(GROUPS)
    assert made.validate is None
    assert make(sources, **{"data.official": "true"}).header["tracker"] == {"crop": {"pixel_centers": True}}
    make_validation(tmp_path / "data")
    watched = make(TrainSources.find(tmp_path / "data"))
    assert watched.validate is not None
    figures = watched.validate(watched.task.module.eval())
    assert watched.config.output.best_metric in figures
    assert 0.3 < figures["given"] < 0.9


def test_samples_fit_the_network(sources: TrainSources) -> None:
    """The network's size and mask head decide those of the samples."""
    sample = make(sources).pipeline.sample(0)
    assert sample["search"].shape == (64, 64, 3)
    assert sample["mask"].shape == (64, 64)
    assert "mask" not in make(sources, **{"model.mask": "false"}).pipeline.sample(0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mix.negative": "0.1"}, "this run learns nothing from negative samples"),
        ({"backbone_weights": "nowhere.pth"}, "backbone weights nowhere.pth do not exist"),
        ({"model.head": "anchors"}, "model.head"),
        (
            {"loss.confidence.weight": "1"},
            "given for a head that makes no confidence; set loss.confidence.weight=0, or take another loss or head",
        ),
    ],
)
def test_refused(sources: TrainSources, settings: dict[str, str], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        make(sources, **settings)


def test_backbone_weights(sources: TrainSources, tmp_path: Path) -> None:
    """Weights under the published names of timm are those of the backbone afterwards; those of another network are refused."""
    torch.manual_seed(1)
    trunk = build(small()).backbone
    own = {f"stages.{name}": value for name, value in trunk.stages.state_dict().items()}
    stem = {name.replace("stages.0.0.0", "conv_stem").replace("stages.0.0.1", "bn1"): value for name, value in own.items()}
    file = tmp_path / "stem.safetensors"
    save_file({name: value.contiguous() for name, value in stem.items() if name.startswith(("conv_stem", "bn1"))}, str(file))
    with pytest.raises(LockonError, match="does not hold weights of efficientnet-lite0"):
        make(sources, backbone_weights=str(file))


class Few:
    """The first samples of a pipeline over and over: on so few pairs a loss that falls cannot be chance."""

    def __init__(self, pipeline: Any, count: int) -> None:
        self.samples = [pipeline.sample(index) for index in range(count)]

    def sample(self, index: int) -> dict[str, Any]:
        return self.samples[index % len(self.samples)]


def few(sources: TrainSources, **settings: str) -> Recipe:
    made = make(
        sources,
        **{"train.steps": "20", "train.optimizer.learning_rate": "1e-2", "train.schedule.warmup_steps": "2", "mix.videos": "0", **settings},
    )
    return Recipe(**{**vars(made), "pipeline": Few(made.pipeline, 2)})


def losses(run: Path) -> list[float]:
    records = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    return [record["loss"] for record in records if record["kind"] == "train"]


@pytest.mark.slow
def test_twenty_steps_interrupted_and_resumed(sources: TrainSources, tmp_path: Path) -> None:
    quiet = Console(quiet=True)
    first = few(sources)
    first.task.on_step = lambda step: os.kill(os.getpid(), signal.SIGINT) if step == 9 else None  # type: ignore[attr-defined]
    outcome = Engine(first, tmp_path / "run", device="cpu", console=quiet).fit()
    assert (outcome.status, outcome.state.step) == ("interrupted", 10)
    outcome = Engine(few(sources), tmp_path / "run", device="cpu", resume=True, console=quiet).fit()
    assert outcome.status == "finished"
    resumed = losses(tmp_path / "run")
    assert np.mean(resumed[-2:]) < 0.9 * np.mean(resumed[:2])
    Engine(few(sources), tmp_path / "whole", device="cpu", console=quiet).fit()
    np.testing.assert_allclose(resumed, losses(tmp_path / "whole"), rtol=1e-5)
    refiner = lockon.load_refiner("refine-s", weights=tmp_path / "run" / "last.safetensors")
    frame = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    refiner.init(frame, (40, 30, 50, 40))
    assert np.isfinite(refiner.refine(frame, (42, 31, 48, 44), mask=True).box).all()
