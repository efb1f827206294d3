"""SiamMask's heads against one cell at a time, computed from padded maps as the method is described."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

import torch.nn.functional as F  # noqa: E402

from lockon.models.heads.mask import COARSE, FINE, MaskHead, RefineHead  # noqa: E402

CELLS = ((12, 12), (0, 0), (24, 3), (5, 20))  # two of them need the padding


@pytest.fixture
def maps():
    """Correlation, stem, layer1 and layer2 of two search crops of 255 pixels, few channels."""
    torch.manual_seed(0)
    sides = (25, 125, 63, 31)
    return [torch.randn(2, channels, side, side) for channels, side in zip((6, 4, 8, 12), sides, strict=True)]


def slow_refine(head: RefineHead, maps, image: int, row: int, col: int):
    """One cell: windows sliced out of padded maps; the strides and margins of the paper's network."""
    correlation, stem, layer1, layer2 = (level[image : image + 1] for level in maps)
    windows = [
        F.pad(level, (margin,) * 4)[..., stride * row : stride * row + side, stride * col : stride * col + side]
        for level, margin, stride, side in ((stem, 16, 4, 61), (layer1, 8, 2, 31), (layer2, 4, 1, 15))
    ]
    out = head.open(correlation[..., row : row + 1, col : col + 1])
    assert out.shape[-1] == 15
    for index, side in ((2, 31), (1, 61), (0, 127)):
        out = head.vertical[index](out) + head.lateral[index](windows[index])
        out = head.merge[index](F.interpolate(out, size=(side, side), mode="nearest"))
    return out[0, 0]


def test_fine_masks_of_many_cells_are_those_of_one_after_the_other(maps) -> None:
    head = RefineHead(6, (4, 8, 12)).eval()
    image = torch.tensor([0, 1, 1, 0])
    row, col = torch.tensor(CELLS).T
    with torch.no_grad():
        found = head(maps[0], tuple(maps[1:]), image, row, col)
        expected = torch.stack([slow_refine(head, maps, int(i), *cell) for i, cell in zip(image, CELLS, strict=True)])
    assert found.shape == (4, FINE, FINE)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert (found[0] - found[2]).abs().max() > 1e-3, "the cells must matter"


def test_the_fine_head_has_the_published_layers() -> None:
    shapes = {name: tuple(value.shape) for name, value in RefineHead().named_parameters()}
    assert sum(value.numel() for value in RefineHead().parameters()) == 2_665_317
    assert shapes["open.weight"] == (256, 32, 15, 15)
    assert shapes["lateral.2.0.weight"] == (128, 512, 3, 3)
    assert shapes["merge.0.weight"] == (1, 4, 3, 3)


def test_coarse_masks_are_the_whole_map_at_those_cells() -> None:
    torch.manual_seed(0)
    head = MaskHead(8).eval()
    template, search = torch.randn(2, 8, 7, 7), torch.randn(2, 8, 31, 31)
    image, row, col = torch.tensor([1, 0, 1]), torch.tensor([0, 7, 24]), torch.tensor([24, 3, 11])
    with torch.no_grad():
        whole = head(template, search)  # (2, 3969, 25, 25)
        found = head.at(head.match(template, search), image, row, col)
    assert whole.shape == (2, COARSE**2, 25, 25)
    torch.testing.assert_close(found, whole[image, :, row, col].view(-1, COARSE, COARSE))
