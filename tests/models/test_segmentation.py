from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.heads.segmentation import MaskDecoder  # noqa: E402


def _taps(channels: tuple[int, int, int], cells: int, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(2, c, cells * times, cells * times, generator=generator) for c, times in zip(channels, (8, 4, 2), strict=True))


def test_published_sizes() -> None:
    decoder = MaskDecoder(64, (64, 64, 128))
    adjust = sum(parameter.numel() for parameter in decoder.adjust.parameters())
    assert (adjust, sum(parameter.numel() for parameter in decoder.parameters()) - adjust) == (88_512, 831_301)
    wide = MaskDecoder(64, (64, 256, 512))
    assert sum(parameter.numel() for parameter in wide.parameters()) == 831_301, "ResNet-50's taps need no adjusting"


@pytest.mark.parametrize("cells", [4, 6])
def test_masks_are_as_large_as_the_crop(cells: int) -> None:
    decoder = MaskDecoder(8, (4, 8, 16), wide=(4, 8, 16)).eval()
    with torch.no_grad():
        assert decoder(torch.randn(2, 8, cells, cells), _taps((4, 8, 16), cells)).shape == (2, cells * 16, cells * 16)


@pytest.mark.parametrize("moved", ["matched", 0, 1, 2])
def test_every_input_counts_and_gets_gradients(moved: str | int) -> None:
    torch.manual_seed(0)
    decoder = MaskDecoder(8, (4, 8, 16), wide=(8, 16, 32)).eval()
    matched, taps = torch.randn(2, 8, 4, 4, requires_grad=True), tuple(tap.requires_grad_() for tap in _taps((4, 8, 16), 4))
    logits = decoder(matched, taps)
    logits.square().sum().backward()
    one = matched if moved == "matched" else taps[moved]
    assert one.grad.abs().sum() > 0
    other = decoder(matched + 1, taps) if moved == "matched" else decoder(matched, tuple(t + (i == moved) for i, t in enumerate(taps)))
    assert (other - logits).abs().max() > 1e-6


def test_a_change_stays_where_it_is() -> None:
    """Convolutions of 3x3 and bilinear doubling reach some pixels far, not across the crop."""
    torch.manual_seed(0)
    decoder = MaskDecoder(8, (4, 8, 16), wide=(4, 8, 16)).eval()
    taps = _taps((4, 8, 16), 16)
    stem = taps[0].clone()
    stem[..., :8, :8] += 5
    matched = torch.randn(2, 8, 16, 16)
    with torch.no_grad():
        change = (decoder(matched, (stem, *taps[1:])) - decoder(matched, taps)).abs().amax(dim=0)
    assert change[:16, :16].max() > 0
    assert change[40:, :].max() == change[:, 40:].max() == 0
