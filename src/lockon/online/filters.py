"""Linear filters on feature maps, and the adjoint: one matrix product over all taps, then shifted sums of the small maps.

A filter of K x K taps is applied as a correlation with K // 2 zeros on every side, so that an even filter gives one row and one column
more than the features have. A score cell s sees the feature cells s - K // 2 .. s - K // 2 + K - 1.

A target may have several filters, which share its samples: (B, A, C, K, K) in place of (B, C, K, K), with scores (B, M, A, S, T). They are
further taps of the same matrix product: features are never copied.

Letters: B targets, M samples of each, A filters of each, C channels, H, W cells, K taps per side, S, T rows and columns of
the scores: H + 1 - K % 2, W + 1 - K % 2.
"""

from __future__ import annotations

import math

from lockon.ops.array_math import pad, strided
from lockon.types import Array


def apply_filter(filters: Array, features: Array) -> Array:
    """Correlate the features of each target's samples with its filters.

    Args:
        filters: (B, C, K, K), or (B, A, C, K, K).
        features: (B, M, C, H, W).

    Returns:
        (B, M, S, T) scores, or (B, M, A, S, T).
    """
    b, m, c, height, width = features.shape
    k, several = filters.shape[-1], tuple(filters.shape[1:-3])  # () or (A,)
    count = math.prod(several)
    taps = filters.reshape(b, count, c, k * k).swapaxes(2, 3).reshape(b, 1, count * k * k, c)  # (B, 1, A K K, C)
    maps = taps @ features.reshape(b, m, c, height * width)  # (B, M, A K K, H W)
    scores = _shifted_sum(maps.reshape(b, m * count, k, k, height, width))  # (B, M A, S, T)
    return scores.reshape(b, m, *several, *scores.shape[-2:])


def filter_gradient(features: Array, residuals: Array, size: int) -> Array:
    """Apply the adjoint of `apply_filter`: the gradient of <residuals, scores> to the filters.

    Args:
        features: (B, M, C, H, W).
        residuals: (B, M, S, T), or (B, M, A, S, T).
        size: K, taps per side.

    Returns:
        (B, C, K, K), or (B, A, C, K, K).
    """
    b, m, c, height, width = features.shape
    several = tuple(residuals.shape[2:-2])  # () or (A,)
    count, taps = math.prod(several), size * size
    flat = residuals.reshape(b, m * count, *residuals.shape[-2:])
    seen = _shifted_copies(flat, size, height, width).reshape(b, m, count * taps, height * width)
    products = (seen @ features.reshape(b, m, c, height * width).swapaxes(2, 3)).sum(1)  # (B, A K K, C), each filter's last tap first
    ordered = products.reshape(b, count, taps, c)[:, :, list(range(taps - 1, -1, -1))].swapaxes(2, 3)  # (B, A, C, K K)
    return ordered.reshape(b, *several, c, size, size)


def score_size(height: int, width: int, size: int) -> tuple[int, int]:
    """Return rows and columns of the scores of a filter of `size` taps per side on a map.

    >>> score_size(18, 18, 4)
    (19, 19)
    """
    return height + 1 - size % 2, width + 1 - size % 2


def _shifted_sum(maps: Array) -> Array:
    """Map (B, M, K, K, H, W) to (B, M, S, T): score (s, t) sums map (i, j) at (s + i - K // 2, t + j - K // 2) over taps."""
    b, m, k, _, height, width = maps.shape
    rows, columns = score_size(height, width, k)
    padded = pad(maps, (k // 2, k // 2), (k // 2, k // 2))  # (B, M, K, K, P, Q)
    q = width + 2 * (k // 2)
    size = (height + 2 * (k // 2)) * q
    steps = (m * k * k * size, k * k * size, k * size + q, size + 1, q, 1)
    return strided(padded, (b, m, k, k, rows, columns), steps).sum((2, 3))


def _shifted_copies(residuals: Array, k: int, height: int, width: int) -> Array:
    """Map (B, M, S, T) to (B, M, K, K, H, W), last tap first: copy (i, j) shows (y - i + K // 2, x - j + K // 2)."""
    b, m, rows, columns = residuals.shape
    before = k - 1 - k // 2
    padded = pad(residuals, (before, before), (before, before))  # (B, M, P, Q)
    q = columns + 2 * before
    size = (rows + 2 * before) * q
    return strided(padded, (b, m, k, k, height, width), (m * size, size, q, 1, q, 1))


__all__ = ["apply_filter", "filter_gradient", "score_size"]
