"""How ATOM's projection to few channels starts, before the first frame's fit.

Danelljan et al., ATOM, CVPR 2019 (arXiv 1811.07628), Sec. 3.2, draws it at random; the published code can also start at principal
components, as ECO does (Danelljan et al., CVPR 2017, Sec. 3.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lockon.errors import LockonError
from lockon.online.learner import numbers
from lockon.online.views import RandomSource
from lockon.ops.array_math import stack
from lockon.types import Array, FloatArray


@dataclass(frozen=True, slots=True)
class RandomProjection:
    """Normal numbers, of deviation one over the root of the number of channels."""

    def __call__(self, features: Sequence[Array], channels: int, rng: RandomSource) -> FloatArray:
        """Return a (channels, D) projection, see `PrincipalProjection`."""
        depth = features[0].shape[0]
        return np.asarray(rng.standard_normal((channels, depth)) / np.sqrt(depth))


@dataclass(frozen=True, slots=True)
class PrincipalProjection:
    """The directions in which the features vary most; in each the largest entry is positive."""

    def __call__(self, features: Sequence[Array], channels: int, rng: RandomSource) -> FloatArray:
        """Return a (channels, D) projection, its rows orthonormal.

        Args:
            features: V features (D, h, w) of the first frame, in the network's kind of array.
            channels: At most D.
            rng: Of a random start.

        Raises:
            LockonError: More channels than the features have; features that are no numbers.
        """
        samples = numbers(stack(features))  # (V, D, h, w)
        depth = samples.shape[1]
        if channels > depth:
            raise LockonError(f"learner.channels={channels} given, but principal components are as many as channels: give at most {depth}")
        if not np.isfinite(samples).all():
            raise LockonError("the network's features of the first frame are no finite numbers: its weights are broken, try others")
        cells = samples.astype(np.float64).swapaxes(0, 1).reshape(depth, -1)  # (D, V h w)
        cells = cells - cells.mean(1, keepdims=True)
        rows = np.linalg.eigh(cells @ cells.T).eigenvectors.T[::-1][:channels]  # eigenvalues come in ascending order
        largest = np.take_along_axis(rows, np.abs(rows).argmax(1)[:, None], axis=1)
        return np.asarray(rows * np.sign(largest))


__all__ = ["PrincipalProjection", "RandomProjection"]
