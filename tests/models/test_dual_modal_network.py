from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.dual_modal import DualModalModel, OnlineBranch  # noqa: E402
from lockon.models.heads.dual_modal import DualModalHead  # noqa: E402
from lockon.models.neck import LevelNeck  # noqa: E402
from lockon.models.online import DescentParameters, InstanceL2Norm  # noqa: E402
from lockon.ops.grid import AnchorGrid, Grid  # noqa: E402

CHANNELS = 4


class Backbone(torch.nn.Module):
    """Two levels at stride 8 without padding: 127 pixels give 15 cells, 175 give 21."""

    channels = (3, 3)

    def forward(self, image):
        first = torch.nn.functional.avg_pool2d(image / 255, 15, 8)
        return first, first**2


def make_branch(levels: int = 2, *, shapes: int = 1, norm: bool = False) -> OnlineBranch:
    optimizer = DescentParameters(maps=True, label_sigma=2.0, log_step=0.9, regularization=0.1, mask_switch=4.0)
    return OnlineBranch(levels, optimizer, InstanceL2Norm(math.sqrt(1 / (CHANNELS * 25))) if norm else None, shapes=shapes)


def make_model(*, online: OnlineBranch | None, scores: bool = True) -> DualModalModel:
    torch.manual_seed(0)
    anchors = AnchorGrid(Grid(15, 8, offset=31.5))
    return DualModalModel(
        backbone=Backbone(),
        neck=LevelNeck(Backbone.channels, CHANNELS),
        head=DualModalHead(2, CHANNELS, anchors, anchors if scores else None),
        online=online,
        template_size=127,
        search_size=175,
        template_cells=7,
    ).eval()


@pytest.mark.parametrize("shapes", [1, 5])
def test_templates_and_predictions_have_the_documented_shapes(shapes: int) -> None:
    model = make_model(online=make_branch(shapes=shapes))
    template = model.encode(torch.rand(2, 3, 127, 127) * 255)
    assert [tuple(one.shape) for one in template.features] == [(2, 4, 7, 7), (2, 4, 7, 7), (2, shapes, 4, 5, 5)]
    out = model(template, torch.rand(2, 3, 175, 175) * 255)
    assert tuple(out.extras["features"].shape) == (2, 4, 21, 21)
    assert (out.logits.shape, out.quality.shape) == ((2, 1125), (2, 1125))
    assert model.deployed_extras == ("features",)
    assert model.optimizer is model.online.optimizer


def test_an_offline_network_is_a_siamese_one() -> None:
    model = make_model(online=None)
    template = model.encode(torch.rand(1, 3, 127, 127) * 255)
    assert len(template.features) == 2
    assert set(model(template, torch.rand(1, 3, 175, 175) * 255).extras) == {"deltas", "localization"}
    assert (model.deployed_extras, model.optimizer) == ((), None)


def test_an_online_network_alone_scores_nothing_offline() -> None:
    model = make_model(online=make_branch(), scores=False)
    out = model(model.encode(torch.rand(1, 3, 127, 127) * 255), torch.rand(1, 3, 175, 175) * 255)
    assert not out.logits.any()
    assert set(out.extras) == {"deltas", "features"}


def test_features_are_the_weighted_sum_of_the_levels_scaled() -> None:
    """Weights 1/4 and 3/4 of maps 2 and 6 are 5; scaled to a root mean square of sqrt(1 / (4 * 25)) = 0.1."""
    levels = [torch.full((1, CHANNELS, 3, 3), 2.0), torch.full((1, CHANNELS, 3, 3), 6.0)]
    for norm, wanted in ((False, 5.0), (True, 0.1)):
        branch = make_branch(norm=norm)
        with torch.no_grad():
            branch.weight.copy_(torch.tensor([0.0, math.log(3)]))
        assert branch.fuse(levels).unique().tolist() == pytest.approx([wanted])


def test_the_filter_begins_as_the_mean_of_the_middle_of_the_template() -> None:
    """Of 15 x 15 cells the rows 4 to 10; of these 7 the bins 0-1, 1-2, 2-4, 4-5, 5-6, so rows 4.5, 5.5, 7, 8.5, 9.5."""
    rows = torch.arange(15.0).view(1, 1, 15, 1).expand(1, CHANNELS, 15, 15)
    filters = make_branch(shapes=5).start(rows + 100 * rows.transpose(2, 3))
    assert tuple(filters.shape) == (1, 5, CHANNELS, 5, 5)
    places = np.array([4.5, 5.5, 7, 8.5, 9.5])
    for one in filters[0].flatten(0, 1):
        np.testing.assert_allclose(one.numpy(), places[:, None] + 100 * places[None, :], rtol=1e-6)


def test_the_filter_is_pooled_from_the_scaled_map_of_the_whole_template() -> None:
    model = make_model(online=make_branch(norm=True))
    image = torch.rand(1, 3, 127, 127) * 255
    levels = model.levels(image)
    wanted = torch.nn.functional.adaptive_avg_pool2d(model.online.fuse(levels)[..., 4:11, 4:11], 5)
    assert torch.equal(model.encode(image).features[-1][:, 0], wanted)
    for level, cut in zip(levels, model.encode(image).features[:2], strict=True):
        assert torch.equal(cut, level[..., 4:11, 4:11])


def test_templates_of_mean_levels_are_what_training_uses() -> None:
    model = make_model(online=make_branch())
    levels = model.levels(torch.rand(3, 3, 127, 127) * 255)
    template = model.template([level.mean(0, keepdim=True) for level in levels])
    assert torch.equal(template.features[0], levels[0].mean(0, keepdim=True)[..., 4:11, 4:11])
    assert tuple(template.features[-1].shape) == (1, 1, CHANNELS, 5, 5)


def test_a_loss_on_features_and_filters_reaches_level_weights_and_neck() -> None:
    model = make_model(online=make_branch(norm=True)).train()
    template = model.encode(torch.rand(1, 3, 127, 127) * 255)
    features = model(template, torch.rand(1, 3, 175, 175) * 255).extras["features"]
    torch.nn.functional.conv2d(features, template.features[-1][:, 0]).square().sum().backward()
    assert model.online.weight.grad.any()
    assert all(parameter.grad.any() for parameter in model.neck.parameters())


def test_the_numbers_of_the_optimiser_begin_at_twice_the_cells_of_dimp() -> None:
    """At stride 8 a target has twice the cells of stride 16: a label of 2 cells, and a mask that is a half at 4."""
    numbers = make_branch().optimizer.numbers()
    np.testing.assert_allclose(numbers["label_map"][20].item(), math.exp(-0.5), atol=1e-4)
    assert numbers["target_mask"][40].item() == pytest.approx(0, abs=1e-5)
