"""What training asks of a head beside its `Prediction`."""

from __future__ import annotations

from typing import Protocol

from lockon.types import Candidates


class Head(Protocol):
    """Any head."""

    @property
    def extras(self) -> tuple[str, ...]:
        """Names of the `Prediction.extras` that the head makes."""
        ...


class DenseHead(Head, Protocol):
    """A head that scores many candidates of a search crop."""

    @property
    def candidates(self) -> Candidates:
        """Where they lie, on the head's device."""
        ...


__all__ = ["DenseHead", "Head"]
