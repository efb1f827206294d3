"""What every name of the zoo can do, by its card alone: a new family needs no tests of its own for this."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("safetensors", reason="needs the torch extra")

from miniatures import Miniature, make_backbones_shallow, small  # noqa: E402

import lockon  # noqa: E402
from golden_networks import OFFICIAL, blank_of  # noqa: E402
from lockon.export.torch_model import TorchModel  # noqa: E402
from lockon.zoo.card import Card  # noqa: E402
from lockon.zoo.convert import COUNTER, from_official, official_names  # noqa: E402
from lockon.zoo.loading import inference_config  # noqa: E402
from lockon.zoo.networks import load_network  # noqa: E402
from lockon.zoo.registry import REFINERS, TRACKERS, all_cards  # noqa: E402
from settled_networks import patterns  # noqa: E402
from tiny_training_data import make_stills, make_validation  # noqa: E402

CARDS = all_cards()
NETWORKS = {name: one for name, one in CARDS.items() if one.build is not None}
PAIRED = {name: one for name, one in NETWORKS.items() if one.torch_network is None}  # of a template and a search crop
TAUGHT_BY_OTHERS = ("iou-net",)  # has the weights of ATOM or DiMP
# Fourteen cards of one file, each a part of duml or a pair of such parts: what depends on the modality is tried with few of them.
MODALITIES = tuple(name for name in TRACKERS if name.startswith("duml-"))
TRACKED = [name for name in NETWORKS if name in TRACKERS and name not in MODALITIES] + ["duml-ofc1s", "duml-onr", "duml-ofr-onc5s"]
FRAMES = np.random.default_rng(0).integers(0, 256, (3, 90, 120, 3), dtype=np.uint8)
BOXES = np.array([[30.0, 30, 24, 20], [60, 40, 20, 30]])
Minis = Callable[[str], Miniature]


def cases(cards: dict[str, Card], slow: Callable[[Card], bool]) -> list[Any]:
    return [pytest.param(name, marks=pytest.mark.slow if slow(one) else ()) for name, one in cards.items()]


LARGE = (
    "siamrpn-alexnet",
    "siammask-r50",
    "duml",
    "alpha-refine-r34",
    "alpha-refine-r50",
    "transt-n2",
    "transt-n4-rbo",
)  # also as miniatures


def is_large(one: Card) -> bool:
    return one.name in LARGE


def load(one: Card, weights: Path, **options: Any) -> Any:
    return (lockon.load if one.kind == "tracker" else lockon.load_refiner)(one.name, weights, **options)


def test_presets_begin_with_the_default_and_fit_the_configuration() -> None:
    for name, one in CARDS.items():
        assert next(iter(one.presets)) == "default", name
        if one.inner is None and one.config is not None:
            assert inference_config(one, "default") == one.config
            assert all(type(inference_config(one, preset)) is type(one.config) for preset in one.presets)


def test_who_has_a_network_can_be_trained_and_says_how_it_tracks() -> None:
    for name, one in CARDS.items():
        assert (one.build is None) == (one.model is None), name
        assert (one.experiments is None) == (one.build is None or name in TAUGHT_BY_OTHERS), name
        assert (one.build is None) or (one.config is not None), name
        assert one.build is not None or one.construct is not None or one.inner is not None, name


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_load_with_the_parameters_of_the_card(name: str, miniature: Minis) -> None:
    one, model = CARDS[name], miniature(name)
    made = load(one, model.weights)
    size_ratio = made.model.search_size / made.model.template_size if one.search_by_size else None
    for preset in one.presets:
        config = made.config if preset == "default" else load(one, model.weights, preset=preset).config
        assert config == inference_config(one, preset, size_ratio=size_ratio)


@pytest.mark.parametrize("name", TRACKED)
def test_two_targets_of_two_videos_in_one_step_are_tracked_as_alone(name: str, miniature: Minis) -> None:
    tracker = load(CARDS[name], miniature(name).weights)
    starts = [tracker.start(frame, box)[0] for frame, box in zip(FRAMES, BOXES, strict=False)]
    frames = [FRAMES[2], FRAMES[2][:, ::-1]]
    together = tracker.step(frames, starts)
    for frame, start, both in zip(frames, starts, together, strict=True):
        (alone,) = tracker.step([frame], [start])
        assert np.isfinite(both.result.box).all()
        np.testing.assert_allclose(both.result.box, alone.result.box, atol=1e-2)  # the rounding of a batch
        assert both.result.score == pytest.approx(alone.result.score, abs=1e-4)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name in REFINERS])
def test_two_boxes_of_two_videos_are_refined_in_one_pass_as_alone(name: str, miniature: Minis) -> None:
    refiner = load(CARDS[name], miniature(name).weights)
    references = [refiner.start(frame, box)[0] for frame, box in zip(FRAMES, BOXES, strict=False)]
    frames = [FRAMES[2], FRAMES[2][:, ::-1]]
    together = refiner.refine_batch(frames, references, BOXES + 2, mask=True)
    for number, both in enumerate(together):
        (alone,) = refiner.refine_batch([frames[number]], [references[number]], BOXES[number : number + 1] + 2, mask=True)
        np.testing.assert_allclose(both.box, alone.box, atol=1e-2)
        assert both.mask is not None
        assert (both.mask != alone.mask).mean() < 0.01


# tests/export/test_zoo_export.py exports the whole networks of these but the last, which test_siamcar.py exports small with its branch.
EXPORTED_ELSEWHERE = ("siamrpn-alexnet", "siamrpnpp-r50", "siampw-r50", "transt-n4", "siamla-r50")
# Of the others one name for each network: those that are only trained otherwise are the same files.
ALIKE = ("ostrack384", "ostrack384-ce", "rtrack384", "alpha-refine-r34", *MODALITIES)  # as miniatures those of 256 pixels, r18, duml
EXPORTED = {name: one for name, one in PAIRED.items() if name.removesuffix("-rbo") == name and name not in (*EXPORTED_ELSEWHERE, *ALIKE)}


@pytest.mark.parametrize("name", cases(EXPORTED, lambda one: one.name != "lockon-s"))
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_exported_files_predict_as_torch(name: str, miniature: Minis) -> None:
    pytest.importorskip("onnxscript", reason="needs the export extra")
    from lockon.export.deployed import load_model

    model = miniature(name)
    exported, torch_model = load_model(model.exported, "cpu"), TorchModel(load_network(name, model.weights)[0])
    torch.manual_seed(1)
    sides = (exported.template_size, exported.search_size)
    crops = [patterns(3, side).permute(0, 2, 3, 1).numpy().astype(np.uint8) for side in sides]
    found, expected = (one(one.encode(crops[0]), crops[1]) for one in (exported, torch_model))
    alone = exported(exported.encode(crops[0][2:]), crops[1][2:])
    moved = []
    assert (found.quality is None) == (expected.quality is None)
    for field in ("logits", "boxes", *(("quality",) if found.quality is not None else ())):
        values, array = getattr(found, field), np.asarray(getattr(expected, field))
        moved.append(float(np.abs(array[0] - array[1]).max() / max(1e-9, np.abs(array).max())))
        # boxes are exponentials of what a head gives: the rounding of large ones is in proportion
        atol = 1e-4 * max(1.0, float(np.abs(array).max()))
        np.testing.assert_allclose(np.asarray(values), array, rtol=1e-4, atol=atol)
        np.testing.assert_allclose(np.asarray(getattr(alone, field)), array[2:], rtol=1e-4, atol=atol)
    assert max(moved) > 5e-4  # both tell one picture from another
    assert exported.header["architecture"] == name


def test_names_with_an_official_form_are_those_that_convert() -> None:
    # the same rules as r34, as 256 and as dimp; no list of their names is stored
    unknown = {"alpha-refine-r18", "alpha-refine-r50", "ostrack384", "ostrack384-ce", "prdimp18", "prdimp50"}
    assert set(official_names()) == OFFICIAL.keys() | unknown


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_official_weight_has_one_place(name: str) -> None:
    """Each weight is filled with a number of its own, so that a swap of two of one shape would show."""
    official = blank_of(name)
    converted = from_official(name, official)
    with torch.device("meta"):
        expected = lockon.zoo.build(name).state_dict()
    assert {key: (value.shape, value.dtype) for key, value in converted.items()} == {k: (v.shape, v.dtype) for k, v in expected.items()}
    unused = CARDS[name].official.unused  # type: ignore[union-attr]
    used = [(key, value) for key, value in official.items() if not any(re.match(pattern, key) for pattern in unused)]
    counted = any(key.endswith(COUNTER) for key in official)  # old checkpoints have no counters of batches
    values = [float(value.flatten()[0]) for key, value in converted.items() if counted or not key.endswith(COUNTER)]
    assert sorted(values) == [float(value.flatten()[0]) for _, value in used], "each of them once"
    wrapped = re.compile(r"^backbone\.0\.body\.")  # TransT's backbone lies two modules deep
    backbone = {wrapped.sub("backbone.", key): float(value.flatten()[0]) for key, value in used if key.startswith("backbone.")}
    if name.startswith("ostrack"):  # whose official backbone is our encoder
        return
    assert {key: float(converted[key].flatten()[0]) for key in backbone} == backbone, "the backbone keeps its names"


def train_records(run: Path) -> list[dict[str, Any]]:
    return [record for record in map(json.loads, (run / "log.jsonl").read_text().splitlines()) if record["kind"] == "train"]


@pytest.mark.parametrize("name", cases({name: one for name, one in PAIRED.items() if name not in ALIKE}, is_large))
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lightning_fabric", reason="needs the train extra")
    make_backbones_shallow(monkeypatch)
    from rich.console import Console

    from lockon.train.engine import Engine
    from lockon.train.recipe import Recipe, TrainSources
    from lockon.zoo.training import recipe

    one = CARDS[name]
    make_stills(tmp_path)
    make_validation(tmp_path, names=("one",), frames=3)
    settings = {
        **{f"model.{field}": value for field, value in small(one).items()},
        "train.batch_size": 2,
        "train.gradients.accumulate": 1,
        "train.machine.workers": 0,
        "train.machine.threads": 1,
        "train.machine.precision": "fp32",
        "train.output.log_every": 1,
        "train.output.save_every": 1,
        "train.unfreeze": ((0.0, 0),),
    }

    def make() -> Recipe:
        return recipe(TrainSources.find(tmp_path), {**settings, "train.steps": 2}, name)

    quiet, first = Console(quiet=True), make()
    first.task.on_step = lambda step: os.kill(os.getpid(), signal.SIGINT) if step == 0 else None  # type: ignore[attr-defined]
    assert Engine(first, tmp_path / "run", device="cpu", console=quiet).fit().status == "interrupted"
    assert Engine(make(), tmp_path / "run", device="cpu", resume=True, console=quiet).fit().status == "finished"
    assert Engine(make(), tmp_path / "whole", device="cpu", console=quiet).fit().status == "finished"
    resumed, whole = (train_records(tmp_path / run) for run in ("run", "whole"))
    assert len(whole) == 2
    assert all(("rank_cls" in record) is name.endswith("-rbo") for record in whole)
    np.testing.assert_allclose([record["loss"] for record in resumed], [record["loss"] for record in whole], rtol=1e-5)
    assert np.isfinite([record["loss"] for record in whole]).all()
    trained = load(one, tmp_path / "run" / "last.safetensors")
    trained.init(FRAMES[0], BOXES)
    result = trained.track(FRAMES[1]) if one.kind == "tracker" else trained.refine(FRAMES[1], BOXES)
    assert np.isfinite(result.box).all()
