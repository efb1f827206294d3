from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.ops.torch.windows import windows  # noqa: E402


def slow(maps, image, top, left, side):
    """One window after the other, from a padded copy."""
    margin = 20
    padded = torch.nn.functional.pad(maps, (margin,) * 4)
    cut = [
        padded[i, :, y + margin : y + margin + side, x + margin : x + margin + side]
        for i, y, x in zip(image.tolist(), top.tolist(), left.tolist(), strict=True)
    ]
    return torch.stack(cut)


def test_windows_are_those_of_a_padded_map() -> None:
    """Inside, over each border, over a corner, and wholly outside."""
    maps = torch.randn(3, 2, 9, 7, generator=torch.Generator().manual_seed(0))
    image = torch.tensor([0, 2, 1, 1, 2, 0])
    top, left = torch.tensor([2, -3, 6, 3, 7, -9]), torch.tensor([1, 2, 4, -4, 6, 30 - 20])
    found = windows(maps, image, top, left, 5)
    assert found.shape == (6, 2, 5, 5)
    torch.testing.assert_close(found, slow(maps, image, top, left, 5), rtol=0, atol=0)


def test_gradients_reach_what_is_inside_alone() -> None:
    maps = torch.ones(1, 1, 4, 4, requires_grad=True)
    windows(maps, torch.zeros(2, dtype=torch.long), torch.tensor([-1, 2]), torch.tensor([-1, 2]), 3).sum().backward()
    assert maps.grad[0, 0].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]


def test_no_windows() -> None:
    none = torch.zeros(0, dtype=torch.long)
    assert windows(torch.zeros(2, 3, 5, 5), none, none, none, 4).shape == (0, 3, 4, 4)
