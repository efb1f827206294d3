"""Random subsets of labelled candidates: so many positives and negatives, the others ignored.

Faster R-CNN (Ren et al., NeurIPS 2015, Sec. 3.1.3) samples anchors so that easy negatives do not drown the positives; SiamRPN and
SiamBAN take at most 16 positives and 48 negatives per image. Drawn for the whole batch at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from lockon._config_values import check_field
from lockon.types import BOUNDARY, Targets


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingConfig:
    """How many labelled candidates a loss sees. None: all of them.

    Attributes:
        positives: At most this many per image; of boundary points as many again.
        negatives: At most this many per image, or per batch (`scope`).
        negative_pair: At most this many per negative pair; `negatives` does not apply to it, unless `scope` is "batch".
        scope: `negatives` are drawn per "image" or from the whole "batch" of one process, negative pairs included (the code of
            SiamRPN++-RBO).

    Raises:
        LockonError: If a number is below 1.
    """

    positives: int | None = 16
    negatives: int | None = 48
    negative_pair: int | None = 16
    scope: Literal["image", "batch"] = "image"

    def __post_init__(self) -> None:
        for name in ("positives", "negatives", "negative_pair"):
            value = getattr(self, name)
            check_field(self, name, value is None or value >= 1, "1 or more, or none for no limit")


EVERYTHING = SamplingConfig(positives=None, negatives=None, negative_pair=None)


def subsample_labels(targets: Targets, config: SamplingConfig, generator: torch.Generator | None = None) -> Targets:
    """Return targets with fewer labels: those not drawn become -1. Every subset of the right size is equally likely.

    Args:
        targets: Labels (B, N) and `present`.
        config: How many are drawn.
        generator: Source of random numbers, on the labels' device; None is torch's own.

    Returns:
        `Targets` with new `labels`, and `all_labels` in which the negatives of images with a target are complete.
    """
    labels = targets.labels
    if config == EVERYTHING:
        return targets
    negative, boundary = labels == 0, labels == BOUNDARY
    pair = torch.zeros_like(negative) if targets.present is None else negative & ~targets.present[:, None]
    labels = _without_surplus(labels, labels > 0, config.positives, generator)
    labels = _without_surplus(labels, pair, config.negative_pair, generator)
    everything = labels
    if config.scope == "batch":
        flat = labels.reshape(1, -1)
        labels = _without_surplus(flat, flat == 0, config.negatives, generator).reshape(labels.shape)
    else:
        labels = _without_surplus(labels, negative & ~pair, config.negatives, generator)
    if boundary.any():
        labels = _without_surplus(labels, boundary, config.positives, generator)
    return replace(targets, labels=labels, all_labels=everything)


def _without_surplus(labels: Tensor, members: Tensor, limit: int | None, generator: torch.Generator | None) -> Tensor:
    """Return `labels` (B, N) with -1 for all but `limit` random ones of each row's `members` (B, N)."""
    if limit is None or limit >= labels.shape[1]:
        return labels
    draw = torch.rand(labels.shape, generator=generator, device=labels.device)
    chosen = torch.where(members, draw, -1.0).topk(limit, dim=1).indices  # (B, limit) members first
    kept = torch.zeros_like(members).scatter_(1, chosen, True)
    return torch.where(members & ~kept, -1.0, labels)


__all__ = ["EVERYTHING", "SamplingConfig", "subsample_labels"]
