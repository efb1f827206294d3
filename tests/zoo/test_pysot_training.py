"""The numbers of the published training runs, and what follows from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from lockon.config import apply_overrides, as_json, differences
from lockon.errors import LockonError
from lockon.train.losses.cross_entropy import BalancedCrossEntropy
from lockon.train.losses.dynamic_labels import DynamicLabels, SmoothedLabels
from lockon.train.losses.pair_ranking import IoURanking
from lockon.train.losses.ranking import ClassificationRanking
from lockon.train.optim import SGD
from lockon.zoo.dense_losses import BAN, CAR, LA
from lockon.zoo.pysot_training import CUSTOM
from lockon.zoo.recipe_config import RecipeConfig, base_config
from lockon.zoo.registry import TRACKERS, card

PYSOT = ("VID", "YTBB", "COCO", "DET")
RBO = (*PYSOT, "GOT10k_train")
SIAMBAN = (*RBO, "LaSOT_train")
GOT10K = ("GOT10k_train",)
FAMILY = [name for name in TRACKERS if card(name).search_by_size and not name.startswith("duml")]


def settings(name: str, experiment: str = "default") -> RecipeConfig:
    return base_config(card(name), {"experiment": experiment})


def learnt(config: RecipeConfig) -> dict[str, Any]:
    return {"loss": config.loss, "assigner": config.assigner, "sampling": config.sampling}


@pytest.mark.parametrize(
    ("name", "experiment", "pairs", "batch", "cards", "final", "stages", "sets"),
    [
        ("siamrpn-alexnet", "default", 600_000, 32, 16, 0.0005, 2, PYSOT),
        ("siamrpnpp-r50", "default", 600_000, 28, 8, 0.0005, 3, PYSOT),
        ("siamrpnpp-r50", "16gpu", 600_000, 24, 16, 0.0005, 3, PYSOT),
        ("siamrpnpp-r50", "otb", 600_000, 16, 8, 0.0025, 4, PYSOT),
        ("siamban-r50", "default", 1_000_000, 28, 3, 0.00005, 3, SIAMBAN),
        ("siamban-r50", "otb", 1_000_000, 28, 3, 0.00005, 3, SIAMBAN),
        ("siampw-r50", "default", 1_000_000, 28, 4, 0.00005, 2, SIAMBAN),
        ("siampw-r50", "got10k", 600_000, 28, 4, 0.00005, 2, GOT10K),
        ("siammask-r50", "default", 600_000, 28, 8, 0.0005, 2, ("VID", "COCO", "DET")),
        ("siamrpnpp-r50-rbo", "default", 800_000, 32, 4, 0.00005, 3, RBO),
        ("siamrpnpp-r50-rbo", "got10k", 600_000, 32, 4, 0.00005, 3, GOT10K),
        ("siamban-r50-rbo", "default", 1_000_000, 28, 3, 0.00005, 3, SIAMBAN),
        ("siamban-r50-rbo", "got10k", 600_000, 28, 3, 0.00005, 3, GOT10K),
        ("siampw-r50-rbo", "default", 1_000_000, 28, 4, 0.00005, 2, SIAMBAN),
        ("siampw-r50-rbo", "got10k", 600_000, 28, 4, 0.00005, 2, GOT10K),
    ],
)
def test_schedules_and_data(  # noqa: PLR0917
    name: str, experiment: str, pairs: int, batch: int, cards: int, final: float, stages: int, sets: tuple[str, ...]
) -> None:
    config = settings(name, experiment)
    train = config.train.resolved()
    assert train.steps == train.epochs * (pairs // (batch * cards))
    gradients = train.gradients
    assert (train.batch_size, gradients.accumulate, gradients.reduction, gradients.clip_norm) == (batch, cards, "sum", 10.0)
    alone = replace(gradients, accumulate=1)
    assert replace(config.train, gradients=alone).resolved(cards) == replace(train, gradients=alone)  # as many processes as cards
    assert config.datasets == sets
    assert {use.name for use in config.data.sets} == {*sets, *(use.name for use in CUSTOM)}
    assert train.rate_at(train.steps - 1) == pytest.approx(final)
    first = train.steps * 10 // train.epochs  # epoch 10
    assert [train.stages_at(step) for step in (first - 1, first)] == [0, stages]
    assert config.data.search.size == config.model.search_size
    assert config.protocol == ("got10k" if experiment == "got10k" else None)


@pytest.mark.parametrize(
    ("name", "experiment", "epochs", "batch", "final", "frozen", "sets"),
    [
        ("siamcar-r50", "default", 20, 80, 0.0005, 10, PYSOT),
        ("siamcar-r50", "got10k", 20, 80, 0.0005, 10, GOT10K),
        ("siamcar-r50", "lasot", 20, 80, 0.0005, 10, ("LaSOT_train",)),
        ("siamla-r50", "default", 50, 128, 0.00001, 5, RBO),
        ("siamla-r50", "got10k", 50, 128, 0.00001, 5, GOT10K),
    ],
)
def test_schedules_of_averaged_cards(  # noqa: PLR0917
    name: str, experiment: str, epochs: int, batch: int, final: float, frozen: int, sets: tuple[str, ...]
) -> None:
    config = settings(name, experiment)
    train = config.train.resolved()
    assert (train.epochs, train.steps) == (epochs, epochs * (600_000 // batch))
    gradients, optimizer = train.gradients, train.optimizer
    assert (train.batch_size * gradients.accumulate, gradients.reduction, gradients.clip_norm) == (batch, "mean", 10.0)
    assert isinstance(optimizer, SGD)
    assert (optimizer.momentum, optimizer.weight_decay, optimizer.backbone_multiplier) == (0.9, 1e-4, 0.1)
    firsts = [-(-epoch * train.steps // epochs) for epoch in range(epochs)]
    rates = [train.rate_at(step) for step in firsts]
    assert [rates[0], rates[5], rates[-1]] == [pytest.approx(0.001), pytest.approx(0.005), pytest.approx(final)]
    first = train.steps * frozen // epochs
    assert [train.stages_at(step) for step in (first - 1, first)] == [0, 3]
    assert config.datasets == sets
    assert {use.name for use in config.data.sets} == {*sets, *(use.name for use in CUSTOM)}
    assert (config.data.negative, config.data.search.size) == (0.0, config.model.search_size)
    assert config.protocol == ("got10k" if experiment == "got10k" else None)


def test_losses_of_siamcar_and_siamla() -> None:
    for experiment in ("default", "got10k"):
        assert learnt(settings("siamcar-r50", experiment)) == CAR
        assert learnt(settings("siamla-r50", experiment)) == LA
    assert (settings("siamcar-r50").model.branch, settings("siamla-r50").model.branch) == ("centerness", "localization")


def changed(what: dict[str, Any], boundary: float | None = None, **terms: Any) -> dict[str, Any]:
    return {**what, "loss": replace(what["loss"], **terms), "assigner": replace(what["assigner"], boundary=boundary)}


@pytest.mark.parametrize(
    ("name", "overrides", "expected"),
    [
        ("siamcar-r50", {}, CAR),
        ("siamcar-r50", {"loss.cls": "dynamic-labels"}, changed(CAR, cls=DynamicLabels())),
        (
            "siamcar-r50",
            {"loss.cls": "dynamic-labels", "loss.cls.smoothing": "0.3", "assigner.boundary": "0.5"},
            changed(CAR, 0.5, cls=DynamicLabels(smoothing=0.3)),
        ),
        ("siamcar-r50", {"loss.cls": "smoothed-labels", "assigner.boundary": "0.5"}, changed(CAR, 0.5, cls=SmoothedLabels())),
        (
            "siamla-r50",
            {"loss.cls": "balanced-cross-entropy", "assigner.boundary": "none"},
            changed(LA, cls=BalancedCrossEntropy()),
        ),
        (
            "siamla-r50",
            {
                "model.branch": "centerness",
                "loss.cls": "balanced-cross-entropy",
                "assigner.boundary": "none",
                "loss.quality": "centerness-quality",
                "loss.box.centerness": "true",
                "loss.box.weight": "3",
            },
            CAR,
        ),
        ("siamban-r50", {"loss.cls": "dynamic-labels", "assigner.boundary": "0.5"}, changed(BAN, 0.5, cls=DynamicLabels())),
    ],
)
def test_rows_of_the_siamla_tables_are_settings(name: str, overrides: dict[str, str], expected: dict[str, Any]) -> None:
    """Tables III to V; those of Table VI are `model.localization`'s."""
    assert learnt(apply_overrides(base_config(card(name), overrides), overrides)) == expected


def test_an_epoch_of_the_got10k_run_is_as_long_as_in_its_log() -> None:
    assert settings("siampw-r50-rbo", "got10k").train.resolved().steps == 20 * 5357


@pytest.mark.parametrize(
    ("name", "experiment", "gamma", "box_weight", "scope", "every"),
    [
        ("siamrpnpp-r50-rbo", "default", 3.0, 1.2, "batch", True),
        ("siamrpnpp-r50-rbo", "got10k", 5.0, 1.2, "batch", True),
        ("siamban-r50-rbo", "default", 3.0, 1.0, "image", False),
        ("siampw-r50-rbo", "default", 5.0, 1.0, "image", False),
        ("siampw-r50-rbo", "got10k", 5.0, 1.0, "image", False),
    ],
)
def test_ranking(name: str, experiment: str, gamma: float, box_weight: float, scope: str, every: bool) -> None:  # noqa: PLR0917
    config = settings(name, experiment)
    assert config.loss.rank_cls == ClassificationRanking(weight=0.5, alpha=0.5, beta=4.0, all_negatives=every)
    assert config.loss.ranking == IoURanking(weight=0.25, gamma=gamma)
    assert (config.loss.box.weight, config.sampling.scope) == (box_weight, scope)


@pytest.mark.parametrize("name", ["siamban-r50", "siampw-r50"])
def test_ranking_is_all_that_differs_from_the_baseline(name: str) -> None:
    base, ranked = (as_json(settings(which)) for which in (name, f"{name}-rbo"))
    changed = {text.partition(" ")[0] for text in differences(base, ranked)}
    assert changed <= {"loss.rank_cls.weight", "loss.ranking.weight", "loss.ranking.gamma"}


def test_baselines_do_not_rank() -> None:
    for name in FAMILY:
        loss = settings(name).loss
        for term in (loss.rank_cls, loss.ranking):
            assert (term.weight > 0) is name.endswith("-rbo")


def test_what_else_an_experiment_changes() -> None:
    default, otb = settings("siamrpnpp-r50"), settings("siamrpnpp-r50", "otb")
    assert (default.model.weighted, otb.model.weighted) == (True, False)
    assert (default.data.gray, otb.data.gray) == (0.0, 0.2)
    assert settings("siamrpn-alexnet").data.negative == 0.05
    assert replace(settings("siamban-r50", "otb"), experiment="default", data=settings("siamban-r50").data) == settings("siamban-r50")


def test_use_of_the_datasets() -> None:
    def uses(name: str) -> dict[str, Any]:
        return {use.name: (use.gap, use.count) for use in settings(name).data.sets}

    assert uses("siamrpnpp-r50")["YTBB"] == (3, -1)
    assert uses("siamrpnpp-r50")["VID"] == (100, 100_000)
    assert uses("siamban-r50")["COCO"] == (1, 100_000)
    assert uses("siampw-r50-rbo")["LaSOT_train"] == (100, 200_000)


def test_an_unknown_experiment_is_named() -> None:
    with pytest.raises(LockonError, match=r"unknown experiment of siamban-r50 'got10k'.*default"):
        settings("siamban-r50", "got10k")
