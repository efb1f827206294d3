from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from lockon.errors import LockonError  # noqa: E402
from lockon.zoo.network_cost import convolution_gradient, count, count_pair  # noqa: E402


@pytest.mark.parametrize(
    ("name", "parameters", "template", "search"),
    [
        ("lockon-s", 883_528, 112, 224),
        ("siamrpn-alexnet", 6_251_102, 127, 287),
        ("siamrpnpp-r50", 53_950_624, 127, 255),  # the published networks' own counts
        ("siamban-r50", 53_932_123, 127, 255),
        ("siampw-r50", 21_558_866, 127, 255),
        ("siamcar-r50", 51_384_903, 127, 255),
        ("ostrack256", 92_518_533 - 768 - 197 * 768, 128, 256),  # without the class token and MAE's positions
        ("transt-n4", 23_016_006, 128, 256),
    ],
)
def test_published_sizes(name: str, parameters: int, template: int, search: int) -> None:
    found = count(name)
    assert (found.parameters, found.template_size, found.search_size) == (parameters, template, search)
    assert 0 < found.template_flops < found.search_flops


def test_operations_by_hand() -> None:
    """AlexNet's five convolutions and the head's, output cells times kernel volume times two."""
    backbone = {
        cells: 2 * sum(width * width * cout * cin * k * k for width, cout, cin, k in rows)
        for cells, rows in {
            6: [(59, 96, 3, 11), (25, 256, 96, 5), (10, 384, 256, 3), (8, 384, 384, 3), (6, 256, 384, 3)],
            26: [(139, 96, 3, 11), (65, 256, 96, 5), (30, 384, 256, 3), (28, 384, 384, 3), (26, 256, 384, 3)],
        }.items()
    }
    found = count("siamrpn-alexnet")
    assert found.template_flops == backbone[6]
    one = 2 * 256 * 256  # 1x1 convolution, per cell
    template, search, correlation = 9 * one * 4 * 4, 9 * one * 24 * 24, 2 * 256 * 16 * 21 * 21
    heads = sum(template + search + correlation + one * 21 * 21 + 2 * 256 * out * 21 * 21 for out in (10, 20))
    assert found.search_flops == backbone[26] + heads


def test_overrides() -> None:
    assert count("lockon-s", channels=64).parameters < count("lockon-s").parameters
    with pytest.raises(LockonError, match="unknown network 'csrt'"):
        count("csrt")


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (torch.nn.Conv2d(6, 4, 3, stride=2, bias=False), (2, 6, 9, 11)),
        (torch.nn.Conv2d(6, 12, 3, groups=6, bias=False), (2, 6, 9, 11)),
        (torch.nn.ConvTranspose2d(6, 4, 2, stride=2, bias=False), (2, 6, 9, 11)),
    ],
)
@pytest.mark.parametrize("wanted", [(True, True, False), (False, True, False)])
def test_each_gradient_of_a_convolution_takes_as_many_operations_as_the_convolution(layer, inputs, wanted) -> None:
    with FlopCounterMode(display=False) as forward:
        output = layer(torch.zeros(inputs))
    transposed = isinstance(layer, torch.nn.ConvTranspose2d)
    rest = (None, layer.stride, layer.padding, layer.dilation, transposed, layer.padding, layer.groups, wanted)
    assert convolution_gradient(output.shape, inputs, layer.weight.shape, *rest) == sum(wanted[:2]) * forward.get_total_flops()


def test_operations_of_a_pair_by_hand() -> None:
    """Three parts of equal size: output, gradients of weights, of features; of the image no gradient is needed."""
    one = count("siamrpn-alexnet")
    pair = count_pair("siamrpn-alexnet")
    assert pair.forward == one.template_flops + one.search_flops
    first = sum(2 * width * width * 96 * 3 * 11 * 11 for width in (59, 139))
    assert pair.training == 3 * pair.forward - first


def test_frozen_stages_have_no_gradient_and_tokens_that_leave_cost_nothing() -> None:
    small = {
        "channels": 24,
        "depth": 3,
        "heads": 2,
        "template_size": 32,
        "search_size": 64,
        "elimination.blocks": (0, 1),
        "head.widths": (8,),
    }
    dense, sparse = (count_pair("rtrack256", keep=keep, **small) for keep in (1.0, 0.5))
    assert dense.forward > sparse.forward
    assert dense.training > sparse.training
    compact = {"channels": 8, "template_size": 64, "search_size": 96, "depth": 1, "heads": 2}
    frozen, learning = (count_pair("compact-ostrack", stages=stages, **compact) for stages in (0, None))
    assert frozen.forward == learning.forward
    assert frozen.training < 0.6 * learning.training
