"""Starts of ATOM's projection."""

from __future__ import annotations

import numpy as np
import pytest

from lockon.errors import LockonError
from lockon.online.first_projections import PrincipalProjection, RandomProjection

RNG = np.random.default_rng(0)


def test_random_numbers_are_those_of_the_source_over_the_root_of_the_channels() -> None:
    found = RandomProjection()(np.zeros((2, 16, 3, 3)), 5, np.random.default_rng(7))
    np.testing.assert_array_equal(found * 4, np.random.default_rng(7).standard_normal((5, 16)))


@pytest.mark.parametrize(
    ("direction", "expected"),
    [((3.0, 4.0), (0.6, 0.8)), ((-3.0, -4.0), (0.6, 0.8)), ((5.0, -12.0), (-5 / 13, 12 / 13)), ((0.0, 2.0), (0.0, 1.0))],
)
def test_the_first_component_is_where_cells_differ_most_whatever_their_mean(
    direction: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    along = np.array([-2.0, -1, 0, 3]).reshape(1, 1, 2, 2)
    features = 100 + along * np.reshape(direction, (1, 2, 1, 1))
    np.testing.assert_allclose(PrincipalProjection()(features, 1, RNG), [expected], atol=1e-6)


def test_components_are_orthonormal_and_in_the_order_of_what_they_explain() -> None:
    features = np.random.default_rng(1).normal(size=(3, 8, 5, 5)) * np.arange(1, 9).reshape(1, 8, 1, 1)
    rows = PrincipalProjection()(features, 6, RNG)
    np.testing.assert_allclose(rows @ rows.T, np.eye(6), atol=1e-12)
    spread = (rows @ features.swapaxes(0, 1).reshape(8, -1)).var(1)
    assert (np.diff(spread) < 0).all()
    total = np.linalg.eigvalsh(np.cov(features.swapaxes(0, 1).reshape(8, -1), bias=True))[::-1]
    np.testing.assert_allclose(spread, total[:6], rtol=1e-9)


def test_features_of_one_value_have_components_without_a_nan() -> None:
    assert np.isfinite(PrincipalProjection()(np.ones((2, 4, 3, 3)), 4, RNG)).all()


def test_more_components_than_channels_are_refused() -> None:
    with pytest.raises(LockonError, match=r"learner\.channels=5 given.* at most 4"):
        PrincipalProjection()(np.ones((1, 4, 2, 2)), 5, RNG)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_features_that_are_no_numbers_are_refused(value: float) -> None:
    features = np.ones((1, 4, 2, 2))
    features[0, 1, 0, 0] = value
    with pytest.raises(LockonError, match="no finite numbers"):
        PrincipalProjection()(features, 2, RNG)
