"""`lockon bench`: run trackers over datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from lockon.cli._trackers import load_sequences, make_tracker, refined_specs, tracker_specs

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from lockon.bench.protocols.plan import Protocol
    from lockon.bench.run import Outcome
    from lockon.bench.spec import TrackerSpec

app = typer.Typer(help="Measure trackers: run them over datasets, write tables and plots.", no_args_is_help=True, rich_markup_mode="rich")

ProtocolChoice = Literal["one-pass", "got10k", "reset", "realtime", "anchors", "oracle"]

# Options that take several values after one name: `--trackers csrt kcf` besides `--trackers csrt --trackers kcf`.
MANY = ("--trackers", "--sequences", "--data", "--weights", "--preset", "--device", "--set", "--rule")


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


Refine = Annotated[
    str | None,
    typer.Option(
        "--refine", metavar="[LABEL=]NAME[:PRESET]", help="Refiner behind every tracker, for example refine-s; labels are TRACKER+NAME."
    ),
]
RefinerWeights = Annotated[
    Path | None, typer.Option("--refiner-weights", metavar="PATH", help="Weights to use instead of the refiner's own.")
]


@app.command("run", cls=ManyValues)
def run(  # noqa: PLR0917 - a command line
    trackers: Annotated[
        list[str],
        typer.Option("--trackers", help="Names of `lockon zoo list`, MODULE:FACTORY for your own, LABEL=NAME to run one in several ways."),
    ],
    data: Annotated[
        list[str], typer.Option("--data", metavar="NAME:ROOT", help="Datasets of `lockon data list`; pool:ROOT takes all in a folder.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the results; what is finished there is skipped.")],
    sequences: Annotated[list[str] | None, typer.Option("--sequences", help="Only these sequences.")] = None,
    protocol: Annotated[
        ProtocolChoice,
        typer.Option(
            "--protocol",
            help="one-pass; got10k: that, 3 repetitions; reset: VOT2013-2019; anchors: VOT2020; realtime: the benchmark's own at 20 fps; "
            "oracle: searches begin around the true centre.",
        ),
    ] = "one-pass",
    repetitions: Annotated[
        int | None, typer.Option("--repetitions", min=1, help="Runs with other seeds; ends early when two are the same.")
    ] = None,
    rules: Annotated[
        list[str] | None,
        typer.Option(
            "--rule",
            metavar="NAME=VALUE",
            help="Setting of the protocol: reset.skip, reset.vot_init, realtime.fps, .grace, .seconds, .late, base, spacing, when.",
        ),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option("--weights", metavar="TRACKER=PATH", help="Weights of a tracker; the name may be left out if there is one."),
    ] = None,
    preset: Annotated[
        list[str] | None, typer.Option("--preset", metavar="[TRACKER:]NAME", help="Named inference parameters of one tracker, or of all.")
    ] = None,
    device: Annotated[
        list[str] | None,
        typer.Option(
            "--device", metavar="[TRACKER:]NAME", help="Where networks run: auto, cpu, openvino, cuda; several are spread over the workers."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="[TRACKER:]NAME=VALUE", help="Inference parameter of one tracker, or of all.")
    ] = None,
    refine: Refine = None,
    refiner_weights: RefinerWeights = None,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes, at most one per core for fair frames per second; 0 runs in this one.")
    ] = 1,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of each process.")] = 1,
    batch: Annotated[
        int, typer.Option("--batch", min=1, help="Sequences that a network tracks side by side, as one batch on its device.")
    ] = 1,
    ray: Annotated[
        str | None, typer.Option("--ray", metavar="ADDRESS", help="Run on a Ray cluster instead; local starts one for this run.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the random generators.")] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Run again what is finished, and replace results of other settings.")
    ] = False,
) -> None:
    """Run trackers over every sequence and store boxes, scores and times.

    A tracker that fails on a sequence is named at the end and the rest goes on. Ctrl-C keeps what is finished; the same
    command goes on from there. Exit status: 0 all done, 1 something failed, 2 wrong usage.

    [bold]Examples[/bold]

      lockon bench run --trackers lockon-s csrt kcf --data OTB100:/data/OTB100 --out runs/otb --workers 2

      lockon bench run --trackers lockon-s --data VOT2018:/data/vot2018 --protocol reset --out runs/vot

      lockon bench run --trackers mine=my_module:make_tracker --data GOT-10k:/data/got10k --protocol got10k --out runs/got

      lockon bench run --trackers lockon-s --data VOT2018:/data/vot2018 --protocol realtime --rule realtime.seconds=0.08 --out runs/rt

      lockon bench run --trackers wide=lockon-s --set wide:search_crop.factor=4.5 --data pool:/data/test --out runs/test

      lockon bench run --trackers lockon-s csrt --refine refine-s --data OTB100:/data/OTB100 --out runs/otb
    """
    from lockon.bench.run import run_benchmark

    given = (split_names(trackers), weights or [], preset or [], device or [], settings or [])
    specs = tracker_specs(*given, refiners=protocol == "oracle")
    if refine is not None or refiner_weights is not None:
        specs = refined_specs(specs, refine, refiner_weights)
    how = _protocol(protocol, repetitions, rules or [])
    chosen, origin = load_sequences(data, split_names(sequences))
    check_trackers(specs, how)
    try:
        with progress_bar(sum(map(len, chosen)) * len(specs)) as on_outcome:
            outcomes = run_benchmark(
                specs,
                chosen,
                out,
                make_tracker,
                protocol=how,
                workers=workers,
                threads=threads,
                seed=seed,
                batch=batch,
                ray=ray,
                overwrite=overwrite,
                data=origin,
                on_outcome=on_outcome,
            )
    except KeyboardInterrupt:
        typer.echo(f"interrupted; finished sequences are kept in {out}, the same command goes on from there", err=True)
        raise typer.Exit(130) from None
    _conclude(outcomes, out)


def check_trackers(specs: list[TrackerSpec], protocol: Protocol) -> None:
    """Make each tracker once: unusable weights are one error now, not one per sequence.

    Raises:
        LockonError: a tracker that cannot be made, or that the protocol moves and that cannot be moved.
    """
    from lockon.errors import LockonError
    from lockon.zoo.registry import ENTRIES

    for spec in specs:
        made = make_tracker(spec.on_worker(0))
        if protocol.name == "oracle" and not hasattr(made, "move"):
            known = ", ".join(name for name, entry in ENTRIES.items() if entry.module != "lockon.zoo.opencv")
            raise LockonError(f"{spec.label} cannot be put on the truth: it has no move(boxes); these have: {known}, and refiners")


def _protocol(name: ProtocolChoice, repetitions: int | None, rules: list[str]) -> Protocol:
    """``--protocol``, ``--repetitions`` and ``--rule``.

    Raises:
        LockonError: an unknown rule, or a wrong value.
    """
    from lockon.bench.protocols.plan import Protocol
    from lockon.cli._options import parse_overrides
    from lockon.config import apply_overrides

    usual = 3 if name == "got10k" else 1  # the GOT-10k toolkit's number
    protocol = Protocol(name="one-pass" if name == "got10k" else name, repetitions=repetitions or usual)
    return apply_overrides(protocol, parse_overrides(rules))


def progress_bar(frames: int) -> AbstractContextManager[Callable[[Outcome], None]]:
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
