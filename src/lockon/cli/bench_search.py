"""`lockon bench search`: choose inference parameters on validation data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import typer

from lockon.cli._options import Convention, Lengths, OnlineOptions, Preset, Sequences, Threads, Weights, Workers, option_groups
from lockon.cli._terminal import echo, kept_on_interrupt
from lockon.cli._texts import parse_overrides, split_names

if TYPE_CHECKING:
    from lockon.bench.search import CrossValidation, Parameter, SearchResult
    from lockon.bench.search.splits import Verdict
    from lockon.bench.spec import TrackerSpec


@dataclass(frozen=True, kw_only=True)
class StartOptions:
    """What the trials start from."""

    weights: Weights = None
    preset: Preset = "default"
    device: Annotated[str, typer.Option(help="auto, cpu, openvino, cuda; several by commas are spread over workers.")] = "auto"
    fixed: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter that is the same in all trials. Repeat for more.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class SpaceOptions:
    """What is searched, and how."""

    panel: ClassVar = "What is searched"
    space: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="Parameters and their ranges.")] = None
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=RANGE", help="A parameter: LOW:HIGH, LOW:HIGH:log, LOW:HIGH:STEP or A,B,C. Repeat for more."),
    ] = None
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials in all, those that are finished included (default: 50, or a whole grid).")
    ] = None
    sampler: Annotated[Literal["tpe", "random", "grid"], typer.Option(help="Who suggests parameters.")] = "tpe"
    seed: Annotated[int, typer.Option(min=0, help="Seed of sampler, order of sequences and trackers.")] = 0
    prune: Annotated[bool, typer.Option("--prune", help="Give up trials that are below the median after some of the sequences.")] = False


@dataclass(frozen=True, kw_only=True)
class JudgementOptions:
    """On which sequences trials are judged, by which metric."""

    panel: ClassVar = "Data and metric"
    data: Annotated[list[str], typer.Option(metavar="NAME:ROOT", help="Validation data, such as GOT10k_val:DIR, pool:DIR or folder:DIR.")]
    sequences: Sequences = None
    force: Annotated[bool, typer.Option("--force", help="Search on test data, which spoils every later number on it.")] = False
    metric: Annotated[
        Literal["AO", "AUC", "SR50", "SR75", "P20", "NP", "EAO"],
        typer.Option(help="What is maximised. EAO runs the protocol with resets."),
    ] = "AO"
    convention: Convention = None
    lengths: Lengths = None
    folds: Annotated[
        int | None, typer.Option(min=2, metavar="K", help="Also report the gain on sequences that were not chosen on, in K folds.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class ComputeOptions:
    """Where trials run."""

    panel: ClassVar = "Compute"
    workers: Workers = 1
    threads: Threads = 1
    cache_mb: Annotated[float, typer.Option(min=0, help="Decoded frames to keep in memory, in MB, all processes.")] = 2000


@option_groups
def search(
    tracker: Annotated[str, typer.Argument(metavar="TRACKER", help="A name of `lockon zoo list`, or MODULE:FACTORY for your own.")],
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the search; the same command goes on from there.")],
    start: StartOptions,
    learner: OnlineOptions,
    plots: Annotated[bool, typer.Option("--plots", help="Also draw the history and each parameter into the folder.")] = False,
    what: SpaceOptions,
    judged: JudgementOptions,
    compute: ComputeOptions,
) -> None:
    """Search a tracker's inference parameters on validation data, with Optuna.

    Trial 0 has the tracker's own parameters, so that the report says what the search gained. Every trial is a line of
    DIR/journal.log. Ctrl-C keeps finished trials; the same command goes on, with a larger --trials too. DIR/best.json holds the best
    parameters for `lockon export --tracker`, and the last line on standard output is the `--set` options for the other commands.

    The best of many trials is partly luck: --folds says how much of the gain is left on sequences that were not chosen on.

    [bold]Examples[/bold]

      lockon bench search lockon-s --data GOT10k_val:/data/got10k --out runs/search --workers 4

      lockon bench search lockon-s --data pool:/data/val --out runs/search --vary localizer.size_lr=0.2:1 --trials 100 --folds 5 --plots

      lockon bench search lockon-s --weights best.safetensors --data folder:videos --space space.toml --out runs/mine --sampler grid

      lockon bench search lockon-s --online dimp18 --online-weights dimp18.onnx --data pool:VAL --vary localizer.score.mu=0:1 --out runs/mu

      lockon bench search my_module:make_tracker --data folder:videos --vary rate=0.001:0.1:log --out runs/rate --metric AUC --prune
    """
    from lockon._require import require
    from lockon.bench.search import Objective, SearchOptions, check_splits, search as run_search
    from lockon.cli._search import progress
    from lockon.cli._trackers import load_sequences, with_learner
    from lockon.errors import LockonError
    from lockon.zoo.specs import load_spec

    for package in ["optuna", *(["matplotlib"] if plots else [])]:
        require(package, "bench")
    objective = Objective(judged.metric, judged.convention, lengths=judged.lengths)
    (spec,) = with_learner([_spec(tracker, start)], learner)
    verdicts = check_splits(judged.data, force=judged.force)
    for verdict in verdicts:
        _warn(verdict)
    chosen, _ = load_sequences(judged.data, split_names(judged.sequences))
    folds = judged.folds
    if folds is not None and folds > len(chosen):
        raise LockonError(f"--folds {folds} with {len(chosen)} sequences; give at most as many folds as sequences")
    how = (what.trials, what.sampler, what.seed, what.prune, compute.workers, compute.threads, compute.cache_mb)
    options = SearchOptions(*how, {"data": [verdict.as_json() for verdict in verdicts]})
    parameters, config = _space(spec, what.space, what.vary or [])
    with kept_on_interrupt("trials", out), progress(chosen) as on_progress:
        result = run_search(load_spec, chosen, parameters, out, spec=spec, objective=objective, options=options, on_progress=on_progress)
    _conclude(result, spec, verdicts, out, config=config, folds=folds, plots=plots)


def _spec(tracker: str, start: StartOptions) -> TrackerSpec:
    from lockon.cli._trackers import tracker_specs
    from lockon.errors import LockonError

    fixed = start.fixed or []
    try:
        parse_overrides(fixed)
    except LockonError as error:
        raise LockonError(str(error).replace("--set", "--fixed")) from None
    (spec,) = tracker_specs([tracker], [] if start.weights is None else [str(start.weights)], [start.preset], [start.device], fixed)
    return spec


def _space(spec: TrackerSpec, file: Path | None, vary: list[str]) -> tuple[tuple[Parameter, ...], object | None]:
    """Return what is searched, and the tracker's own parameters; unusable weights or parameters are one error here, not one per trial."""
    from dataclasses import replace

    from lockon.bench.search import default_space, parse_vary, read_space
    from lockon.bench.spec import config_of
    from lockon.errors import LockonError
    from lockon.zoo.specs import load_spec

    config = config_of(load_spec(spec.on_worker(0)))
    if file is not None and vary:
        raise LockonError("--space and --vary both say what is searched; give one of the two")
    space = read_space(file, config) if file is not None else parse_vary(vary, config)
    space = space or default_space(config, spec.overrides)
    if config is None:
        first = {parameter.name: parameter.points(2)[0] for parameter in space}
        load_spec(replace(spec.on_worker(0), overrides={**spec.overrides, **first}))
    return space, config


def _warn(verdict: Verdict) -> None:
    if verdict.split == "test":
        echo(f"warning: {verdict.data} is test data ({verdict.reason}); metrics on it say nothing of these parameters any more", err=True)
    elif verdict.note:
        echo(f"note: {verdict.note}", err=True)


def _conclude(
    result: SearchResult, spec: TrackerSpec, verdicts: list[Verdict], out: Path, *, config: object | None, folds: int | None, plots: bool
) -> None:
    """Write files, tables on stderr, and the options on standard output."""
    from lockon.bench.search import cross_validate
    from lockon.bench.search.plots import write_search_plots
    from lockon.bench.search.summary import SearchSummary, importances
    from lockon.cli._search import show

    checked: CrossValidation | None = None if folds is None else cross_validate(result, folds)
    data = tuple(verdict.as_json() for verdict in verdicts)
    summary = SearchSummary(result, spec.overrides, importances(result), checked, data)
    paths = [*summary.write(out, config), *(write_search_plots(result, out) if plots else [])]
    show(summary)
    echo(f"wrote {', '.join(path.name for path in paths)} beside journal.log in {out}", err=True)
    if not summary.options:
        echo("nothing better than the tracker's own parameters was found", err=True)
        return
    beside = "" if spec.online is None else f" --online {spec.online.name}"
    echo(f"now: lockon bench run --trackers {spec.name}{beside} ... with these options", err=True)
    echo(summary.options)
