"""Elimination of search tokens that the middle of the template pays no attention to.

Ye et al., OSTrack, ECCV 2022 (arXiv 2203.11991), Sec. 3.3. The choice itself is `lockon.models.choices.CandidateElimination`.

Letters: B targets, N search tokens, K of them that stay, C channels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def kept_count(count: int, keep: float) -> int:
    """Return how many of `count` tokens a share `keep` in (0, 1] is, rounded up.

    >>> kept_count(256, 0.7), kept_count(180, 0.7), kept_count(126, 0.7)
    (180, 126, 89)
    """
    return min(count, math.ceil(keep * count))


def center_token(cells: int) -> int:
    """Return the number of the template's middle token among `cells` x `cells`, row by row; the upper left one of four.

    >>> center_token(8), center_token(12)
    (27, 65)
    """
    middle = (cells - 1) // 2
    return middle * cells + middle


def keep_important(tokens: Tensor, importance: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Keep the most important tokens, in descending order of importance.

    Args:
        tokens: (B, N, C).
        importance: (B, N).
        count: How many stay, K, at most N.

    Returns:
        (B, K, C) tokens and their (B, K) numbers among the N.
    """
    index = importance.topk(count, dim=1).indices  # (B, K)
    return tokens.gather(1, index[..., None].expand(-1, -1, tokens.shape[2])), index


def restore(tokens: Tensor, index: Tensor, count: int) -> Tensor:
    """Put (B, K, C) tokens back to their (B, K) places among `count`; those that left are zeros: (B, count, C)."""
    places = index[..., None].expand(-1, -1, tokens.shape[2])  # (B, K, C)
    empty = torch.zeros_like(tokens[:, :1]).expand(-1, count, -1)  # (B, count, C); made of the tokens, so that any batch is exported
    return empty.scatter(1, places, tokens)


__all__ = ["center_token", "keep_important", "kept_count", "restore"]
