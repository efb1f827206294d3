"""What the commands of `lockon analyze` share: options, running trackers, progress bars, tables on the terminal, files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lockon.bench.run import Outcome
    from lockon.bench.spec import TrackerSpec
    from lockon.cli._groups import RunOptions
    from lockon.data.sequence import VideoSequence

Results = Annotated[
    Path | None, typer.Option("--results", metavar="DIR", help="Results of `lockon bench run` or `lockon bench import`; runs nothing.")
]
Convention = Annotated[
    str | None, typer.Option("--convention", help="Toolkit to agree with: pysot (default), pytracking, ostrack, lorat, got10k, got10k-otb.")
]
Save = Annotated[
    list[Path] | None, typer.Option("--save", metavar="FILE", help="Also write the table: .md, or .json for all metrics; may be repeated.")
]
PlotFormat = Annotated[str, typer.Option("--plot-format", help="png, svg, pdf, or several by commas.")]


_WIDE = 200  # letters of a line where there is no terminal


def check_folder(out: Path) -> None:
    """Raise an error now, not after minutes of work, where the folder cannot be written to."""
    from lockon._files import PendingFile

    PendingFile(out / "score.json").discard()


def check_plots(out: Path, formats: str) -> list[str]:
    """Return the formats of plots; an error now where they cannot be drawn or written."""
    from lockon._require import require
    from lockon.bench.plots.style import FORMATS
    from lockon.cli._groups import split_names
    from lockon.errors import unknown_name

    require("matplotlib", "bench")
    check_folder(out)
    names = split_names([formats])
    for name in names:
        if name not in FORMATS:
            raise unknown_name("format of plots", name, FORMATS)
    return names


def check_source(data: list[str] | None, results: Path | None, command: str) -> None:
    """Check that there are either datasets to run on, or stored results.

    Raises:
        LockonError: None, or both.
    """
    from lockon.errors import LockonError

    if bool(data) == (results is not None):
        given = "--data and --results are both given" if data else "neither --data nor --results is given"
        raise LockonError(f"{given}; type lockon analyze {command} --data NAME:ROOT ..., or --results DIR of `lockon bench run`")


def run_all(
    specs: list[TrackerSpec], sequences: list[VideoSequence], folder: Path, origin: dict[str, str], *, again: str | None, how: RunOptions
) -> list[Outcome]:
    """Run one pass of every tracker over every sequence, with a progress bar; what is finished in the folder is skipped.

    Args:
        specs: Of the trackers.
        sequences: To run on.
        folder: Of the results.
        origin: NAME:ROOT by name of the dataset.
        again: What to say on Ctrl-C of what is kept; None where nothing is.
        how: Of the runs.

    Returns:
        The outcomes; failed ones have been told on stderr.
    """
    from lockon.bench.run import BenchmarkOptions, run_benchmark
    from lockon.cli.bench import progress_bar
    from lockon.zoo.specs import load_spec

    options = BenchmarkOptions(**how.arguments())
    try:
        with progress_bar(sum(map(len, sequences)) * len(specs)) as on_outcome:
            outcomes = run_benchmark(specs, sequences, folder, load_spec, options=options, data=origin, on_outcome=on_outcome)
    except KeyboardInterrupt:
        if again is None:
            raise
        typer.echo(f"interrupted; {again}", err=True)
        raise typer.Exit(130) from None
    for outcome in outcomes:
        for text in outcome.warnings:
            typer.echo(f"warning: {outcome.label} on {outcome.sequence}: {text}", err=True)
        if outcome.status == "failed":
            typer.echo(f"failed: {outcome.label} on {outcome.sequence}: {outcome.error}", err=True)
    return outcomes


def end(outcomes: list[Outcome], paths: list[Path]) -> None:
    """Name the files; exit status 1 if anything failed."""
    for path in paths:
        typer.echo(f"wrote {path}", err=True)
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)


@contextmanager
def phases() -> Iterator[Callable[[str, int], Callable[[int], None]]]:
    """Return a bar per phase, on stderr: told its name and its number of frames, gives what to tell of those done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:

        def phase(name: str, total: int) -> Callable[[int], None]:
            task = progress.add_task(name, total=total)
            return lambda count: progress.advance(task, count)

        yield phase


def write_json(path: Path, content: dict[str, Any]) -> Path:
    """Write JSON with the version of the library first; whole or not at all."""
    import json

    from lockon import __version__
    from lockon._files import write_bytes

    write_bytes(path, (json.dumps({"lockon": __version__, **content}, indent=1, allow_nan=False) + "\n").encode())
    return path


def check_save(paths: list[Path] | None) -> None:
    """Raise an error now, not after minutes of work, where a table cannot be written.

    Raises:
        LockonError: Another suffix than .md and .json, or a folder that cannot be written to.
    """
    from lockon.errors import LockonError

    for path in paths or []:
        if path.suffix not in (".md", ".json"):
            raise LockonError(f"--save {path}; expected a file that ends in .md or .json")
        check_folder(path.parent)


def write_table(paths: list[Path] | None, text: str, content: dict[str, Any]) -> list[Path]:
    """Write a table as Markdown or its metrics as JSON, by the suffixes of the files; NaN becomes null.

    Raises:
        LockonError: As `check_save`.
    """
    from lockon._files import write_bytes
    from lockon.bench.tables.records import nulls

    check_save(paths)
    for path in paths or []:
        if path.suffix == ".json":
            write_json(path, nulls(content))
        else:
            write_bytes(path, text.encode())
    return list(paths or [])


def show(*parts: Any) -> None:
    """Print tables and lines on standard output; text is printed as it is."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)  # in files and pipes nothing is cut
    for part in parts:
        console.print(part, highlight=False, soft_wrap=isinstance(part, str), markup=False)


def table(title: str, *columns: str) -> Any:
    """Return a table of rich, the first column left, the others right."""
    from rich.table import Table

    made = Table(title=title, title_justify="left")
    for place, name in enumerate(columns):
        made.add_column(name, justify="right" if place else "left")
    return made


def decimal(value: float | None) -> str:
    """Format with three digits; "-" for None and NaN."""
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"


def percent(value: float | None) -> str:
    """Format with one digit and a percent sign; "-" for None."""
    return "-" if value is None else f"{value:.1%}"
