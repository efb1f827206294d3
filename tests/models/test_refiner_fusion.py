from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

import golden_alpharefine  # noqa: E402
import golden_data  # noqa: E402
from lockon.models.refiner_fusion import ChannelAttention, PooledNonLocal, ProjectedFusion, RefinerFusion  # noqa: E402
from lockon.ops.torch.prroi import prroi_pool  # noqa: E402


def _maps(channels: int = 6):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, channels, 4, 4, generator=generator), torch.randn(2, channels, 8, 8, generator=generator)


def _numbers(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_published_sizes() -> None:
    fusion = RefinerFusion(256, non_local=True)
    assert (_numbers(fusion.post), _numbers(fusion.attention), _numbers(fusion)) == (
        33_728,
        2_128,
        33_728 + 2_128 + _numbers(fusion.non_local),
    )


@pytest.mark.parametrize("correlation", ["pixelwise", "depthwise", "naive"])
@pytest.mark.parametrize("parts", [(), ("post",), ("attention", "non_local"), ("post", "attention", "non_local")])
def test_every_combination_gives_one_map_of_the_search_size(correlation: str, parts: tuple[str, ...]) -> None:
    options = {name: name in parts for name in ("post", "attention", "non_local")}
    fusion = RefinerFusion(6, reference_cells=4, correlation=correlation, out=16, **options).eval()
    reference, search = _maps()
    with torch.no_grad():
        fused = fusion(reference, search)
        single = fusion(reference[1:], search[1:])
    assert fused.shape == (2, 16, 8, 8)
    torch.testing.assert_close(fused[1:], single, rtol=1e-4, atol=1e-4)


def test_pixelwise_correlation_is_the_plain_product_of_every_cell() -> None:
    reference, search = _maps()
    found = RefinerFusion(6, reference_cells=4).correlate(reference, search)
    assert float(found[1, 4 * 2 + 3, 5, 1]) == pytest.approx(float((reference[1, :, 2, 3] * search[1, :, 5, 1]).sum()), abs=1e-5)


@pytest.mark.parametrize(("correlation", "channels"), [("depthwise", 6), ("naive", 1)])
def test_whole_kernels_shrink_the_map_and_it_is_enlarged_again(correlation: str, channels: int) -> None:
    """With 4 of 8 cells, 5x5 places; the convolution keeps them; corners of the enlarged map are those of the small one."""
    fusion = RefinerFusion(6, reference_cells=4, correlation=correlation, out=channels, post=False, attention=False).eval()
    small_maps = []
    fusion.mix.register_forward_hook(lambda _, inputs, output: small_maps.extend([inputs[0], output]))
    reference, search = _maps()
    with torch.no_grad():
        found = fusion(reference, search)
    assert [tuple(maps.shape) for maps in small_maps] == [(2, channels, 5, 5)] * 2
    window = (reference[0] * search[0, :, 1:5, 2:6]).sum(dim=(1, 2))  # row 1, column 2
    expected = window[3] if correlation == "depthwise" else window.sum()
    assert float(small_maps[0][0, 3 if correlation == "depthwise" else 0, 1, 2]) == pytest.approx(float(expected), abs=1e-4)
    torch.testing.assert_close(found[..., 0, 0], small_maps[1][..., 0, 0])
    torch.testing.assert_close(found[..., -1, -1], small_maps[1][..., -1, -1])


def test_channel_attention_weighs_whole_channels() -> None:
    x = 1 + torch.rand(2, 8, 3, 3)
    with torch.no_grad():
        ratio = ChannelAttention(8)(x) / x
    assert float(ratio.amin()) > 0
    assert float(ratio.amax()) < 1
    torch.testing.assert_close(ratio, ratio[..., :1, :1].expand_as(ratio))


def test_a_new_non_local_block_changes_nothing() -> None:
    x = torch.randn(2, 8, 6, 6)
    assert torch.equal(PooledNonLocal(8)(x), x)


def test_the_neck_of_an_early_version_equals_the_official_one() -> None:
    """PrRoI pooling of the reference, pixel-wise correlation, convolutions, channel attention, non-local block."""
    golden = {key: torch.from_numpy(value) for key, value in golden_alpharefine.legacy_neck().items()}
    fusion = RefinerFusion(64, non_local=True)
    state = golden_alpharefine.renamed(
        {f"neck.{key}": value for key, value in golden_alpharefine.official_tensors("alpharefine_legacy_neck").items()}
    )
    fusion.load_state_dict({key.removeprefix("fusion."): value for key, value in state.items()})
    x, y, w, h = golden["neck.box_xywh"][0].unbind(-1)  # of one box
    with torch.no_grad():
        reference = prroi_pool(golden["neck.ref"], torch.stack([x, y, x + w, y + h], dim=1), torch.tensor([0]), size=8, scale=1 / 16)
        found = fusion.eval()(reference, golden["neck.test"])
    for ours, theirs in ((reference, golden["neck.ref_kernel"]), (found, golden["neck.out"])):
        assert float((ours - theirs).abs().max() / theirs.abs().max()) < golden_data.FEATURE_LIMIT


@pytest.mark.parametrize("correlation", ["pixelwise", "depthwise", "naive"])
@pytest.mark.parametrize("appearance", [True, False])
def test_projected(correlation: str, appearance: bool) -> None:
    """Both inputs go through the same projection; beside what is matched go the projected search features, if wanted."""
    torch.manual_seed(0)
    fusion = ProjectedFusion(10, width=6, appearance=appearance, reference_cells=4, correlation=correlation, out=16).eval()
    reference, search = _maps(10)
    with torch.no_grad():
        fused = fusion(reference, search)
        matched = RefinerFusion.forward(fusion, fusion.project(reference), fusion.project(search))
        wanted = fusion.blend(torch.cat([matched, fusion.project(search)], dim=1)) if appearance else matched
    assert fused.shape == (2, 16, 8, 8)
    torch.testing.assert_close(fused, wanted)
