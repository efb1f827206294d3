"""compact-dimp: its network on the backbone of lockon-s, and a few real steps of its run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning_fabric", reason="needs the train extra")

from rich.console import Console  # noqa: E402

import lockon  # noqa: E402
import moving_square  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.train.engine import Engine  # noqa: E402
from lockon.train.recipe import TrainSources  # noqa: E402
from lockon.zoo.compact_dimp import CompactDiMPConfig, LockonSDiMPConfig, build  # noqa: E402
from lockon.zoo.networks import load_network  # noqa: E402
from lockon.zoo.training import recipe  # noqa: E402
from tiny_training_data import make_stills  # noqa: E402

RELEASED = Path(lockon.__file__).parent / "zoo" / "weights" / "lockon-s.safetensors"
SMALL = {
    "train.batch_size": "2",
    "train.machine.workers": "0",
    "train.output.log_every": "1",
    "model.search_size": "96",
    "data.size": "96",
    "data.proposals.count": "4",
}


def test_the_network_is_a_fraction_of_the_published_one() -> None:
    module = build(CompactDiMPConfig())
    features, low, high = module.eval()(torch.zeros(1, 3, 256, 256))
    assert features.shape == (1, 128, 16, 16)
    assert (low.shape, high.shape) == ((1, 64, 32, 32), (1, 64, 16, 16))
    assert sum(p.numel() for p in module.parameters()) < 2_500_000  # DiMP-18 has 19.6 million
    peak = module.optimizer.label_map.detach().flatten()
    assert float(peak[8]) == pytest.approx(0.6065, abs=1e-3)  # exp(-1/2): one deviation of 0.8 cells off


@pytest.mark.parametrize(
    ("name", "value"), [("search_size", 250), ("search_size", 2080), ("channels", 0), ("blocks", -1), ("search_factor", 0)]
)
def test_wrong_numbers_name_themselves(name: str, value: int) -> None:
    with pytest.raises(LockonError, match=name):
        CompactDiMPConfig(**{name: value})


@pytest.mark.parametrize("change", [{"mu": 1.5}, {"mu": -0.1}, {"redetect": 2.0}], ids=str)
def test_wrong_shares_name_themselves(change: dict[str, float]) -> None:
    with pytest.raises(LockonError, match=next(iter(change))):
        LockonSDiMPConfig(**change)


def test_the_backbone_of_lockon_s_is_taken_as_it_is(tmp_path: Path) -> None:
    sources = TrainSources(stills=make_stills(tmp_path / "train"))
    made = recipe(sources, {**SMALL, "train.steps": "1", "backbone_weights": str(RELEASED)}, "compact-dimp")
    released, _ = load_network("lockon-s", RELEASED)
    for name, value in released.backbone.state_dict().items():
        assert torch.equal(made.task.module.backbone.state_dict()[name], value), name


def test_other_weights_of_ours_are_refused(tmp_path: Path) -> None:
    sources = TrainSources(stills=make_stills(tmp_path / "train"))
    torch.save({"neck.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(LockonError, match="does not hold weights of efficientnet-lite0"):
        recipe(sources, {**SMALL, "train.steps": "1", "backbone_weights": str(tmp_path / "other.pth")}, "compact-dimp")


def test_negative_samples_have_no_part_in_it(tmp_path: Path) -> None:
    sources = TrainSources(stills=make_stills(tmp_path / "train"))
    with pytest.raises(LockonError, match="negative"):
        recipe(sources, {**SMALL, "mix.negative": "0.1"}, "compact-dimp")


def test_twenty_steps_lower_the_loss_and_their_weights_load(tmp_path: Path) -> None:
    sources = TrainSources(stills=make_stills(tmp_path / "train"))
    settings = {**SMALL, "train.steps": "20", "train.schedule.warmup_steps": "2", "backbone_weights": str(RELEASED)}
    made = recipe(sources, {**settings, "train.ema_decay": "0"}, "compact-dimp")
    assert Engine(made, tmp_path / "run", device="cpu", console=Console(quiet=True)).fit().status == "finished"
    batch = {name: value for name, value in _batch(made).items() if name != "ids"}
    before = recipe(sources, settings, "compact-dimp").task
    with torch.no_grad():
        first, last = (float(task.loss(batch)["loss"]) for task in (before, made.task))
    assert last < first
    tracker = lockon.load("compact-dimp", tmp_path / "run" / "last.safetensors")
    tracker.init(moving_square.picture(0), moving_square.box_of(0))
    for frame in range(1, 4):
        result = tracker.track(moving_square.picture(frame))
    assert np.isfinite(result.box).all()
    assert 0 <= float(result.score) <= 1
    beside = lockon.load("lockon-s-dimp", tmp_path / "run" / "last.safetensors", redetect=None, **{"tracker.learner.steps": 1})
    boxes = []
    for tracker in (beside, lockon.load("lockon-s")):
        tracker.init(moving_square.picture(0), moving_square.box_of(0))
        boxes.append(tracker.track(moving_square.picture(1)).box)
    assert boxes[0].tolist() == boxes[1].tolist()  # a learner without a say
    assert beside.online.learner.steps == 1
    assert beside.base.config.localizer.score.mu == 0


def _batch(made: object) -> dict[str, object]:
    from lockon.train.loader import collate

    return collate([made.pipeline.sample(i) for i in range(1000, 1008)])  # type: ignore[attr-defined]
