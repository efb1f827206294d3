"""The numbers of the published training runs, and what follows from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from lockon.config import apply_overrides, as_json, differences
from lockon.errors import LockonError
from lockon.train.optim import learning_rate_factor
from lockon.train.siamese_loss import BAN_LOSS, CAR_LOSS, LA_LOSS, NO_RANKING, SiameseLossConfig, with_localization
from lockon.zoo.recipe_settings import CUSTOM, SETTINGS, RecipeConfig, base_config
from lockon.zoo.registry import recipes
from lockon.zoo.torch_weights import config_of

PYSOT = ("VID", "YTBB", "COCO", "DET")
RBO = (*PYSOT, "GOT10k_train")
SIAMBAN = (*RBO, "LaSOT_train")
GOT10K = ("GOT10k_train",)


def settings(name: str, experiment: str = "default") -> RecipeConfig:
    return base_config(name, config_of(name), {"experiment": experiment})


def test_every_name_of_the_family_has_settings() -> None:
    assert {name for name, module in recipes().items() if module == "lockon.zoo.recipes"} == set(SETTINGS)


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
    assert (train.batch_size, train.accumulate, train.reduction, train.clip_norm) == (batch, cards, "sum", 10.0)
    assert replace(config.train, accumulate=1).resolved(cards) == replace(train, accumulate=1)  # as many processes as there were cards
    assert config.datasets == sets
    assert {use.name for use in config.data.sets} == {*sets, *(use.name for use in CUSTOM)}
    assert train.learning_rate * learning_rate_factor(train.steps - 1, train) == pytest.approx(final)
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
    assert (train.batch_size * train.accumulate, train.reduction, train.backbone_multiplier) == (batch, "mean", 0.1)
    assert (train.optimizer, train.momentum, train.weight_decay, train.clip_norm) == ("sgd", 0.9, 1e-4, 10.0)
    firsts = [-(-epoch * train.steps // epochs) for epoch in range(epochs)]
    rates = [train.learning_rate * learning_rate_factor(step, train) for step in firsts]
    assert [rates[0], rates[5], rates[-1]] == [pytest.approx(0.001), pytest.approx(0.005), pytest.approx(final)]
    first = train.steps * frozen // epochs
    assert [train.stages_at(step) for step in (first - 1, first)] == [0, 3]
    assert config.datasets == sets
    assert {use.name for use in config.data.sets} == {*sets, *(use.name for use in CUSTOM)}
    assert (config.data.negative, config.data.search.size) == (0.0, config.model.search_size)
    assert config.protocol == ("got10k" if experiment == "got10k" else None)


def test_losses_of_siamcar_and_siamla() -> None:
    for experiment in ("default", "got10k"):
        assert settings("siamcar-r50", experiment).loss == CAR_LOSS
        assert settings("siamla-r50", experiment).loss == LA_LOSS
    assert (settings("siamcar-r50").model.branch, settings("siamla-r50").model.branch) == ("centerness", "localization")


@pytest.mark.parametrize(
    ("name", "overrides", "expected"),
    [
        ("siamcar-r50", {}, CAR_LOSS),
        ("siamcar-r50", {"loss.base": "dynamic"}, with_localization(CAR_LOSS, boundary=None)),
        ("siamcar-r50", {"loss.base": "dynamic", "loss.dynamic.boundary_lambda": "0.3"}, with_localization(CAR_LOSS, boundary=0.3)),
        (
            "siamcar-r50",
            {
                "loss.base": "dynamic",
                "loss.dynamic.boundary_lambda": "0.2",
                "loss.dynamic.hard": "true",
                "loss.dynamic.negative_weight": "none",
            },
            with_localization(CAR_LOSS, labels=False),
        ),
        (
            "siamla-r50",
            {"loss.base": "cross_entropy", "loss.dynamic.boundary_lambda": "none"},
            with_localization(CAR_LOSS, labels=False, boundary=None, branch=True),
        ),
        (
            "siamla-r50",
            {
                "model.branch": "centerness",
                "loss.base": "cross_entropy",
                "loss.dynamic.boundary_lambda": "none",
                "loss.quality_target": "centerness",
                "loss.box_average": "centerness",
                "loss.box_weight": "3",
            },
            CAR_LOSS,
        ),
        ("siamban-r50", {"loss.base": "dynamic", "loss.dynamic.boundary_lambda": "0.2"}, with_localization(BAN_LOSS)),
    ],
)
def test_rows_of_the_siamla_tables_are_settings(name: str, overrides: dict[str, str], expected: SiameseLossConfig) -> None:
    """Tables III to V; those of Table VI are `model.localization`'s."""
    assert apply_overrides(base_config(name, config_of(name), overrides), overrides).loss == expected


def test_an_epoch_of_the_got10k_run_is_as_long_as_in_its_log() -> None:
    assert settings("siampw-r50-rbo", "got10k").train.resolved().steps == 20 * 5357


@pytest.mark.parametrize(
    ("name", "experiment", "gamma", "box_weight", "scope", "ranked"),
    [
        ("siamrpnpp-r50-rbo", "default", 3.0, 1.2, "batch", "all"),
        ("siamrpnpp-r50-rbo", "got10k", 5.0, 1.2, "batch", "all"),
        ("siamban-r50-rbo", "default", 3.0, 1.0, "image", "sampled"),
        ("siampw-r50-rbo", "default", 5.0, 1.0, "image", "sampled"),
        ("siampw-r50-rbo", "got10k", 5.0, 1.0, "image", "sampled"),
    ],
)
def test_ranking(name: str, experiment: str, gamma: float, box_weight: float, scope: str, ranked: str) -> None:  # noqa: PLR0917
    loss = settings(name, experiment).loss
    assert (loss.ranking.classification, loss.ranking.iou, loss.ranking.gamma) == (0.5, 0.25, gamma)
    assert (loss.ranking.alpha, loss.ranking.beta, loss.ranking.mode) == (0.5, 4.0, "official")
    assert (loss.box_weight, loss.sampling.scope, loss.sampling.ranking) == (box_weight, scope, ranked)


@pytest.mark.parametrize("name", ["siamban-r50", "siampw-r50"])
def test_ranking_is_all_that_differs_from_the_baseline(name: str) -> None:
    base, ranked = (as_json(settings(which)) for which in (name, f"{name}-rbo"))
    changed = {text.partition(" ")[0] for text in differences(base, ranked)}
    assert changed <= {"loss.ranking.classification", "loss.ranking.iou", "loss.ranking.gamma"}


def test_baselines_do_not_rank() -> None:
    for name in SETTINGS:
        assert (settings(name).loss.ranking == NO_RANKING) is not name.endswith("-rbo")


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
