"""The ranking losses once more, one image, one pair and one number at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

from lockon.train.losses.pair_ranking import IoURanking, PairRanking, RankDetNet
from lockon.train.losses.ranking import ClassificationRanking

Rows = Sequence[Sequence[float]]


def classification(probability: Rows, labels: Rows, c: ClassificationRanking) -> float:
    losses = []
    for p, label in zip(probability, labels, strict=True):
        above = [x for x, y in zip(p, label, strict=True) if y > 0]
        negatives = sorted((x for x, y in zip(p, label, strict=True) if y == 0), reverse=True)
        hard = [x for x in negatives if x > c.threshold]
        if not hard or (not above and c.without_positives == "skip"):
            continue
        below = hard if c.hard_negatives == "threshold" and above else negatives[: len(above) or max(len(hard), c.fewest)]
        high = sum(above) / len(above) if above else 1.0
        low = sum(math.exp(x) * x for x in below) / sum(math.exp(x) for x in below)
        losses.append(math.log1p(math.exp(c.beta * (low - high + c.alpha))) / c.beta)
    return sum(losses) / len(losses) if losses else 0.0


def by_iou(probability: Rows, overlap: Rows, labels: Rows, c: PairRanking) -> tuple[float, float]:
    sums, pairs, counts = [], [], []
    for p, v, label in zip(probability, overlap, labels, strict=True):
        kept = [(x, y) for x, y, positive in zip(p, v, label, strict=True) if positive > 0]
        terms: tuple[list[float], list[float]] = ([], [])
        for (p_i, v_i), (p_j, v_j) in combinations(kept, 2):
            if isinstance(c, RankDetNet):
                product = -c.gamma * (p_i - p_j) * (v_i - v_j)
                terms[0].append(math.exp(product) if c.function == "exp" else math.log1p(math.exp(product)))
                continue
            assert isinstance(c, IoURanking)
            if v_i != v_j or c.ties == "ordered":
                terms[0].append(math.exp(-c.gamma * (p_i - p_j if v_i >= v_j else p_j - p_i)))
            if p_i != p_j or c.ties == "ordered":
                terms[1].append(math.exp(-c.gamma * (v_i - v_j if p_i >= p_j else v_j - v_i)))
        sums.append([sum(term) for term in terms])
        pairs.append([len(term) for term in terms])
        counts.append(len(kept))
    return tuple(_mean([s[k] for s in sums], [n[k] for n in pairs], counts, c) for k in range(2))  # type: ignore[return-value]


def _mean(sums: list[float], pairs: list[int], counts: list[int], c: PairRanking) -> float:
    divisors = pairs if c.normalization == "pairs" else counts
    if c.scope == "batch":
        return sum(sums) / max(1, sum(divisors))
    fewest = 2 if c.single_positive == "skip" else 1
    used = [total / max(1, n) for total, n, count in zip(sums, divisors, counts, strict=True) if count >= fewest]
    return sum(used) / len(used) if used else 0.0
