from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.backbones import inverted_residual as ir  # noqa: E402

BUILDERS = {"mobilenet-v2": ir.mobilenet_v2, "efficientnet-lite0": ir.efficientnet_lite0}


def _by_hand(rows) -> int:
    """Weights and norm parameters of the stem and the blocks, from the table alone."""
    total, channels = 3 * 32 * 9 + 2 * 32, 32
    for expansion, out, repeats, _stride, kernel in rows:
        for _ in range(repeats):
            hidden = channels * expansion
            if expansion != 1:
                total += channels * hidden + 2 * hidden
            total += hidden * kernel**2 + 2 * hidden + hidden * out + 2 * out
            channels = out
    return total


@pytest.mark.parametrize(
    ("name", "rows", "channels", "parameters"),
    [
        ("mobilenet-v2", ir.MOBILENET_V2_ROWS, 96, 542_528),
        ("efficientnet-lite0", ir.EFFICIENTNET_LITE0_ROWS, 112, 700_768),
    ],
)
def test_parameters_and_shapes(name: str, rows, channels: int, parameters: int) -> None:
    trunk = BUILDERS[name]()
    count = sum(parameter.numel() for parameter in trunk.parameters())
    assert count == _by_hand(rows)
    assert count == parameters
    assert trunk.channels == channels
    assert len(trunk.stages) == 4
    x = torch.zeros(1, 3, 64, 96)
    with torch.no_grad():
        assert trunk(x).shape == (1, channels, 4, 6)
        for stage, stride in zip(trunk.stages, (2, 4, 8, 16), strict=True):
            x = stage(x)
            assert x.shape[2:] == (64 // stride, 96 // stride)


@pytest.mark.parametrize("trained", [0, 1, 2, 4])
def test_only_the_last_stages_learn(trained: int) -> None:
    trunk = ir.mobilenet_v2()
    trunk.train()
    trunk.set_trainable(trained)
    out = trunk(torch.rand(1, 3, 32, 32) * 255)
    assert out.requires_grad == (trained > 0)
    if trained:
        out.sum().backward()
    for index, stage in enumerate(trunk.stages):
        for parameter in stage.parameters():
            assert parameter.requires_grad == (index >= 4 - trained)
            assert (parameter.grad is not None) == (index >= 4 - trained)


def test_thawing_again() -> None:
    trunk = ir.mobilenet_v2()
    trunk.set_trainable(0)
    trunk.set_trainable(4)
    trunk(torch.rand(1, 3, 32, 32)).sum().backward()
    assert all(parameter.grad is not None for parameter in trunk.parameters())


def test_statistics_stay_as_they_are_in_training() -> None:
    trunk = ir.efficientnet_lite0().train()
    before = {name: value.clone() for name, value in trunk.state_dict().items() if "running" in name or "batches" in name}
    trunk(torch.rand(2, 3, 32, 32) * 255)
    after = trunk.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert trunk.training
    norms = [module for module in trunk.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert not any(norm.training for norm in norms)


def test_input_is_normalized_in_the_network() -> None:
    trunk = ir.efficientnet_lite0().eval()
    stem = trunk.stages[0][0]
    with torch.no_grad():
        gray = trunk(torch.full((1, 3, 32, 32), 127.0))
        assert stem(torch.zeros(1, 3, 32, 32)).abs().max() == 0  # the mean becomes zero, which no bias lifts
        assert gray.abs().max() == 0
    assert "mean" not in trunk.state_dict()


@pytest.mark.parametrize(("name", "widths"), [("mobilenet-v2", (16, 24, 32, 96)), ("efficientnet-lite0", (16, 24, 40, 112))])
def test_features_of_every_stage(name: str, widths: tuple[int, ...]) -> None:
    trunk = BUILDERS[name]().eval()
    image = torch.rand(2, 3, 64, 96) * 255
    found = trunk.features(image)
    assert list(found) == ["stem", "layer1", "layer2", "layer3"]
    assert trunk.stage_channels == widths
    sizes = [tuple(feature.shape) for feature in found.values()]
    assert sizes == [(2, width, 64 // stride, 96 // stride) for width, stride in zip(widths, (2, 4, 8, 16), strict=True)]
    assert torch.equal(trunk(image), found["layer3"])


def test_features_of_frozen_stages_carry_no_gradient() -> None:
    trunk = ir.efficientnet_lite0()
    trunk.set_trainable(1)
    found = trunk.features(torch.rand(1, 3, 32, 32) * 255)
    assert [feature.requires_grad for feature in found.values()] == [False, False, False, True]


def test_two_levels_are_those_of_the_plain_trunk() -> None:
    torch.manual_seed(0)
    plain, both = ir.efficientnet_lite0().eval(), ir.two_level_lite0().eval()
    both.load_state_dict(plain.state_dict())  # the same names
    image = torch.rand(1, 3, 64, 64) * 255
    low, high = both(image)
    assert (low.shape, high.shape) == ((1, 40, 8, 8), (1, 112, 4, 4))
    assert both.stage_channels[-2:] == (40, 112)
    torch.testing.assert_close(high, plain(image))
    torch.testing.assert_close(low, plain.features(image)["layer2"])
