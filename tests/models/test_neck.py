from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.neck import LevelNeck  # noqa: E402


def test_every_level_has_its_own_convolution_without_a_nonlinearity() -> None:
    torch.manual_seed(0)
    neck = LevelNeck((3, 5), out=4).eval()
    features = torch.randn(2, 3, 6, 6), torch.randn(2, 5, 6, 6)
    out = neck(features)
    assert [level.shape for level in out] == [(2, 4, 6, 6)] * 2
    for level, feature, result in zip(neck.levels, features, out, strict=True):
        expected = torch.einsum("oc,bchw->bohw", level[0].weight[:, :, 0, 0], feature) / (1 + 1e-5) ** 0.5
        torch.testing.assert_close(result, expected)
    assert min(level.min() for level in out) < 0


def test_missing_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        LevelNeck((3, 5), out=4)((torch.randn(1, 3, 6, 6),))


def test_without_normalization_the_convolution_has_a_bias() -> None:
    neck = LevelNeck((3,), out=4, normalized=False)
    assert {name: tuple(value.shape) for name, value in neck.state_dict().items()} == {
        "levels.0.weight": (4, 3, 1, 1),
        "levels.0.bias": (4,),
    }
