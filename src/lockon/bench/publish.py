"""All tables, plots and the page of a folder of results, written into another folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lockon._files import write_bytes
from lockon._names import digest
from lockon.bench import tables
from lockon.bench.html import BUDGET, FRAMES, PageLimits, write_html
from lockon.bench.html.pictures import Find
from lockon.bench.plots import write_plots
from lockon.bench.report.attributes import has_attributes
from lockon.bench.report.evaluation import Options, evaluate_each
from lockon.bench.report.model import Report
from lockon.bench.report.significance import Intervals, compare, intervals
from lockon.bench.store import Record, Store
from lockon.bench.tables.model import Table

_LONGEST = 150  # letters of the name of a report's folder


class KeptStore(Store):
    """A folder of results that is read once, however often it is scored.

    Args:
        folder: Of results.
        only: (dataset, name) of the sequences whose results are read; None for all.
    """

    def __init__(self, folder: str | Path, only: Collection[tuple[str, str]] | None = None) -> None:
        super().__init__(folder)
        self._only = only
        self._kept: dict[tuple[str, str], list[Record]] = {}

    def records(self, label: str, protocol: str = "one-pass") -> list[Record]:
        """Return what `Store.records` does, of the kept sequences."""
        key = (label, protocol)
        if key not in self._kept:
            found = super().records(label, protocol)
            self._kept[key] = [one for one in found if self._only is None or (one.dataset, one.sequence) in self._only]
        return list(self._kept[key])


@dataclass(frozen=True, slots=True)
class Extras:
    """What is written beside the summary.

    Attributes:
        sequences: Whether the table of sequences is added.
        attributes: Whether the table of attributes is added.
        latency: Whether the table of latency is added.
        metric: Key of the metric in the first two; None for the default.
        pair: Two trackers to compare.
        intervals: Whether metrics get confidence intervals.
    """

    sequences: bool = False
    attributes: bool = False
    latency: bool = False
    metric: str | None = None
    pair: tuple[str, str] | None = None
    intervals: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """How plots and the page are made.

    Attributes:
        formats: Of plots: "png", "svg", "pdf".
        lines: Name and EAO of others, for the ranking.
        find: Gives the sequence with the images of a result, None for no pictures.
        frames: Pictures per video.
        budget: Bytes of the page.
        progress: Told what comes next.
    """

    formats: tuple[str, ...] = ("png",)
    lines: Mapping[str, float] = field(default_factory=dict)
    find: Find | None = None
    frames: int = FRAMES
    budget: int = BUDGET
    progress: Callable[[str], None] | None = None


def report_tables(report: Report, extras: Extras) -> list[Table]:
    """Return the summary and what else is wanted.

    Raises:
        LockonError: Unknown metric or tracker, or attributes wanted that no sequence has.
    """
    metric = None if extras.metric is None else report.metric(extras.metric)
    found = [tables.summary_table(report, intervals(report) if extras.intervals else None)]
    if extras.sequences:
        found.append(tables.sequence_table(report, metric))
    if extras.attributes:
        found.append(tables.attribute_table(report, metric))
    if extras.latency:
        found.append(tables.latency_table(report))
    if extras.pair is not None:
        found.append(tables.comparison_table(report, compare(report, *extras.pair)))
    return found


def write_all(store: Store, folder: str | Path, options: Options, look: Look, conventions: Sequence[str | None] = (None,)) -> list[Path]:
    """Write every protocol, all datasets together and one by one, as tables, scores and plots; and one page with everything.

        report.html             all of it, with frames
        PROTOCOL-DATASET/       one dataset: tables.md, tables.tex, scores.json, scores.csv, curves.csv, plots, attributes/
        PROTOCOL/               the same of all datasets together, where there are several whose metrics can be averaged

    Args:
        store: A folder of results.
        folder: Made if it does not exist.
        options: Protocol and convention are ignored.
        look: Of plots and page.
        conventions: Each goes to the protocols that have it; None for a protocol's own.

    Raises:
        LockonError: No results, or a file that cannot be written.
    """
    folder = Path(folder)
    wanted = [replace(options, apart=apart, convention=convention) for apart in (False, True) for convention in conventions]
    reports = folder_names(report for one in wanted for report in evaluate_each(store, one))
    paths: list[Path] = []
    found: list[Intervals] = []
    for name, report in reports.items():
        if look.progress is not None:
            look.progress(name)
        found.append(intervals(report))
        paths += _write_one(report, found[-1], folder / name, look)
    page = folder / "report.html"
    limits = PageLimits(frames=look.frames, budget=look.budget)
    write_html(list(reports.values()), store, page, look.find, limits=limits, intervals=found, progress=look.progress)
    return [*paths, page]


def _write_one(report: Report, confidence: Intervals, folder: Path, look: Look) -> list[Path]:
    found = [tables.summary_table(report, confidence), tables.sequence_table(report), tables.latency_table(report)]
    if has_attributes(report):
        found.insert(2, tables.attribute_table(report))
    texts = {
        "tables.md": tables.markdown(found, titles=True),
        "tables.tex": tables.latex_document(found),
        "scores.json": tables.to_json(report, [confidence]),
        "scores.csv": tables.to_csv(report),
        "curves.csv": tables.curves_csv(report),
    }
    for name, text in texts.items():
        write_bytes(folder / name, text.encode())
    plots = write_plots(report, folder, look.formats, attributes=has_attributes(report), lines=look.lines)
    return [*(folder / name for name in texts), *plots]


def folder_names(reports: Iterable[Report]) -> dict[str, Report]:
    """Return the reports by a name of a folder: protocol, the dataset where it is one, and the convention where there are several.

    Of two with one name the first stays, but for sequences of one dataset that are scored in two ways: the second has its metric behind it.
    """
    several = list(reports)
    many = len({(report.protocol, report.convention) for report in several}) > len({report.protocol for report in several})
    named: dict[str, Report] = {}
    for report in several:
        name = folder_name(report, convention=many)
        other = name in named and named[name].headline.key != report.headline.key
        named.setdefault(f"{name}-{report.headline.key}" if other else name, report)
    return named


def folder_name(report: Report, *, convention: bool = False) -> str:
    """Return PROTOCOL, PROTOCOL-DATASET or PROTOCOL-DATASET-CONVENTION, in usual letters; with a digest of others."""
    dataset = report.datasets if len(report.datasets) == 1 else ()
    parts = (report.protocol, *dataset, *((report.convention,) if convention else ()))
    name = "-".join(parts)
    safe = re.sub(r"[^A-Za-z0-9._+-]+", "-", name)
    return safe if safe == name and len(name) <= _LONGEST else f"{safe[:_LONGEST]}~{digest(name)}"


__all__ = ["Extras", "KeptStore", "Look", "folder_name", "folder_names", "report_tables", "write_all"]
