"""`lockon bench search`: choose inference parameters on validation data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockon.bench.search import BestTrial, CrossValidation, Parameter
    from lockon.bench.search.splits import Verdict
    from lockon.bench.search.summary import SearchSummary
    from lockon.bench.search.work import Report
    from lockon.bench.spec import TrackerSpec
    from lockon.data.sequence import VideoSequence

Sampler = Literal["tpe", "random", "grid", "cmaes"]
Metric = Literal["AO", "AUC", "SR50", "SR75", "P20", "NP", "EAO"]
ROWS = 10  # of the table of the best trials


def search(  # noqa: PLR0917 - a command line
    tracker: Annotated[str, typer.Argument(metavar="TRACKER", help="A name of `lockon zoo list`, or MODULE:FACTORY for your own.")],
    data: Annotated[
        list[str], typer.Option("--data", metavar="NAME:ROOT", help="Validation data, such as GOT10k_val:DIR, pool:DIR or folder:DIR.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the search; the same command goes on from there.")],
    weights: Annotated[Path | None, typer.Option("--weights", help="Weights to use instead of the tracker's own.")] = None,
    preset: Annotated[str, typer.Option("--preset", help="Named inference parameters to start from.")] = "default",
    device: Annotated[str, typer.Option("--device", help="auto, cpu, openvino, cuda; several by commas are spread over workers.")] = "auto",
    space: Annotated[Path | None, typer.Option("--space", metavar="FILE.toml", help="Parameters and their ranges.")] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option("--vary", metavar="NAME=RANGE", help="A parameter: LOW:HIGH, LOW:HIGH:log, LOW:HIGH:STEP or A,B,C. Repeat for more."),
    ] = None,
    fixed: Annotated[
        list[str] | None, typer.Option("--fixed", metavar="NAME=VALUE", help="A parameter that is the same in all trials. Repeat for more.")
    ] = None,
    sequences: Annotated[list[str] | None, typer.Option("--sequences", help="Only these; repeat or separate by commas.")] = None,
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help="Trials in all, those that are finished included (default: 50, or a whole grid).")
    ] = None,
    metric: Annotated[Metric, typer.Option("--metric", help="What is maximised. EAO runs the protocol with resets.")] = "AO",
    convention: Annotated[str | None, typer.Option("--convention", help="As in `lockon bench report`.")] = None,
    lengths: Annotated[
        tuple[int, int] | None, typer.Option("--lengths", metavar="LOW HIGH", help="Sequence lengths that count for EAO.")
    ] = None,
    sampler: Annotated[Sampler, typer.Option("--sampler", help="Who suggests parameters.")] = "tpe",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of sampler, order of sequences and trackers.")] = 0,
    prune: Annotated[bool, typer.Option("--prune", help="Give up trials that are below the median after some of the sequences.")] = False,
    folds: Annotated[
        int | None, typer.Option("--folds", min=2, metavar="K", help="Also tell the gain on sequences that were not chosen on, in K folds.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes that share the sequences; 0 runs in this one.")] = 1,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of each process.")] = 1,
    cache_mb: Annotated[float, typer.Option("--cache-mb", min=0, help="Decoded frames to keep in memory, in MB, all processes.")] = 2000,
    plots: Annotated[bool, typer.Option("--plots", help="Also draw the history and each parameter into the folder.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Search on test data, which spoils every later figure on it.")] = False,
) -> None:
    """Search a tracker's inference parameters on validation data, with Optuna.

    Trial 0 has the tracker's own parameters, so that the report says what the search gained. Every trial is a line of
    DIR/trials.jsonl. Ctrl-C keeps finished trials; the same command goes on, with a larger --trials too. DIR/best.json holds the best
    parameters for `lockon export --tracker`, and the last line on standard output is the `--set` options for the other commands.

    The best of many trials is partly luck: --folds says how much of the gain is left on sequences that were not chosen on.

    [bold]Examples[/bold]

      lockon bench search lockon-s --data GOT10k_val:/data/got10k --out runs/search --workers 4

      lockon bench search lockon-s --data pool:/data/val --out runs/search --vary localizer.size_lr=0.2:1 --trials 100 --folds 5 --plots

      lockon bench search lockon-s --weights best.safetensors --data folder:videos --space space.toml --out runs/mine --sampler cmaes

      lockon bench search my_module:make_tracker --data folder:videos --vary rate=0.001:0.1:log --out runs/rate --metric AUC --prune
    """
    from dataclasses import replace

    from lockon._require import require
    from lockon.bench.search import Objective, check_splits, search as run_search
    from lockon.bench.spec import config_of
    from lockon.cli._trackers import load_sequences, make_tracker
    from lockon.errors import LockonError

    for package in ["optuna", *(["cmaes"] if sampler == "cmaes" else []), *(["matplotlib"] if plots else [])]:
        require(package, "bench")
    objective = Objective(metric, convention, lengths=lengths)
    spec = _spec(tracker, weights, preset, device, fixed or [])
    verdicts = check_splits(data, force=force)
    for verdict in verdicts:
        _tell(verdict)
    chosen, _ = load_sequences(data, [name for text in sequences or [] for name in text.split(",") if name])
    if folds is not None and folds > len(chosen):
        raise LockonError(f"--folds {folds} with {len(chosen)} sequences; give at most as many folds as sequences")
    config = config_of(make_tracker(spec.on_worker(0)))  # unusable weights are one error now, not one per trial
    parameters = _space(spec, config, space, vary or [])
    if config is None:  # and so are parameters that the tracker does not take
        make_tracker(replace(spec.on_worker(0), overrides={**spec.overrides, **{one.name: one.points(2)[0] for one in parameters}}))
    try:
        with _progress(chosen) as report:
            found = run_search(
                make_tracker,
                chosen,
                parameters,
                out,
                spec=spec,
                trials=trials,
                objective=objective,
                sampler=sampler,
                seed=seed,
                prune=prune,
                workers=workers,
                threads=threads,
                cache_mb=cache_mb,
                about={"data": [verdict.as_json() for verdict in verdicts]},
                report=report,
            )
    except KeyboardInterrupt:
        typer.echo(f"interrupted; finished trials are kept in {out}, the same command goes on from there", err=True)
        raise typer.Exit(130) from None
    _conclude(found, spec, verdicts, out, config=config, folds=folds, plots=plots)


def _spec(tracker: str, weights: Path | None, preset: str, device: str, fixed: list[str]) -> TrackerSpec:
    from lockon.cli._options import parse_overrides
    from lockon.cli._trackers import tracker_specs
    from lockon.errors import LockonError

    try:
        parse_overrides(fixed)
    except LockonError as error:
        raise LockonError(str(error).replace("--set", "--fixed")) from None
    (spec,) = tracker_specs([tracker], [] if weights is None else [str(weights)], [preset], [device], fixed)
    return spec


def _space(spec: TrackerSpec, config: object | None, file: Path | None, vary: list[str]) -> tuple[Parameter, ...]:
    from lockon.bench.search import default_space, parse_vary, read_space
    from lockon.errors import LockonError

    if file is not None and vary:
        raise LockonError("--space and --vary both say what is searched; give one of the two")
    if file is not None:
        return read_space(file, config)
    return parse_vary(vary, config) if vary else default_space(config, spec.overrides)


def _tell(verdict: Verdict) -> None:
    if verdict.split == "test":
        typer.echo(
            f"warning: {verdict.data} is test data ({verdict.reason}); figures on it say nothing of these parameters any more", err=True
        )
    elif verdict.note:
        typer.echo(f"note: {verdict.note}", err=True)


def _conclude(
    found: BestTrial, spec: TrackerSpec, verdicts: list[Verdict], out: Path, *, config: object | None, folds: int | None, plots: bool
) -> None:
    """Files, tables on stderr, and the options on standard output."""
    from lockon.bench.search import cross_validate
    from lockon.bench.search.plots import write_search_plots
    from lockon.bench.search.summary import summarise, write_summary

    checked: CrossValidation | None = None if folds is None else cross_validate(found, folds)
    summary = summarise(found, spec.overrides, checked, tuple(verdict.as_json() for verdict in verdicts))
    paths = [*write_summary(summary, out, config), *(write_search_plots(found, out) if plots else [])]
    _show(summary)
    typer.echo(f"wrote {', '.join(path.name for path in paths)} beside trials.jsonl in {out}", err=True)
    if not summary.options:
        typer.echo("nothing better than the tracker's own parameters was found", err=True)
        return
    typer.echo(f"now: lockon bench run --trackers {spec.name} ... with these options", err=True)
    typer.echo(summary.options)


def _show(summary: SearchSummary) -> None:
    from rich.console import Console

    console = Console(stderr=True)
    found = summary.found
    console.print(_trials_table(found))
    if summary.importances:
        parts = ", ".join(f"{name} {part:.0%}" for name, part in summary.importances.items())
        console.print(f"what decides whether a trial is among the best: {parts}", highlight=False, soft_wrap=True)
    name, count = found.objective.metric, len(found.default.scores)
    if summary.folds is not None:
        console.print(_folds_table(summary.folds, name))
    if found.best is found.default:
        return
    gain = f"gain {found.gain:+.4f} {name}, the best of {len(found.trials)} trials on the same {count} sequences"
    if summary.folds is None:
        hint = f"; --folds {min(5, count)} tells what is left on others" if count > 1 else ""
        console.print(f"{gain}: too large by chance{hint}", highlight=False, soft_wrap=True)
        return
    console.print(
        f"{gain}; {summary.folds.gain:+.4f} on sequences that were not chosen on ({len(summary.folds.folds)} folds)",
        highlight=False,
        soft_wrap=True,
    )


def _trials_table(found: BestTrial) -> Any:
    """The tracker's own parameters first, then the best trials."""
    from rich.table import Table

    complete = sorted((trial for trial in found.trials if trial.state == "complete"), key=lambda trial: (-trial.value, trial.number))
    states = {state: sum(trial.state == state for trial in found.trials) for state in ("pruned", "failed")}
    others = "".join(f", {number} {state}" for state, number in states.items() if number)
    table = Table(title=f"{len(complete)} complete trials{others}", title_justify="left")
    leaves = [parameter.name.rpartition(".")[2] for parameter in found.space]
    names = leaves if len(set(leaves)) == len(leaves) else [parameter.name for parameter in found.space]
    for head in ("trial", found.objective.metric, "gain", *names):
        table.add_column(head.replace("_", "_\n"), justify="right", overflow="fold")
    for trial in [found.default, *(trial for trial in complete if trial.number)][: ROWS + 1]:
        values = [trial.parameters.get(one.name, one.default) for one in found.space]
        gain = "own" if trial.number == 0 else f"{trial.value - found.default.value:+.4f}"
        cells = ["?" if value is None else f"{value:g}" if isinstance(value, float) else str(value) for value in values]
        table.add_row(str(trial.number), f"{trial.value:.4f}", gain, *cells, style="bold" if trial is found.best else None)
    return table


def _folds_table(folds: CrossValidation, metric: str) -> Any:
    from rich.table import Table

    table = Table(title="Cross-validation: chosen on the other folds", title_justify="left")
    for head in ("fold", "sequences", "chosen trial", f"gain in {metric} where chosen", "gain on the fold"):
        table.add_column(head, justify="right")
    for number, fold in enumerate(folds.folds, start=1):
        table.add_row(str(number), str(len(fold.sequences)), str(fold.chosen), f"{fold.seen_gain:+.4f}", f"{fold.gain:+.4f}")
    return table


def _progress(sequences: list[VideoSequence]) -> Any:
    """A bar over the frames of the trial that runs, with the best value so far, on stderr; a line per trial where it is no terminal."""
    from contextlib import contextmanager

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from lockon.bench.search import Step, Trial

    @contextmanager
    def bar() -> Iterator[Report]:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("starting", total=sum(map(len, sequences)))
            best: list[float] = []

            def moved(event: Step | Trial) -> None:
                if isinstance(event, Step):
                    shown = f", best {max(best):.4f}" if best else ""
                    progress.update(task, advance=event.frames, description=f"trial {event.trial}{shown}")
                    return
                if event.state == "complete":
                    best.append(event.value)
                progress.reset(task)
                tried = " ".join(
                    f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in event.parameters.items()
                )
                value = event.error if event.state == "failed" else f"{event.value:.4f}"
                again = f" (as trial {event.same_as})" if event.same_as is not None else ""
                progress.console.print(
                    f"trial {event.number}: {event.state} {value}{again} {tried or 'own parameters'}", highlight=False, soft_wrap=True
                )

            yield moved

    return bar()
