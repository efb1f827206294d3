"""`lockon analyze stability`: how much a tracker depends on one of its parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lockon.cli._options import Convention, DataOptions, Lengths, OnlineOptions, PlotFormat, RunOptions, TrackerOptions, option_groups
from lockon.cli._terminal import check_plots, decimal, end, show, status, table, write_json
from lockon.cli._texts import split_names
from lockon.cli._trackers import run_all, where, with_learner

if TYPE_CHECKING:
    from lockon.analysis.stability import Curve
    from lockon.bench.report import Options
    from lockon.bench.report.model import Metric
    from lockon.data.sequence import VideoSequence


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """Which parameter over which values, and what is shown."""

    parameter: Annotated[str, typer.Option(metavar="NAME", help="The number that is changed, as --set names it.")] = (
        "localizer.rank.window_influence"
    )
    values: Annotated[str, typer.Option(metavar="START:STOP:STEP", help="Range, or values by commas.")] = "0:1:0.1"
    metric: Annotated[
        str | None,
        typer.Option(help="What tables and plot show, several by commas: AUC (default), AO, SR50, SR75, P20, NP; or EAO (default), A, R."),
    ] = None
    protocol: Annotated[str, typer.Option(help="one-pass, reset for EAO, A and R, realtime or anchors.")] = "one-pass"
    convention: Convention = None
    lengths: Lengths = None

    def options(self) -> Options:
        """Return how results are scored."""
        from lockon.bench.report import Options

        return Options(self.convention, protocol=self.protocol, lengths=self.lengths)


@option_groups
def stability(
    *,
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder for stability-PARAMETER.json and .png, and for runs/; what is there is skipped."),
    ],
    trackers: TrackerOptions,
    data: DataOptions,
    learner: OnlineOptions,
    over: SweepOptions,
    how: RunOptions,
    plot_format: PlotFormat = "png",
) -> None:
    """Sweep one parameter: by default the influence of the window, with the success AUC at each value (SiamLA, Fig. 14).

    A tracker whose score finds the target by itself stays level; one that needs the window falls where it goes. Any number that --set
    takes can be swept, such as the fusion weight mu (DuML, Fig. 4). Intervals are over sequences; those of the gain against the tracker's
    own value, where it is among the values, are paired. Every value is a run over all sequences. Finished runs are kept: Ctrl-C is safe,
    the same command goes on, and a finer step adds the values between.

    [bold]Examples[/bold]

      lockon analyze stability --trackers lockon-s --data pool:/data/validation --out runs/stability --workers 2

      lockon analyze stability --trackers lockon-s nanotrack-v2 --values 0,0.2,0.4,0.6 --data OTB100:/data/OTB100 --out runs/window

      lockon analyze stability --parameter search_crop.factor --values 3:5:0.25 --metric AO --data pool:/data/validation --out runs/search

      lockon analyze stability --online dimp18 --online-weights dimp18.safetensors --parameter localizer.score.mu --data pool:VAL --out mu

      lockon analyze stability --parameter localizer.size_lr --protocol reset --metric EAO,A,R --data VOT2018:/data/VOT2018 --out runs/lr
    """
    from lockon.analysis.plots.stability import write_stability_plot
    from lockon.analysis.stability import curve, parse_values, sweep
    from lockon.bench.protocols.table import protocol_of
    from lockon.zoo.specs import load_spec

    formats = check_plots(out, plot_format)
    parameter, options = over.parameter, over.options()
    numbers = parse_values(over.values)
    specs = with_learner(trackers.specs("lockon-s"), learner)
    loaded = data.load()
    sequences, runs = loaded[0], out / "runs"
    heads, convention = _heads(over.metric, options, sequences)
    sweeps = [(spec, *sweep(spec, parameter, numbers, load_spec)) for spec in specs]
    outcomes = run_all([one for _, tried, _ in sweeps for one in tried], loaded, runs, how, protocols=[protocol_of(over.protocol, {})])
    names = {(sequence.dataset, sequence.name) for sequence in sequences}
    with status("drawing sequences for the intervals"):
        curves = [curve(runs, spec, tried, numbers, own, sequences=names, options=options) for spec, tried, own in sweeps]
    _show(curves, parameter, heads)
    known = {"parameter": parameter, "data": data.data, "sequences": [one.name for one in sequences], "protocol": over.protocol}
    found = {
        spec.label: {"configuration": spec.configuration(how.seed), **item.as_json()} for spec, item in zip(specs, curves, strict=True)
    }
    content = {**known, "convention": convention, "seed": how.seed, "trackers": found}
    path = out / (f"stability-{parameter}" + ("" if over.protocol == "one-pass" else f".{over.protocol}"))
    paths = [write_json(path.with_name(f"{path.name}.json"), content)]
    title = f"{where(sequences)}, {over.protocol}, {convention}"
    end(outcomes, [*paths, *write_stability_plot(curves, parameter, heads, path, formats, title=title)])


def _heads(names: str | None, options: Options, sequences: list[VideoSequence]) -> tuple[list[Metric], str]:
    """Return the metrics that tables and plot show, and the name of the convention.

    Raises:
        LockonError: An unknown protocol, metric or convention, or several datasets where metrics belong to one.
    """
    from lockon.bench.report.evaluation import scoring_of
    from lockon.bench.report.model import Report
    from lockon.errors import LockonError

    datasets = sorted({sequence.dataset for sequence in sequences})
    scoring = scoring_of(options, datasets[0])
    if scoring.per_dataset and len(datasets) > 1:
        raise LockonError(f"metrics of {options.protocol} belong to one dataset, and --data has {', '.join(datasets)}; give one of them")
    report = Report((), scoring)
    return [report.metric(name) for name in split_names([names or scoring.headline])], scoring.convention


def _show(curves: list[Curve], parameter: str, heads: list[Metric]) -> None:
    """Show for each metric the value and its interval at each value of the parameter, and what the sweep says of each tracker."""
    tables = [made for head in heads for made in _tables(curves, parameter, head)]
    partial = ["* lacks sequences that failed: it does not compare"] if any(any(item.missing) for item in curves) else []
    notes = ["in brackets: 95 % interval, bootstrap over sequences; gain: against the tracker's own value, paired", *partial]
    show(*tables, *notes)


def _tables(curves: list[Curve], parameter: str, head: Metric) -> list[Any]:
    from lockon.bench.tables.model import number, signed

    gained = [item for item in curves if item.gains]
    sweep = table(f"{head.title} over {parameter}", parameter, *(item.label for item in curves), *(f"{one.label}, gain" for one in gained))
    for place, value in enumerate(curves[0].values):
        cells = []
        for item in curves:
            text = number(float(item.metrics[head.key][place]), head.digits) + ("*" if item.missing[place] else "")
            cells.append(text + _between(item.intervals[head.key][place], lambda end: number(end, head.digits)))
        for item in gained:
            difference, *ends = item.gains[head.key][place]
            cells.append(signed(difference, head.digits) + _between(ends, lambda end: signed(end, head.digits)))
        sweep.add_row(f"{value:g}", *cells)
    words = table(f"{head.title}: how much it depends on it", "tracker", "own value", "best", "at", "worst", "at", "range", "deviation")
    for item in curves:
        found = item.summary(head.key)
        at = {key: f"{found[key]:g}".replace("nan", "-") for key in ("best_at", "worst_at")}
        own = "-" if item.own is None else f"{item.own:g}"
        best, worst, spread, deviation = (decimal(found[key]) for key in ("best", "worst", "range", "deviation"))
        words.add_row(item.label, own, best, at["best_at"], worst, at["worst_at"], spread, deviation)
    return [sweep, words]


def _between(ends: Iterable[float], text: Callable[[float], str]) -> str:
    """Return an interval behind a value; nothing where it is not known."""
    low, high = map(float, ends)
    return "" if math.isnan(low) else f" [{text(low)}, {text(high)}]"
