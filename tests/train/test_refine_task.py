from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from tiny_refiner import HEADS, SIZE, batch, tiny_refiner  # noqa: E402

from lockon.config import apply_overrides  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.ops.torch.boxes import iou  # noqa: E402
from lockon.train.losses.iou import iou_loss  # noqa: E402
from lockon.train.losses.refinement import CornerMSE  # noqa: E402
from lockon.train.refine_task import RefineLosses, RefineTask  # noqa: E402


def losses_of(**weights: float) -> RefineLosses:
    return apply_overrides(RefineLosses(), {f"{name}.weight": weight for name, weight in weights.items()})


def task(head: str = "corner", *, mask_head: bool = True, **weights: float) -> RefineTask:
    made = RefineTask(tiny_refiner(head, mask=mask_head), losses_of(**weights))
    made.module.eval()  # batch normalization that does not depend on who else is in the batch
    return made


def answer(made: RefineTask, samples) -> tuple:
    """Boxes (B, 4) and mask probabilities (B, S, S) of the module, called by itself."""
    template, search = (samples[name].permute(0, 3, 1, 2).float() for name in ("template", "search"))
    with torch.no_grad():
        prediction = made.module(made.module.encode(template), search)
        return prediction.boxes[:, 0], made.module.mask(prediction.extras)


def test_equation_5() -> None:
    """The mean squared error of all corners, and 1000 times the cross entropy of all pixels of the known masks."""
    made, samples = task(), batch(masked=(0, 2))
    losses = made.loss(samples)
    boxes, masks = answer(made, samples)
    box = ((boxes - samples["box"]) ** 2).sum() / 16
    chance = masks[[0, 2]]
    truth = samples["mask"][[0, 2]]
    mask = -torch.where(truth, chance, 1 - chance).log().sum() / (2 * SIZE * SIZE)
    torch.testing.assert_close(losses["mse"], box)
    torch.testing.assert_close(losses["mask"], mask, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses["loss"], box + 1000 * mask, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(losses["iou"], iou(boxes, samples["box"]).mean())
    middle = torch.tensor([[16.0, 16, 48, 48]])
    torch.testing.assert_close(losses["given"], iou(middle, samples["box"]).mean())
    both, either = ((chance > 0.5) & truth).sum((1, 2)), ((chance > 0.5) | truth).sum((1, 2))
    torch.testing.assert_close(losses["mask_iou"], (both / either).mean())


def test_other_box_losses() -> None:
    made, samples = task(mse=0.0, l1=5.0, overlap=2.0, mask=0.0), batch()
    losses = made.loss(samples)
    boxes, _ = answer(made, samples)
    distance = (boxes - samples["box"]).abs().mean() / SIZE
    torch.testing.assert_close(losses["l1"], distance)
    torch.testing.assert_close(
        losses["overlap"], iou_loss(boxes, samples["box"], "giou", smooth=0.0).mean(), rtol=1e-2, atol=1e-2
    )  # but for its smoothing
    torch.testing.assert_close(losses["loss"], 5 * distance + 2 * losses["overlap"])
    assert "mse" not in losses
    assert "mask" not in losses


@pytest.mark.parametrize("head", HEADS)
def test_what_learns(head: str) -> None:
    """All parameters, but for those of a confidence that nothing teaches."""
    made = task(head)
    made.module.train()
    made.loss(batch())["loss"].backward()
    without = {name for name, value in made.module.named_parameters() if value.grad is None or not value.grad.any()}
    if head == "rpn":
        assert without
        assert all(name.startswith("head.confidence") for name in without)
        made = task(head, confidence=1.0)
        made.module.train()
        made.loss(batch())["loss"].backward()
        without = {name for name, value in made.module.named_parameters() if value.grad is None or not value.grad.any()}
    # a bias before a normalization, and dead ReLUs in so small a network, have no gradient
    assert all(name.endswith("bias") or name.startswith("mask_head") for name in without), without


def test_only_known_masks_count() -> None:
    made, samples = task(), batch(masked=(1,))
    wrong = {**samples, "mask": samples["mask"].clone()}
    wrong["mask"][[0, 2, 3]] = True
    torch.testing.assert_close(made.loss(samples)["loss"], made.loss(wrong)["loss"])
    others = batch(masked=(1, 3))
    assert not torch.isclose(made.loss(samples)["mask"], made.loss(others)["mask"])


def test_a_batch_without_masks() -> None:
    made, samples = task(), batch(masked=())
    losses = made.loss(samples)
    assert losses["mask"] == losses["mask_iou"] == 0
    assert set(losses) == set(made.loss(batch()))  # updates of several passes add them up
    torch.testing.assert_close(losses["loss"], losses["mse"])
    losses["loss"].backward()
    for name, value in made.module.named_parameters():
        if name.startswith("mask_head"):  # there, and 0: processes wait for each other's gradients
            assert value.grad is not None
            assert not value.grad.any()
    del samples["mask"], samples["has_mask"]
    assert "mask" not in made.loss(samples)
    assert "mask" not in task(mask_head=False).loss(batch())


def test_confidence_of_every_cell() -> None:
    plain, taught = task("rpn"), task("rpn", confidence=3.0)
    samples = batch()
    one, other = plain.loss(samples), taught.loss(samples)
    assert "confidence" not in one
    torch.testing.assert_close(other["loss"] - one["loss"], 3 * other["confidence"], rtol=1e-3, atol=1e-2)
    with pytest.raises(
        LockonError, match=r"confidence \(ConfidenceLoss\) given for a head that makes no confidence; set loss\.confidence\.weight=0, or"
    ):
        task("corner", confidence=3.0)


@pytest.mark.parametrize("box", [(0, 0, 64, 64), (30, 30, 30, 30), (0, 0, 0, 0)])
@pytest.mark.parametrize("head", HEADS)
def test_odd_truth_gives_finite_gradients(head: str, box) -> None:
    made = task(head, l1=1.0, overlap=1.0)
    samples = batch(masked=(0,))
    samples["box"][:] = torch.tensor(box, dtype=torch.float32)
    made.loss(samples)["loss"].backward()
    gradients = [value.grad for value in made.module.parameters() if value.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_a_few_steps_learn() -> None:
    made = RefineTask(tiny_refiner(), losses_of(mse=0.0, l1=5.0, overlap=2.0, mask=1.0))
    made.module.train()
    optimizer = torch.optim.Adam(made.module.parameters(), 3e-3)
    found = []
    for _ in range(60):
        optimizer.zero_grad()
        losses = made.loss(batch(8, masked=(0, 1, 2, 3)))
        losses["loss"].backward()
        optimizer.step()
        found.append({name: value.item() for name, value in losses.items()})
    assert found[-1]["loss"] < 0.7 * found[0]["loss"]
    assert found[-1]["iou"] > found[0]["iou"] + 0.2
    assert found[-1]["mask"] < found[0]["mask"]


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_bad_weights(value: float) -> None:
    with pytest.raises(LockonError, match="weight must be 0 or more"):
        CornerMSE(weight=value)


def test_no_loss_on_the_box() -> None:
    with pytest.raises(LockonError, match="no loss on the box"):
        losses_of(mse=0.0)
