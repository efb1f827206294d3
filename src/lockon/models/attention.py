"""Multi-head attention between two sets of tokens, and the two blocks that TransT builds of it, with sine positions.

Vaswani et al., NeurIPS 2017 (arXiv 1706.03762), Sec. 3.2; Chen et al., Transformer Tracking (TransT), CVPR 2021 (arXiv 2103.15436),
Sec. 3.2: the ego-context augment (ECA) and the cross-feature augment (CFA). Normalization comes after each residual sum.

Letters: B targets, C channels, M tokens that ask, K tokens that are asked.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MultiHeadAttention(nn.Module):
    """Attention whose three input projections lie in one matrix, rows of queries, keys and values in this order.

    The names of the weights are those of `torch.nn.MultiheadAttention`; tokens come batch first.

    Args:
        channels: C.
        heads: A divisor of C.
        dropout: Of the attention's weights, in training.
    """

    def __init__(self, channels: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"{channels} channels cannot be divided among {heads} heads")
        self.heads = heads
        self.dropout = dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * channels, channels))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * channels))
        self.out_proj = nn.Linear(channels, channels)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Map (B, M, C), (B, K, C) and (B, K, C) to (B, M, C)."""
        q, k, v = (self._by_head(self._projected(tokens, index)) for index, tokens in enumerate((query, key, value)))
        attended = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)  # (B, heads, M, C / heads)
        out: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return out

    def _projected(self, tokens: Tensor, index: int) -> Tensor:
        """Map (B, K, C) by the rows of queries, keys or values, number 0 to 2."""
        channels = tokens.shape[-1]
        rows = slice(index * channels, (index + 1) * channels)
        return F.linear(tokens, self.in_proj_weight[rows], self.in_proj_bias[rows])

    def _by_head(self, tokens: Tensor) -> Tensor:
        """Map (B, K, C) to (B, heads, K, C / heads)."""
        batch, count, channels = tokens.shape
        return tokens.view(batch, count, self.heads, channels // self.heads).transpose(1, 2)


class EgoContextAugment(nn.Module):
    """Self-attention with positions on queries and keys, a residual sum and a normalization (TransT, Eq. 4).

    Args:
        channels: C.
        heads: Of the attention.
        dropout: Of the attention's weights and of its output, in training.
    """

    def __init__(self, channels: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(channels, heads, dropout)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(channels)

    def forward(self, tokens: Tensor, position: Tensor) -> Tensor:
        """Map (B, M, C) tokens and their (1, M, C) positions to (B, M, C)."""
        placed = tokens + position
        out: Tensor = self.norm(tokens + self.dropout(self.attention(placed, placed, tokens)))
        return out


class CrossFeatureAugment(nn.Module):
    """Attention from one set of tokens to another, then two linear layers, each with a residual sum and a normalization (TransT, Eq. 5).

    Args:
        channels: C.
        heads: Of the attention.
        hidden: Width between the linear layers.
        dropout: Of the attention's weights, the hidden layer and both outputs, in training.
    """

    def __init__(self, channels: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(channels, heads, dropout)
        self.norm1 = nn.LayerNorm(channels)
        self.linear1 = nn.Linear(channels, hidden)
        self.linear2 = nn.Linear(hidden, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, position: Tensor, others: Tensor, others_position: Tensor) -> Tensor:
        """Map (B, M, C) tokens that ask and (B, K, C) that are asked, with their positions (1, M, C) and (1, K, C), to (B, M, C)."""
        attended = self.attention(tokens + position, others + others_position, others)  # (B, M, C)
        tokens = self.norm1(tokens + self.dropout(attended))
        out: Tensor = self.norm2(tokens + self.dropout(self.linear2(self.dropout(F.relu(self.linear1(tokens))))))
        return out


def sine_positions(height: int, width: int, channels: int, temperature: float = 10_000.0) -> Tensor:
    """Return (1, H W, C) embeddings of the cells of a map, row by row (Carion et al., DETR, ECCV 2020, Appendix A.4).

    The first half of the channels tells y, the second x: sines on even channels and cosines on odd ones of 2 pi times the cell's number
    over the number of cells, both counted from 1, at falling frequencies.

    Args:
        height: H.
        width: W.
        channels: C, a multiple of 4.
        temperature: Ratio of the largest frequency to the one after the smallest.
    """
    half = channels // 2
    rates = temperature ** (2 * torch.div(torch.arange(half, dtype=torch.float32), 2, rounding_mode="floor") / half)  # (C / 2,)

    def axis(count: int) -> Tensor:
        angles = torch.arange(1, count + 1, dtype=torch.float32) / (count + 1e-6) * (2 * math.pi)
        angles = angles[:, None] / rates  # (count, C / 2)
        return torch.stack([angles[:, 0::2].sin(), angles[:, 1::2].cos()], dim=-1).flatten(1)

    rows = axis(height)[:, None].expand(height, width, half)  # (H, W, C / 2)
    columns = axis(width)[None].expand(height, width, half)
    return torch.cat([rows, columns], dim=-1).flatten(0, 1)[None].contiguous()


__all__ = ["CrossFeatureAugment", "EgoContextAugment", "MultiHeadAttention", "sine_positions"]
