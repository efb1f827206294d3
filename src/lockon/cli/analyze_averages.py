"""`lockon analyze averages`: metrics averaged over many sets of inference parameters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lockon.cli._options import Convention, DataOptions, Lengths, OnlineOptions, PlotFormat, Seed, TrackerOptions, option_groups
from lockon.cli._terminal import check_plots, echo, end, kept_on_interrupt, show, table, write_csv, write_json
from lockon.cli._trackers import where, with_learner
from lockon.cli.bench_search import ComputeOptions

if TYPE_CHECKING:
    from lockon.analysis.averages import SetAverages
    from lockon.bench.report.model import Metric
    from lockon.bench.search import Parameter, SearchResult
    from lockon.bench.search.trials import OnProgress
    from lockon.bench.spec import TrackerSpec
    from lockon.data.sequence import VideoSequence


@dataclass(frozen=True, kw_only=True)
class AverageOptions:
    """Which sets, and what is averaged."""

    sets: Annotated[int, typer.Option(min=1, help="Sets of parameters, those that are finished included; more may be added later.")] = 140
    seed: Seed = 0
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=RANGE",
            help="A parameter of the sets: LOW:HIGH, LOW:HIGH:log, LOW:HIGH:STEP or A,B,C. Repeat for more. Default: penalty_k, "
            "window_influence and size_lr.",
        ),
    ] = None
    protocol: Annotated[str, typer.Option(help="reset for A and R (and EAO), or one-pass for AO, AUC, ...")] = "reset"
    metric: Annotated[list[str] | None, typer.Option(help="What the plot shows; default A and R, or AO and AUC.")] = None
    convention: Convention = None
    lengths: Lengths = None


@option_groups
def averages(
    *,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for averages.csv, .json and .png, and a journal per tracker; what is there is kept.")
    ],
    trackers: TrackerOptions,
    data: DataOptions,
    learner: OnlineOptions,
    over: AverageOptions,
    compute: ComputeOptions,
    plot_format: PlotFormat = "png",
) -> None:
    """Average accuracy and robustness over random sets of inference parameters, the same for all trackers (DuML, Table 1 and Fig. 7).

    One set of parameters, or the best one of each tracker, says as much of the choice as of the tracker. Means over many sets compare; the
    plot shows how they settle. Every finished set is kept: Ctrl-C is safe, the same command goes on, a larger --sets adds more.

    [bold]Examples[/bold]

      lockon analyze averages --trackers lockon-s siamban-r50 --data VOT2018:/data/VOT2018 --out runs/averages --workers 2

      lockon analyze averages --trackers lockon-s --protocol one-pass --sets 40 --data pool:/data/validation --out runs/averages

      lockon analyze averages --trackers best=lockon-s mean=lockon-s --set mean:localizer.boxes=mean-near --data folder:videos --out runs/m

      lockon analyze averages --trackers lockon-s --vary localizer.rank.window_influence=0:0.5 --data folder:videos --out runs/w
    """
    from lockon._require import require
    from lockon.analysis.averages import known_metrics, set_averages

    formats = check_plots(out, plot_format)
    require("optuna", "bench")
    specs = with_learner(trackers.specs("lockon-s"), learner)
    wanted = _wanted(over)
    chosen, _ = data.load()
    _check_lengths(over, wanted, chosen)
    for spec in specs:  # before the first of them runs for hours
        _space(spec, over)
    with kept_on_interrupt("sets", out):
        results = {spec.label: _run(spec, chosen, over, compute, out) for spec in specs}
    first, found = results[specs[0].label], set_averages(results)
    metrics = known_metrics(first.objective, found)
    identity = {
        "protocol": over.protocol,
        "convention": first.objective.scoring().convention,
        "data": data.data,
        "sequences": [sequence.name for sequence in chosen],
        "sets": len(found[0].sets),
        "seed": over.seed,
        "varied": {one.name: one.as_json() for one in first.space},
        "trackers": {spec.label: spec.configuration(over.seed) for spec in specs},
    }
    paths = _write(found, metrics, identity, out / f"averages.{over.protocol}")
    title = f"{where(chosen)}, {over.protocol}, {identity['convention']}"
    paths += _plot(found, [metric for metric in metrics if metric.key in wanted], out / f"averages.{over.protocol}", formats, title)
    _show(found, metrics)
    end([], paths)


def _write(found: list[SetAverages], metrics: tuple[Metric, ...], identity: dict[str, Any], path: Path) -> list[Path]:
    """Write the means, and a row per tracker and set."""
    base, means = found[0], {}
    for item in found:
        against = {} if item is base else {"against": {base.label: item.differences(base)}}
        known = {"configuration": identity["trackers"][item.label], "failed": list(item.failed)}
        means[item.label] = {**known, "metrics": item.summary(), **against}
    content = {**identity, "trackers": means}
    columns = ["tracker", "set", *found[0].parameters[0], *(metric.key for metric in metrics)]
    rows = [row for item in found for row in item.rows()]
    return [write_json(path.with_name(f"{path.name}.json"), content), write_csv(path.with_name(f"{path.name}.csv"), columns, rows)]


def _plot(found: list[SetAverages], metrics: list[Metric], path: Path, formats: list[str], title: str) -> list[Path]:
    from lockon.analysis.plots.averages import write_averages_plot

    return write_averages_plot(found, metrics, path, formats, title=title)


def _wanted(over: AverageOptions) -> list[str]:
    """Return the keys of the metrics that are drawn.

    Raises:
        LockonError: An unknown protocol, or a metric that it does not have.
    """
    from lockon.analysis.averages import OBJECTIVES
    from lockon.bench.search import Objective
    from lockon.cli._texts import split_names
    from lockon.errors import unknown_name

    if over.protocol not in OBJECTIVES:
        raise unknown_name("protocol with averages", over.protocol, OBJECTIVES)
    known = [metric.key for metric in Objective(OBJECTIVES[over.protocol]).scoring().metrics]
    wanted = split_names(over.metric) or (["A", "R"] if over.protocol == "reset" else ["AO", "AUC"])
    for name in wanted:
        if name not in known:
            raise unknown_name(f"metric of the protocol {over.protocol}", name, known)
    return wanted


def _check_lengths(over: AverageOptions, wanted: list[str], sequences: list[VideoSequence]) -> None:
    """Raise an error now where EAO is wanted on data whose lengths are not known."""
    from lockon.analysis.averages import OBJECTIVES
    from lockon.bench.search import Objective
    from lockon.errors import LockonError

    objective = Objective(OBJECTIVES[over.protocol], over.convention, lengths=over.lengths).of(sequences)
    if "EAO" in wanted and objective.scoring().lengths is None:
        raise LockonError("no range of lengths is known for EAO on these sequences; give one dataset of VOT, or --lengths LOW HIGH")


def _space(spec: TrackerSpec, over: AverageOptions) -> tuple[Parameter, ...]:
    """Return what is varied of a tracker; an error names the tracker that lacks a parameter."""
    from lockon.analysis.averages import SPACE
    from lockon.bench.external import is_external
    from lockon.bench.search import parse_vary
    from lockon.bench.spec import config_of
    from lockon.errors import LockonError
    from lockon.zoo.specs import load_spec

    config = config_of(load_spec(spec.on_worker(0)))
    if config is None and not is_external(spec.name):  # of MODULE:FACTORY arguments vary
        raise LockonError(f"{spec.label} has no parameters to vary; leave it out, or give a tracker with a network, such as lockon-s")
    try:
        return parse_vary(over.vary or SPACE, config)
    except LockonError as error:
        raise LockonError(f"{spec.label}: {error}") from None


def _run(spec: TrackerSpec, sequences: list[VideoSequence], over: AverageOptions, compute: ComputeOptions, out: Path) -> SearchResult:
    """Run one tracker with its own parameters and with each set; what is finished is not run again."""
    from lockon.analysis.averages import OBJECTIVES
    from lockon.bench.search import Objective, SearchOptions, search
    from lockon.zoo.specs import load_spec

    objective = Objective(OBJECTIVES[over.protocol], over.convention, lengths=over.lengths)
    how = SearchOptions(over.sets + 1, "random", over.seed, False, compute.workers, compute.threads, compute.cache_mb)
    folder = out / "runs" / f"{spec.label}.{over.protocol}"
    with _progress(spec.label, over.sets, sum(map(len, sequences))) as on_progress:
        found = search(
            load_spec, sequences, _space(spec, over), folder, spec=spec, objective=objective, options=how, on_progress=on_progress
        )
    return replace(found, trials=found.trials[: over.sets + 1])  # an earlier run may have made more


@contextmanager
def _progress(label: str, sets: int, frames: int) -> Iterator[OnProgress]:
    """Show a bar over the frames of the current set; a failure is a line."""
    from lockon.bench.search import Step, Trial
    from lockon.cli._terminal import progress_bar

    with progress_bar() as bar:
        task = bar.add_task(label, total=frames)

        def on_progress(event: Step | Trial) -> None:
            if isinstance(event, Step):
                name = f"set {event.trial} of {sets}" if event.trial else "its own parameters"
                bar.update(task, advance=event.frames, description=f"{label}, {name}")
                return
            bar.reset(task)
            if event.error:
                echo(f"failed: {label}, set {event.number}: {event.error}", err=True)

        yield on_progress


def _show(found: list[SetAverages], metrics: tuple[Metric, ...]) -> None:
    """Show a table with a row per tracker and metric."""
    count = len(found[0].sets)
    base, others = found[0], found[1:]
    heads = (*_COLUMNS, *([f"against {base.label}"] if others else []))
    shown = table(f"Means over {count} set{'' if count == 1 else 's'} of parameters", "tracker", "metric", *heads)
    for item in found:
        rows, against = item.summary(), item.differences(base)
        for metric in metrics:
            gain = ["-" if item is base else _difference(against[metric.key], metric.digits)] if others else []
            shown.add_row(item.label, metric.title, *_cells(rows[metric.key], metric.digits), *gain)
    failed = [f"{item.label} failed with {len(item.failed)} sets, which count for no tracker" for item in found if item.failed]
    lines = ["intervals: of the mean over the sets, on these sequences; own: with the tracker's own parameters"]
    lines += [f"against {base.label}: the difference of the means, paired over the sets"] if others else []
    show(shown, *lines, *failed)


_COLUMNS = ("mean", "95 % interval", "deviation", "lowest", "highest", "own")


def _difference(found: dict[str, float], digits: int) -> str:
    from lockon.bench.tables.model import signed

    mean, low, high = (signed(found[key], digits) for key in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"


def _cells(row: dict[str, Any], digits: int) -> list[str]:
    from lockon.bench.tables.model import number

    mean, low, high, *others = (number(row[key], digits) for key in ("mean", "low", "high", "deviation", "lowest", "highest", "own"))
    return [mean, f"{low} to {high}", *others]
