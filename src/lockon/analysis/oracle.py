"""How well trackers estimate boxes when the place is given: stored one-pass and oracle results side by side (Alpha-Refine's Table 1).

Yan et al., CVPR 2021, Sec. 1: with the search region always around the true centre, success depends on the estimated size alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lockon.bench.publish import KeptStore
from lockon.bench.report.evaluation import Options, evaluate_all
from lockon.bench.report.model import TrackerScore
from lockon.bench.tables.markdown import markdown
from lockon.bench.tables.model import Cell, Table, number, ranks
from lockon.errors import LockonError

METRICS = ("AO", "AUC", "NP", "P20")
TITLES = {"AO": "AO", "AUC": "AUC", "NP": "P_norm", "P20": "P"}


@dataclass(frozen=True, slots=True)
class OracleRow:
    """One tracker without and with the true centre, over the sequences that both runs have.

    Attributes:
        label: the tracker. when: whose frame's truth it was put on: "before", the one about to be tracked, or "after", the one before.
        sequences: number of common sequences.
        without, oracle: metrics by key, fractions: "AO", "AUC", "NP" (normalised precision), "P20" (precision), "SR50", "SR75".
            `without` is empty where there is no one-pass run.
    """

    label: str
    when: str
    sequences: int
    without: Mapping[str, float]
    oracle: Mapping[str, float]


def oracle_rows(folder: str | Path, *, trackers: Sequence[str] = (), convention: str | None = None) -> list[OracleRow]:
    """The trackers of a folder with oracle results, the best first.

    Args:
        folder: of `lockon bench oracle`. trackers: labels, empty for all that have results.
        convention: see `lockon.bench.metrics`; None for "pysot".

    Returns:
        One row per tracker; none where the folder has no oracle results.

    Raises:
        LockonError: no results at all, or an unknown convention.
    """
    store = KeptStore(folder)
    known = [label for label in store.trackers() if not trackers or label in trackers]
    labels = [label for label in known if "oracle" in store.protocols(label)]
    if not labels:
        return []
    (report,) = evaluate_all(store, Options(convention, labels, protocol="oracle"))
    plain = [label for label in labels if "one-pass" in store.protocols(label)]
    without: dict[str, TrackerScore] = {}
    if plain:
        (other,) = evaluate_all(store, Options(convention, plain))
        without = {item.label: item for item in other.trackers}
    rows = []
    for item in report.trackers:
        rules = next(record.rules for record in store.records(item.label, "oracle"))
        ours = {(part.dataset, part.sequence): part for part in item.sequences}
        theirs = {(part.dataset, part.sequence): part for part in without[item.label].sequences} if item.label in without else {}
        common = sorted(set(ours) & set(theirs)) or sorted(ours)
        rows.append(
            OracleRow(
                item.label,
                str(rules.get("when", "before")),
                len(common),
                report.scoring.combine([theirs[key] for key in common]) if set(common) <= set(theirs) else {},
                report.scoring.combine([ours[key] for key in common]),
            )
        )
    return sorted(rows, key=lambda row: (-row.oracle["AUC"], row.label))


def oracle_table(rows: Sequence[OracleRow]) -> Table:
    """One row per tracker: each metric without and with the true centre.

    Raises:
        LockonError: no rows.
    """
    if not rows:
        raise LockonError("no oracle results; make some with: lockon bench oracle --trackers NAME --data NAME:ROOT --out DIR")
    head = ["tracker", *(text for key in METRICS for text in (TITLES[key], f"{TITLES[key]} oracle")), "sequences"]
    columns = []
    for key in METRICS:
        for side in ("without", "oracle"):
            values = [getattr(row, side).get(key, float("nan")) for row in rows]
            columns.append([Cell(number(value), rank) for value, rank in zip(values, ranks(values), strict=True)])
    body = [(Cell(row.label), *cells, Cell(str(row.sequences))) for row, *cells in zip(rows, *columns, strict=True)]
    when = " and ".join(sorted({f'"{row.when}"' for row in rows}))
    notes = (
        f"Oracle ({when}): in every annotated frame the search begins around the true centre, with the tracker's own last size; "
        '"before": the centre of the frame that is searched; "after": of the frame before it, as the published scripts.',
    )
    return Table("Oracle: the true centre given", "oracle", tuple(head), tuple(body), notes)


def oracle_markdown(rows: Sequence[OracleRow]) -> str:
    """`oracle_table` as Markdown.

    Raises:
        LockonError: no rows.
    """
    return markdown([oracle_table(rows)])


def oracle_json(rows: Sequence[OracleRow]) -> dict[str, Any]:
    """The rows as JSON values."""
    return {"rows": [asdict(row) for row in rows]}


__all__ = ["METRICS", "OracleRow", "oracle_json", "oracle_markdown", "oracle_rows", "oracle_table"]
