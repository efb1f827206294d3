"""What a refiner does for trackers: stored results of X and of X+REFINER side by side, as Alpha-Refine's Tables 2 and 4 have them.

Yan et al., CVPR 2021, Sec. 4.2. A pair is known by its labels, which `lockon bench run --refine` gives.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lockon.bench.publish import KeptStore
from lockon.bench.report.evaluation import Options, evaluate_all
from lockon.bench.report.model import Report, SequenceScore
from lockon.bench.report.overlaps import region_overlaps
from lockon.bench.report.significance import compare as compare_two
from lockon.bench.store import Store
from lockon.bench.tables.markdown import markdown
from lockon.bench.tables.model import BEST, Cell, Table, number
from lockon.errors import LockonError

METRICS = ("AO", "AUC", "SR75")
TITLES = {"AO": "AO", "AUC": "AUC", "SR75": "SR0.75"}


@dataclass(frozen=True, slots=True)
class Gain:
    """One metric of a tracker without and with a refiner, fractions.

    Attributes:
        base, refined: over the sequences that both have. gain: refined - base.
        low, high: 95 % bootstrap interval of the gain, sequences drawn in pairs. p: sign-flip permutation test over sequences.
    """

    base: float
    refined: float
    gain: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Compared:
    """A tracker without and with a refiner, over the sequences that both were run on.

    Attributes:
        base, refined, refiner: labels; `refined` is BASE+REFINER. sequences: number of common sequences.
        metrics: by key: "AO", "AUC", "SR75".
        ms_base, ms_refined: milliseconds per frame, the mean over sequences of each one's median; NaN where no times were kept.
        mask_j, mask_j_base: region similarity J of the refined and of the base tracker's masks; None without masks or without true ones.
        mask_sequences: number of sequences that `mask_j` is the mean of.
    """

    base: str
    refined: str
    refiner: str
    sequences: int
    metrics: Mapping[str, Gain]
    ms_base: float
    ms_refined: float
    mask_j: float | None = None
    mask_j_base: float | None = None
    mask_sequences: int = 0

    @property
    def ms_added(self) -> float:
        """Milliseconds per frame that the refiner costs, where both ran on the same machine."""
        return self.ms_refined - self.ms_base


def find_pairs(labels: Collection[str]) -> list[tuple[str, str]]:
    """The labels X and X+REFINER that belong together, in alphabetical order.

    >>> find_pairs(["csrt", "csrt+refine-s", "kcf+refine-s"])
    [('csrt', 'csrt+refine-s')]
    """
    found = ((label.rpartition("+")[0], label) for label in labels)
    return sorted((base, label) for base, label in found if base in labels)


def compare(folder: str | Path, *, datasets: Sequence[str] = (), convention: str | None = None) -> list[Compared]:
    """All pairs among the one-pass results of a folder, over the sequences that both of a pair have.

    Args:
        folder: of `lockon bench run`. datasets: names, empty for all. convention: see `lockon.bench.metrics`; None for "pysot".

    Returns:
        One row per pair; none where the folder has no pair with a common sequence.

    Raises:
        LockonError: no results at all; an unknown dataset or convention.
    """
    store = KeptStore(folder)
    pairs = find_pairs([label for label in store.trackers() if "one-pass" in store.protocols(label)])
    if not pairs:
        return []
    labels = tuple(dict.fromkeys(label for pair in pairs for label in pair))
    (report,) = evaluate_all(store, Options(convention, labels, tuple(datasets)))
    found = (_compared(store, report, base, refined) for base, refined in pairs)
    return [row for row in found if row is not None]


def _compared(store: Store, report: Report, base: str, refined: str) -> Compared | None:
    parts = {item.label: {(one.dataset, one.sequence): one for one in item.sequences} for item in report.trackers}
    common = set(parts.get(base, {})) & set(parts.get(refined, {}))
    if not common:
        return None
    found = compare_two(report, refined, base).metrics
    metrics = {key: found[key] for key in METRICS if key in found}
    ours, theirs = ([parts[label][key] for key in sorted(common)] for label in (refined, base))
    j = _mask_j(store, refined, common)
    j_base = _mask_j(store, base, set(j))
    return Compared(
        base=base,
        refined=refined,
        refiner=refined.rpartition("+")[2],
        sequences=len(common),
        metrics={key: Gain(one.second, one.first, one.difference, one.low, one.high, one.p) for key, one in metrics.items()},
        ms_base=_milliseconds(theirs),
        ms_refined=_milliseconds(ours),
        mask_j=float(np.mean(list(j.values()))) if j else None,
        mask_j_base=float(np.mean(list(j_base.values()))) if j_base and set(j_base) == set(j) else None,
        mask_sequences=len(j),
    )


def _milliseconds(parts: Sequence[SequenceScore]) -> float:
    """A median per sequence: a single slow frame says nothing, and trackers are slower on large targets."""
    medians = [float(np.median(part.times)) * 1000 for part in parts if len(part.times)]
    return float(np.mean(medians)) if medians else float("nan")


def _mask_j(store: Store, label: str, sequences: Collection[tuple[str, str]]) -> dict[tuple[str, str], float]:
    """J per sequence with masks on both sides: the mean overlap of its frames but the first, which was given, and the last (DAVIS).

    Perazzi et al., A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation, CVPR 2016, and the toolkit's choice of
    frames.
    """
    found: dict[tuple[str, str], float] = {}
    for record in store.records(label):
        key = (record.dataset, record.sequence)
        if key not in sequences or record.repetition != 1 or record.truth_masks is None or record.run.masks is None:
            continue
        overlaps = region_overlaps(record)[record.run.start + 1 : -1]
        if np.isfinite(overlaps).any():
            found[key] = float(np.nanmean(overlaps))
    return found


def refined_table(rows: Sequence[Compared]) -> Table:
    """One row per pair: metrics with and without, the gain with its interval, milliseconds added, J where there are masks.

    Raises:
        LockonError: no rows.
    """
    if not rows:
        raise LockonError(
            "no tracker was run both without and with a refiner; run each twice: lockon bench run ..., and with --refine NAME"
        )
    masked = any(row.mask_j is not None for row in rows)
    head = ["tracker", "refiner", *(text for key in METRICS for text in (TITLES[key], "refined", "gain")), "ms", "ms added"]
    body = []
    for row in rows:
        cells = [Cell(row.base), Cell(row.refiner)]
        for key in METRICS:
            cells += _gain_cells(row.metrics.get(key), several=row.sequences > 1)
        cells += [Cell(number(row.ms_base, 1)), Cell(_signed(row.ms_added, 1))]
        if masked:
            cells.append(Cell(_masks(row)))
        body.append((*cells, Cell(str(row.sequences))))
    notes = [
        "Metrics: over the sequences that both have. In brackets: 95% confidence interval of the gain, paired bootstrap over sequences; "
        "bold: it does not hold 0.",
        "ms: per frame, mean over sequences of each one's median; added: by the refiner, in runs of their own. `lockon bench latency` "
        "measures both side by side.",
    ]
    if masked:
        notes.append(
            "J: mean overlap of the refiner's masks, first and last frames excluded, and the number of sequences with true masks; "
            "own: of the masks that the tracker makes itself."
        )
    last = ("J", "sequences") if masked else ("sequences",)
    return Table("Without and with a refiner", "refined", (*head, *last), tuple(body), tuple(notes))


def _gain_cells(found: Gain | None, *, several: bool) -> list[Cell]:
    if found is None:
        return [Cell("-")] * 3
    sure = several and (found.low > 0 or found.high < 0)  # one sequence has no interval
    text = f"{found.gain:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
    return [Cell(number(found.base)), Cell(number(found.refined)), Cell(text, BEST if sure else 0)]


def _masks(row: Compared) -> str:
    if row.mask_j is None:
        return "-"
    own = "" if row.mask_j_base is None else f", own {row.mask_j_base:.3f}"
    return f"{row.mask_j:.3f} ({row.mask_sequences}){own}"


def _signed(value: float, digits: int) -> str:
    return "-" if np.isnan(value) else f"{value:+.{digits}f}"


def refined_markdown(rows: Sequence[Compared]) -> str:
    """`refined_table` as Markdown.

    Raises:
        LockonError: no rows.
    """
    return markdown([refined_table(rows)])


__all__ = ["METRICS", "Compared", "Gain", "compare", "find_pairs", "refined_markdown", "refined_table"]
