"""Training runs of the trackers that learn online: their published numbers, and a few real steps of each kind."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning_fabric", reason="needs the train extra")

from rich.console import Console  # noqa: E402

from fake_cards import register  # noqa: E402
from lockon.config import apply_overrides  # noqa: E402
from lockon.data.samples.proposals import MixtureProposals  # noqa: E402
from lockon.data.samples.score_labels import DensityLabel  # noqa: E402
from lockon.data.sequence import LazyList, VideoSequence  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.train.checkpoint import read_weights  # noqa: E402
from lockon.train.engine import Engine  # noqa: E402
from lockon.train.optim import parameter_groups  # noqa: E402
from lockon.train.recipe import Recipe, TrainSources  # noqa: E402
from lockon.zoo import atom, dimp  # noqa: E402
from lockon.zoo.card import Card  # noqa: E402
from lockon.zoo.training import recipe  # noqa: E402

CARDS = {one.name: one for one in (*dimp.CARDS, *atom.CARDS)}
NETWORKS = {**dimp.NETWORKS, **atom.NETWORKS}
SMALL = {
    "train.batch_size": "2",
    "train.machine.workers": "0",
    "train.steps": "4",
    "train.output.log_every": "1",
    "data.size": "64",
    "data.proposals.count": "4",
}


@pytest.fixture
def stills(tmp_path: Path) -> TrainSources:
    """Three images with one object each; one image gives all frames of a sample."""
    rng, folder, lines = np.random.default_rng(0), tmp_path / "train" / "cats", []
    (folder / "images").mkdir(parents=True)
    for number in range(3):
        image = rng.integers(0, 120, (120, 160, 3), dtype=np.uint8)
        image[40:75, 40 + number : 85 + number] = 220
        cv2.imwrite(str(folder / f"images/{number}.png"), image)
        objects = [{"id": 0, "class": "cat", "box": [40 + number, 40, 45, 35]}]
        lines.append(json.dumps({"image": f"images/{number}.png", "width": 160, "height": 120, "objects": objects}))
    (folder / "annotations.jsonl").write_text("\n".join(lines))
    return TrainSources(stills=tmp_path / "train")


def card_of(monkeypatch: pytest.MonkeyPatch, name: str) -> str:
    family = atom if name == "atom" else dimp
    made = Card(
        name=f"{name}-of-a-test",
        summary="",
        model=NETWORKS[name],
        build=family.build,
        experiments=CARDS[name].experiments,
    )
    return register(monkeypatch, made)


@pytest.mark.parametrize(
    ("name", "batch", "samples", "crop", "rates"),
    [
        ("dimp18", 26, 26_000, (288, 5.0), (5e-5, 5e-4, 5e-5, 1e-3, 2e-4)),
        ("dimp50", 10, 26_000, (288, 5.0), (5e-5, 5e-4, 5e-5, 2e-4, 2e-5)),
        ("prdimp18", 26, 26_000, (288, 5.0), (1e-3, 1e-3, 1e-3, 1e-3, 2e-5)),
        ("prdimp50", 10, 26_000, (288, 5.0), (1e-3, 1e-3, 1e-3, 1e-3, 2e-5)),
        ("superdimp", 20, 40_000, (352, 6.0), (5e-5, 5e-4, 5e-5, 1e-3, 2e-5)),
        ("atom", 64, 64_000, (288, 5.0), (1e-3, 0.0)),
    ],
)
def test_runs_have_their_published_numbers(name: str, batch: int, samples: int, crop: tuple[int, float], rates: tuple[float, ...]) -> None:
    """Rates of initializer, optimizer, classification, iou and backbone; of ATOM the last two alone."""
    config = CARDS[name].experiments()["default"]
    train = config.train.resolved()
    assert (train.batch_size, train.pairs_per_epoch, train.epochs) == (batch, samples, 50)
    assert (config.data.size, config.data.factor) == crop
    with torch.device("meta"):
        module = (atom if name == "atom" else dimp).build(NETWORKS[name])
    found = {
        parameter.split(".")[0]: group["multiplier"] * train.optimizer.learning_rate
        for group in parameter_groups(module, train.optimizer)
        for parameter in group["names"]
    }
    parts = ("initializer", "optimizer", "classification", "iou", "backbone")
    assert found == pytest.approx(dict(zip(parts[-len(rates) :], rates, strict=True)))
    assert train.rate_at(train.steps - 1) == pytest.approx(train.optimizer.learning_rate * 0.2**3)  # after 15, 30 and 45 epochs
    assert all(group["weight_decay"] == 0 for group in parameter_groups(module, train.optimizer))


def test_the_families_differ_in_what_they_teach() -> None:
    runs = {name: CARDS[name].experiments()["default"] for name in NETWORKS}
    weights = {name: tuple(getattr(run.loss, term).weight for term in ("box", "last", "first", "middle")) for name, run in runs.items()}
    assert weights["dimp18"] == weights["dimp50"] == (1, 100, 100, 400)
    assert weights["prdimp18"] == weights["prdimp50"] == (0.0025, 0.25, 0.25, 1)
    assert weights["superdimp"] == (0.01, 100, 100, 400)
    assert weights["atom"] == (1, 0, 0, 0)
    assert isinstance(runs["prdimp50"].data.label, DensityLabel)
    assert isinstance(runs["superdimp"].data.proposals, MixtureProposals)
    assert runs["superdimp"].data.label.sigma == pytest.approx(22 / 24)
    gaps = {name: {each.gap for each in run.data.sets if each.name not in ("COCO", "stills")} for name, run in runs.items()}
    assert gaps == {"atom": {50}, "dimp18": {30}, "dimp50": {30}, "prdimp18": {200}, "prdimp50": {200}, "superdimp": {200}}
    lasot = {name: next(each.weight for each in run.data.sets if each.name == "LaSOT_train") for name, run in runs.items()}
    assert lasot == {"atom": 1, "dimp18": 0.25, "dimp50": 0.25, "prdimp18": 0.25, "prdimp50": 0.25, "superdimp": 1}
    assert [name for name, run in runs.items() if run.train.unfreeze] == ["superdimp", "atom"]


@pytest.mark.parametrize("name", ["dimp18", "prdimp18", "atom"])
def test_an_interrupted_run_goes_on_exactly(name: str, stills: TrainSources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same losses and weights as a run that was never stopped."""
    known = card_of(monkeypatch, name)

    def fit(folder: str, *, resume: bool = False, change: Callable[[Recipe], None] = lambda _: None) -> str:
        made = recipe(stills, SMALL, known)
        change(made)
        return Engine(made, tmp_path / folder, resume=resume, console=Console(quiet=True)).fit().status

    def stop_at_the_second(made: Recipe) -> None:
        loss, calls = made.task.loss, []

        def counted(batch: dict[str, Any]) -> dict[str, Any]:
            calls.append(1)
            if len(calls) == 2:
                os.kill(os.getpid(), signal.SIGINT)
            return loss(batch)

        made.task.loss = counted  # type: ignore[method-assign]

    assert fit("whole") == "finished"
    assert fit("parts", change=stop_at_the_second) == "interrupted"
    assert fit("parts", resume=True) == "finished"
    logs = [(tmp_path / folder / "log.jsonl").read_text().splitlines() for folder in ("whole", "parts")]
    losses = [[record["loss"] for record in map(json.loads, log) if record["kind"] == "train"] for log in logs]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 4
    whole, parts = (read_weights(tmp_path / folder / "last.safetensors")[0] for folder in ("whole", "parts"))
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


def test_validation_tracks_with_the_trackers_own_learner(stills: TrainSources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    frames = LazyList([Path(str(index)) for index in range(3)], lambda _: frame)
    video = VideoSequence("one", "made", frames, np.tile([40.0, 30, 30, 20], (3, 1)))
    monkeypatch.setattr("lockon.train.recipe.load_videos", lambda folder: [video])
    sources = TrainSources(stills=stills.stills, val=(tmp_path,))
    made = recipe(sources, SMALL, "dimp18")
    assert made.validate is not None
    metrics = made.validate(made.task.module.eval())
    assert set(metrics) == {"AO", "SR50", "SR75"}
    assert 0 <= metrics["AO"] <= 1


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"data.size": "100"}, "size=100 given, expected a multiple of 16"),
        ({"descent.steps": "0"}, "steps=0"),
        ({"loss.box": "box-density"}, "proposal_density"),
        ({"assigner": "x"}, "assigner"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(
    changes: dict[str, str], text: str, stills: TrainSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LockonError, match=text) as error:
        recipe(stills, {**SMALL, **changes}, card_of(monkeypatch, "dimp18"))
    assert "\n" not in str(error.value)


def test_atom_has_no_filter_to_learn(stills: TrainSources, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LockonError, match="descent has no part in the training of atom-of-a-test"):
        recipe(stills, {**SMALL, "descent": "unrolled-descent"}, card_of(monkeypatch, "atom"))


def test_the_parts_of_a_run_can_be_exchanged() -> None:
    config = CARDS["dimp50"].experiments()["default"]
    changed = apply_overrides(config, {"loss.box": "box-density", "data.proposals": "mixture-proposals", "loss.middle.threshold": "0.1"})
    assert isinstance(changed.data.proposals, MixtureProposals)
    assert changed.loss.middle.threshold == 0.1
