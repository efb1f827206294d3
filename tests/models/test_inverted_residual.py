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


def _block_numbers(trunk) -> dict[tuple[str, str], int]:
    """(stage, place) of every block, numbered from 0 in the order of the network; the stem is none."""
    places = dict.fromkeys(tuple(key.split(".")[1:3]) for key in trunk.state_dict())
    return {place: number - 1 for number, place in enumerate(places)}


def _torchvision_names(trunk) -> dict[str, str]:
    """Our names -> torchvision's."""
    names, blocks = {}, _block_numbers(trunk)
    for key in trunk.state_dict():
        _, stage, place, *rest = key.split(".")
        number = blocks[stage, place] + 1
        if number == 0:
            names[key] = ".".join(["features.0", *rest])
            continue
        part, layer, leaf = rest
        parts = ["depthwise"] if number == 1 else ["expand", "depthwise"]  # the first block does not expand
        inner = f"{parts.index(part)}.{layer}" if part in parts else f"{len(parts) + int(layer)}"
        names[key] = f"features.{number}.conv.{inner}.{leaf}"
    return names


def _lite_names(trunk) -> dict[str, str]:
    """Our names -> those of the published EfficientNet-Lite weights."""
    layers = {"expand": ("_expand_conv", "_bn0"), "depthwise": ("_depthwise_conv", "_bn1"), "project": ("_project_conv", "_bn2")}
    names, blocks = {}, _block_numbers(trunk)
    for key in trunk.state_dict():
        _, stage, place, *rest = key.split(".")
        if blocks[stage, place] < 0:
            names[key] = f"{('_conv_stem', '_bn0')[int(rest[0])]}.{rest[1]}"
        else:
            part, layer, leaf = rest
            names[key] = f"_blocks.{blocks[stage, place]}.{layers[part][int(layer)]}.{leaf}"
    return names


@pytest.mark.parametrize(
    ("name", "convert", "theirs"),
    [
        ("mobilenet-v2", ir.from_torchvision, _torchvision_names),
        ("efficientnet-lite0", ir.from_efficientnet_lite, _lite_names),
    ],
)
def test_names_of_published_weights(name: str, convert, theirs) -> None:
    trunk = BUILDERS[name]()
    names = theirs(trunk)
    assert len(set(names.values())) == len(trunk.state_dict())
    made_up = {their: torch.randn_like(trunk.state_dict()[our].float()) for our, their in names.items()}
    extra = {"features.18.0.weight": torch.zeros(1), "classifier.1.weight": torch.zeros(1), "_blocks.15._bn1.weight": torch.zeros(1)}
    converted = convert(trunk, made_up | extra)
    assert set(converted) == set(trunk.state_dict())
    assert all(torch.equal(converted[our], made_up[their]) for our, their in names.items())
    trunk.load_state_dict(converted)
    del made_up[next(iter(names.values()))]
    with pytest.raises(KeyError, match=r"1 of \d+ weights are missing"):
        convert(trunk, made_up)


def test_known_names() -> None:
    assert _torchvision_names(ir.mobilenet_v2())["stages.1.0.project.0.weight"] == "features.2.conv.2.weight"
    assert _torchvision_names(ir.mobilenet_v2())["stages.0.1.project.1.bias"] == "features.1.conv.2.bias"
    assert _lite_names(ir.efficientnet_lite0())["stages.1.0.expand.0.weight"] == "_blocks.1._expand_conv.weight"
