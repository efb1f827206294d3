"""`lockon analyze attributes`: what a tracker is good at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lockon.cli import _analysis as shared
from lockon.cli._groups import DataOptions, RunOptions, TrackerOptions
from lockon.cli._options import option_groups

if TYPE_CHECKING:
    from lockon.bench.publish import KeptStore
    from lockon.bench.report import Report
    from lockon.bench.run import Outcome


@dataclass(frozen=True, kw_only=True)
class ShownOptions:
    """What is shown of which stored results."""

    metric: Annotated[str | None, typer.Option("--metric", help="Key of the metric, such as AO; default AUC, or EAO after resets.")] = None
    baseline: Annotated[str | None, typer.Option("--baseline", metavar="TRACKER", help="Also show what others gain against this one.")] = (
        None
    )
    convention: shared.Convention = None
    protocol: Annotated[
        str, typer.Option("--protocol", help="Which stored results: one-pass, realtime, reset or anchors; --data runs one pass.")
    ] = "one-pass"


@option_groups
def attributes(
    *,
    trackers: TrackerOptions,
    data: DataOptions,
    results: shared.Results = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for attributes.json, .csv and .png, and for runs/ with --data.")
    ] = None,
    shown: ShownOptions,
    how: RunOptions,
    plot_format: shared.PlotFormat = "png",
) -> None:
    """Success AUC on the sequences of each attribute, such as fast motion or occlusion, as table and radar (SiamLA, Figs. 7 and 10).

    Takes the results of `lockon bench run` (--results), or runs the trackers now (--data and --out; finished runs are kept, Ctrl-C is
    safe). A sequence counts for each of its attributes. Attributes are those of the dataset, or of the benchmark's list.

    [bold]Examples[/bold]

      lockon analyze attributes --results runs/otb --out runs/otb/attributes

      lockon analyze attributes --results runs/otb --trackers lockon-s csrt --metric AO --baseline csrt

      lockon analyze attributes --trackers lockon-s csrt --data OTB100:/data/OTB100 --out runs/attributes --workers 2
    """
    from lockon.bench.publish import folder_names
    from lockon.bench.report import Options, evaluate_all
    from lockon.bench.report.attributes import has_attributes
    from lockon.errors import LockonError

    shared.check_source(data.data, results, "attributes")
    formats = [] if out is None else shared.check_plots(out, plot_format)
    outcomes: list[Outcome] = []
    labels, protocol = trackers.names, shown.protocol
    if results is not None:
        store = _some(results, labels, data.wanted, protocol)
    else:
        if out is None:
            raise LockonError(
                "--data runs trackers, and there is no --out for their results; give a folder, for example --out runs/attributes"
            )
        if protocol != "one-pass":
            raise LockonError(
                f"--data runs one pass, --protocol {protocol} given; use lockon bench run --protocol {protocol}, then --results"
            )
        labels, store, outcomes = _run(trackers, data, out / "runs", how)
    reports = evaluate_all(store, Options(shown.convention, labels, protocol=protocol))
    paths: list[Path] = []
    for name, report in folder_names(reports).items():
        if not has_attributes(report):
            raise LockonError(
                f"no sequence of {', '.join(report.datasets)} has attributes; choose a benchmark that lists them, such as OTB100"
            )
        key = shown.metric or report.headline.key
        _show(report, key, shown.baseline)
        if out is not None:
            paths += _write(report, key, out if len(reports) == 1 else out / name, formats)
    shared.end(outcomes, paths)


def _some(folder: Path, labels: list[str], wanted: list[str], protocol: str) -> KeptStore:
    """Return the results of a folder, of the chosen sequences."""
    from lockon.bench.publish import KeptStore
    from lockon.errors import unknown_name

    store = KeptStore(folder)
    if not wanted:
        return store
    known = {(one.dataset, one.sequence) for label in labels or store.trackers() for one in store.records(label, protocol)}
    for name in wanted:
        if name not in {sequence for _, sequence in known}:
            raise unknown_name("sequence in these results", name, {sequence for _, sequence in known})
    return KeptStore(folder, {pair for pair in known if pair[1] in wanted})


def _run(trackers: TrackerOptions, data: DataOptions, folder: Path, how: RunOptions) -> tuple[list[str], KeptStore, list[Outcome]]:
    """Run trackers now; return their labels, the store and the outcomes."""
    from lockon.bench.publish import KeptStore
    from lockon.zoo.specs import load_spec

    specs = trackers.specs("lockon-s")
    chosen, origin = data.load()
    for spec in specs:
        load_spec(spec.on_worker(0))  # unusable weights are one error now, not one per sequence
    again = f"finished sequences are kept in {folder}, the same command goes on from there"
    outcomes = shared.run_all(specs, chosen, folder, origin, again=again, how=how)
    return [spec.label for spec in specs], KeptStore(folder, {(one.dataset, one.name) for one in chosen}), outcomes


def _write(report: Report, key: str, folder: Path, formats: list[str]) -> list[Path]:
    from functools import partial

    from lockon._files import write_bytes
    from lockon.bench import tables
    from lockon.bench.plots.radar import draw_radar
    from lockon.bench.plots.style import save
    from lockon.bench.report.attributes import by_attribute

    paths = [folder / "attributes.json", folder / "attributes.csv"]
    write_bytes(paths[0], tables.to_json(report).encode())
    write_bytes(paths[1], tables.attributes_csv(report).encode())
    if len(by_attribute(report)) > 1:  # with the spoke of all sequences, three: an area
        paths += save(partial(draw_radar, report=report, key=key, overall=True), folder / "attributes", formats, (7.2, 7.2))
    return paths


def _show(report: Report, key: str, baseline: str | None) -> None:
    """Show attributes down, trackers across; with a baseline the gain behind each value."""
    from rich.text import Text

    from lockon.bench.report.attributes import by_attribute, overall
    from lockon.bench.tables.model import BEST, number, ranks
    from lockon.errors import unknown_name

    head, labels = report.metric(key), [item.label for item in report.trackers]
    if baseline is not None and baseline not in labels:
        raise unknown_name("tracker for --baseline", baseline, labels)
    made = shared.table(f"{head.title} per attribute, {report.title}", "attribute", "sequences", *labels)
    for entry in (*by_attribute(report), overall(report)):
        values = [entry.values.get(label, {}).get(key, float("nan")) for label in labels]
        base = float("nan") if baseline is None else values[labels.index(baseline)]
        cells = []
        for label, value, rank in zip(labels, values, ranks(values, rising=head.rising), strict=True):
            gain = "" if baseline in (None, label) else f" ({value - base:+.{head.digits}f})"
            cells.append(Text(number(value, head.digits) + gain, style="bold" if rank == BEST and len(labels) > 1 else ""))
        made.add_row(entry.attribute, str(entry.sequences), *cells)
    shared.show(made, "A sequence counts for each of its attributes, with all its frames.")
