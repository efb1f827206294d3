"""Values of the ranking losses: by hand, against the loops of `ranking_loops`, and against the authors' code (tests/golden)."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
import ranking_loops
from hypothesis import given, settings, strategies as st

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.ops.torch.boxes import center_to_corner, iou  # noqa: E402
from lockon.train.losses.pair_ranking import IoURanking, PairRanking, PaperIoURanking, RankDetNet, iou_ranking  # noqa: E402
from lockon.train.losses.ranking import (  # noqa: E402
    ClassificationRanking,
    PaperClassificationRanking,
    classification_ranking,
)

OFFICIAL, PAPER = ClassificationRanking(), PaperClassificationRanking()
PAIRS, PAPER_PAIRS = IoURanking(), PaperIoURanking()
# Four positives, worked out in plain double precision.
SCORES, OVERLAPS = [0.9, 0.6, 0.7, 0.4], [0.8, 0.7, 0.9, 0.5]


def rows(*values: list[float]):
    return torch.tensor(values, dtype=torch.float64)


def classification(positives: list[float], negatives: list[float], config: ClassificationRanking) -> float:
    labels = [1.0] * len(positives) + [0.0] * len(negatives)
    return float(classification_ranking(rows(positives + negatives), rows(labels), config))


def by_iou(scores: list[float], overlaps: list[float], config: PairRanking) -> tuple[float, float]:
    first, second = config.compare(rows(scores), rows(overlaps), rows([1.0] * len(scores)))
    return float(first), float(second)


@pytest.mark.parametrize(
    ("positives", "negatives", "config", "expected"),
    [
        ([0.9, 0.6], [0.8, 0.55, 0.52, 0.1], OFFICIAL, 0.480152),  # P- of the best two
        ([0.9, 0.6], [0.8, 0.55, 0.52, 0.1], PAPER, 0.437427),  # P- of all three above 0.5
        ([], [0.7, 0.4, 0.3], OFFICIAL, 0.171603),  # fewer than 8: all three, P+ = 1
        ([], [0.7, 0.4, 0.3], PAPER, 0.0),  # left out
        ([0.9, 0.6], [0.5, 0.3], OFFICIAL, 0.0),  # none above 0.5: left out
        ([0.9, 0.6], [0.5, 0.3], PAPER, 0.0),
        ([0.9, 0.6], [], OFFICIAL, 0.0),
    ],
)
def test_classification_by_hand(positives, negatives, config, expected: float) -> None:
    assert classification(positives, negatives, config) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (PAIRS, (0.691336, 0.649344)),
        (PAPER_PAIRS, (1.037005, 0.974016)),  # (n - 1) / 2 = 1.5 times as much
        (IoURanking(gamma=5), (0.703506, 0.558246)),
    ],
)
def test_iou_ranking_by_hand(config: PairRanking, expected: tuple[float, float]) -> None:
    assert by_iou(SCORES, OVERLAPS, config) == pytest.approx(expected, abs=1e-6)


def test_the_papers_parts_are_their_choices() -> None:
    """Every choice alone is an option: the paper's losses are the official ones with five choices made otherwise."""
    for official, paper, choices in (
        (OFFICIAL, PAPER, {"hard_negatives": "threshold", "without_positives": "skip"}),
        (PAIRS, PAPER_PAIRS, {"normalization": "positives", "single_positive": "zero", "ties": "skipped"}),
    ):
        assert all(getattr(paper, name) == value != getattr(official, name) for name, value in choices.items())
        assert {name: value for name, value in asdict(official).items() if name not in choices} == asdict(paper)  # all else is equal
        assert {name: getattr(replace(official, **choices), name) for name in choices} == choices


def test_hard_negatives() -> None:
    """Of 2 positives and 3 hard negatives: the best two, or all three. Of 3 and one: one below the threshold comes in, or not."""
    two, three = [0.9, 0.6], [0.8, 0.55, 0.52, 0.1]
    assert classification(two, three, replace(OFFICIAL, hard_negatives="threshold")) == pytest.approx(0.437427, abs=1e-6)
    positives, negatives = [0.9, 0.8, 0.7], [0.6, 0.4, 0.2, 0.1]
    assert classification(positives, negatives, OFFICIAL) == pytest.approx(classification(positives, negatives[:3], OFFICIAL))
    alone = replace(OFFICIAL, hard_negatives="threshold")
    assert classification(positives, negatives, alone) == pytest.approx(classification(positives, [0.6], alone))
    assert classification(positives, negatives, OFFICIAL) < classification(positives, negatives, alone)


def test_images_without_positives() -> None:
    """At least 8 negatives, more where more are hard; or none."""
    ten = [0.9] * 10 + [0.1] * 5
    assert classification([], ten, OFFICIAL) == pytest.approx(classification([], [0.9], OFFICIAL))
    assert classification([], ten, replace(OFFICIAL, fewest=12)) < classification([], ten, OFFICIAL)
    assert classification([], [0.9] + [0.1] * 20, OFFICIAL) == pytest.approx(classification([], [0.9] + [0.1] * 7, OFFICIAL))
    assert classification([], ten, replace(OFFICIAL, without_positives="skip")) == 0
    assert classification([], ten, replace(OFFICIAL, hard_negatives="threshold", without_positives="one")) > 0


def test_alpha_and_beta() -> None:
    """With P+ = P- the loss is ln(1 + exp(beta alpha)) / beta."""
    for alpha, beta in ((0.5, 4.0), (0.0, 4.0), (0.25, 2.0)):
        config = ClassificationRanking(alpha=alpha, beta=beta)
        expected = float(torch.log1p(torch.exp(torch.tensor(beta * alpha)))) / beta
        assert classification([0.7], [0.7], config) == pytest.approx(expected, rel=1e-6)


def test_every_positive_counts_and_labels_above_one_are_positive() -> None:
    p = rows([0.9, 0.3, 0.7, 0.8])
    assert float(classification_ranking(p, rows([2, 1, 0, -1]), OFFICIAL)) == pytest.approx(classification([0.9, 0.3], [0.7], OFFICIAL))


def test_threshold() -> None:
    assert classification([0.9], [0.45], OFFICIAL) == 0
    assert classification([0.9], [0.45], replace(OFFICIAL, threshold=0.4)) > 0


def test_single_positive() -> None:
    """An image with one positive: left out of the mean over images, or counted as 0."""
    p, v, labels = rows(SCORES, [0.5] * 4), rows(OVERLAPS, [0.5] * 4), rows([1, 1, 1, 1], [1, 0, 0, 0])
    first, _ = iou_ranking(p, v, labels, PAIRS)
    assert float(first) == pytest.approx(0.691336, abs=1e-6)
    first, _ = iou_ranking(p, v, labels, replace(PAIRS, single_positive="zero"))
    assert float(first) == pytest.approx(0.691336 / 2, abs=1e-6)


def test_scope() -> None:
    """Per image: the mean of two means. Per batch: one division by all pairs (6 + 1), or all positives (4 + 2)."""
    p, v, labels = rows(SCORES, [0.9, 0.1, 0, 0]), rows(OVERLAPS, [0.2, 0.8, 0, 0]), rows([1, 1, 1, 1], [1, 1, 0, 0])
    pair = float(torch.exp(torch.tensor(3 * 0.8)))
    for config, divisors in ((PAIRS, (6, 1)), (PAPER_PAIRS, (4, 2))):
        total = 6 * 0.691336
        first, _ = iou_ranking(p, v, labels, config)
        assert float(first) == pytest.approx((total / divisors[0] + pair / divisors[1]) / 2, abs=1e-5)
        first, _ = iou_ranking(p, v, labels, replace(config, scope="batch"))
        assert float(first) == pytest.approx((total + pair) / sum(divisors), abs=1e-5)


def test_ties() -> None:
    """Equal ranks: ordered as the candidates are, or no pair."""
    scores, overlaps = [0.2, 0.6, 0.6], [0.5, 0.5, 0.9]
    assert by_iou(scores, overlaps, PAIRS) == pytest.approx(ranking_loops.by_iou([scores], [overlaps], [[1, 1, 1]], PAIRS))
    strict = replace(PAIRS, ties="skipped")
    # by overlap: the third above both others; by score: the second and the third above the first
    exp = [float(torch.exp(torch.tensor(-3 * d))) for d in (0.4, 0.0)]
    assert by_iou(scores, overlaps, strict)[0] == pytest.approx((exp[0] + exp[1]) / 2, rel=1e-5)
    assert by_iou([0.5] * 4, [0.7] * 4, PAIRS) == pytest.approx((1, 1))
    assert by_iou([0.5] * 4, [0.7] * 4, PAPER_PAIRS) == (0, 0)


def test_rankdetnet() -> None:
    """One term over unordered pairs; agreeing orders cost less than opposite ones."""
    config = RankDetNet()
    first, second = by_iou([0.9, 0.5], [0.8, 0.6], config)
    assert (first, second) == pytest.approx((float(torch.exp(torch.tensor(-3 * 0.4 * 0.2))), 0), rel=1e-6)
    assert by_iou([0.9, 0.5], [0.6, 0.8], config)[0] == pytest.approx(1 / first, rel=1e-6)
    logistic = by_iou([0.9, 0.5], [0.8, 0.6], replace(config, function="logistic"))[0]
    assert logistic == pytest.approx(float(torch.log1p(torch.exp(torch.tensor(-3 * 0.4 * 0.2)))), rel=1e-6)


MARGIN = st.builds(
    ClassificationRanking,
    hard_negatives=st.sampled_from(["top", "threshold"]),
    without_positives=st.sampled_from(["one", "skip"]),
    fewest=st.integers(1, 9),
)
SHARED = {
    "normalization": st.sampled_from(["pairs", "positives"]),
    "scope": st.sampled_from(["image", "batch"]),
    "single_positive": st.sampled_from(["skip", "zero"]),
    "gamma": st.sampled_from([3.0, 5.0]),
}
PAIR = st.one_of(
    st.builds(IoURanking, ties=st.sampled_from(["ordered", "skipped"]), **SHARED),
    st.builds(RankDetNet, function=st.sampled_from(["exp", "logistic"]), **SHARED),
)


@settings(deadline=None, max_examples=150)
@given(margin=MARGIN, pair=PAIR, seed=st.integers(0, 10_000), images=st.integers(1, 5), candidates=st.integers(1, 24))
def test_equal_to_the_loops(margin: ClassificationRanking, pair: PairRanking, seed: int, images: int, candidates: int) -> None:
    """All choices, images without positives or without negatives, and equal values: scores have two digits."""
    generator = torch.Generator().manual_seed(seed)
    p, v = (torch.randint(0, 101, (images, candidates), generator=generator).double() / 100 for _ in range(2))
    labels = torch.randint(-1, 2, (images, candidates), generator=generator) * torch.randint(0, 2, (images, 1), generator=generator)
    lists = [x.tolist() for x in (p, v, labels)]
    assert float(classification_ranking(p, labels, margin)) == pytest.approx(ranking_loops.classification(lists[0], lists[2], margin))
    found = tuple(map(float, pair.compare(p, v, labels)))
    assert found == pytest.approx(ranking_loops.by_iou(*lists, pair))


def relative(found, stored) -> float:
    return float((found - torch.from_numpy(stored)).abs().max() / abs(stored).max())


@pytest.mark.parametrize("case", ["mixed", "no_hard", "negatives", "one_positive"])
def test_golden_points(case: str) -> None:
    """The authors' SiamPW-RBO code, gamma 5; stored are weighted losses and their gradients."""
    golden = golden_data.losses("rbo_losses")
    config = IoURanking(gamma=5)
    cls, loc = (torch.from_numpy(golden[f"{case}.{name}"]).requires_grad_() for name in ("cls", "loc"))
    labels = torch.from_numpy(golden[f"{case}.label_cls"]).flatten(1)
    points = torch.from_numpy(golden_data.losses("rbo_point_targets")["points"]).flatten(1).T  # (N, 2)
    sides = loc.flatten(2).transpose(1, 2)  # (B, N, 4)
    boxes = torch.cat([points - sides[..., :2], points + sides[..., 2:]], dim=-1)
    overlap = iou(boxes, torch.from_numpy(golden[f"{case}.boxes"])[:, None])
    p = torch.sigmoid((cls[:, 1] - cls[:, 0]).flatten(1))
    found = {"CR_loss": classification_ranking(p, labels, OFFICIAL)}
    found["IGR_loss_1"], found["IGR_loss_2"] = iou_ranking(p, overlap, labels, config)
    for name, value in found.items():
        weighted = value * (OFFICIAL.weight if name == "CR_loss" else config.weight)
        assert weighted.item() == pytest.approx(float(golden[f"{case}.loss.{name}"]), rel=golden_data.LOSS_LIMIT)
        for kind, variable in (("cls", cls), ("loc", loc)):
            if f"{case}.grad.{name}.{kind}" in golden:
                (gradient,) = torch.autograd.grad(weighted, variable, retain_graph=True)
                assert relative(gradient, golden[f"{case}.grad.{name}.{kind}"]) < golden_data.GRADIENT_LIMIT


def test_golden_anchors() -> None:
    """The authors' SiamRPN++-RBO code with its defaults, gamma 3."""
    golden = golden_data.losses("rbo_rpn_losses")
    logits = torch.from_numpy(golden["logits"]).flatten(1, 3).requires_grad_()  # (B, N, 2)
    labels = torch.from_numpy(golden["label_cls"]).flatten(1)
    centers = torch.from_numpy(golden["pred_boxes_center"]).requires_grad_()  # (B, 4, N)
    truth = center_to_corner(torch.from_numpy(golden["target_center"]))[:, None]
    p, overlap = torch.sigmoid(logits[..., 1] - logits[..., 0]), iou(center_to_corner(centers.transpose(1, 2)), truth)
    loss = classification_ranking(p, labels, OFFICIAL)
    score, box = iou_ranking(p, overlap, labels, PAIRS)
    for value, name in ((loss, "rank_cls"), (score, "igr1"), (box, "igr2")):
        assert value.item() == pytest.approx(float(golden[name]), rel=golden_data.LOSS_LIMIT)
    for value, name in ((loss, "rank_cls.grad"), (score, "igr1.grad.logits")):
        (gradient,) = torch.autograd.grad(value, logits, retain_graph=True)
        assert relative(gradient, golden[name].reshape(gradient.shape)) < golden_data.GRADIENT_LIMIT
    (gradient,) = torch.autograd.grad(box, centers)
    stored = np.zeros(centers.numel(), np.float32)
    stored[golden["igr2.grad.boxes.index"]] = golden["igr2.grad.boxes.value"]
    assert relative(gradient.flatten(), stored) < golden_data.GRADIENT_LIMIT


@pytest.mark.parametrize(
    ("part", "fields"),
    [
        (ClassificationRanking, {"weight": -1.0}),
        (ClassificationRanking, {"beta": 0.0}),
        (ClassificationRanking, {"threshold": 1.0}),
        (ClassificationRanking, {"fewest": 0}),
        (ClassificationRanking, {"alpha": float("inf")}),
        (IoURanking, {"weight": float("nan")}),
        (IoURanking, {"gamma": 0.0}),
        (RankDetNet, {"gamma": 90.0}),
    ],
)
def test_bad_numbers_are_refused(part, fields) -> None:
    (name,) = fields
    with pytest.raises(LockonError, match=name):
        part(**fields)
