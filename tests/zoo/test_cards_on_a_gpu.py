"""What every name of the zoo does on a GPU: the same as on the CPU. Left out where torch has no CUDA device."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("safetensors", reason="needs the torch extra")

from miniatures import Miniature, small  # noqa: E402

import lockon  # noqa: E402
from lockon.export.device_tensor import DeviceTensor  # noqa: E402
from lockon.zoo.registry import REFINERS, TRACKERS, all_cards  # noqa: E402
from tiny_training_data import make_stills, make_validation  # noqa: E402

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

CARDS = {name: card for name, card in all_cards().items() if card.build is not None}
FRAMES = np.random.default_rng(0).integers(0, 256, (3, 90, 120, 3), dtype=np.uint8)
BOXES = np.array([[30.0, 30, 24, 20], [60, 40, 20, 30]])
Minis = Callable[[str], Miniature]


@pytest.fixture(autouse=True)
def _full_precision() -> Iterator[None]:
    """TF32 rounds convolutions to ten bits, too coarse to compare devices."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.mark.parametrize("name", [name for name in CARDS if name in TRACKERS])
def test_networks_predict_as_on_the_cpu(name: str, miniature: Minis) -> None:
    cpu, gpu = (lockon.load(name, miniature(name).weights, device=device).model for device in ("cpu", "cuda"))
    rng = np.random.default_rng(1)
    crops = [rng.integers(0, 256, (2, side, side, 3), dtype=np.uint8) for side in (cpu.template_size, cpu.search_size)]
    expected, found = (model(model.encode(crops[0]), crops[1]) for model in (cpu, gpu))
    pairs = [(expected.logits, found.logits), (expected.boxes, found.boxes)]
    pairs += [(expected.quality, found.quality)] if expected.quality is not None else []
    for array, other in pairs:
        np.testing.assert_allclose(other, array, atol=1e-3 * max(1.0, float(np.abs(array).max())))
    if gpu.extras:
        np.testing.assert_allclose(*(one.mask(values, np.array([3, 5])) for one, values in ((gpu, found), (cpu, expected))), atol=1e-3)


@pytest.mark.parametrize("name", [name for name in CARDS if name in TRACKERS])
def test_templates_and_extras_stay_on_the_gpu_while_boxes_are_tracked(name: str, miniature: Minis, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads: list[tuple[int, ...]] = []
    download = DeviceTensor.__array__
    monkeypatch.setattr(DeviceTensor, "__array__", lambda self, *args, **kw: downloads.append(self.shape) or download(self, *args, **kw))
    tracker = lockon.load(name, miniature(name).weights, device="cuda")
    states = tracker.start(FRAMES[0], BOXES)
    assert all(feature.tensor.is_cuda for state in states for feature in state.template.features)
    for frame in FRAMES[1:]:
        states = tracker.step([frame] * 2, states)
    assert np.isfinite([state.box for state in states]).all()
    assert downloads == []


@pytest.mark.parametrize("name", [name for name in CARDS if name in REFINERS])
def test_refiners_give_the_boxes_of_the_cpu(name: str, miniature: Minis) -> None:
    weights = miniature(name).weights
    cpu, gpu = (lockon.load_refiner(name, weights, device=device) for device in ("cpu", "cuda"))
    found, expected = (one.refine_batch([FRAMES[1]] * 2, one.start(FRAMES[0], BOXES), BOXES + 2, mask=True) for one in (gpu, cpu))
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(other.box, one.box, atol=0.05)
        assert one.mask is not None
        assert other.mask is not None
        assert (other.mask != one.mask).mean() < 0.01


@pytest.mark.parametrize("name", CARDS)
def test_training_has_about_the_losses_of_the_cpu_and_its_weights_track(name: str, tmp_path: Path) -> None:
    pytest.importorskip("lightning_fabric", reason="needs the train extra")
    from rich.console import Console

    from lockon.train.engine import Engine
    from lockon.train.recipe import TrainSources
    from lockon.zoo.training import recipe

    make_stills(tmp_path)
    make_validation(tmp_path, names=("one",), frames=3)
    settings: dict[str, Any] = {
        **{f"model.{field}": value for field, value in small(CARDS[name]).items()},
        "train.batch_size": 2,
        "train.gradients.accumulate": 1,
        "train.machine.workers": 0,
        "train.machine.precision": "fp32",
        "train.steps": 2,
        "train.output.log_every": 1,
        "train.unfreeze": ((0.0, 0),),
    }
    losses = {}
    for device in ("cpu", "cuda"):
        made = recipe(TrainSources.find(tmp_path), settings, name)
        assert Engine(made, tmp_path / device, device=device, console=Console(quiet=True)).fit().status == "finished"
        records = map(json.loads, (tmp_path / device / "log.jsonl").read_text().splitlines())
        losses[device] = [record["loss"] for record in records if record["kind"] == "train"]
    np.testing.assert_allclose(losses["cuda"], losses["cpu"], rtol=0.3)  # a GPU draws other random numbers where candidates are sampled
    load = lockon.load if name in TRACKERS else lockon.load_refiner
    trained = load(name, tmp_path / "cuda" / "last.safetensors", device="cuda")
    assert np.isfinite([state.box for state in trained.start(FRAMES[0], BOXES)] if name in TRACKERS else BOXES).all()
