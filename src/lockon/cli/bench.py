"""`lockon bench`: run trackers over datasets, score the results, write tables and plots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from lockon.bench.run import Outcome, TrackerSpec
    from lockon.data.sequence import Sequence
    from lockon.tracker import Tracker

app = typer.Typer(help="Measure trackers: run them over datasets, write tables and plots.", no_args_is_help=True, rich_markup_mode="rich")

# Options that take several values after one name: `--trackers csrt kcf` besides `--trackers csrt --trackers kcf`.
MANY = ("--trackers", "--sequences", "--data", "--weights", "--preset", "--device", "--set")


class ManyValues(TyperCommand):
    """A command without positional arguments whose `MANY` options take all values up to the next option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse after repeating the option's name before each of its values."""
        return super().parse_args(ctx, spread(args))


def spread(args: list[str]) -> list[str]:
    """Repeat the names of `MANY` options before each of their values.

    >>> spread(["--trackers", "csrt", "kcf", "--out", "runs"])
    ['--trackers', 'csrt', '--trackers', 'kcf', '--out', 'runs']
    """
    result: list[str] = []
    current, fresh = "", False
    for arg in args:
        if arg.startswith("-"):
            name = arg.partition("=")[0]
            current = name if name in MANY else ""
            fresh = current != "" and "=" not in arg
            result.append(arg)
            continue
        if current and not fresh:
            result.append(current)
        result.append(arg)
        fresh = False
    return result


def split_names(values: list[str] | None) -> list[str]:
    """["a,b", "c"] -> ["a", "b", "c"]; empty parts are dropped."""
    return [name for value in values or [] for name in (part.strip() for part in value.split(",")) if name]


@app.command("run", cls=ManyValues)
def run(  # noqa: PLR0917 - a command line
    trackers: Annotated[
        list[str], typer.Option("--trackers", help="Names of `lockon zoo list`, or LABEL=NAME to run one name in several ways.")
    ],
    data: Annotated[
        list[str], typer.Option("--data", metavar="NAME:ROOT", help="Datasets of `lockon data list`; pool:ROOT takes all in a folder.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the results; what is finished there is skipped.")],
    sequences: Annotated[list[str] | None, typer.Option("--sequences", help="Only these sequences.")] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option("--weights", metavar="TRACKER=PATH", help="Weights of a tracker; the name may be left out if there is one."),
    ] = None,
    preset: Annotated[
        list[str] | None, typer.Option("--preset", metavar="[TRACKER:]NAME", help="Named inference parameters of one tracker, or of all.")
    ] = None,
    device: Annotated[
        list[str] | None, typer.Option("--device", metavar="[TRACKER:]NAME", help="Where networks run: auto, cpu, openvino, cuda.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="[TRACKER:]NAME=VALUE", help="Inference parameter of one tracker, or of all.")
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes, at most one per core for fair frames per second; 0 runs in this one.")
    ] = 1,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of each process.")] = 1,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the random generators.")] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Run again what is finished, and replace results of other settings.")
    ] = False,
) -> None:
    """Run trackers once over every sequence (one-pass evaluation) and store boxes, scores and times.

    A tracker that fails on a sequence is named at the end and the rest goes on. Ctrl-C keeps what is finished; the same
    command goes on from there. Exit status: 0 all done, 1 something failed, 2 wrong usage.

    [bold]Examples[/bold]

      lockon bench run --trackers lockon-s csrt kcf --data OTB100:/data/OTB100 --out runs/otb --workers 2

      lockon bench run --trackers lockon-s nanotrack-v2 --weights nanotrack-v2=nano/v2 --data pool:/data/test --out runs/test

      lockon bench run --trackers wide=lockon-s --set wide:search_factor=4.5 --data VOT2018:/data/vot2018 --out runs/vot
    """
    from lockon.bench.run import run_benchmark

    specs = _specs(split_names(trackers), weights or [], preset or [], device or [], settings or [])
    chosen = _sequences(data, split_names(sequences))
    for spec in specs:
        make_tracker(spec)  # unusable weights are one error now, not one per sequence
    try:
        with _progress(sum(map(len, chosen)) * len(specs)) as report:
            outcomes = run_benchmark(
                specs, chosen, out, make_tracker, workers=workers, threads=threads, seed=seed, overwrite=overwrite, report=report
            )
    except KeyboardInterrupt:
        typer.echo(f"interrupted; finished sequences are kept in {out}, the same command goes on from there", err=True)
        raise typer.Exit(130) from None
    _conclude(outcomes, out)


@app.command("report")
def report(  # noqa: PLR0917 - a command line
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Results of `lockon bench run`.")],
    output: Annotated[Literal["md", "json", "csv"], typer.Option("--format", help="Markdown table, JSON records or CSV.")] = "md",
    convention: Annotated[str, typer.Option("--convention", help="Toolkit to agree with: pysot, got10k, got10k-otb.")] = "pysot",
    trackers: Annotated[list[str] | None, typer.Option("--trackers", help="Only these trackers; repeat or separate by commas.")] = None,
    per_sequence: Annotated[bool, typer.Option("--per-sequence", help="Markdown: add a table with a row per sequence.")] = False,
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="DIR", help="Also draw success and precision plots into this folder.")
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="FILE", help="Write the Markdown between the bench:begin and bench:end comments of a file."),
    ] = None,
) -> None:
    """Score stored results and write a table to standard output, or into a file.

    [bold]Examples[/bold]

      lockon bench report runs/otb

      lockon bench report runs/otb --format json > otb.json

      lockon bench report runs/otb --convention got10k --plots runs/plots

      lockon bench report runs/test --into README.md
    """
    from lockon.bench.report import evaluate
    from lockon.bench.store import Store
    from lockon.bench.tables import to_csv, to_json, to_markdown, write_into
    from lockon.errors import LockonError

    if into is not None and output != "md":
        raise LockonError(f"--into writes a Markdown table, --format {output} given; leave --format out")
    scores = evaluate(Store(folder), convention, split_names(trackers) or None)
    if plots is not None:
        from lockon.bench.plots import write_plots

        for path in write_plots(scores, plots):
            typer.echo(f"wrote {path}", err=True)
    writers = {"md": lambda: to_markdown(scores, per_sequence=per_sequence), "json": lambda: to_json(scores), "csv": lambda: to_csv(scores)}
    text = writers[output]()
    if into is None:
        typer.echo(text, nl=False)
        return
    write_into(into, text)
    typer.echo(f"wrote the table into {into}", err=True)


def make_tracker(spec: TrackerSpec) -> Tracker:
    """The tracker of a spec; runs in the worker processes.

    Raises:
        LockonError: as `lockon.load`.
    """
    from lockon.zoo.registry import load

    return load(spec.name, spec.weights, spec.preset, spec.device, **spec.overrides)


def _specs(names: list[str], weights: list[str], presets: list[str], devices: list[str], settings: list[str]) -> list[TrackerSpec]:
    """One spec per tracker.

    Raises:
        LockonError: unknown names, malformed or left-over options, or missing weight files.
    """
    from lockon.bench.run import TrackerSpec
    from lockon.errors import LockonError, unknown_name
    from lockon.zoo.registry import ENTRIES

    labels: dict[str, str] = {}
    for text in names:
        label, equals, name = text.partition("=")
        name = name if equals else label
        if name not in ENTRIES:
            raise unknown_name("tracker", name, ENTRIES)
        if label in labels:
            raise LockonError(f"--trackers {label} is given twice; give one of them another label, for example other={name}")
        labels[label] = name
    if not labels:
        raise LockonError("--trackers has no names; see `lockon zoo list`")
    known = list(labels)
    paths, preset, device = _paths(weights, known), _choices(presets, known, "default"), _choices(devices, known, "auto")
    overrides = _overrides(settings, known)
    return [
        TrackerSpec(label, name, paths.get(label), preset[label], device[label], overrides[label], weight_files(name, paths.get(label)))
        for label, name in labels.items()
    ]


def _paths(texts: list[str], labels: list[str]) -> dict[str, Path]:
    """``--weights TRACKER=PATH``; with one tracker the name may be left out."""
    from lockon.errors import LockonError, unknown_name

    paths: dict[str, Path] = {}
    for text in texts:
        label, equals, path = text.partition("=")
        if len(labels) == 1 and label != labels[0]:
            label, path = labels[0], text
        elif not equals or not path:
            raise LockonError(f"--weights {text!r} is not TRACKER=PATH; for example --weights {labels[0]}=FILE")
        if label not in labels:
            raise unknown_name("tracker in --weights", label, labels)
        if label in paths:
            raise LockonError(f"--weights of {label} is given twice; give it once")
        paths[label] = Path(path).expanduser()
    return paths


def _choices(texts: list[str], labels: list[str], default: str) -> dict[str, str]:
    """``[TRACKER:]NAME``: one tracker's choice, or that of all others. A colon after anything but a label belongs to the name (cuda:1)."""
    own = {text.partition(":")[0]: text.partition(":")[2] for text in texts if text.partition(":")[0] in labels}
    shared = [text for text in texts if text.partition(":")[0] not in labels]
    return {label: own.get(label, shared[-1] if shared else default) for label in labels}


def _overrides(texts: list[str], labels: list[str]) -> dict[str, dict[str, Any]]:
    """``--set [TRACKER:]NAME=VALUE``: a setting of all trackers, or of one, which goes first."""
    from lockon.cli._options import parse_overrides
    from lockon.errors import unknown_name

    everywhere: list[str] = []
    own: dict[str, list[str]] = {label: [] for label in labels}
    for text in texts:
        label, colon, _ = text.partition("=")[0].partition(":")
        if not colon:
            everywhere.append(text)
        elif label in own:
            own[label].append(text[len(label) + 1 :])
        else:
            raise unknown_name("tracker in --set", label, labels)
    shared = parse_overrides(everywhere)
    return {label: {**shared, **parse_overrides(texts)} for label, texts in own.items()}


def weight_files(name: str, weights: Path | None) -> tuple[Path, ...]:
    """The files of a tracker's weights, for their size and hash.

    Raises:
        LockonError: they are missing.
    """
    import importlib

    from lockon.export.header import template_path
    from lockon.zoo.registry import ENTRIES

    family = importlib.import_module(ENTRIES[name].module)
    if hasattr(family, "weight_files"):  # families whose weights are no single model
        found: tuple[Path, ...] = family.weight_files(name, weights)
        return found
    path: Path = family.weights_path(name) if weights is None else weights
    pair = (path, template_path(path)) if path.suffix in (".onnx", ".xml") else (path,)
    return (*pair, *(part.with_suffix(".bin") for part in pair if part.suffix == ".xml"))


def _sequences(specs: list[str], wanted: list[str]) -> list[Sequence]:
    """The sequences of all datasets, or those of them that are named.

    Raises:
        LockonError: as `load_dataset`; a name that no dataset has.
    """
    from lockon.data.datasets.registry import load_dataset
    from lockon.errors import LockonError, unknown_name

    if not specs:
        raise LockonError("--data has no datasets; for example --data OTB100:/data/OTB100")
    sequences = [sequence for spec in specs for sequence in load_dataset(spec)]
    names = {sequence.name for sequence in sequences}
    for name in wanted:
        if name not in names:
            raise unknown_name("sequence", name, names)
    return [sequence for sequence in sequences if not wanted or sequence.name in wanted]


def _progress(frames: int) -> AbstractContextManager[Callable[[Outcome], None]]:
    """A progress bar over the frames of all jobs, on stderr; each outcome moves it."""
    from contextlib import contextmanager

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    @contextmanager
    def bar() -> Any:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("starting", total=frames)

            def moved(outcome: Outcome) -> None:
                progress.update(task, advance=outcome.frames, description=f"{outcome.label} {outcome.sequence}")

            yield moved

    return bar()


def _conclude(outcomes: list[Outcome], out: Path) -> None:
    """Warnings, failures and what to do next, on stderr; exit status 1 if anything failed."""
    for outcome in outcomes:
        for text in outcome.warnings:
            typer.echo(f"warning: {outcome.label} on {outcome.sequence}: {text}", err=True)
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    for outcome in failed:
        typer.echo(f"failed: {outcome.label} on {outcome.sequence}: {outcome.error}", err=True)
    done, skipped = (sum(outcome.status == status for outcome in outcomes) for status in ("done", "skipped"))
    typer.echo(f"{done} done, {skipped} finished before, {len(failed)} failed; now: lockon bench report {out}", err=True)
    if failed:
        raise typer.Exit(1)
