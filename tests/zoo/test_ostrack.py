"""OSTrack's cards: sizes, names, conversion, options, and what runs exported."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from miniatures import Miniature, small  # noqa: E402

import lockon  # noqa: E402
from golden_networks import official_entries  # noqa: E402
from lockon.config import apply_overrides  # noqa: E402
from lockon.errors import LockonError, LockonWarning  # noqa: E402
from lockon.export.torch_model import TorchModel  # noqa: E402
from lockon.models.choices import CandidateElimination  # noqa: E402
from lockon.train.keep_schedules import CosineKeep  # noqa: E402
from lockon.train.task import DenseTask  # noqa: E402
from lockon.zoo import networks  # noqa: E402
from lockon.zoo.convert import from_official  # noqa: E402
from lockon.zoo.dense_losses import CENTER  # noqa: E402
from lockon.zoo.networks import load_network  # noqa: E402
from lockon.zoo.ostrack import CARDS, OSTrackConfig  # noqa: E402
from lockon.zoo.recipe_config import full_config  # noqa: E402
from lockon.zoo.registry import card  # noqa: E402

NAMES = [one.name for one in CARDS]


@pytest.mark.parametrize(("name", "count"), [("ostrack256", 92_518_533), ("ostrack384", 92_825_733), ("ostrack256-ce", 92_518_533)])
def test_published_sizes(name: str, count: int) -> None:
    """The class token and the positions of MAE, which official files keep, are not ours."""
    with torch.device("meta"):
        model = networks.build(name)
    assert sum(parameter.numel() for parameter in model.parameters()) == count - 768 - 197 * 768


def test_the_schedule_is_the_published_one() -> None:
    runs = card("ostrack256-ce").experiments()  # type: ignore[misc]
    train = runs["default"].train
    assert train.batch_size * train.gradients.accumulate == 128
    assert train.resolved().steps == 300 * 468
    assert [train.optimizer.learning_rate * train.schedule.factor(epoch * 468, 300 * 468, 300) for epoch in (0, 239, 240, 299)] == (
        pytest.approx([4e-4, 4e-4, 4e-5, 4e-5])
    )
    assert (runs["default"].keep, runs["got10k"].keep) == (CosineKeep(), CosineKeep(warm_epochs=50))
    assert (runs["got10k"].train.epochs, runs["got10k"].train.schedule.decay_epochs, runs["got10k"].datasets) == (
        100,
        80,
        ("GOT10k_train",),
    )
    assert card("ostrack256").experiments()["default"].keep is None  # type: ignore[misc]
    large = card("ostrack384").experiments()["default"].data  # type: ignore[misc]
    assert (large.template.size, large.search.size, large.search.factor) == (192, 384, 5.0)
    assert (large.search.jitter.offset, large.search.jitter.scale) == (4.5, 0.5)


def test_what_mae_trained_before_learns_slower() -> None:
    from lockon.train.optim import parameter_groups

    one = card("ostrack256")
    with torch.device("meta"):
        model = networks.build("ostrack256", **small(one))
    groups = parameter_groups(model, one.experiments()["default"].train.optimizer)  # type: ignore[misc]
    rates = {name: group["multiplier"] for group in groups for name in group["names"]}
    assert all(rate == (1.0 if name.startswith("head.") else 0.1) for name, rate in rates.items())
    assert all(group["weight_decay"] == 1e-4 for group in groups)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"search_size": 250}, "search_size=250 given, expected a multiple of 16"),
        ({"template_size": 0}, "template_size=0 given, expected a multiple of 16"),
        ({"heads": 7}, "channels=768 given, expected a multiple of heads=7"),
        ({"depth": 0}, "depth=0 given, expected at least 1"),
        ({"depth": 9}, "elimination.blocks ends with 9, expected blocks from 0 to 8: depth=9"),
        ({"drop_path": 1.0}, "drop_path=1.0 given, expected at least 0 and below 1"),
    ],
)
def test_impossible_networks(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        apply_overrides(card("ostrack256-ce").model, overrides)


def test_options_by_name() -> None:
    assert apply_overrides(OSTrackConfig(), {"elimination": "candidate-elimination"}).elimination == CandidateElimination()
    assert apply_overrides(card("ostrack256-ce").model, {"elimination": "none"}).elimination is None
    with torch.device("meta"):
        corner = networks.build("ostrack256", **{**small(card("ostrack256")), "head": "corner-boxes"})
    assert corner.head.candidates.points.shape == (1, 2)


def _official(tokens: int = 256, patch: int = 16) -> dict[str, torch.Tensor]:
    state = {name: torch.zeros(shape) for name, shape in official_entries("ostrack256") if not name.startswith("backbone.blocks.")}
    state["backbone.pos_embed_x"] = torch.rand(1, tokens, 768)
    state["backbone.patch_embed.proj.weight"] = torch.zeros(768, 3, patch, patch)
    blocks = {name: torch.zeros(shape) for name, shape in official_entries("ostrack256") if name.startswith("backbone.blocks.0.")}
    return state | blocks


def test_positions_of_another_search_size_are_resized_with_a_warning() -> None:
    with pytest.warns(LockonWarning, match="the checkpoint's search crop has 256 pixels, this network's 320: its positions are resized"):
        weights = from_official("ostrack256", _official(), depth=1, search_size=320)
    assert weights["encoder.pos_x"].shape == (1, 400, 768)


def test_a_vit_with_other_patches_is_named() -> None:
    with pytest.raises(LockonError, match="the checkpoint holds a ViT with patches of 32 x 32 pixels, this network has 16 x 16"):
        from_official("ostrack256", _official(patch=32), depth=1)


def test_settings_of_the_run_reach_the_crops() -> None:
    one = card("ostrack256")
    config = full_config(
        one, one.experiments()["default"], {"model.search_size": 320, "model.head": "corner-boxes", "loss.cls.weight": 0.0}
    )  # type: ignore[misc]
    assert config.data.search.size == 320


def test_a_keep_schedule_needs_a_network_that_eliminates() -> None:
    one = card("ostrack256")
    base = one.experiments()["default"]  # type: ignore[misc]
    with pytest.raises(LockonError, match="keep has no part in the training of ostrack256, which keeps all search tokens"):
        full_config(one, base, {"keep": "cosine-keep"})
    config = full_config(one, base, {"keep": "cosine-keep", "model.elimination": "candidate-elimination"})
    assert (config.keep, config.model.elimination) == (CosineKeep(), CandidateElimination())


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_an_exported_network_eliminates_as_torch_does_for_any_batch(device: str, miniature: Callable[[str], Miniature]) -> None:
    pytest.importorskip("onnxscript", reason="needs the export extra")
    if device == "openvino":
        pytest.importorskip("openvino", reason="needs the openvino extra")
    from lockon.export.deployed import load_model

    model = miniature("ostrack256-ce")
    exported, reference = load_model(model.exported, device), TorchModel(load_network("ostrack256-ce", model.weights)[0])
    rng = np.random.default_rng(3)
    for count in (1, 5):
        crops = [rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8) for side in (exported.template_size, exported.search_size)]
        found, expected = (one(one.encode(crops[0]), crops[1]) for one in (exported, reference))
        np.testing.assert_allclose(found.logits, expected.logits, atol=1e-4)
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-3)


def test_a_tracker_with_the_corner_head_gives_boxes(tmp_path) -> None:
    changes = {**small(card("ostrack256")), "head": "corner-boxes"}
    torch.manual_seed(0)
    path = tmp_path / "corner.safetensors"
    lockon.zoo.save("ostrack256", lockon.zoo.build("ostrack256", **changes).state_dict(), path, **changes)
    tracker = lockon.load("ostrack256", path)
    frame = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    tracker.init(frame, [30, 30, 24, 20])
    assert np.isfinite(tracker.track(frame).box).all()


def test_the_corner_head_learns_from_the_losses_of_boxes_alone() -> None:
    torch.manual_seed(0)
    model = lockon.zoo.build("ostrack256", **{**small(card("ostrack256")), "head": "corner-boxes", "head.hidden": 64, "drop_path": 0.0})
    losses = apply_overrides(CENTER["loss"], {"cls.weight": 0.0})
    task = DenseTask(model, losses, CENTER["assigner"])
    crops = {"template": torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)}
    crops["search"] = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    batch = {**crops, "box": torch.tensor([[8.0, 8, 40, 30], [20, 10, 60, 70]]), "present": torch.ones(2, dtype=torch.bool)}
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    totals = []
    for _ in range(30):
        optimizer.zero_grad()
        total = task.loss(batch)["loss"]
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < 0.8 * totals[0]


@pytest.mark.parametrize("present", [[False, False], [True, False]])
def test_pairs_without_the_target_give_finite_losses(present: list[bool]) -> None:
    torch.manual_seed(0)
    model = lockon.zoo.build("ostrack256-ce", **small(card("ostrack256-ce")))
    batch = {
        "template": torch.zeros(2, 32, 32, 3, dtype=torch.uint8),
        "search": torch.zeros(2, 64, 64, 3, dtype=torch.uint8),
        "box": torch.tensor([[8.0, 8, 40, 30], [20, 10, 60, 70]]),
        "present": torch.tensor(present),
    }
    losses = DenseTask(model, CENTER["loss"], CENTER["assigner"], keep=CosineKeep()).loss(batch)
    losses["loss"].backward()
    assert all(value.isfinite() for value in losses.values())
    assert (losses["l1"] == 0) == (not any(present))
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in model.parameters())
