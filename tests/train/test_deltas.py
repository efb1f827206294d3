from __future__ import annotations

import math

import pytest

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.ops.torch.boxes import decode_deltas, encode_deltas  # noqa: E402
from lockon.train.losses.deltas import delta_l1  # noqa: E402

ANCHORS = torch.tensor([[10.0, 10, 20, 10], [30, 10, 20, 10], [50, 50, 20, 40]])


def test_l1_of_deltas_equals_that_worked_out_by_hand() -> None:
    """Errors 0.1 + 0.2 + ln 2 + 0 and 0.5; the second image has no positive, the third one with error 1."""
    boxes = torch.tensor([[2.0, 7, 22, 17], [0, 0, 0, 0], [40, 30, 60, 70]])  # (12, 12), 20 x 10
    deltas = torch.zeros(3, 3, 4)
    deltas[0, 0, 2] = math.log(2)
    deltas[0, 1] = torch.tensor([-0.9, 0.2, 0, 0.5])  # right but for the height
    deltas[2, 2, 0] = -1
    labels = torch.tensor([[1, 1, 0], [0, -1, 0], [0, 0, 1]])
    expected = ((0.1 + 0.2 + math.log(2) + 0.5) / 2 + 0 + 1) / 3
    assert float(delta_l1(deltas, ANCHORS, boxes, labels)) == pytest.approx(expected, rel=1e-5)


def test_without_positives() -> None:
    deltas = torch.ones(2, 3, 4, requires_grad=True)
    loss = delta_l1(deltas, ANCHORS, torch.zeros(2, 4), torch.zeros(2, 3))
    loss.backward()
    assert loss.item() == 0
    assert not deltas.grad.any()


def test_loss_equals_that_of_pysot() -> None:
    """PySOT's loss, boxes taken back from its stored targets."""
    golden = golden_data.losses("pysot_losses")
    anchors = torch.from_numpy(golden_data.losses("pysot_anchor_targets")["all_anchors_center"]).flatten(1).T
    labels = torch.from_numpy(golden["label_cls"]).flatten(1)
    stored = torch.from_numpy(golden["label_loc"]).flatten(2).transpose(1, 2)
    decoded = decode_deltas(anchors.double(), stored.double())  # (B, N, 4), the same box at every positive
    boxes = decoded[range(4), labels.argmax(1)].float()
    loc = torch.from_numpy(golden["loc"]).requires_grad_()
    loss = delta_l1(loc.unflatten(1, (4, 5)).flatten(2).transpose(1, 2), anchors, boxes, labels)
    loss.backward()
    assert loss.item() == pytest.approx(float(golden["loss.loc_loss"]), rel=golden_data.LOSS_LIMIT)
    gradient = torch.from_numpy(golden["grad.loc_loss.loc"])
    assert (loc.grad - gradient).abs().max() < golden_data.GRADIENT_LIMIT * gradient.abs().max()


def test_golden_targets() -> None:
    golden = golden_data.losses("pysot_anchor_targets")
    anchors, boxes = torch.from_numpy(golden["all_anchors_center"]).flatten(1).T, torch.from_numpy(golden["boxes"]).float()
    for index, box in enumerate(boxes):
        stored = torch.from_numpy(golden[f"pos{index}.delta"]).flatten(1).T
        torch.testing.assert_close(encode_deltas(anchors, box), stored, rtol=1e-5, atol=1e-5)
