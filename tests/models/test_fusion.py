from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.fusion import (  # noqa: E402
    DepthwiseFusion,
    PixelwiseFusion,
    attend,
    attention_match,
    depthwise_correlation,
    naive_correlation,
    pixelwise_correlation,
    upchannel_correlation,
)

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


@pytest.mark.parametrize("scaled", [True, False])
def test_attend_equals_loops(scaled: bool) -> None:
    key, query = _maps(2, 3)
    value = torch.arange(B * 4 * 6.0).view(B, 4, 2, 3)
    got = attend(query, key, value, scaled=scaled)
    assert got.shape == (B, 4, H, W)
    for b in range(B):
        for y in range(H):
            for x in range(W):
                products = [float(key[b, :, cell // 3, cell % 3] @ query[b, :, y, x]) * (C**-0.5 if scaled else 1) for cell in range(6)]
                weights = [math.exp(product) / sum(map(math.exp, products)) for product in products]
                for k in range(4):
                    expected = sum(weight * float(value[b, k, cell // 3, cell % 3]) for cell, weight in enumerate(weights))
                    assert float(got[b, k, y, x]) == pytest.approx(expected, rel=1e-5)


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


@pytest.mark.parametrize(("h", "w"), [(3, 3), (1, 1), (3, 5), (2, 4)])
def test_valid_depthwise_equals_loops(h: int, w: int) -> None:
    """Only where the kernel lies on the map, neither flipped nor divided."""
    template, search = _maps(h, w)
    got = depthwise_correlation(template, search, valid=True)
    assert got.shape == (B, C, H - h + 1, W - w + 1)
    for b in range(B):
        for y in range(H - h + 1):
            for x in range(W - w + 1):
                expected = (template[b] * search[b, :, y : y + h, x : x + w]).sum((1, 2))
                assert got[b, :, y, x].tolist() == pytest.approx(expected.tolist(), abs=1e-5)


@pytest.mark.parametrize(("h", "w"), [(3, 3), (1, 1), (2, 4)])
def test_upchannel_and_naive_equal_loops(h: int, w: int) -> None:
    """Two kernels per target; the naive match is the sum over the channels of the depth-wise one."""
    _, search = _maps(h, w)
    template = torch.randn(B, 2 * C, h, w, generator=torch.Generator().manual_seed(1))
    got = upchannel_correlation(template, search)
    assert got.shape == (B, 2, H - h + 1, W - w + 1)
    for b in range(B):
        for k in range(2):
            for y in range(H - h + 1):
                for x in range(W - w + 1):
                    expected = (template[b, k * C : (k + 1) * C] * search[b, :, y : y + h, x : x + w]).sum()
                    assert float(got[b, k, y, x]) == pytest.approx(float(expected), abs=1e-5)
    naive = naive_correlation(template[:, :C], search)
    torch.testing.assert_close(naive, got[:, :1])
    torch.testing.assert_close(naive, depthwise_correlation(template[:, :C], search, valid=True).sum(1, keepdim=True))


def test_padded_upchannel_keeps_the_map() -> None:
    template, search = _maps(3, 5)
    padded = upchannel_correlation(template, search, valid=False)
    assert padded.shape == (B, 1, H, W)
    torch.testing.assert_close(padded, depthwise_correlation(template, search).sum(1, keepdim=True))


def test_attention_equals_loops() -> None:
    """The softmax runs over the template's positions, for every search position apart; the template's part comes first."""
    template, search = _maps(2, 3)
    got = attention_match(template, search)
    assert got.shape == (B, 2 * C, H, W)
    torch.testing.assert_close(got[:, C:], search)
    cells = [(i, j) for i in range(2) for j in range(3)]
    for b in range(B):
        for y in range(H):
            for x in range(W):
                products = [float(template[b, :, i, j] @ search[b, :, y, x]) / C**0.5 for i, j in cells]
                weights = [math.exp(product) for product in products]
                attended = sum(weight / sum(weights) * template[b, :, i, j] for weight, (i, j) in zip(weights, cells, strict=True))
                assert got[b, :C, y, x].tolist() == pytest.approx(attended.tolist(), abs=1e-5)


@pytest.mark.parametrize("match", [depthwise_correlation, upchannel_correlation])
@pytest.mark.parametrize("valid", [True, False])
def test_the_exported_form_gives_the_same_values_and_gradients(match, valid: bool, monkeypatch) -> None:
    """A convolution with as many groups as targets cannot be exported; what replaces it must not differ."""
    results = []
    for exporting in (False, True):
        monkeypatch.setattr(torch.compiler, "is_compiling", lambda exporting=exporting: exporting)
        template, search = (tensor.requires_grad_() for tensor in _maps(2, 3))
        out = match(template, search, valid=valid)
        out.square().sum().backward()
        results.append((out.detach(), template.grad, search.grad))
    for eager, exported in zip(*results, strict=True):
        torch.testing.assert_close(eager, exported, rtol=1e-5, atol=1e-5)


def test_channels_last_memory_changes_nothing() -> None:
    template, search = _maps(3, 3)
    last = [tensor.to(memory_format=torch.channels_last) for tensor in (template, search)]
    for match in (depthwise_correlation, upchannel_correlation, attention_match):
        torch.testing.assert_close(match(*last), match(template, search))


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
