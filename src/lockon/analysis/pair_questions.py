"""Which results are compared two by two: without and with a refiner, without and with the true centre."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from lockon.bench.store import Store

TITLES = {"SR75": "SR0.75", "NP": "P_norm", "P20": "P"}


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a pair: the results of a tracker under a protocol."""

    label: str
    protocol: str = "one-pass"


@dataclass(frozen=True, slots=True)
class Question:
    """Which results stand side by side, and how the table of them reads.

    Attributes:
        name: Of the table's files.
        title: Of the table.
        column: Head of the column that says what the second side has.
        second: Head of the second side's columns.
        metrics: Keys of the metrics.
        find: Lists the pairs of a folder: first side, second side, what the second one has.
        notes: Sentences below the table.
        costs: Whether the milliseconds of both are shown.
        missing: Error where the folder has no pair.
    """

    name: str
    title: str
    column: str
    second: str
    metrics: tuple[str, ...]
    find: Callable[[Store], list[tuple[Side, Side, str]]]
    notes: tuple[str, ...]
    costs: bool
    missing: str


def label_pairs(labels: Collection[str]) -> list[tuple[str, str]]:
    """List the labels X and X+REFINER that belong together, in alphabetical order.

    >>> label_pairs(["csrt", "csrt+refine-s", "kcf+refine-s"])
    [('csrt', 'csrt+refine-s')]
    """
    found = ((label.rpartition("+")[0], label) for label in labels)
    return sorted((base, label) for base, label in found if base in labels)


def _with_refiner(store: Store) -> list[tuple[Side, Side, str]]:
    labels = [label for label in store.trackers() if "one-pass" in store.protocols(label)]
    return [(Side(base), Side(label), label.rpartition("+")[2]) for base, label in label_pairs(labels)]


def _with_oracle(store: Store) -> list[tuple[Side, Side, str]]:
    labels = [label for label in store.trackers() if "oracle" in store.protocols(label)]
    rules = {label: store.records(label, "oracle")[0].rules for label in labels}
    return [(Side(label), Side(label, "oracle"), str(rules[label].get("when", "before"))) for label in labels]


REFINER = Question(
    name="refined",
    title="Without and with a refiner",
    column="refiner",
    second="refined",
    metrics=("AO", "AUC", "SR75"),
    find=_with_refiner,
    notes=(
        "ms: per frame, mean over sequences of each one's median; added: by the refiner, in runs of their own. `lockon bench compare "
        "--refine` measures both side by side.",
    ),
    costs=True,
    missing="no tracker was run both without and with a refiner; run each twice: lockon bench run ..., and with --refine NAME",
)
ORACLE = Question(
    name="oracle",
    title="Oracle: the true centre given",
    column="oracle",
    second="oracle",
    metrics=("AO", "AUC", "NP", "P20"),
    find=_with_oracle,
    notes=(
        "Oracle: in every annotated frame the search begins around the true centre, with the tracker's own last size; "
        '"before": the centre of the frame that is searched; "after": of the frame before it, as the published scripts.',
    ),
    costs=False,
    missing="no oracle results; make some with: lockon bench run --protocol one-pass oracle --trackers NAME --data NAME:ROOT --out DIR",
)

__all__ = ["ORACLE", "REFINER", "Question", "Side", "label_pairs"]
