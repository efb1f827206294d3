"""Training videos that are known to be bad, by dataset, and lists of one's own.

A name here is left out when its dataset is read for training; the note that goes with it says how many were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lockon.data.datasets.parsing import read_text


@dataclass(frozen=True, slots=True)
class SkipList:
    """Names of videos (or sets of stills), and what is wrong with them."""

    names: frozenset[str]
    reason: str


def _got10k(*numbers: int) -> frozenset[str]:
    return frozenset(f"GOT-10k_Train_{number:06d}" for number in numbers)


KNOWN: Mapping[str, SkipList] = {
    "GOT10k_train": SkipList(
        _got10k(4419, 5996, 8623, 8625, 8626, 8627, 8628, 8629, 8630, 8632, 8633, 8634, 8637, 9058, 9059),
        "wrong annotations, reported by users of the dataset and left out by several public training codes",
    ),
    "stills": SkipList(frozenset({"segtrackv2_bmx"}), "may show a sequence of VOT2016"),
}


def skip_names(dataset: str, file: Path | None = None) -> frozenset[str]:
    """What to leave out of a dataset: the known names, and those of a file with one "NAME" or "DATASET/NAME" per line (# comments).

    Raises:
        LockonError: the file cannot be read.
    """
    known = KNOWN[dataset].names if dataset in KNOWN else frozenset()
    if file is None:
        return known
    lines = [line.partition("#")[0].strip() for line in read_text(file).splitlines()]
    return known | {line.removeprefix(f"{dataset}/") for line in lines if line}


__all__ = ["KNOWN", "SkipList", "skip_names"]
