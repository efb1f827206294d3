from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.attention import CrossFeatureAugment, EgoContextAugment, MultiHeadAttention, sine_positions  # noqa: E402


def test_attention_equals_that_of_torch_with_the_same_weights() -> None:
    torch.manual_seed(0)
    ours, theirs = MultiHeadAttention(16, 4), torch.nn.MultiheadAttention(16, 4, batch_first=True)
    theirs.load_state_dict(ours.state_dict())  # the same names
    torch.nn.init.normal_(theirs.in_proj_bias)
    ours.load_state_dict(theirs.state_dict())
    query, key, value = torch.randn(2, 5, 16), torch.randn(2, 7, 16), torch.randn(2, 7, 16)
    torch.testing.assert_close(ours(query, key, value), theirs(query, key, value)[0])


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(0)
    block = CrossFeatureAugment(8, 2, 12, 0.0).double()
    tokens, others = (torch.randn(1, count, 8, dtype=torch.float64, requires_grad=True) for count in (2, 3))
    position = torch.zeros(1, 1, 8, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda a, b: block(a, position, b, position), (tokens, others), atol=1e-6)


def test_positions_are_on_queries_and_keys_alone() -> None:
    """Values without a position: where all tokens are alike, positions change nothing."""
    torch.manual_seed(0)
    block = EgoContextAugment(8, 2, 0.0)
    tokens = torch.randn(1, 1, 8).expand(1, 4, 8)
    torch.testing.assert_close(block(tokens, torch.randn(1, 4, 8)), block(tokens, torch.zeros(1, 4, 8)))


def test_sine_positions_by_hand() -> None:
    """C = 8, 2 x 3 cells: channels 0 to 3 tell y with rates 1 and 1 / 100, channels 4 to 7 x; even ones are sines."""
    found = sine_positions(2, 3, 8)
    assert found.shape == (1, 6, 8)
    y, x = 2 * math.pi * 2 / 2, 2 * math.pi * 3 / 3  # the last cell
    expected = [trig(angle / rate) for angle in (y, x) for rate in (1, 100) for trig in (math.sin, math.cos)]
    torch.testing.assert_close(found[0, 5], torch.tensor(expected), atol=1e-5, rtol=0)
    x = 2 * math.pi / 3
    torch.testing.assert_close(
        found[0, 0, 4:], torch.tensor([math.sin(x), math.cos(x), math.sin(x / 100), math.cos(x / 100)]), atol=1e-5, rtol=0
    )
    assert torch.equal(found[0, 0, :4], found[0, 2, :4])


def test_heads_must_divide_the_channels() -> None:
    with pytest.raises(ValueError, match="10 channels cannot be divided among 4 heads"):
        MultiHeadAttention(10, 4)
