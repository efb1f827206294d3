"""The sequence lengths that count for expected average overlap: of the challenges, or given."""

from __future__ import annotations

from lockon.bench import metrics
from lockon.errors import LockonError


def range_of(dataset: str, given: tuple[int, int] | None) -> tuple[int, int] | None:
    """Return the first and last length; None where the dataset is none of the challenges' and nothing is given.

    Raises:
        LockonError: Given lengths that are no range.
    """
    if given is not None and not 1 <= given[0] < given[1]:
        raise LockonError(f"lengths {given[0]} to {given[1]}; expected 1 <= LOW < HIGH, for example --lengths 100 356")
    return given or metrics.EAO_RANGES.get(dataset)


def eao_note(dataset: str, lengths: tuple[int, int] | None) -> str:
    """Return a sentence about the range."""
    if lengths is None:
        return f"EAO: no range of lengths is known for {dataset}; give --lengths LOW HIGH."
    return f"EAO: expected average overlap of lengths {lengths[0]} to {lengths[1]}."


__all__ = ["eao_note", "range_of"]
