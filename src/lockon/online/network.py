"""`OnlineNetwork`: what an online learner and the box ascent ask of a network, whatever runs it.

Arrays are opaque here: NumPy's where a deployed file runs, torch's tensors on their device where a module does; batch first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lockon.ops.array_math import stack


@dataclass(frozen=True, slots=True)
class OnlineFeatures:
    """What a network sees in B crops.

    Attributes:
        classification: (B, C, h, w) features that filters are learnt on, normalized.
        boxes: Features of the box network, the finer level first, as `OnlineNetwork.overlap` takes them.
    """

    classification: Any
    boxes: tuple[Any, ...]


class BoxNetwork(Protocol):
    """A network that scores boxes by a target's modulation vectors.

    Attributes:
        search_size: Side of the crops in pixels.
        header: Of the weights.
    """

    search_size: int
    header: Mapping[str, Any]

    def box_features(self, images: NDArray[np.uint8]) -> tuple[Any, ...]:
        """Return what `overlap` takes of (B, H, W, 3) uint8 RGB crops."""

    def modulation(self, images: NDArray[np.uint8], boxes_xyxy: NDArray[np.floating[Any]]) -> tuple[Any, ...]:
        """Encode targets as the weights of channels.

        Args:
            images: (B, H, W, 3) uint8 RGB crops of the first frame.
            boxes_xyxy: (B, 4) of the targets in crop pixels.

        Returns:
            Arrays of B rows.
        """

    def overlap(
        self, features: tuple[Any, ...], modulation: tuple[Any, ...], boxes_xyxy: NDArray[np.floating[Any]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Score boxes, and say how each score changes with its box.

        Args:
            features: Of B crops, as `box_features` or `OnlineFeatures.boxes` has them.
            modulation: Of their B targets.
            boxes_xyxy: (B, R, 4) in crop pixels.

        Returns:
            (B, R) scores, higher is better; (B, R, 4) derivatives by x1, y1, x2, y2 per crop pixel.
        """


class DescentNetwork(Protocol):
    """A network with an optimiser of filters.

    Attributes:
        weights: Trained numbers of the optimiser by name, in the network's kind of array: ``log_step_length`` and ``filter_reg`` (1,);
            ``label_map``, ``target_mask`` and ``spatial_weight`` (100,), or None of PrDiMP. None of a network without them (ATOM).
    """

    weights: Mapping[str, Any] | None


class OnlineNetwork(BoxNetwork, DescentNetwork, Protocol):
    """A network with features to learn filters on, beside its box network."""

    def features(self, images: NDArray[np.uint8]) -> OnlineFeatures:
        """Return the features of (B, H, W, 3) uint8 RGB crops."""

    def initial(self, classification: Any, boxes_xyxy: NDArray[np.floating[Any]]) -> Any:
        """Predict a filter from each sample's own target: the start of DiMP's optimiser.

        Args:
            classification: (M, C, h, w) features.
            boxes_xyxy: (M, 4) of the targets in crop pixels.

        Returns:
            (M, C, K, K).

        Raises:
            LockonError: A network without a filter initializer (ATOM).
        """


def joined_vectors(vectors: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return the modulation vectors of B targets, each a batch of one, as arrays of B rows, in their own kind of array."""
    return tuple(stack([one[0] for one in level]) for level in zip(*vectors, strict=True))


__all__ = ["BoxNetwork", "DescentNetwork", "OnlineFeatures", "OnlineNetwork", "joined_vectors"]
