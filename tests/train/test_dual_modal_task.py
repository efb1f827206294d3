"""`DualModalTask`: what each term is about and reaches, the gradient through the unrolled updates, and networks of one modality."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny_dual_modal import ANCHORS, SEARCH, make_model, make_task, pairs, sequences
from torch import Tensor

from lockon.errors import LockonError
from lockon.models.dual_modal import DualModalModel
from lockon.ops.torch.boxes import encode_deltas, iou
from lockon.train.dual_modal_task import Assigners, DualModalLosses
from lockon.train.losses.deltas import DeltaL1
from lockon.train.losses.focal import BalancedFocal
from lockon.train.losses.gaussian_focal import GaussianFocal
from lockon.train.losses.quality import IoUQuality
from lockon.train.losses.score_maps import LabelHinge
from lockon.train.losses.soft_targets import WindowGaussian

TERMS = {"cls": BalancedFocal(), "online": LabelHinge(), "box": DeltaL1(), "quality": IoUQuality(boundary=False)}
OFF = {name: replace(term, weight=0.0) for name, term in TERMS.items()}


def alone(name: str) -> DualModalLosses:
    return DualModalLosses(**{**OFF, name: TERMS[name]})


def test_the_total_is_the_weighted_sum_of_terms_that_are_told_apart() -> None:
    found = make_task(make_model().eval()).loss(sequences())
    assert set(found) == {"loss", "cls", "online", "box", "quality", "iou"}
    expected = found["cls"] + 10 * found["online"] + 1.2 * found["box"] + 1.2 * found["quality"]
    assert float(found["loss"].detach()) == pytest.approx(float(expected.detach()), rel=1e-6)


@pytest.mark.parametrize(("scores", "filters"), [(5, 0), (1, 0), (0, 1), (0, 5), (5, 1), (1, 5)])
def test_networks_of_one_modality_leave_the_other_term_out(scores: int, filters: int) -> None:
    found = make_task(make_model(scores=scores, filters=filters).eval()).loss(sequences(filters=filters))
    wanted = {"loss", "box", "quality", "iou"} | ({"cls"} if scores else set()) | ({"online"} if filters else set())
    assert set(found) == wanted
    assert all(torch.isfinite(value) for value in found.values())


REACHED = {
    "cls": ("backbone.", "neck.", "head.scores.", "head.score_weight"),
    "box": ("backbone.", "neck.", "head.boxes.", "head.box_weight"),
    "quality": ("backbone.", "neck.", "head.boxes.", "head.box_weight"),
    "online": ("backbone.", "neck.", "online."),
}


@pytest.mark.parametrize("term", REACHED)
def test_each_term_reaches_its_own_parameters_and_no_others(term: str) -> None:
    model = make_model().eval()
    make_task(model, alone(term)).loss(sequences())["loss"].backward()
    for name, parameter in model.named_parameters():
        reached = parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
        assert reached == name.startswith(REACHED[term]), name


def test_the_online_classification_asks_all_trained_numbers_but_the_label() -> None:
    """Its labels are those of anchors."""
    model = make_model(filters=5).eval()
    make_task(model, alone("online")).loss(sequences(filters=5))["loss"].backward()
    reached = {name for name, value in model.optimizer.named_parameters() if value.grad is not None and value.grad.abs().sum() > 0}
    assert reached == {"log_step_length", "filter_reg", "target_mask", "spatial_weight"}


def test_what_the_overlap_should_be_gives_no_gradient() -> None:
    """The slots dx, dy, dw, dh come before the IoU's in the last convolution: the boxes do not learn to be as bad as they are thought."""
    for term, learns in (("quality", (False, True)), ("box", (True, False))):
        model = make_model().eval()
        make_task(model, alone(term)).loss(sequences())["loss"].backward()
        grads = [parameter.grad for name, parameter in model.named_parameters() if name.startswith("head.boxes.") and len(parameter) == 25]
        assert grads
        for grad in grads:
            assert grad is not None
            assert (bool(grad[:20].abs().sum() > 0), bool(grad[20:].abs().sum() > 0)) == learns


def test_the_online_loss_reaches_the_backbone_through_the_updates_as_finite_differences_say() -> None:
    """In float64, along a random direction of each parameter; with the features of the query frames held fixed as well, so that what is
    left goes through the start and the steps alone."""
    model = make_model().eval().double()
    task, batch = make_task(model, alone("online")), sequences()
    fixed = model(*_first_pass(model, batch)).extras["features"].detach()

    def value(hold: bool) -> Tensor:
        if not hold:
            return task.loss(batch)["loss"]
        forward = model.forward
        model.forward = lambda *given: replace(forward(*given), extras={**forward(*given).extras, "features": fixed})  # type: ignore[method-assign]
        try:
            return task.loss(batch)["loss"]
        finally:
            model.forward = forward  # type: ignore[method-assign]

    generator = torch.Generator().manual_seed(0)
    for hold in (False, True):
        model.zero_grad()
        value(hold).backward()
        for name, parameter in model.named_parameters():
            if not name.startswith(REACHED["online"]):
                continue
            direction = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            assert parameter.grad is not None
            derived = float((parameter.grad * direction).sum())
            ends = []
            for step in (1e-7, -1e-7):
                with torch.no_grad():
                    parameter.add_(direction, alpha=step)
                    ends.append(float(value(hold)))
                    parameter.sub_(direction, alpha=step)
            assert derived == pytest.approx((ends[0] - ends[1]) / 2e-7, rel=1e-4, abs=1e-8), (name, hold)
            assert name.startswith("neck") or abs(derived) > 1e-8, name


def _first_pass(model: DualModalModel, batch: dict[str, Tensor]) -> tuple[Any, Tensor]:
    """A template and the query crops, for the features of the latter."""
    search = batch["test"].flatten(0, 1).permute(0, 3, 1, 2).float()
    template = model.encode(batch["template"][:, 0].permute(0, 3, 1, 2).float().repeat_interleave(2, 0))
    return template, search


@pytest.mark.parametrize("margin", [0, 2])
def test_the_online_term_is_the_hinge_loss_of_the_fitted_filter_on_the_labelled_cells(margin: int) -> None:
    model, batch = make_model().eval(), sequences(margin=margin)
    task = make_task(model, alone("online"))
    found = task.loss(batch)["online"]
    with torch.no_grad():
        images = batch["template"].flatten(0, 1).permute(0, 3, 1, 2).float()
        levels = [level.reshape(2, 3, *level.shape[1:]).mean(1) for level in model.levels(images)]
        start = model.online.start(model.online.fuse(levels))[:, 0]  # (B, C, K, K)
        train = model.online.fuse(model.levels(batch["train"].flatten(0, 1).permute(0, 3, 1, 2).float())).reshape(2, 3, 4, 10, 10)
        test = model.online.fuse(model.levels(batch["test"].flatten(0, 1).permute(0, 3, 1, 2).float())).reshape(2, 2, 4, 10, 10)
        filters = task.descent(model.optimizer, train, batch["train_box"], start)[-1]
        total, count = 0.0, 0
        for b, t in ((b, t) for b in range(2) for t in range(2)):
            scores = torch.nn.functional.conv2d(test[b, t][None], filters[b][None], padding=1)[0, 0][
                margin : 10 - margin, margin : 10 - margin
            ]
            for score, wanted in zip(scores.flatten().tolist(), batch["label"][b, t].flatten().tolist(), strict=True):
                residual = score - wanted if wanted >= 0.05 else max(score, 0)
                total, count = total + residual**2, count + 1
    assert float(found.detach()) == pytest.approx(total / count, rel=1e-4)


def test_the_template_is_the_mean_of_the_support_frames() -> None:
    model, batch = make_model().eval(), sequences(support=1)
    thrice = {name: value.repeat_interleave(3, 1) if name in ("template", "train", "train_box") else value for name, value in batch.items()}
    one, three = (make_task(model).loss(each) for each in (batch, thrice))
    for name, value in one.items():
        assert float(value.detach()) == pytest.approx(float(three[name].detach()), rel=1e-5), name


def test_box_and_quality_are_those_of_the_positives_by_hand() -> None:
    """Labels are ATSS' of the anchors; the codes' error is summed over dx, dy, dw, dh and averaged over an image's positives."""
    model, batch = make_model(filters=0).eval(), pairs()
    task = make_task(model)
    found = task.loss(batch)
    with torch.no_grad():
        template = model.encode(batch["template"].permute(0, 3, 1, 2).float())
        prediction = model(template, batch["search"].permute(0, 3, 1, 2).float())
        labels = task.assigners.boxes(model.head.candidates, batch["box"], batch["present"]).labels
        assert (labels[-1] == 0).all(), "a negative pair"
        each, entropies = [], []
        for image in range(4):
            wrong = []
            for place in labels[image].nonzero()[:, 0]:
                code = encode_deltas(model.head.anchors[place][None], batch["box"][image][None])[0]
                wrong.append(float((prediction.extras["deltas"][image, place] - code).abs().sum()))
                wanted = iou(prediction.boxes[image, place], batch["box"][image])
                entropies.append(float(torch.nn.functional.binary_cross_entropy_with_logits(prediction.quality[image, place], wanted)))
            each.append(sum(wrong) / max(len(wrong), 1))
    assert entropies
    assert float(found["box"].detach()) == pytest.approx(sum(each) / 4, rel=1e-4)
    assert float(found["quality"].detach()) == pytest.approx(sum(entropies) / len(entropies), rel=1e-4)


def test_scores_that_stand_for_points_have_labels_of_their_own() -> None:
    """One score per point: the anchors are squares, and the Gaussian is around the nearest point."""
    regression = GaussianFocal(target=WindowGaussian(), divide_by="halves")
    for cls in (BalancedFocal(), regression):
        model = make_model(scores=1, filters=0).eval()
        task = make_task(model, replace(DualModalLosses(), cls=cls))
        boxes, scores = task._dense_inputs(task._see_pairs(pairs(), torch.device("cpu")))
        assert (boxes.prediction.logits.shape, scores.prediction.logits.shape) == ((4, 500), (4, 100))
        assert scores.candidates.anchors.shape == (100, 4)
        assert task.loss(pairs())["cls"].requires_grad


@pytest.mark.parametrize(("scores", "filters"), [(5, 1), (5, 0), (1, 0), (0, 1), (0, 5), (1, 5)])
def test_every_combination_learns(scores: int, filters: int) -> None:
    model = make_model(scores=scores, filters=filters).train()
    task, batch = make_task(model), sequences(4, filters=filters) if filters else pairs()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        found = task.loss(batch)
        losses.append({name: float(value.detach()) for name, value in found.items()})
        found["loss"].backward()
        optimizer.step()
    assert losses[-1]["loss"] < 0.8 * losses[0]["loss"]
    for name in ("cls", "online", "box"):
        assert name not in losses[0] or losses[-1][name] < losses[0][name], name


def test_a_network_that_learns_online_needs_labels_and_a_descent() -> None:
    with pytest.raises(LockonError, match="online \\(LabelHinge\\) given for a head that makes no label"):
        make_task(make_model(), arrays=())
    with pytest.raises(LockonError, match="whose filters nothing improves"):
        make_task(make_model(), descent=None)
    with pytest.raises(LockonError, match="nothing is learnt"):
        make_task(make_model(filters=0), alone("online"))


def test_labels_that_do_not_belong_to_the_filters_are_refused() -> None:
    with pytest.raises(LockonError, match=r"labels of shape \(2, 2, 10, 10\) for responses of shape \(2, 2, 5, 10, 10\)"):
        make_task(make_model(filters=5)).loss(sequences(filters=1))
    with pytest.raises(LockonError, match=r"descent.labels for 1 filters given, but the network has 5"):
        make_task(make_model(filters=5), descent=make_task(make_model()).descent).loss(sequences(filters=5))


def test_crops_are_of_the_size_that_the_head_expects() -> None:
    assert ANCHORS.grid.size * 8 == SEARCH
    assert isinstance(make_task(make_model()).assigners, Assigners)
