"""`lockon bench report`: score stored results, write tables, plots and a page that shows every frame."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lockon.cli._options import option_groups
from lockon.cli._report_options import FileOptions, PictureOptions, ResultOptions, TableOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lockon.bench.html.pictures import Find
    from lockon.bench.publish import Extras, KeptStore, Look
    from lockon.bench.report import Options, Report
    from lockon.data.sequence import VideoSequence


@option_groups
def report(
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Results of `lockon bench run` or `lockon bench import`.")],
    files: FileOptions,
    results: ResultOptions,
    tables: TableOptions,
    pictures: PictureOptions,
) -> None:
    """Score stored results and write a table to standard output, or into files.

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

    from lockon.bench.publish import KeptStore

    files.check()
    store, look, chosen = KeptStore(folder), pictures.look(), results.options()
    if files.everything is not None:
        _write_all(store, files.everything, chosen, replace(look, find=_images(pictures.data or [])), results.conventions)
        return
    reports = _reports(store, chosen, results.protocol, results.conventions)
    if pictures.plots is not None:
        _write_plots(reports, pictures.plots, look, attributes=tables.attributes)
    if files.output == "html" and files.out is not None:
        _write_page(reports, store, files.out, replace(look, find=_images(pictures.data or [])), confidence=tables.intervals)
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
    found = [report_tables(report, extras) for report in reports]
    if output == "tex":
        return tables.to_latex([table for group in found for table in group])
    if len(found) == 1:
        return tables.markdown(found[0])
    return tables.markdown([table for group in found for table in group], titles=True)


def _write_plots(reports: list[Report], folder: Path, look: Look, *, attributes: bool) -> None:
    from lockon.bench.plots import write_plots
    from lockon.bench.publish import folder_names

    for name, report in folder_names(reports).items():
        place = folder if len(reports) == 1 else folder / name
        for path in write_plots(report, place, look.formats, attributes=attributes, lines=look.lines):
            typer.echo(f"wrote {path}", err=True)


def _write_page(reports: list[Report], store: KeptStore, out: Path, look: Look, *, confidence: bool) -> None:
    from lockon.bench.html import PageLimits, write_html
    from lockon.bench.report.significance import intervals

    found = [intervals(report) for report in reports] if confidence else []
    limits = PageLimits(frames=look.frames, budget=look.budget)
    with _steps() as step:
        size = write_html(reports, store, out, look.find, limits=limits, intervals=found, progress=step)
    without = "" if size.shown == size.videos else f"; {size.videos - size.shown} videos without (the page says why)"
    typer.echo(f"wrote {out}: {size.total / 1e6:.1f} MB, {size.pictures} pictures of {size.shown} videos{without}", err=True)


def _write_all(store: KeptStore, folder: Path, options: Options, look: Look, conventions: list[str | None]) -> None:
    from dataclasses import replace

    from lockon.bench.publish import write_all

    with _steps() as step:
        paths = write_all(store, folder, options, replace(look, progress=step), conventions)
    typer.echo(f"wrote {len(paths)} files into {folder}; open {folder / 'report.html'}", err=True)


def _images(specs: list[str]) -> Find:
    """Return what finds the sequence of a result: in the datasets that are given, else where a dataset of that name lies."""
    from lockon.data.datasets.registry import load_dataset
    from lockon.errors import LockonError

    loaded: dict[str, dict[str, VideoSequence]] = {}
    for spec in specs:
        for sequence in load_dataset(spec):
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


@contextmanager
def _steps() -> Iterator[Callable[[str], None]]:
    """Return a line on stderr that says what is being done."""
    from rich.console import Console

    with Console(stderr=True).status("reading results") as status:
        yield status.update
