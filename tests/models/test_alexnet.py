from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

import golden_data  # noqa: E402
from lockon.models.backbones.alexnet import AlexNet  # noqa: E402


def test_names_and_shapes_are_the_official_ones() -> None:
    entries = golden_data.manifest("siamrpn_alex")["entries"]
    official = {entry["name"].removeprefix("backbone."): entry["shape"] for entry in entries if entry["name"].startswith("backbone.")}
    assert {name: list(value.shape) for name, value in AlexNet().state_dict().items()} == official


@pytest.mark.parametrize(("side", "cells"), [(127, 6), (255, 22), (287, 26)])
def test_sizes(side: int, cells: int) -> None:
    trunk = AlexNet().to("meta").eval()
    (out,) = trunk(torch.empty(1, 3, side, side, device="meta"))
    assert out.shape == (1, 256, cells, cells)
    assert trunk.channels == (256,)


@pytest.mark.parametrize(("stages", "first"), [(0, 16), (1, 14), (2, 11), (3, 8), (4, 4), (5, 0), (8, 0)])
def test_only_the_last_convolutions_learn(stages: int, first: int) -> None:
    trunk = AlexNet().train()
    trunk.set_trainable(stages)
    for index, module in enumerate(trunk.features):
        assert all(parameter.requires_grad == (index >= first) for parameter in module.parameters())
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.training == (index >= first)


def test_input_is_flipped_to_bgr() -> None:
    trunk, image = AlexNet().eval(), torch.rand(1, 3, 127, 127) * 255
    plain = AlexNet(bgr=False).eval()
    plain.load_state_dict(trunk.state_dict())
    with torch.no_grad():
        assert torch.equal(trunk(image)[0], plain(image.flip(1))[0])
