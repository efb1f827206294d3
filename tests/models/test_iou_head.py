"""The box network: its closed-form gradient against automatic differentiation, and against moving the box."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.heads.iou import IoUNet, PooledLinear  # noqa: E402

BOXES = [[10.0, 20, 60, 70], [-20, -5, 50, 40], [30, 30, 30.5, 30.2], [200, 200, 220, 240], [40, 40, 20, 60]]  # the last two: nothing there


def _net():
    torch.manual_seed(0)
    net = IoUNet(16, 24).double()
    for part in net.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
            torch.nn.init.normal_(part.bias)
    return net.eval()


def _inputs(net):
    taps = tuple(torch.randn(2, channels, side, side, dtype=torch.float64) for channels, side in ((16, 12), (24, 6)))
    targets = torch.tensor([[10.0, 20, 60, 70], [30, 20, 80, 40]], dtype=torch.float64)
    boxes = torch.tensor([BOXES, BOXES[::-1]], dtype=torch.float64)
    with torch.no_grad():
        return net.features(taps), net.modulation(taps, targets), boxes


def test_the_closed_form_gradient_is_that_of_automatic_differentiation() -> None:
    net = _net()
    features, modulation, boxes = _inputs(net)
    boxes.requires_grad_()
    expected = net(features, modulation, boxes)
    (slopes,) = torch.autograd.grad(expected.sum(), boxes)
    with torch.no_grad():
        scores, gradients = net.value_and_gradient(features, modulation, boxes)
    torch.testing.assert_close(scores, expected.detach(), rtol=0, atol=1e-13)
    torch.testing.assert_close(gradients, slopes, rtol=0, atol=1e-13)
    assert gradients[0, :2].abs().min() > 0
    assert (gradients[0, 3] == 0).all(), "far outside the map nothing changes"
    assert torch.isfinite(gradients).all()


def test_targets_of_a_batch_do_not_see_each_other() -> None:
    net = _net()
    features, modulation, boxes = _inputs(net)
    with torch.no_grad():
        together = net(features, modulation, boxes)
        alone = net(tuple(f[1:] for f in features), tuple(m[1:] for m in modulation), boxes[1:])
    torch.testing.assert_close(together[1:], alone)
    assert (together[0] - together[1].flip(0))[:3].abs().min() > 0, "two targets, two looks"


def test_training_normalizes_over_all_boxes_and_reaches_every_weight() -> None:
    net = _net().train()
    features, modulation, boxes = _inputs(net)
    before = net.box_low.bn.running_mean.clone()
    net(features, modulation, boxes).square().sum().backward()
    assert not torch.equal(net.box_low.bn.running_mean, before)
    reached = {name.partition(".")[0] for name, weight in net.named_parameters() if weight.grad is not None}
    assert reached == {"box_low", "box_high", "predictor"}, "features and modulation were computed without gradients here"
    taps = tuple(torch.randn(2, channels, side, side, dtype=torch.float64) for channels, side in ((16, 12), (24, 6)))
    net(net.features(taps), net.modulation(taps, boxes[:, 0]), boxes).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in net.parameters())


def test_a_pooled_layer_by_hand() -> None:
    """One channel, one bin, two outputs: 2 x + 1 and -x, normalized by mean 1 and variance 4, cut at 0."""
    layer = PooledLinear(1, 1, 2).double().eval()
    layer.linear.weight.data = torch.tensor([[2.0], [-1.0]], dtype=torch.float64)
    layer.linear.bias.data = torch.tensor([1.0, 0.0], dtype=torch.float64)
    layer.bn.weight.data.fill_(1)
    layer.bn.bias.data.zero_()
    layer.bn.eps = 0.0
    layer.bn.running_mean = torch.tensor([1.0, 1.0], dtype=torch.float64)
    layer.bn.running_var = torch.tensor([4.0, 4.0], dtype=torch.float64)
    x = torch.tensor([3.0, -3.0], dtype=torch.float64).view(1, 2, 1, 1, 1)
    with torch.no_grad():
        value, slope = layer.value_and_slope(x, torch.tensor([10.0, 1.0], dtype=torch.float64))
        out = layer(x)
    assert out[0].tolist() == [[3.0, 0.0], [0.0, 1.0]]  # (7 - 1) / 2 and (-3 - 1) / 2; (-5 - 1) / 2 and (3 - 1) / 2
    assert value.tolist() == [[30.0, 1.0]]
    assert slope.flatten().tolist() == [10.0, -0.5]  # 10 * 2 / 2 and 1 * -1 / 2
