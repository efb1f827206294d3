from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

import torch.nn.functional as F  # noqa: E402

from lockon.errors import LockonError  # noqa: E402
from lockon.models.backbones import inverted_residual as ir  # noqa: E402
from lockon.models.backbones.alexnet import AlexNet  # noqa: E402
from lockon.models.backbones.interpolated_resnet import InterpolatedResNet50  # noqa: E402
from lockon.models.backbones.pretrained import load_pretrained  # noqa: E402
from lockon.models.backbones.resnet import DilatedResNet50, ResNet  # noqa: E402

BUILDERS = {"mobilenet-v2": ir.mobilenet_v2, "efficientnet-lite0": ir.efficientnet_lite0}


def made_up(module) -> dict:
    """Values that no initialization gives, under the module's own names."""
    generator = torch.Generator().manual_seed(0)
    return {key: (torch.rand(value.shape, generator=generator) + 0.5).to(value.dtype) for key, value in module.state_dict().items()}


def holds(module, state) -> bool:
    return all(torch.equal(value, state[key]) for key, value in module.state_dict().items())


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


def _timm_names(trunk) -> dict[str, str]:
    """Our names -> timm's, whose blocks are numbered per row of the paper's table."""
    rows = {96: ir.MOBILENET_V2_ROWS, 112: ir.EFFICIENTNET_LITE0_ROWS}[trunk.channels]
    counts = [(row, place) for row, (_, _, repeats, _, _) in enumerate(rows) for place in range(repeats)]
    norms = {"expand": "bn1", "depthwise": "bn2", "project": "bn3"}
    layers = {"expand": "conv_pw", "depthwise": "conv_dw", "project": "conv_pwl"}
    names, blocks = {}, _block_numbers(trunk)
    for key in trunk.state_dict():
        _, stage, place, *rest = key.split(".")
        number = blocks[stage, place]
        if number < 0:
            names[key] = f"{('conv_stem', 'bn1')[int(rest[0])]}.{rest[1]}"
            continue
        part, layer, leaf = rest
        row, index = counts[number]
        if row == 0:  # depth-wise separable: no expansion, so the last two keep the first names
            theirs = {"depthwise": ("conv_dw", "bn1"), "project": ("conv_pw", "bn2")}[part][int(layer)]
        else:
            theirs = (layers[part], norms[part])[int(layer)]
        names[key] = f"blocks.{row}.{index}.{theirs}.{leaf}"
    return names


@pytest.mark.parametrize("prefix", ["", "module.", "layers."])
@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("mobilenet-v2", _torchvision_names),
        ("mobilenet-v2", _timm_names),
        ("efficientnet-lite0", _lite_names),
        ("efficientnet-lite0", _timm_names),
    ],
)
def test_inverted_residual_networks(name: str, theirs, prefix: str) -> None:
    trunk = BUILDERS[name]()
    names = theirs(trunk)
    assert len(set(names.values())) == len(trunk.state_dict())
    ours = made_up(trunk)
    published = {prefix + names[key]: value for key, value in ours.items()}
    published |= {
        prefix + key: torch.zeros(1)
        for key in ("features.18.0.weight", "classifier.1.weight", "_blocks.15._bn1.weight", "conv_head.weight")
    }
    assert load_pretrained(trunk, published) == ()
    assert holds(trunk, ours)
    first = prefix + next(iter(names.values()))
    with pytest.raises(LockonError, match="are missing, first"):
        load_pretrained(trunk, {key: value for key, value in published.items() if key != first})
    with pytest.raises(LockonError, match="size mismatch"):
        load_pretrained(trunk, {**published, first: torch.zeros(2)})


def test_known_names() -> None:
    assert _torchvision_names(ir.mobilenet_v2())["stages.1.0.project.0.weight"] == "features.2.conv.2.weight"
    assert _torchvision_names(ir.mobilenet_v2())["stages.0.1.project.1.bias"] == "features.1.conv.2.bias"
    assert _lite_names(ir.efficientnet_lite0())["stages.1.0.expand.0.weight"] == "_blocks.1._expand_conv.weight"
    assert _timm_names(ir.mobilenet_v2())["stages.0.1.project.0.weight"] == "blocks.0.0.conv_pw.weight"
    assert _timm_names(ir.efficientnet_lite0())["stages.3.2.expand.1.bias"] == "blocks.3.2.bn1.bias"


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("prefix", ["", "layers.", "module.backbone."])
def test_ordinary_resnets(depth: int, prefix: str) -> None:
    """Names of torchvision and timm: a classifier and later layers are left out."""
    published = made_up(ResNet(depth, (3,))) | {
        "layer4.0.conv1.weight": torch.zeros(1),
        "fc.weight": torch.zeros(1),
        "fc.bias": torch.zeros(1),
    }
    trunk = ResNet(depth, (2,))
    assert load_pretrained(trunk, {prefix + key: value for key, value in published.items()}) == ()
    assert holds(trunk, published)


def test_a_whole_tracker_gives_its_backbone() -> None:
    published = made_up(DilatedResNet50((2,)))
    tracker = {f"backbone.{key}": value for key, value in published.items()} | {"neck.weight": torch.zeros(1), "conv1.bias": torch.zeros(1)}
    trunk = DilatedResNet50((2,))
    load_pretrained(trunk, tracker)
    assert holds(trunk, published)


def test_layers_that_are_missing_at_the_end() -> None:
    published = made_up(DilatedResNet50((1,)))
    trunk = DilatedResNet50((2,))
    before = {key: value.clone() for key, value in trunk.state_dict().items()}
    with pytest.raises(LockonError, match=r"siam.pth does not hold weights of DilatedResNet50 .* first 'layer2.0.conv1.weight'"):
        load_pretrained(trunk, published, source="siam.pth")
    assert holds(trunk, before)
    notes = load_pretrained(trunk, published, source="siam.pth", partial=True)
    assert notes == ("siam.pth has no layer2: it starts from random weights",)
    assert holds(trunk, {**before, **published})
    with pytest.raises(LockonError, match="none of its names is there"):
        load_pretrained(trunk, {"weight": torch.zeros(1)}, partial=True)


@pytest.mark.parametrize(
    ("trunk", "published", "message"),
    [
        (lambda: ResNet(18, (2,)), lambda: ResNet(34, (2,)), "are unknown, first 'layer1.2"),
        (lambda: ResNet(34, (2,)), lambda: ResNet(18, (2,)), "are missing, first 'layer1.2"),
        (lambda: ResNet(18, (2,)), lambda: ResNet(50, (2,)), "size mismatch: layer1.0.conv1.weight is 64x64x1x1, not 64x64x3x3"),
        (ir.mobilenet_v2, lambda: ResNet(18, (1,)), "are missing, first 'stages.0.0.0.weight'"),
        (lambda: torch.nn.Linear(1, 1), lambda: ResNet(18, (1,)), "no published weights are known for Linear"),
    ],
)
def test_weights_of_another_network(trunk, published, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        load_pretrained(trunk(), made_up(published()))


def test_ordinary_weights_in_the_dilated_network() -> None:
    """The stem gives exactly what the ordinary one gives without its padding; a shortcut samples beside the 3x3 convolution."""
    ordinary, trunk = ResNet(50, (2,)).eval(), DilatedResNet50((2,)).eval()
    ordinary.load_state_dict(made_up(ordinary))
    assert "rewritten" in load_pretrained(trunk, ordinary.state_dict())[0]
    image = torch.rand(1, 3, 63, 63) * 255
    with torch.no_grad():
        normalized = (image - ordinary.mean) / ordinary.std
        wanted = ordinary.relu(ordinary.bn1(F.conv2d(normalized, ordinary.conv1.weight, stride=2)))
        assert (trunk.features(image)["stem"] - wanted).abs().max() < 1e-4 * wanted.abs().max()
        x = torch.rand(1, 256, 15, 15)
        ours = trunk.layer2[0].downsample[0](x)
        assert torch.allclose(ours, ordinary.layer2[0].downsample[0](x[..., 1:-1, 1:-1]), rtol=1e-4)
    assert torch.equal(trunk.layer2[1].conv2.weight, ordinary.layer2[1].conv2.weight)


def test_weights_of_the_dilated_network_in_the_ordinary_one() -> None:
    """What was made of ordinary weights gives these again; the taps of a trained shortcut are summed."""
    ordinary, dilated, trunk = ResNet(50, (2, 3)), DilatedResNet50((2, 3)), ResNet(50, (2, 3))
    ordinary.load_state_dict(made_up(ordinary))
    load_pretrained(dilated, ordinary.state_dict())
    assert "summed to 1x1" in load_pretrained(trunk, dilated.state_dict())[0]
    for name, value in ordinary.state_dict().items():
        np.testing.assert_allclose(trunk.state_dict()[name], value, rtol=1e-5, atol=1e-4 * float(value.abs().max()), err_msg=name)
    state = {name: value + 1 if name == "layer2.0.downsample.0.weight" else value for name, value in dilated.state_dict().items()}
    load_pretrained(trunk, state)
    added = trunk.layer2[0].downsample[0].weight - ordinary.layer2[0].downsample[0].weight
    np.testing.assert_allclose(added.detach(), 9, rtol=1e-4)


def test_weights_of_both_kinds_in_the_interpolated_network() -> None:
    """Ordinary weights: stem and layer 2 as in the dilated network, the rest as it is. Dilated ones: the other way round."""
    ordinary, dilated, trunk = ResNet(50), DilatedResNet50((3,)), InterpolatedResNet50((3,))
    ordinary.load_state_dict(made_up(ordinary))
    assert "rewritten" in load_pretrained(dilated, ordinary.state_dict())[0]
    assert "rewritten" in load_pretrained(trunk, ordinary.state_dict())[0]
    third = "layer3.0.downsample.0.weight"
    for name, value in trunk.state_dict().items():
        wanted = (ordinary if name == third else dilated).state_dict()[name]
        assert torch.equal(value, wanted), name
    dilated.load_state_dict(made_up(dilated))
    assert load_pretrained(trunk, dilated.state_dict()) == (
        "dilated ResNet-50 weights: 3x3 shortcuts of layers 3 and 4 summed to 1x1 (near, not equal)",
    )
    for name, value in trunk.state_dict().items():
        wanted = dilated.state_dict()[name]
        assert torch.equal(value, wanted.sum((2, 3), keepdim=True) if name == third else wanted), name
    again = InterpolatedResNet50((3,))
    assert load_pretrained(again, trunk.state_dict()) == ()
    assert holds(again, trunk.state_dict())


@pytest.mark.parametrize("shorten", [False, True])
def test_alexnet(shorten: bool) -> None:
    """Legacy files leave out what all names have in common."""
    published = made_up(AlexNet())
    trunk = AlexNet()
    load_pretrained(trunk, {key.removeprefix("features.") if shorten else key: value for key, value in published.items()})
    assert holds(trunk, published)


def test_counters_may_be_missing() -> None:
    published = {key: value for key, value in made_up(ResNet(18, (1,))).items() if not key.endswith("num_batches_tracked")}
    load_pretrained(ResNet(18, (1,)), published)
