from __future__ import annotations

from dataclasses import replace

import pytest

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.train.assigners.sampling import EVERYTHING, SamplingConfig, subsample_labels  # noqa: E402
from lockon.types import BOUNDARY, Targets  # noqa: E402


def targets(labels, present=None) -> Targets:
    labels = torch.tensor(labels, dtype=torch.float32)
    present = torch.ones(len(labels), dtype=torch.bool) if present is None else torch.tensor(present)
    return Targets(labels=labels, boxes=torch.zeros(len(labels), 4), present=present)


def counts(labels) -> list[tuple[int, int]]:
    return [(int((row > 0).sum()), int((row == 0).sum())) for row in labels]


PICTURE = [[1] * 20 + [0] * 100 + [-1] * 5, [1] * 3 + [0] * 10 + [-1] * 112, [0] * 40 + [-1] * 85]
PRESENT = [True, True, False]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (SamplingConfig(), [(16, 48), (3, 10), (0, 16)]),
        (SamplingConfig(positives=2, negatives=None), [(2, 100), (2, 10), (0, 16)]),
        (SamplingConfig(negative_pair=None), [(16, 48), (3, 10), (0, 40)]),
        (SamplingConfig(positives=None, negatives=1, negative_pair=1), [(20, 1), (3, 1), (0, 1)]),
        (EVERYTHING, [(20, 100), (3, 10), (0, 40)]),
        (SamplingConfig(positives=125, negatives=4000), [(20, 100), (3, 10), (0, 16)]),
    ],
)
def test_counts(config: SamplingConfig, expected) -> None:
    before = targets(PICTURE, PRESENT)
    after = subsample_labels(before, config)
    assert counts(after.labels) == expected
    assert ((after.labels == before.labels) | (after.labels == -1)).all()  # a subset
    assert after.boxes is before.boxes
    assert after.present is before.present
    assert counts(before.labels) == [(20, 100), (3, 10), (0, 40)]  # not changed in place


def test_negatives_of_the_whole_batch() -> None:
    """48 of all images together; ranking losses still see all of them, a negative pair's 16 excepted."""
    after = subsample_labels(targets(PICTURE, PRESENT), SamplingConfig(scope="batch"))
    found = counts(after.labels)
    assert [positives for positives, _ in found] == [16, 3, 0]
    assert sum(negatives for _, negatives in found) == 48
    assert counts(after.all_labels) == [(16, 100), (3, 10), (0, 16)]
    assert torch.equal(after.labels > 0, after.all_labels > 0)
    assert (after.all_labels[after.labels == 0] == 0).all()


def marked(picture=PICTURE) -> Targets:
    """With boundary points in place of the ignored ones; a negative pair has none."""
    labels = torch.tensor(picture, dtype=torch.float32)
    labels[:2][labels[:2] == -1] = BOUNDARY
    return replace(targets(picture, PRESENT), labels=labels)


def test_boundary_points_have_a_limit_of_their_own() -> None:
    """As many as positives at most, whatever becomes of the labels; without a limit all stay."""
    before = marked()
    after = subsample_labels(before, SamplingConfig())
    assert counts(after.labels) == [(16, 48), (3, 10), (0, 16)]
    assert (after.labels == BOUNDARY).sum(1).tolist() == [5, 16, 0]
    assert not ((after.labels == BOUNDARY) & (before.labels != BOUNDARY)).any()
    assert (subsample_labels(before, SamplingConfig(positives=2)).labels == BOUNDARY).sum(1).tolist() == [2, 2, 0]
    for config in (EVERYTHING, SamplingConfig(positives=None)):
        assert torch.equal(subsample_labels(before, config).labels == BOUNDARY, before.labels == BOUNDARY)


def test_boundary_points_take_no_chance_from_the_labels() -> None:
    """The same labels are drawn with and without boundary points."""
    plain, other = (
        subsample_labels(one, SamplingConfig(), torch.Generator().manual_seed(0)) for one in (targets(PICTURE, PRESENT), marked())
    )
    assert torch.equal(plain.labels, torch.where(other.labels == BOUNDARY, -1.0, other.labels))


def test_ranking_all_negatives_of_an_image() -> None:
    after = subsample_labels(targets(PICTURE, PRESENT), SamplingConfig())
    assert counts(after.labels) == [(16, 48), (3, 10), (0, 16)]
    assert counts(after.all_labels) == [(16, 100), (3, 10), (0, 16)]


def test_every_candidate_has_the_same_chance() -> None:
    """1,000 draws of 10 from 40: each candidate 250 times, with a standard deviation of 13.7."""
    many = targets([[0] * 40 + [-1] * 10] * 1000)
    drawn = (subsample_labels(many, SamplingConfig(negatives=10), torch.Generator().manual_seed(0)).labels == 0).sum(0)
    assert drawn[40:].sum() == 0
    assert drawn.sum() == 10_000
    assert 190 < drawn[:40].min() <= drawn[:40].max() < 310


def test_seeded() -> None:
    before, config = targets(PICTURE, PRESENT), SamplingConfig()
    first, again, other = (subsample_labels(before, config, torch.Generator().manual_seed(seed)).labels for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("pysot_anchor_targets", SamplingConfig()),
        ("siamban_point_targets", SamplingConfig()),
        ("rbo_point_targets", SamplingConfig(negative_pair=None)),
    ],
)
def test_golden_counts(name: str, config: SamplingConfig) -> None:
    """The official code keeps as many of each kind (which ones is chance)."""
    golden = golden_data.losses(name)
    for kind in ("pos", "neg"):
        labels = [golden[f"{kind}{index}.all.cls"].ravel().tolist() for index in range(7)]
        official = [torch.from_numpy(golden[f"{kind}{index}.seeded.cls"].ravel()) for index in range(7)]
        assert counts(subsample_labels(targets(labels, [kind == "pos"] * 7), config).labels) == counts(official)


@pytest.mark.parametrize("name", ["positives", "negatives", "negative_pair"])
def test_bad_numbers_are_refused(name: str) -> None:
    with pytest.raises(LockonError, match=f"{name} must be 1 or more, or none"):
        SamplingConfig(**{name: 0})
