"""RTrack's cards: sizes, schedules, tokens, options, and a run that learns, stops, goes on and tracks."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("safetensors", reason="needs the torch extra")

from miniatures import small  # noqa: E402
from rich.console import Console  # noqa: E402

import lockon  # noqa: E402
from lockon.config import apply_overrides  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.models.point_choices import GridStart, Moment, PartialMinMax  # noqa: E402
from lockon.train.assigners.max_iou import MaxIoUAssigner  # noqa: E402
from lockon.train.assigners.one_to_many import OneToManyAssigner, Variance  # noqa: E402
from lockon.train.assigners.one_to_one import OneToOneAssigner  # noqa: E402
from lockon.train.assigners.overlaps import CenterDistance, OwnBoxes  # noqa: E402
from lockon.train.assigners.peak import PeakAssigner  # noqa: E402
from lockon.train.engine import Engine  # noqa: E402
from lockon.train.keep_schedules import AlternateKeep  # noqa: E402
from lockon.train.losses.affinity import Pearson, PrintedProduct, PrintedRoot  # noqa: E402
from lockon.train.losses.soft_targets import OneHotTarget, PositivesGaussian  # noqa: E402
from lockon.train.recipe import Recipe  # noqa: E402
from lockon.zoo import networks  # noqa: E402
from lockon.zoo.loading import inference_config  # noqa: E402
from lockon.zoo.recipe_config import full_config  # noqa: E402
from lockon.zoo.registry import card  # noqa: E402
from lockon.zoo.rtrack import CARDS  # noqa: E402
from lockon.zoo.training import recipe  # noqa: E402
from lockon.zoo.training_data import TrainSources  # noqa: E402
from tiny_training_data import make_stills  # noqa: E402

SMALL = {f"model.{name}": value for name, value in small(card("rtrack256")).items()} | {"model.elimination.blocks": (0, 1)}


@pytest.mark.parametrize(("name", "positions"), [("rtrack256", 64 + 256), ("rtrack384", 144 + 576)])
def test_sizes(name: str, positions: int) -> None:
    """ViT-B has 85,798,656 with the positions and the class token of 224 pixels (151,296 + 768), the head 7,680,549."""
    with torch.device("meta"):
        model = networks.build(name)
    assert sum(parameter.numel() for parameter in model.parameters()) == 85_798_656 - 151_296 - 768 + positions * 768 + 7_680_549


@pytest.mark.parametrize(
    ("name", "experiment", "epochs", "decay"),
    [
        ("rtrack256", "got10k", 35, 28),
        ("rtrack384", "got10k", 60, 48),
        ("rtrack256", "default", 100, 80),
        ("rtrack384", "default", 300, 240),
    ],
)
def test_schedules_of_the_paper(name: str, experiment: str, epochs: int, decay: int) -> None:
    run = card(name).experiments()[experiment]  # type: ignore[misc]
    train = run.train
    assert (train.epochs, train.pairs_per_epoch, train.batch_size, train.gradients.accumulate) == (epochs, 60_000, 64, 1)
    assert train.resolved().steps == epochs * 937
    rates = [train.optimizer.learning_rate * train.schedule.factor(epoch * 937, epochs * 937, epochs) for epoch in (0, decay - 1, decay)]
    assert rates == pytest.approx([1.5e-4, 1.5e-4, 1.5e-5])
    assert (train.optimizer.backbone_multiplier, train.optimizer.weight_decay, train.gradients.clip_norm) == (0.1, 1e-4, 0.1)
    assert run.keep == AlternateKeep()
    assert [run.keep.ratio(epoch * 937, epochs * 937, epochs) for epoch in range(4)] == [1, 0.7, 1, 0.7]
    weights = {term: getattr(run.loss, term).weight for term in ("cls", "init", "box", "affinity", "hard", "rank_cls", "ranking")}
    assert weights == {"cls": 2, "init": 1, "box": 2, "affinity": 0.5, "hard": 0, "rank_cls": 0, "ranking": 0}
    assert (run.datasets == ("GOT10k_train",)) == (run.protocol == "got10k") == (experiment == "got10k")
    assert run.data.clip


@pytest.mark.parametrize(
    ("settings", "find", "expected"),
    [
        ({"assigner.spread": "variance"}, lambda c: c.assigner, OneToManyAssigner(spread=Variance())),
        ({"loss.affinity.correlation": "pearson"}, lambda c: c.loss.affinity.correlation, Pearson()),
        ({"loss.affinity.correlation": "printed-product"}, lambda c: c.loss.affinity.correlation, PrintedProduct()),
        ({"loss.affinity.correlation": "printed-root"}, lambda c: c.loss.affinity.correlation, PrintedRoot()),
        ({"loss.cls.target": "one-hot-target"}, lambda c: c.loss.cls.target, OneHotTarget()),
        ({"loss.cls.target": "positives-gaussian"}, lambda c: c.loss.cls.target, PositivesGaussian()),
        ({"assigner": "peak-assigner"}, lambda c: c.assigner, PeakAssigner()),
        ({"assigner": "one-to-one-assigner"}, lambda c: c.assigner, OneToOneAssigner(by=OneToOneAssigner().by)),
        ({"assigner": "max-iou-assigner"}, lambda c: c.assigner, MaxIoUAssigner()),
        ({"assigner.boxes": "own-boxes"}, lambda c: c.assigner, OneToManyAssigner(boxes=OwnBoxes())),
        ({"train.optimizer.multipliers": "()"}, lambda c: c.train.optimizer.multipliers, ()),
        ({"keep.by": "batch", "keep.first": "sparse"}, lambda c: c.keep, AlternateKeep(by="batch", first="sparse")),
        ({"keep": "none"}, lambda c: c.keep, None),
        ({"model.elimination.keep": "1"}, lambda c: c.model.elimination.keep, 1.0),
        ({"model.head.norm": "batch", "model.head.widths": "256,128,64,32"}, lambda c: c.model.head.widths, (256, 128, 64, 32)),
        ({"model.head.boxes": "moment"}, lambda c: c.model.head.boxes, Moment()),
        ({"model.head.boxes": "partial-min-max"}, lambda c: c.model.head.boxes, PartialMinMax()),
        ({"model.head.start": "grid-start"}, lambda c: c.model.head.start, GridStart()),
        ({"model.head.points": "49"}, lambda c: c.model.head.side, 7),
        ({"assigner.candidates": "center-distance"}, lambda c: c.assigner.candidates, CenterDistance(k=16)),
        ({"assigner.candidates": "center-distance", "assigner.candidates.k": "12"}, lambda c: c.assigner.candidates, CenterDistance()),
        ({"loss.affinity.scope": "image"}, lambda c: c.loss.affinity.scope, "image"),
        ({"loss.cls.divide_by": "none"}, lambda c: c.loss.cls.divide_by, "none"),
        ({"model.head.point_offset": "0"}, lambda c: c.model.head.grid(16, 16).points()[1].tolist(), [16, 0]),
    ],
)
def test_every_choice_that_the_paper_leaves_open_is_a_setting(settings, find, expected) -> None:
    one = card("rtrack256")
    assert find(full_config(one, one.experiments()["default"], settings)) == expected  # type: ignore[misc]


def test_window_can_be_left_out() -> None:
    ranked = inference_config(card("rtrack256"), "no-window").localizer.rank(np.arange(16.0)[None], 1)
    assert ranked.tolist() == [list(range(16))]


def test_other_heads_do_not_fit() -> None:
    with pytest.raises(LockonError):
        apply_overrides(CARDS[0].model, {"head": "center-boxes"})


def test_all_tokens_in_tracking_need_no_other_weights() -> None:
    """With `elimination.keep` 1 the network is that which `keep=1` makes of the sparse one."""
    torch.manual_seed(0)
    sparse = lockon.zoo.build("rtrack256", **small(card("rtrack256"))).eval()
    dense = lockon.zoo.build("rtrack256", **small(card("rtrack256")), **{"elimination.keep": 1.0}).eval()
    dense.load_state_dict(sparse.state_dict())
    template, search = torch.rand(2, 3, 32, 32) * 255, torch.rand(2, 3, 64, 64) * 255
    with torch.no_grad():
        by_argument = sparse(sparse.encode(template), search, keep=1.0)
        by_weights = dense(dense.encode(template), search)
        eliminated = sparse(sparse.encode(template), search)
    torch.testing.assert_close(by_argument.boxes, by_weights.boxes)
    assert not torch.equal(eliminated.logits, by_weights.logits)


class Repeated:
    def __init__(self, samples) -> None:
        self.samples = samples

    def sample(self, index: int):
        return self.samples[index % len(self.samples)]


def make_run(stills: Path, settings: dict[str, object] | None = None, name: str = "rtrack256") -> Recipe:
    """A run on the same two pairs; the small network has no pretrained weights, so it learns fast all over."""
    changes = {
        "train.batch_size": 2,
        "train.steps": 6,
        "train.optimizer.learning_rate": 1e-2,
        "train.optimizer.backbone_multiplier": 1.0,
        "train.optimizer.multipliers": (),
        "train.machine.workers": 0,
        "train.output.log_every": 1,
        "train.output.save_every": 2,
        "train.machine.threads": 1,
    }
    made = recipe(TrainSources(stills=stills), {**SMALL, **changes, **(settings or {})}, name)
    samples = [made.pipeline.sample(index) for index in range(2)]
    return Recipe(**{**vars(made), "pipeline": Repeated(samples)})


@pytest.fixture(scope="module")
def stills(tmp_path_factory) -> Path:
    return make_stills(tmp_path_factory.mktemp("stills"))


def fit(made: Recipe, run: Path, *, resume: bool = False) -> list[dict[str, float]]:
    Engine(made, run, device="cpu", resume=resume, console=Console(quiet=True)).fit()
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_a_run_learns_and_tracks(stills: Path, tmp_path: Path) -> None:
    lines = fit(make_run(stills, {"train.steps": 20}), tmp_path / "run")
    assert lines[-1]["loss"] < 0.9 * lines[0]["loss"]
    assert {"cls", "init", "box", "affinity", "iou"} <= set(lines[-1])
    assert all(np.isfinite(line["loss"]) for line in lines)
    tracker = lockon.load("rtrack256", weights=tmp_path / "run" / "last.safetensors")
    frame = cv2.imread(str(stills / "cats" / "images" / "0.png"))
    tracker.init(frame, (40, 30, 50, 40))
    result = tracker.track(frame)
    assert np.isfinite(result.box).all()
    assert 0 <= result.score <= 1


def test_a_run_goes_on_exactly(stills: Path, tmp_path: Path) -> None:
    """Epochs of dense and of sparse tokens stay in step: the whole run and the stopped one give the same weights."""
    import os
    import signal

    settings = {"train.epochs": 6}
    whole = fit(make_run(stills, settings), tmp_path / "whole")
    made = make_run(stills, settings)
    on_step = made.task.on_step
    made.task.on_step = lambda step: (on_step(step), os.kill(os.getpid(), signal.SIGINT) if step == 2 else None)  # type: ignore[attr-defined]
    fit(made, tmp_path / "stopped")
    again = fit(make_run(stills, settings), tmp_path / "stopped", resume=True)
    assert [line["loss"] for line in again] == [line["loss"] for line in whole]


@pytest.mark.parametrize(
    "settings",
    [
        {"assigner": "one-to-one-assigner"},
        {"assigner": "peak-assigner", "loss.cls.target": "one-hot-target"},
        {"assigner": "max-iou-assigner", "loss.affinity.scope": "image", "loss.affinity.correlation": "pearson"},
        {"assigner.candidates": "center-distance", "assigner.boxes": "own-boxes", "assigner.spread": "variance"},
        {"loss.cls.target": "positives-gaussian", "loss.affinity.members": "all", "loss.affinity.correlation": "printed-root"},
        {"model.head.points": 16, "model.head.boxes": "moment", "model.head.start": "grid-start", "loss.rank_cls.weight": 0.5},
        {"keep.by": "batch", "keep.first": "sparse", "loss.cls": "dynamic-labels", "loss.ranking.weight": 0.25},
    ],
)
def test_other_readings_learn_too(stills: Path, settings, tmp_path: Path) -> None:
    lines = fit(make_run(stills, {**settings, "train.steps": 2}), tmp_path / "run")
    assert all(np.isfinite(line["loss"]) for line in lines)
