"""Lists of training videos to skip: those that are known to be bad, by dataset, and custom lists.

A name in them is left out when its dataset is read for training; a note states how many were.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lockon.data.datasets.parsing import read_text

# Wrong annotations, reported by users of the dataset and left out by several public training codes.
_GOT10K = (4419, 5996, 8623, 8625, 8626, 8627, 8628, 8629, 8630, 8632, 8633, 8634, 8637, 9058, 9059)
KNOWN: Mapping[str, frozenset[str]] = {
    "GOT10k_train": frozenset(f"GOT-10k_Train_{number:06d}" for number in _GOT10K),
    "stills": frozenset({"segtrackv2_bmx"}),  # may show a sequence of VOT2016
}
"""Names of videos (or sets of stills) that are known to be bad, by dataset."""


def skip_names(dataset: str, file: Path | None = None) -> frozenset[str]:
    """Return the names to skip: the known ones of a dataset, and those of a custom file.

    Args:
        dataset: Name of the dataset.
        file: Lines of "NAME" or "DATASET/NAME", with # comments; None for no file.

    Raises:
        LockonError: The file cannot be read.
    """
    known = KNOWN.get(dataset, frozenset())
    if file is None:
        return known
    lines = [line.partition("#")[0].strip() for line in read_text(file).splitlines()]
    return known | {line.removeprefix(f"{dataset}/") for line in lines if line}


__all__ = ["KNOWN", "skip_names"]
