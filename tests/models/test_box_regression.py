from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.heads.box_regression import DenseBoxHead, PooledBoxHead  # noqa: E402


def _silent(head):
    """A head whose last layers give their bias alone."""
    with torch.no_grad():
        head.box.weight.zero_()
    return head.eval()


def test_published_sizes() -> None:
    assert sum(parameter.numel() for parameter in DenseBoxHead().parameters()) == 3_841_285
    assert sum(parameter.numel() for parameter in PooledBoxHead(pool="convolution").parameters()) == 6_042_180
    towers = 296_448 + 1_180_416 + 295_296 + 73_920
    assert sum(parameter.numel() for parameter in PooledBoxHead().parameters()) == towers + 64 * 4 + 4


@pytest.mark.parametrize("edges", ["offsets", "distances"])
def test_dense_boxes_start_in_the_middle_half_around_their_cell(edges: str) -> None:
    """Cell (row 1, column 2) of 4 lies at (32, 16); a quarter of 64 pixels on each side."""
    head = _silent(DenseBoxHead(8, cells=4, hidden=8, edges=edges))
    out = head(torch.randn(2, 8, 4, 4))
    assert out.extras["boxes"].shape == (2, 16, 4)
    assert out.extras["boxes"][0, 4 + 2].tolist() == [32 - 16, 16 - 16, 32 + 16, 16 + 16]


@pytest.mark.parametrize(
    ("edges", "expected"),
    [("offsets", [32 - 3, 16 + 4, 32 + 5, 16 - 6]), ("distances", [32 - 0, 16 - 4, 32 + 5, 16 + 0])],
)
def test_dense_readings_of_the_four_channels(edges: str, expected: list[float]) -> None:
    """Channels are left, right, top, bottom; offsets are signed, distances point outwards and are cut at 0."""
    head = _silent(DenseBoxHead(8, cells=4, hidden=8, edges=edges, start="zero"))
    with torch.no_grad():
        head.box.bias.copy_(torch.tensor([-3.0, 5.0, 4.0, -6.0]))
    assert head(torch.zeros(1, 8, 4, 4)).extras["boxes"][0, 6].tolist() == expected


def test_the_most_confident_cell_gives_the_box() -> None:
    torch.manual_seed(0)
    head = DenseBoxHead(8, cells=4, hidden=8).eval()
    with torch.no_grad():
        out = head(torch.randn(5, 8, 4, 4, generator=torch.Generator().manual_seed(0)))
    best = out.extras["confidence"].argmax(dim=1)
    assert len(set(best.tolist())) > 1
    assert torch.equal(out.boxes[:, 0], out.extras["boxes"][torch.arange(5), best])
    assert torch.equal(out.logits[:, 0], out.extras["confidence"].max(dim=1).values)


def test_the_box_alone_teaches_the_confidence_nothing() -> None:
    """As published; the logits are there for a loss of their own."""
    head = DenseBoxHead(8, cells=4, hidden=8)
    out = head(torch.randn(2, 8, 4, 4))
    out.boxes.square().mean().backward()
    assert head.confidence.weight.grad is None
    assert head.box.weight.grad.abs().sum() > 0
    out = head(torch.randn(2, 8, 4, 4))
    torch.nn.functional.binary_cross_entropy_with_logits(out.extras["confidence"], torch.ones(2, 16)).backward()
    assert head.confidence.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("pool", ["average", "convolution"])
def test_pooled_box(pool: str) -> None:
    head = _silent(PooledBoxHead(8, cells=4, widths=(8, 8), pool=pool, pooled=16))
    out = head(torch.randn(2, 8, 4, 4))
    assert out.boxes[:, 0].tolist() == [[16.0, 16.0, 48.0, 48.0]] * 2
    assert out.logits.tolist() == [[0.0]] * 2
    zero = _silent(PooledBoxHead(8, cells=4, widths=(8, 8), pool=pool, start="zero"))
    assert zero(torch.randn(2, 8, 4, 4)).boxes.abs().max() < 1


def test_only_the_convolution_knows_where() -> None:
    """The mean over the map forgets which cell is which, away from the border's padding; the convolution does not."""
    generator = torch.Generator().manual_seed(0)
    features = torch.zeros(1, 4, 12, 12)
    features[..., 5:7, 5:7] = torch.randn(1, 4, 2, 2, generator=generator)
    moved = features.roll((1, 1), dims=(2, 3))
    for pool, same in (("average", True), ("convolution", False)):
        head = PooledBoxHead(4, cells=12, widths=(8, 8), pool=pool).eval()
        with torch.no_grad():
            assert torch.allclose(head(features).boxes, head(moved).boxes, atol=1e-4) is same
