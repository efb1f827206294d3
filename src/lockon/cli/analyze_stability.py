"""`lockon analyze stability`: how much a tracker depends on one of its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lockon.cli._options import Convention, DataOptions, PlotFormat, RunOptions, TrackerOptions, option_groups
from lockon.cli._terminal import check_plots, decimal, end, show, table, write_json
from lockon.cli._trackers import run_all, where

if TYPE_CHECKING:
    from lockon.analysis.stability import Curve
    from lockon.bench.report.model import Metric


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """Which parameter over which values, and what is shown."""

    parameter: Annotated[str, typer.Option(metavar="NAME", help="The number that is changed, as --set names it.")] = (
        "localizer.rank.window_influence"
    )
    values: Annotated[str, typer.Option(metavar="START:STOP:STEP", help="Range, or values by commas.")] = "0:1:0.1"
    metric: Annotated[str, typer.Option(help="What table and plot show: AUC, AO, SR50, SR75, P20 or NP.")] = "AUC"
    convention: Convention = None


@option_groups
def stability(
    *,
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder for stability-PARAMETER.json and .png, and for runs/; what is there is skipped."),
    ],
    trackers: TrackerOptions,
    data: DataOptions,
    over: SweepOptions,
    how: RunOptions,
    plot_format: PlotFormat = "png",
) -> None:
    """Success AUC over a sweep of one parameter: by default the influence of the window (SiamLA, Fig. 14).

    A tracker whose score finds the target by itself stays level; one that needs the window falls where it goes. Every value is one pass
    over all sequences. Finished runs are kept: Ctrl-C is safe, the same command goes on, and a finer step adds the values between.

    [bold]Examples[/bold]

      lockon analyze stability --trackers lockon-s --data pool:/data/validation --out runs/stability --workers 2

      lockon analyze stability --trackers lockon-s nanotrack-v2 --values 0,0.2,0.4,0.6 --data OTB100:/data/OTB100 --out runs/window

      lockon analyze stability --parameter localizer.rank.penalty_k --values 0:0.2:0.02 --data pool:/data/validation --out runs/penalty

      lockon analyze stability --parameter search_crop.factor --values 3:5:0.25 --metric AO --data pool:/data/validation --out runs/search
    """
    from lockon.analysis.plots.stability import write_stability_plot
    from lockon.analysis.stability import curve, parse_values, sweep
    from lockon.zoo.specs import load_spec

    formats = check_plots(out, plot_format)
    parameter, convention = over.parameter, over.convention
    numbers = parse_values(over.values)
    head = _head(over.metric, convention)
    specs = trackers.specs("lockon-s")
    loaded = data.load()
    sequences, runs = loaded[0], out / "runs"
    sweeps = [(spec, *sweep(spec, parameter, numbers, load_spec)) for spec in specs]
    outcomes = run_all([one for _, tried, _ in sweeps for one in tried], loaded, runs, how)
    names = {(sequence.dataset, sequence.name) for sequence in sequences}
    curves = [curve(runs, spec, tried, numbers, own, sequences=names, convention=convention) for spec, tried, own in sweeps]
    _show(curves, parameter, head)
    content = {
        "parameter": parameter,
        "data": data.data,
        "sequences": [sequence.name for sequence in sequences],
        "convention": convention or "pysot",
        "seed": how.seed,
        "trackers": {
            spec.label: {"configuration": spec.configuration(how.seed), **item.as_json()} for spec, item in zip(specs, curves, strict=True)
        },
    }
    paths = [write_json(out / f"stability-{parameter}.json", content)]
    paths += write_stability_plot(
        curves, parameter, head, out / f"stability-{parameter}", formats, title=f"{where(sequences)}, {convention or 'pysot'}"
    )
    end(outcomes, paths)


def _head(name: str, convention: str | None) -> Metric:
    """Return the metric that table and plot show.

    Raises:
        LockonError: An unknown metric or convention.
    """
    from lockon.bench.report.model import Report
    from lockon.bench.report.one_pass import OnePassScoring

    return Report((), OnePassScoring(convention or "pysot")).metric(name)


def _show(curves: list[Curve], parameter: str, head: Metric) -> None:
    """Show two tables: the metric at each value, and what the sweep says of each tracker."""
    sweep = table(f"{head.title} over {parameter}", parameter, *(item.label for item in curves))
    for place, value in enumerate(curves[0].values):
        cells = [f"{item.metrics[head.key][place]:.{head.digits}f}" + ("*" if item.missing[place] else "") for item in curves]
        sweep.add_row(f"{value:g}", *(cell.replace("nan", "-") for cell in cells))
    words = table("How much it depends on it", "tracker", "own value", "best", "at", "worst", "at", "range", "deviation")
    for item in curves:
        found = item.summary(head.key)
        at = {key: f"{found[key]:g}".replace("nan", "-") for key in ("best_at", "worst_at")}
        own = "-" if item.own is None else f"{item.own:g}"
        best, worst, spread, deviation = (decimal(found[key]) for key in ("best", "worst", "range", "deviation"))
        words.add_row(item.label, own, best, at["best_at"], worst, at["worst_at"], spread, deviation)
    partial = ["* lacks sequences that failed: it does not compare"] if any(any(item.missing) for item in curves) else []
    show(sweep, words, *partial)
