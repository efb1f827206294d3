"""Stored results two by two: a tracker without and with a refiner, or without and with the true centre given.

As Alpha-Refine's Tables 1, 2 and 4 have them (Yan et al., CVPR 2021, Sec. 1 and 4.2). Both sides of a pair are scored over the
sequences that both have; differences, their intervals and tests are those of `lockon.bench.report.significance`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lockon.bench.publish import KeptStore
from lockon.bench.report.evaluation import Options, evaluate_all
from lockon.bench.report.model import Report, SequenceScore, TrackerScore
from lockon.bench.report.overlaps import region_overlaps
from lockon.bench.report.significance import SignificantDifference, compare
from lockon.bench.store import Store
from lockon.bench.tables.markdown import markdown
from lockon.bench.tables.model import BEST, Cell, Table, number, signed
from lockon.errors import LockonError

TITLES = {"SR75": "SR0.75", "NP": "P_norm", "P20": "P"}


class Side(NamedTuple):
    """One side of a pair: the results of a tracker under a protocol."""

    label: str
    protocol: str = "one-pass"


@dataclass(frozen=True, slots=True)
class Question:
    """Which results stand side by side, and how the table of them reads.

    Attributes:
        name: Of the table's files, and head of the second side's columns.
        title: Of the table.
        column: Head of the column that says what the second side has.
        metrics: Keys of the metrics.
        find: Lists the pairs of a folder: first side, second side, what the second one has.
        note: Stands below the table.
        costs: Whether the milliseconds of both are shown.
        missing: Error where the folder has no pair.
    """

    name: str
    title: str
    column: str
    metrics: tuple[str, ...]
    find: Callable[[Store], list[tuple[Side, Side, str]]]
    note: str
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
    metrics=("AO", "AUC", "SR75"),
    find=_with_refiner,
    note="ms: per frame, mean over sequences of each one's median; added: by the refiner, in runs of their own. `lockon bench compare "
    "--refine` measures both side by side.",
    costs=True,
    missing="no tracker was run both without and with a refiner; run each twice: lockon bench run ..., and with --refine NAME",
)
ORACLE = Question(
    name="oracle",
    title="Oracle: the true centre given",
    column="oracle",
    metrics=("AO", "AUC", "NP", "P20"),
    find=_with_oracle,
    note="Oracle: in every annotated frame the search begins around the true centre, with the tracker's own last size; "
    '"before": the centre of the frame that is searched; "after": of the frame before it, as the published scripts.',
    costs=False,
    missing="no oracle results; make some with: lockon bench run --protocol one-pass oracle --trackers NAME --data NAME:ROOT --out DIR",
)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sides over the sequences that both have.

    Attributes:
        base: Label of the first side.
        other: Label of the second side.
        difference: What the second side has: a refiner, or a rule of the oracle protocol.
        sequences: Number of common sequences; of the second side's where the first has no results.
        metrics: Second side less first, by key; NaN where the first has no results.
        ms_base: Milliseconds per frame, the mean over sequences of each one's median; NaN where no times were kept.
        ms_other: The same of the second side.
        mask_j: Region similarity J of the second side's masks; None without masks or without true ones.
        mask_j_base: The same of the first side.
        mask_sequences: Number of sequences that `mask_j` is the mean of.
    """

    base: str
    other: str
    difference: str
    sequences: int
    metrics: Mapping[str, SignificantDifference]
    ms_base: float
    ms_other: float
    mask_j: float | None = None
    mask_j_base: float | None = None
    mask_sequences: int = 0

    @property
    def ms_added(self) -> float:
        """Return the milliseconds per frame that the second side costs, where both ran on the same machine."""
        return self.ms_other - self.ms_base


def pairs_of(
    folder: str | Path,
    question: Question,
    *,
    trackers: Collection[str] = (),
    datasets: Sequence[str] = (),
    convention: str | None = None,
) -> list[Pair]:
    """Score all pairs that a question finds in a folder.

    Args:
        folder: Results of `lockon bench run`.
        question: `REFINER` or `ORACLE`.
        trackers: Labels of second sides, empty for all.
        datasets: Names, empty for all.
        convention: See `lockon.bench.metrics`; None for "pysot".

    Returns:
        One pair each, in the order of `trackers`, or else alphabetically; none where the folder has no pair with a common sequence.

    Raises:
        LockonError: No results at all, or an unknown dataset or convention.
    """
    store = KeptStore(folder)
    found = question.find(store)
    if trackers:
        found = [pair for label in dict.fromkeys(trackers) for pair in found if pair[1].label == label]
    sides = dict.fromkeys(side for pair in found for side in pair[:2] if side.protocol in store.protocols(side.label))
    reports: dict[str, Report] = {}
    for protocol in dict.fromkeys(protocol for _, protocol in sides):
        labels = [label for label, other in sides if other == protocol]
        (reports[protocol],) = evaluate_all(store, Options(convention, labels, tuple(datasets), protocol=protocol))
    pairs = (_pair(store, reports, question, pair) for pair in found)
    return [pair for pair in pairs if pair is not None]


def _pair(store: Store, reports: Mapping[str, Report], question: Question, found: tuple[Side, Side, str]) -> Pair | None:
    first, second, what = found
    base, other = _score(reports, first), _score(reports, second)
    ours, theirs = _by_name(other), _by_name(base)
    common = sorted(set(ours) & set(theirs)) or (sorted(ours) if base is None else [])
    if other is None or not common:
        return None
    if base is None:
        nan = math.nan
        metrics = {key: SignificantDifference(other.values[key], nan, nan, nan, nan, nan, 0, 0, 0) for key in question.metrics}
    else:
        both = replace(reports[second.protocol], trackers=(replace(other, label="second"), replace(base, label="first")))
        differences = compare(both, "second", "first").metrics
        metrics = {key: differences[key] for key in question.metrics if key in differences}
    j = _mask_j(store, second, common)
    j_base = _mask_j(store, first, set(j))
    return Pair(
        base=first.label,
        other=second.label,
        difference=what,
        sequences=len(common),
        metrics=metrics,
        ms_base=_milliseconds([theirs[key] for key in common if key in theirs]),
        ms_other=_milliseconds([ours[key] for key in common]),
        mask_j=float(np.mean(list(j.values()))) if j else None,
        mask_j_base=float(np.mean(list(j_base.values()))) if j_base and set(j_base) == set(j) else None,
        mask_sequences=len(j),
    )


def _score(reports: Mapping[str, Report], side: Side) -> TrackerScore | None:
    trackers = reports[side.protocol].trackers if side.protocol in reports else ()
    return next((item for item in trackers if item.label == side.label), None)


def _by_name(score: TrackerScore | None) -> dict[tuple[str, str], SequenceScore]:
    return {} if score is None else {(part.dataset, part.sequence): part for part in score.sequences}


def _milliseconds(parts: Sequence[SequenceScore]) -> float:
    """Average a median per sequence: a single slow frame says nothing, and trackers are slower on large targets."""
    medians = [float(np.median(part.times)) * 1000 for part in parts if len(part.times)]
    return float(np.mean(medians)) if medians else math.nan


def _mask_j(store: Store, side: Side, sequences: Collection[tuple[str, str]]) -> dict[tuple[str, str], float]:
    """Return J per sequence with masks on both sides: the mean overlap of its frames but the first, which was given, and the last (DAVIS).

    Perazzi et al., A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation, CVPR 2016, and the toolkit's choice of
    frames.
    """
    found: dict[tuple[str, str], float] = {}
    for record in store.records(*side) if sequences else ():
        key = (record.dataset, record.sequence)
        if key not in sequences or record.repetition != 1 or record.truth_masks is None or record.run.masks is None:
            continue
        overlaps = region_overlaps(record)[record.run.start + 1 : -1]
        if np.isfinite(overlaps).any():
            found[key] = float(np.nanmean(overlaps))
    return found


_INTERVALS = (
    "Metrics: over the sequences that both have. In brackets: 95% confidence interval of the gain, paired bootstrap over sequences; "
    "bold: it does not hold 0."
)
_J = (
    "J: mean overlap of the refiner's masks, first and last frames excluded, and the number of sequences with true masks; "
    "own: of the masks that the tracker makes itself."
)


def pair_markdown(pairs: Sequence[Pair], question: Question) -> str:
    """Write a table with a row per pair: each metric of both, the gain with its interval, and what the question shows beside them.

    Raises:
        LockonError: No pairs.
    """
    if not pairs:
        raise LockonError(question.missing)
    masked = any(pair.mask_j is not None for pair in pairs)
    titles = (TITLES.get(key, key) for key in question.metrics)
    head = ["tracker", question.column, *(text for title in titles for text in (title, question.name, "gain"))]
    head += [*(("ms", "ms added") if question.costs else ()), *(("J",) if masked else ()), "sequences"]
    body = []
    for pair in pairs:
        cells = [Cell(pair.base), Cell(pair.difference)]
        for key in question.metrics:
            cells += _gain_cells(pair.metrics.get(key), several=pair.sequences > 1)
        if question.costs:
            cells += [Cell(number(pair.ms_base, 1)), Cell(signed(pair.ms_added, 1))]
        if masked:
            cells.append(Cell(_masks(pair)))
        body.append((*cells, Cell(str(pair.sequences))))
    notes = (_INTERVALS, question.note, *((_J,) if masked else ()))
    return markdown([Table(question.title, question.name, tuple(head), tuple(body), notes)])


def _gain_cells(found: SignificantDifference | None, *, several: bool) -> list[Cell]:
    if found is None:
        return [Cell("-")] * 3
    if math.isnan(found.difference):
        return [Cell(number(found.second)), Cell(number(found.first)), Cell("-")]
    sure = several and (found.low > 0 or found.high < 0)  # one sequence has no interval
    text = f"{signed(found.difference)} [{signed(found.low)}, {signed(found.high)}]"
    return [Cell(number(found.second)), Cell(number(found.first)), Cell(text, BEST if sure else 0)]


def _masks(pair: Pair) -> str:
    if pair.mask_j is None:
        return "-"
    own = "" if pair.mask_j_base is None else f", own {pair.mask_j_base:.3f}"
    return f"{pair.mask_j:.3f} ({pair.mask_sequences}){own}"


__all__ = ["ORACLE", "REFINER", "Pair", "Question", "label_pairs", "pair_markdown", "pairs_of"]
