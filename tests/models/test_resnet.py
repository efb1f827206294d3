from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

import golden_data  # noqa: E402
from lockon.models.backbones.resnet import DilatedResNet50, ResNet  # noqa: E402


def on_meta(kind, *arguments, **options):
    with torch.device("meta"):
        return kind(*arguments, **options).to("meta").eval()


@pytest.mark.parametrize(
    ("side", "stem", "pooled", "cells"),
    [(127, 61, 31, 15), (255, 125, 63, 31), (287, 141, 71, 35)],
)
def test_sizes_of_the_dilated_network(side: int, stem: int, pooled: int, cells: int) -> None:
    found = on_meta(DilatedResNet50).features(torch.empty(1, 3, side, side, device="meta"))
    assert {name: tuple(value.shape[1:]) for name, value in found.items()} == {
        "stem": (64, stem, stem),
        "layer1": (256, pooled, pooled),
        "layer2": (512, cells, cells),
        "layer3": (1024, cells, cells),
        "layer4": (2048, cells, cells),
    }


@pytest.mark.parametrize("layers", [(2, 3, 4), (2, 3), (3,), (3, 1)])
def test_outputs_are_the_asked_layers(layers: tuple[int, ...]) -> None:
    trunk = on_meta(DilatedResNet50, layers)
    out = trunk(torch.empty(2, 3, 127, 127, device="meta"))
    assert tuple(value.shape[1] for value in out) == trunk.channels == tuple({1: 256, 2: 512, 3: 1024, 4: 2048}[n] for n in layers)
    assert hasattr(trunk, f"layer{max(layers)}")
    assert not hasattr(trunk, f"layer{max(layers) + 1}")


@pytest.mark.parametrize(("golden", "layers"), [("siamrpn_r50", (2, 3, 4)), ("siampw_rbo", (2, 3))])
def test_names_and_shapes_are_the_official_ones(golden: str, layers: tuple[int, ...]) -> None:
    entries = golden_data.manifest(golden)["entries"]
    official = {entry["name"].removeprefix("backbone."): entry["shape"] for entry in entries if entry["name"].startswith("backbone.")}
    assert {name: list(value.shape) for name, value in on_meta(DilatedResNet50, layers).state_dict().items()} == official


@pytest.mark.parametrize(
    ("kind", "arguments", "parameters"),
    [
        (DilatedResNet50, (), 45_528_128),
        (DilatedResNet50, ((2, 3),), 13_786_176),
        # torchvision's totals less the classifier: 11,689,512 - 513,000; 21,797,672 - 513,000; 25,557,032 - 2,049,000
        (ResNet, (18, (4,)), 11_176_512),
        (ResNet, (34, (4,)), 21_284_672),
        (ResNet, (50, (4,)), 23_508_032),
    ],
)
def test_parameters(kind, arguments, parameters: int) -> None:
    assert sum(parameter.numel() for parameter in on_meta(kind, *arguments).parameters()) == parameters


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_strides_of_ordinary_networks(depth: int) -> None:
    trunk = on_meta(ResNet, depth, (1, 2, 3, 4))
    out = trunk(torch.empty(1, 3, 64, 96, device="meta"))
    assert [tuple(value.shape[2:]) for value in out] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert tuple(value.shape[1] for value in out) == trunk.channels


def test_unknown_depths_and_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="depth=101"):
        ResNet(101)
    for layers in ((), (0,), (5,)):
        with pytest.raises(ValueError, match="expected numbers from 1 to 4"):
            DilatedResNet50(layers)


def test_a_feature_is_centred_where_the_anchors_are() -> None:
    """Feature k of layer 2 sees input pixels symmetrically around 8 k + 7."""
    trunk = DilatedResNet50((2,)).double().eval()
    trunk.maxpool = torch.nn.AvgPool2d(3, 2, 1)  # of equal values the maximum takes the first, which is off the middle
    with torch.no_grad():  # weights that cannot cancel: the gradient is the receptive field, symmetric as all kernels are
        for parameter in trunk.parameters():
            parameter.fill_(1.0 if parameter.ndim == 1 else 1.0 / parameter[0].numel())
    image = torch.ones(1, 3, 127, 127, dtype=torch.float64, requires_grad=True)
    (out,) = trunk(image)
    out[0, :, 7, 5].sum().backward()
    field = image.grad[0].sum(0)
    rows, columns = torch.arange(127.0, dtype=torch.float64), torch.arange(127.0, dtype=torch.float64)
    assert abs(float((field.sum(1) * rows).sum() / field.sum()) - 63) < 1e-6
    assert abs(float((field.sum(0) * columns).sum() / field.sum()) - 47) < 1e-6


@pytest.mark.parametrize(("stages", "learning"), [(0, ()), (1, (3,)), (2, (2, 3)), (3, (1, 2, 3)), (4, (0, 1, 2, 3)), (9, (0, 1, 2, 3))])
def test_only_the_last_stages_learn(stages: int, learning: tuple[int, ...]) -> None:
    trunk = on_meta(DilatedResNet50, (3,)).train()
    trunk.set_trainable(stages)
    for number, parts in enumerate([(trunk.conv1, trunk.bn1), (trunk.layer1,), (trunk.layer2,), (trunk.layer3,)]):
        modules = [module for part in parts for module in part.modules()]
        wanted = number in learning
        assert all(parameter.requires_grad == wanted for part in parts for parameter in part.parameters())
        assert all(module.training == wanted for module in modules if isinstance(module, torch.nn.BatchNorm2d))
    trunk.eval()
    assert not any(module.training for module in trunk.modules())
    trunk.train()
    assert any(module.training for module in trunk.modules() if isinstance(module, torch.nn.BatchNorm2d)) == bool(learning)


def test_ordinary_networks_keep_their_statistics() -> None:
    trunk = ResNet(18, (1,)).train()
    before = trunk.bn1.running_mean.clone()
    trunk(torch.rand(1, 3, 32, 32) * 255)[0].sum().backward()
    assert torch.equal(trunk.bn1.running_mean, before)
    assert trunk.conv1.weight.grad is not None


def test_channel_order_and_normalization_are_inside() -> None:
    image = torch.rand(1, 3, 32, 32) * 255
    trunk = DilatedResNet50((1,)).eval()
    with torch.no_grad():
        flipped = DilatedResNet50((1,), bgr=False).eval()
        flipped.load_state_dict(trunk.state_dict())
        assert torch.equal(trunk(image)[0], flipped(image.flip(1))[0])
        mean = torch.tensor([123.675, 116.28, 103.53]).view(1, 3, 1, 1).expand(1, 3, 32, 32)
        assert ResNet(18, (1,)).eval().features(mean)["stem"].abs().max() < 1e-5
    assert "mean" not in trunk.state_dict()
