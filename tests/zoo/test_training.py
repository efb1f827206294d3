"""Training runs of the SiamRPN++ family on a few made images: what they take, refuse and leave behind."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning_fabric", reason="needs the train extra")

from rich.console import Console  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

import lockon  # noqa: E402
from lockon.data.sequence import LazyList, VideoSequence  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.models.backbones.resnet import DilatedResNet50  # noqa: E402
from lockon.train.checkpoint import read_weights  # noqa: E402
from lockon.train.engine import Engine  # noqa: E402
from lockon.train.recipe import Recipe, TrainSources  # noqa: E402
from lockon.zoo import siampw  # noqa: E402
from lockon.zoo.training import recipe  # noqa: E402

SMALL = {
    "train.batch_size": "2",
    "train.gradients.accumulate": "1",
    "train.machine.workers": "0",
    "train.steps": "3",
    "train.output.log_every": "1",
}


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    """Three images with one object each, in a folder `train`."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data" / "train" / "cats"
    (folder / "images").mkdir(parents=True)
    lines = []
    for i in range(3):
        cv2.imwrite(str(folder / f"images/{i}.png"), rng.integers(0, 256, (120, 160, 3), dtype=np.uint8))
        box = [40 + i, 30, 50, 40]
        lines.append({"image": f"images/{i}.png", "width": 160, "height": 120, "objects": [{"id": 0, "class": "cat", "box": box}]})
    (folder / "annotations.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path / "data" / "train"


def add_coco(root: Path) -> Path:
    """One image with one object in COCO's layout."""
    (root / "annotations").mkdir(parents=True)
    (root / "train2017").mkdir()
    cv2.imwrite(str(root / "train2017" / "1.jpg"), np.full((60, 80, 3), 90, np.uint8))
    content = {"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [{"image_id": 1, "bbox": [10, 10, 30, 20]}]}
    (root / "annotations" / "instances_train2017.json").write_text(json.dumps(content))
    return root


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mistakes in the data must be found before a network is built."""

    def build(config: Any) -> None:
        raise AssertionError("a network was built")

    monkeypatch.setattr("lockon.zoo.siampw.CARDS", tuple(replace(one, build=build) for one in siampw.CARDS))


def test_own_images_take_the_place_of_datasets_that_are_not_there(stills: Path) -> None:
    made = recipe(TrainSources.find(stills.parent), {**SMALL, "data.negative": "0"}, "siampw-r50-rbo")
    assert made.notes[0].endswith("GOT10k_train, LaSOT_train is there: training on stills")
    assert "the backbone starts from random weights" in made.notes[-1]
    assert made.settings["datasets"] == ["stills"]
    assert made.header["architecture"] == "siampw-r50-rbo"
    assert made.header["data"] == {"stills": "3 videos or images, 3 boxes"}
    json.dumps([made.header, made.settings, made.defaults])  # they go into files
    sample = made.pipeline.sample(0)
    assert (sample["template"].shape, sample["search"].shape) == ((127, 127, 3), (255, 255, 3))


def test_a_dataset_in_the_root_or_elsewhere(stills: Path, tmp_path: Path) -> None:
    add_coco(stills.parent / "coco")
    made = recipe(TrainSources.find(stills.parent), {**SMALL, "datasets": "COCO"}, "siampw-r50")
    assert made.settings["datasets"] == ["COCO"]
    assert made.notes == ("the backbone starts from random weights; give published ones by --set backbone_weights=FILE",)
    elsewhere = TrainSources.find(None, stills=stills, sets=[f"ms-coco:{add_coco(tmp_path / 'other')}"])
    made = recipe(elsewhere, {**SMALL, "datasets": "coco,stills"}, "siampw-r50")
    assert made.settings["datasets"] == ["COCO", "stills"]


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"datasets": "COCO,DET"}, r"DET not found under .*data; add the data, .*--data NAME:FOLDER, or train on .*--set datasets=COCO$"),
        ({}, r"VID, YTBB, DET, GOT10k_train, LaSOT_train not found under .*--set datasets=COCO$"),
        ({"datasets": "DET"}, r"DET not found .*--set datasets=stills$"),
        ({"experiment": "got10k"}, r"GOT10k_train not found under .*by --data NAME:FOLDER$"),
        ({"protocol": "got10k"}, r"GOT-10k's one-shot protocol trains on GOT10k_train alone: COCO, .* may not be used"),
        ({"protocol": "got10k", "datasets": "COCO"}, r"GOT-10k's one-shot protocol trains on GOT10k_train alone: COCO may not be used"),
        ({"datasets": "OTB100"}, r"OTB100 serves validation and tests and never trains"),
        ({"datasets": "KOKO"}, r"unknown training set 'KOKO'"),
        ({"experiment": "otb"}, r"unknown experiment of siampw-r50-rbo 'otb'"),
        ({"loss.ranking.gama": "5"}, r"unknown option 'loss.ranking.gama'"),
        ({"data.search.size": "287"}, r"model.search_size is 255 but data.search.size is 287"),
    ],
)
def test_mistakes_come_before_a_network_is_built(stills: Path, overrides: dict[str, str], message: str) -> None:
    add_coco(stills.parent / "COCO")
    with pytest.raises(LockonError, match=message):
        recipe(TrainSources.find(stills.parent), {**SMALL, **overrides}, "siampw-r50-rbo")


def test_backbone_weights_come_from_a_whole_tracker_and_may_end_early(stills: Path, tmp_path: Path) -> None:
    trunk = DilatedResNet50(layers=(2,))
    path = tmp_path / "tracker.safetensors"
    save_file({f"backbone.{name}": torch.rand_like(value.float()).to(value.dtype) for name, value in trunk.state_dict().items()}, path)
    sources = TrainSources(stills=stills)
    made = recipe(sources, {**SMALL, "backbone_weights": str(path)}, "siampw-r50")
    assert made.notes[-1] == f"{path} has no layer3: it starts from random weights"
    name = "layer2.3.conv3.weight"
    assert torch.equal(made.task.module.backbone.state_dict()[name], load_file(path)[f"backbone.{name}"])  # type: ignore[union-attr]
    with pytest.raises(LockonError, match=r"backbone weights nowhere.pth do not exist"):
        recipe(sources, {**SMALL, "backbone_weights": "nowhere.pth"}, "siampw-r50")


def test_validation_tracks_the_given_videos(stills: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    video = VideoSequence(
        "one", "made", LazyList([Path(str(index)) for index in range(3)], lambda _: frame), np.tile([40.0, 30, 30, 20], (3, 1))
    )
    monkeypatch.setattr("lockon.train.recipe.load_videos", lambda folder: [video])
    assert recipe(TrainSources(stills=stills), SMALL, "siamrpn-alexnet").validate is None
    made = recipe(TrainSources(stills=stills, val=(tmp_path,)), SMALL, "siamrpn-alexnet")
    assert made.validate is not None
    with torch.no_grad():
        metrics = made.validate(made.task.module.eval())
    assert set(metrics) == {"AO", "SR50", "SR75"}
    assert 0 <= metrics["AO"] <= 1


def interrupted(made: Recipe, step: int) -> Recipe:
    """The run with a Ctrl-C during its 0-based `step`."""
    made.task.on_step = lambda now: os.kill(os.getpid(), signal.SIGINT) if now == step else None  # type: ignore[attr-defined]
    return made


def train(make: Callable[[], Recipe], run: Path) -> list[float]:
    """Interrupted after its second step, resumed; the losses."""
    console = Console(quiet=True)
    outcome = Engine(interrupted(make(), 1), run, device="cpu", console=console).fit()
    assert (outcome.status, outcome.state.step) == ("interrupted", 2)
    outcome = Engine(make(), run, device="cpu", resume=True, console=console).fit()
    assert (outcome.status, outcome.state.step) == ("finished", 3)
    return [json.loads(line)["loss"] for line in (run / "log.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["siamrpn-alexnet", "siampw-r50-rbo"])
def test_a_run_learns_is_resumed_and_tracks(name: str, stills: Path, tmp_path: Path) -> None:
    """Three steps on the same two pairs; benchmarks/train_recipes.py does twenty with every recipe."""
    small = {} if name == "siamrpn-alexnet" else {"model.search_size": "191", "model.layers": "2", "model.channels": "16"}
    settings = {
        **SMALL,
        **small,
        "train.machine.threads": "1",
        "train.schedule": "cosine-decay",
        "train.schedule.warmup_steps": "0",
        "train.unfreeze": "((0,0),(2,1))",
    }

    def make() -> Recipe:
        made = recipe(TrainSources(stills=stills), {**settings, "data.negative": "0", "data.sets": "()"}, name)
        samples = [made.pipeline.sample(index) for index in range(2)]
        return Recipe(**{**vars(made), "pipeline": Repeated(samples)})

    losses = train(make, tmp_path / "run")
    assert losses[2] < losses[0]
    weights = tmp_path / "run" / "last.safetensors"
    assert read_weights(weights)[1]["training"]["step"] == 3
    tracker = lockon.load(name, weights=weights)
    frame = cv2.imread(str(stills / "cats" / "images" / "0.png"))
    tracker.init(frame, (40, 30, 50, 40))
    result = tracker.track(frame)
    assert np.isfinite(result.box).all()
    assert 0 <= result.score <= 1


class Repeated:
    def __init__(self, samples: list[dict[str, Any]]) -> None:
        self.samples = samples

    def sample(self, index: int) -> dict[str, Any]:
        return self.samples[index % len(self.samples)]
