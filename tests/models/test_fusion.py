from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.fusion import DepthwiseFusion, PixelwiseFusion, depthwise_correlation, pixelwise_correlation  # noqa: E402

B, C, H, W = 2, 3, 6, 5


def _maps(h: int, w: int):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(B, C, h, w, generator=generator), torch.randn(B, C, H, W, generator=generator)


def test_pixelwise_equals_loops() -> None:
    template, search = _maps(2, 3)
    got = pixelwise_correlation(template, search)
    assert got.shape == (B, 6, H, W)
    for b in range(B):
        for cell in range(6):
            for y in range(H):
                for x in range(W):
                    product = (template[b, :, cell // 3, cell % 3] * search[b, :, y, x]).sum() / C**0.5
                    assert float(got[b, cell, y, x]) == pytest.approx(float(product), abs=1e-5)


@pytest.mark.parametrize(("h", "w"), [(3, 3), (1, 1), (3, 5), (2, 4)])
def test_depthwise_equals_loops(h: int, w: int) -> None:
    """Kernel cell (i, j) meets the search cell i - (h - 1) // 2, j - (w - 1) // 2 away; outside is zero."""
    template, search = _maps(h, w)
    got = depthwise_correlation(template, search)
    assert got.shape == search.shape
    for b in range(B):
        for y in range(H):
            for x in range(W):
                expected = torch.zeros(C)
                for i in range(h):
                    for j in range(w):
                        yy, xx = y + i - (h - 1) // 2, x + j - (w - 1) // 2
                        if 0 <= yy < H and 0 <= xx < W:
                            expected += template[b, :, i, j] * search[b, :, yy, xx]
                assert got[b, :, y, x].tolist() == pytest.approx((expected / (h * w)).tolist(), abs=1e-5)


@pytest.mark.parametrize("fusion", [PixelwiseFusion(C, template_cells=9, out=4), DepthwiseFusion(C, out=4)])
def test_fusions_keep_the_map_and_tell_rows_apart(fusion) -> None:
    fusion.eval()
    template, search = torch.randn(B, C, 3, 3), torch.randn(B, C, H, W)
    together = fusion(template, search)
    assert together.shape == (B, 4, H, W)
    for b in range(B):
        torch.testing.assert_close(fusion(template[b : b + 1], search[b : b + 1]), together[b : b + 1])


def test_depthwise_fusion_ignores_the_template_border() -> None:
    fusion = DepthwiseFusion(C, out=4).eval()
    template, search = torch.randn(1, C, 8, 8), torch.randn(1, C, H, W)
    changed = template.clone()
    changed[..., :2, :] = 9
    torch.testing.assert_close(fusion(changed, search), fusion(template, search))
    changed[..., 4, 4] = 9
    assert not torch.allclose(fusion(changed, search), fusion(template, search))
