from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.backbones.interpolated_resnet import InterpolatedResNet50, align_corner  # noqa: E402
from lockon.models.backbones.resnet import DilatedResNet50  # noqa: E402


@pytest.mark.parametrize(("side", "cells", "coarse"), [(127, 15, (8, 4)), (255, 31, (16, 8)), (319, 39, (20, 10)), (287, 35, (18, 9))])
def test_sizes_of_the_interpolated_network(side: int, cells: int, coarse: tuple[int, int]) -> None:
    """Layer 2 has the dilated network's size, layers 3 and 4 half and a quarter of it; all outputs have layer 2's."""
    with torch.device("meta"):
        trunk = InterpolatedResNet50().eval()
    image = torch.empty(2, 3, side, side, device="meta")
    stages = trunk.features(image)
    assert [tuple(stages[f"layer{number}"].shape[2:]) for number in (2, 3, 4)] == [(n, n) for n in (cells, *coarse)]
    assert [tuple(level.shape) for level in trunk(image)] == [(2, channels, cells, cells) for channels in (512, 1024, 2048)]


def test_stem_and_layer_2_are_those_of_the_dilated_network() -> None:
    ours, dilated = InterpolatedResNet50((2,)).eval(), DilatedResNet50((2,)).eval()
    ours.load_state_dict(dilated.state_dict())
    image = torch.rand(1, 3, 63, 63) * 255
    with torch.no_grad():
        assert torch.equal(ours(image)[0], dilated(image)[0])


def test_parameters_are_those_of_an_ordinary_resnet_but_for_one_shortcut() -> None:
    """23,508,032 of torchvision's ResNet-50 without its classifier, and 8 * 256 * 512 for the 3x3 kernel of layer 2's shortcut."""
    with torch.device("meta"):
        trunk = InterpolatedResNet50()
    assert sum(parameter.numel() for parameter in trunk.parameters()) == 23_508_032 + 8 * 256 * 512


@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("size", [15, 16, 31, 39])
def test_a_ramp_comes_out_as_one_up_to_the_last_cell(stride: int, size: int) -> None:
    """Cell i of a level holds its place ``stride * i``: fine cell k then holds k, and beyond the last cell that cell's place."""
    places = torch.arange(0, size, stride, dtype=torch.float64)
    ramp = places.view(1, 1, -1, 1) + 1000 * places.view(1, 1, 1, -1)
    fine = align_corner(ramp, (size, size), stride)[0, 0].numpy()
    wanted = np.minimum(np.arange(size), float(places[-1]))
    np.testing.assert_allclose(fine, wanted[:, None] + 1000 * wanted[None, :], rtol=1e-13)


def test_an_impulse_keeps_its_place() -> None:
    """Cell 2 of a stride-4 level is fine cell 8, with the triangle of bilinear weights around it."""
    level = torch.zeros(1, 1, 8, 8)
    level[0, 0, 2, 2] = 1
    fine = align_corner(level, (31, 31), 4)[0, 0]
    triangle = np.maximum(1 - np.abs(np.arange(31) - 8) / 4, 0)
    np.testing.assert_allclose(fine.numpy(), np.outer(triangle, triangle), atol=1e-6)


def test_the_finest_level_stays_as_it_is() -> None:
    level = torch.rand(1, 2, 5, 5)
    assert align_corner(level, (5, 5), 1) is level


@pytest.mark.parametrize("number", [3, 4])
def test_a_feature_is_centred_where_the_anchors_are(number: int) -> None:
    """What feature k of layers 3 and 4 sees lies symmetrically around input pixel 8 k + 7; k is a cell of the layer itself."""
    trunk = InterpolatedResNet50((number,)).double().eval()
    trunk.maxpool = torch.nn.AvgPool2d(3, 2, 1)  # of equal values the maximum takes the first, which is off the middle
    with torch.no_grad():  # weights that cannot cancel: the gradient is the receptive field, symmetric as all kernels are
        for parameter in trunk.parameters():
            parameter.fill_(1.0 if parameter.ndim == 1 else 1.0 / parameter[0].numel())
        for stage in trunk.layer3, *((trunk.layer4,) if number == 4 else ()):  # without the blocks behind, whose field meets the borders
            for block in list(stage)[1:]:
                block.conv3.weight.zero_()
    image = torch.ones(1, 3, 383, 383, dtype=torch.float64, requires_grad=True)
    (out,) = trunk(image)
    out[0, :, 24, 20].sum().backward()
    field = image.grad[0].sum(0)
    pixels = torch.arange(383.0, dtype=torch.float64)
    assert abs(float((field.sum(1) * pixels).sum() / field.sum()) - (8 * 24 + 7)) < 1e-6
    assert abs(float((field.sum(0) * pixels).sum() / field.sum()) - (8 * 20 + 7)) < 1e-6


def test_layer_1_cannot_be_interpolated_to_layer_2() -> None:
    with pytest.raises(ValueError, match="layer 1 is finer"):
        InterpolatedResNet50((1, 2))
