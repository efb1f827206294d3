"""`lockon bench report`: score stored results, write tables, plots and a page that shows every frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lockon.cli._options import Convention, Datasets, Folder, Lengths, PlotFormat, Trackers, option_groups
from lockon.cli._terminal import echo, status
from lockon.cli._texts import split_names

if TYPE_CHECKING:
    from lockon.bench.html.pictures import Find
    from lockon.bench.publish import Extras, KeptStore, Look
    from lockon.bench.report import Options, Report
    from lockon.data.sequence import VideoSequence


Format = Literal["md", "json", "csv", "tex", "html"]


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """Where the tables go, in which form."""

    output: Annotated[Format, typer.Option("--format", help="Markdown, JSON records, CSV, LaTeX (booktabs), or one HTML page.")] = "md"
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write into a file instead of to standard output.")] = None
    everything: Annotated[
        Path | None, typer.Option("--all", metavar="OUTDIR", help="Write every table, plot and the page into this folder.")
    ] = None
    into: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the Markdown between the bench:begin and bench:end comments of a file."),
    ] = None

    def check(self, source: Path) -> None:
        """Raise an error for options that do not go together, or an output that is the folder of the results."""
        from lockon._files import refuse_overwriting
        from lockon.errors import LockonError

        outputs = (("--out", self.out), ("--all", self.everything))
        refuse_overwriting([(option, path) for option, path in outputs if path is not None], [source])

        if self.into is not None and self.output != "md":
            raise LockonError(f"--into writes a Markdown table, --format {self.output} given; leave --format out")
        if self.into is not None and self.out is not None:
            raise LockonError("--into and --out are both given; give one of them")
        if self.output == "html" and self.out is None and self.everything is None:
            raise LockonError("--format html is one page; say where it goes, for example --out report.html")

    def write(self, text: str) -> None:
        """Write a text to where it goes."""
        if self.into is not None:
            from lockon.bench.tables import write_into

            write_into(self.into, text)
            echo(f"wrote the table into {self.into}", err=True)
        elif self.out is not None:
            from lockon._files import write_bytes

            write_bytes(self.out, text.encode())
            echo(f"wrote {self.out}", err=True)
        else:
            echo(text, nl=False)


@dataclass(frozen=True, kw_only=True)
class ResultOptions:
    """Which results are scored, and how."""

    protocol: Annotated[
        str,
        typer.Option(metavar="NAME", help="Which results; auto takes one-pass, or else what there is; all takes each; or a name."),
    ] = "auto"
    convention: Convention = None
    trackers: Trackers = None
    datasets: Datasets = None
    apart: Annotated[bool, typer.Option("--apart", help="One table per dataset instead of one over all.")] = False
    lengths: Lengths = None

    @property
    def conventions(self) -> list[str | None]:
        """List the conventions; one None for each protocol's own."""
        return [*split_names([self.convention or ""])] or [None]

    def options(self) -> Options:
        """Return what is scored, without protocol and convention."""
        from lockon.bench.report import Options

        trackers, datasets = tuple(split_names(self.trackers)), tuple(split_names(self.datasets))
        return Options(None, trackers, datasets, apart=self.apart, lengths=self.lengths)


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """What is written beside the summary."""

    per_sequence: Annotated[bool, typer.Option("--per-sequence", help="Add a table with a row per sequence.")] = False
    attributes: Annotated[bool, typer.Option("--attributes", help="Add a table with a row per attribute; plots of each.")] = False
    latency: Annotated[bool, typer.Option("--latency", help="Add a table of milliseconds per frame: mean, p50, p95, p99.")] = False
    metric: Annotated[str | None, typer.Option(help="Metric of --per-sequence and --attributes, such as AUC.")] = None
    intervals: Annotated[bool, typer.Option("--intervals", help="Print 95% bootstrap confidence intervals beside the metrics.")] = False
    compare: Annotated[tuple[str, str] | None, typer.Option(metavar="A B", help="Add: do two trackers differ by more than chance?")] = None

    def extras(self) -> Extras:
        """Return them as `report_tables` takes them."""
        from lockon.bench.publish import Extras

        return Extras(self.per_sequence, self.attributes, self.latency, self.metric, self.compare, self.intervals)


@dataclass(frozen=True, kw_only=True)
class PictureOptions:
    """Plots, and the pictures of the page."""

    plots: Annotated[Path | None, typer.Option(metavar="DIR", help="Also draw plots into this folder.")] = None
    plot_format: PlotFormat = "png"
    eao_line: Annotated[
        list[str] | None, typer.Option(metavar="NAME=EAO", help="Dashed line in the EAO ranking: a challenge's winner.")
    ] = None
    data: Annotated[
        list[str] | None, typer.Option(metavar="NAME:ROOT", help="Where the images for the page are; by default as `bench run`.")
    ] = None
    frames: Annotated[int, typer.Option(min=0, help="Pictures per video in the page.")] = 24
    max_size: Annotated[float, typer.Option(min=0.1, metavar="MB", help="Size of the page; pictures are left out.")] = 30

    def look(self) -> Look:
        """Return how plots and page are made, without images."""
        from lockon.bench.publish import Look

        formats = tuple(split_names([self.plot_format]))
        return Look(formats=formats, lines=_lines(self.eao_line or []), frames=self.frames, budget=int(self.max_size * 1e6))


def _lines(texts: list[str]) -> dict[str, float]:
    """Read ["NAME=0.389"] as {"NAME": 0.389}."""
    from lockon.errors import LockonError

    found = {}
    for text in texts:
        name, _, value = text.rpartition("=")
        try:
            found[name] = float(value)
        except ValueError:
            name = ""
        if not name:
            raise LockonError(f"--eao-line {text!r} is not NAME=EAO; for example --eao-line winner=0.389")
    return found


@option_groups
def report(
    *,
    folder: Folder,
    files: FileOptions,
    results: ResultOptions,
    tables: TableOptions,
    pictures: PictureOptions,
) -> None:
    """Score stored results and write a table to standard output, or into files. --convention takes several by commas, one table each.

    [bold]Examples[/bold]

      lockon bench report runs/otb

      lockon bench report runs/otb --format json > otb.json

      lockon bench report runs/otb --convention pysot,got10k --attributes --latency --compare lockon-s csrt

      lockon bench report runs/vot --protocol reset --plots runs/plots --plot-format png,svg

      lockon bench report runs/otb --format html --out report.html --data OTB100:/data/OTB100

      lockon bench report runs/test --all runs/report

      lockon bench report runs/test --into README.md
    """
    from dataclasses import replace

    from lockon.bench.publish import KeptStore, write_all

    files.check(folder)
    store, look, chosen = KeptStore(folder), pictures.look(), results.options()
    find = _images(pictures.data or []) if files.everything is not None or files.output == "html" else None
    if files.everything is not None:
        with status("reading results") as progress:
            paths = write_all(store, files.everything, chosen, replace(look, find=find, progress=progress), results.conventions)
        echo(f"wrote {len(paths)} files into {files.everything}; open {files.everything / 'report.html'}", err=True)
        return
    reports = _reports(store, chosen, results.protocol, results.conventions)
    if pictures.plots is not None:
        _write_plots(reports, pictures.plots, look, attributes=tables.attributes)
    if files.output == "html" and files.out is not None:
        _write_page(reports, store, files.out, replace(look, find=find), confidence=tables.intervals)
        return
    files.write(_text(reports, files.output, tables.extras()))


def _reports(store: KeptStore, options: Options, protocol: str, conventions: list[str | None]) -> list[Report]:
    """Make one report per protocol, convention and, where metrics belong to one, dataset."""
    from dataclasses import replace

    from lockon.bench.report import evaluate_all, evaluate_each, stored_protocols

    stored = stored_protocols(store)
    if protocol == "all":
        return [report for convention in conventions for report in evaluate_each(store, replace(options, convention=convention))]
    usual = stored[0] if stored and "one-pass" not in stored else "one-pass"
    chosen = replace(options, protocol=usual if protocol == "auto" else protocol)
    return [report for convention in conventions for report in evaluate_all(store, replace(chosen, convention=convention))]


def _text(reports: list[Report], output: str, extras: Extras) -> str:
    from lockon.bench import tables
    from lockon.bench.publish import report_tables
    from lockon.bench.report.significance import compare, intervals

    if output == "json":
        pair = extras.pair
        pairs = [] if pair is None else [compare(report, *pair) for report in reports]
        return tables.to_json(reports, [intervals(report) for report in reports] if extras.intervals else [], pairs)
    if output == "csv":
        return tables.to_csv(reports)
    groups = [report_tables(report, extras) for report in reports]
    found = [table for group in groups for table in group]
    return tables.to_latex(found) if output == "tex" else tables.markdown(found, titles=len(reports) > 1)


def _write_plots(reports: list[Report], folder: Path, look: Look, *, attributes: bool) -> None:
    from lockon.bench.plots import write_plots
    from lockon.bench.publish import folder_names

    for name, report in folder_names(reports).items():
        place = folder if len(reports) == 1 else folder / name
        for path in write_plots(report, place, look.formats, attributes=attributes, lines=look.lines):
            echo(f"wrote {path}", err=True)


def _write_page(reports: list[Report], store: KeptStore, out: Path, look: Look, *, confidence: bool) -> None:

    from lockon.bench.html import PageLimits, write_html
    from lockon.bench.report.significance import intervals

    found = [intervals(report) for report in reports] if confidence else []
    limits = PageLimits(frames=look.frames, budget=look.budget)
    with status("reading results") as progress:
        size = write_html(reports, store, out, look.find, limits=limits, intervals=found, progress=progress)
    without = "" if size.shown == size.videos else f"; {size.videos - size.shown} videos without (the page says why)"
    echo(f"wrote {out}: {size.total / 1e6:.1f} MB, {size.pictures} pictures of {size.shown} videos{without}", err=True)


def _images(specs: list[str]) -> Find:
    """Return what finds the sequence of a result: in the datasets that are given, else where a dataset of that name lies."""
    from lockon.cli._trackers import load_sequences
    from lockon.data.datasets.registry import load_dataset
    from lockon.errors import LockonError

    loaded: dict[str, dict[str, VideoSequence]] = {}
    for sequence in load_sequences(specs, [])[0]:
        loaded.setdefault(sequence.dataset, {})[sequence.name] = sequence

    def find(dataset: str, name: str) -> VideoSequence | None:
        if dataset not in loaded:
            try:
                loaded[dataset] = {sequence.name: sequence for sequence in load_dataset(dataset)}
            except LockonError:  # the page says that there are no pictures and what to give
                loaded[dataset] = {}
        names = (name, name.removeprefix(f"{dataset}-"), f"{dataset}-{name}")  # a pool adds the dataset to names that occur twice
        return next((loaded[dataset][one] for one in names if one in loaded[dataset]), None)

    return find
