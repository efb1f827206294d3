"""What training asks of a head beside its `Prediction`."""

from __future__ import annotations

from typing import Protocol

from lockon.types import Candidates


class Head(Protocol):
    """Any head.

    Attributes:
        extras: Names of the `Prediction.extras` that the head makes.
    """

    @property
    def extras(self) -> tuple[str, ...]: ...


class DenseHead(Head, Protocol):
    """A head that scores many candidates of a search crop.

    Attributes:
        candidates: Where they lie, on the head's device.
    """

    @property
    def candidates(self) -> Candidates: ...


__all__ = ["DenseHead", "Head"]
