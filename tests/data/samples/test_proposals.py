from __future__ import annotations

import json

import numpy as np
import pytest

import golden_data
from lockon.data.samples.proposals import GaussianProposals, MixtureProposals, boxes_from_relative, mixture_density, relative_boxes
from lockon.errors import LockonError
from lockon.ops.boxes import iou_xywh, iou_xyxy, xywh_to_xyxy

GOLDEN = golden_data.losses("dimp_losses")
BOXES = xywh_to_xyxy(GOLDEN["label.boxes"].astype(np.float64))


@pytest.mark.parametrize("case", range(3))
def test_densities_agree_with_the_official_ones(case: int) -> None:
    sigmas, truth = json.loads(str(GOLDEN[f"gmm{case}.sigma"]))
    relative = relative_boxes(xywh_to_xyxy(GOLDEN[f"gmm{case}.proposals"].astype(np.float64)), BOXES[:, None])
    np.testing.assert_allclose(mixture_density(relative, sigmas), GOLDEN[f"gmm{case}.proposal_density"], rtol=1e-4)
    if any(truth):
        np.testing.assert_allclose(mixture_density(relative, [truth]), GOLDEN[f"gmm{case}.gt_density"], rtol=1e-4, atol=1e-30)
    else:  # nothing but the target's own box
        assert not GOLDEN[f"gmm{case}.gt_density"].any()


def test_products_of_densities_agree_with_the_official_ones() -> None:
    """The stored deviations are (coordinate, component): pairs for two coordinates each."""
    sigmas = [tuple(GOLDEN["density.std"][::2, component]) for component in range(2)]
    np.testing.assert_allclose(mixture_density(GOLDEN["density.x"], sigmas), GOLDEN["density.gmm"], rtol=1e-5)
    one = mixture_density(GOLDEN["density.x"], sigmas[:1])
    np.testing.assert_allclose(one, GOLDEN["density.gauss"].astype(np.float64).prod(-1), rtol=1e-4, atol=1e-30)


def test_overlaps_agree_with_the_official_ones() -> None:
    found = iou_xywh(GOLDEN["iou.reference"].astype(np.float64), GOLDEN["iou.proposals"].astype(np.float64))
    np.testing.assert_allclose(found, GOLDEN["iou.values"], atol=1e-6)


@pytest.mark.parametrize("sigma", [0.01, 0.05, 0.1, 0.2, 0.3])
def test_gaussian_proposals_overlap_as_the_official_ones(sigma: float) -> None:
    """The quartiles of 400 official draws have a standard error of up to 0.02 themselves."""
    proposals = GaussianProposals(count=3000, sigmas=(sigma,))(np.random.default_rng(0), BOXES[0])
    overlaps = (proposals["proposal_iou"] + 1) / 2
    np.testing.assert_allclose(np.percentile(overlaps, [25, 50, 75]), GOLDEN[f"perturb.iou_quantiles.{sigma}"][2:5], atol=0.03)
    assert overlaps.min() > 0.1


def test_gaussian_proposals_are_what_they_say() -> None:
    found = GaussianProposals(count=200)(np.random.default_rng(1), BOXES[1])
    assert found["proposals"].shape == (200, 4)
    np.testing.assert_allclose(found["proposal_iou"], 2 * iou_xyxy(found["proposals"], BOXES[1]) - 1, atol=1e-5)
    assert (np.diff(found["proposals"].reshape(200, 2, 2), axis=1) >= 1).all()


def test_a_thin_target_still_has_proposals() -> None:
    """Half a pixel wide: nothing in whole pixels overlaps it by half."""
    box = np.array([10.2, 5.0, 10.7, 80.0])
    found = GaussianProposals(count=4, min_iou=0.5)(np.random.default_rng(0), box)
    assert np.isfinite(found["proposals"]).all()
    assert (found["proposal_iou"] > 0).all()


@pytest.mark.parametrize("case", [0, 2])
def test_mixture_proposals_spread_as_the_official_ones(case: int) -> None:
    """Six targets of 64 to 128 official draws: standard deviations within 10 %."""
    sigmas, truth = json.loads(str(GOLDEN[f"gmm{case}.sigma"]))
    make = MixtureProposals(count=4000, sigmas=tuple(map(tuple, sigmas)), truth_sigma=tuple(truth))
    found = make(np.random.default_rng(0), BOXES[0])
    relative = relative_boxes(found["proposals"], BOXES[0])
    official = relative_boxes(xywh_to_xyxy(GOLDEN[f"gmm{case}.proposals"].astype(np.float64)), BOXES[:, None])
    np.testing.assert_allclose(relative.std(0), official.std((0, 1)), rtol=0.15)
    np.testing.assert_allclose(found["proposal_density"], mixture_density(relative, sigmas), rtol=2e-3)
    np.testing.assert_allclose(found["truth_density"], mixture_density(relative, [truth]), rtol=2e-2, atol=1e-20)


def test_a_density_by_hand() -> None:
    """At the target itself: 1 / (2 pi sigma^2)^2 for four equal deviations."""
    assert mixture_density(np.zeros(4), [(0.1, 0.1)]) == pytest.approx(1 / (2 * np.pi * 0.01) ** 2)
    two = mixture_density(np.zeros(4), [(0.1, 0.1), (0.2, 0.4)])
    assert two == pytest.approx((1 / (2 * np.pi * 0.01) ** 2 + 1 / ((2 * np.pi) ** 2 * 0.04 * 0.16)) / 2)


def test_relative_coordinates_by_hand() -> None:
    """A box of double size, moved by half a width to the right."""
    np.testing.assert_allclose(relative_boxes([5, -10, 25, 30], [0, 0, 10, 20]), [1, 0, np.log(2), np.log(2)], atol=1e-12)
    np.testing.assert_allclose(boxes_from_relative([1, 0, np.log(2), np.log(2)], [0, 0, 10, 20]), [5, -10, 25, 30])


def test_the_true_box_may_come_first() -> None:
    found = MixtureProposals(count=5, truth=True, truth_sigma=(0.0, 0.0))(np.random.default_rng(0), BOXES[2])
    np.testing.assert_allclose(found["proposals"][0], BOXES[2], rtol=1e-6)
    assert found["proposal_density"][0] == 0
    assert (found["proposal_density"][1:] > 0).all()
    assert not found["truth_density"].any()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: GaussianProposals(count=0), "count=0"),
        (lambda: GaussianProposals(sigmas=()), "sigmas is empty"),
        (lambda: GaussianProposals(sigmas=(0.1, -1)), "sigmas=-1"),
        (lambda: GaussianProposals(min_iou=1.5), "min_iou=1.5"),
        (lambda: MixtureProposals(sigmas=()), "sigmas is empty"),
        (lambda: MixtureProposals(sigmas=((0.1, 0.0),)), "sigmas=0"),
        (lambda: MixtureProposals(truth_sigma=(0.1, 0.0)), "truth_sigma=0"),
        (lambda: MixtureProposals(count=1, truth=True), "count=1"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(make, text: str) -> None:
    with pytest.raises(LockonError, match=text):
        make()
