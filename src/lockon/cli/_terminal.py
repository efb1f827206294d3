"""What commands show and write: progress bars, tables on the terminal, files of metrics, how a run ended."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from lockon._shown import shown
from lockon.cli._texts import split_names

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

    from lockon.bench.run import Outcome

_WIDE = 200  # letters of a line where there is no terminal


def echo(text: str, *, err: bool = False, nl: bool = True, lead: str = "") -> None:
    """Print a text in which what names of anybody's hold is shown instead of sent to the terminal: escape bytes, marks of direction.

    Args:
        text: One line, or several.
        err: Print it to standard error.
        nl: End the line.
        lead: Printed before it as it is; it may be styled.
    """
    typer.echo(lead + shown(text, keep="\n\t"), err=err, nl=nl)


def progress_bar(*columns: ProgressColumn, quiet: bool = False) -> Progress:
    """Return a bar on stderr, with further columns behind the number of steps; nothing is shown where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.text import Text

    class Description(TextColumn):
        def render(self, task: Task) -> Text:
            return Text(shown(task.description))

    console = Console(stderr=True)
    parts = (Description(""), BarColumn(), MofNCompleteColumn(), *columns, TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*parts, console=console, transient=True, disable=quiet or not console.is_terminal)


@contextmanager
def phases() -> Iterator[Callable[[str, int], Callable[[int], None]]]:
    """Return a bar per phase: told its name and its number of frames, gives what to tell of those done."""
    with progress_bar() as progress:

        def phase(name: str, total: int) -> Callable[[int], None]:
            task = progress.add_task(name, total=total)
            return lambda count: progress.advance(task, count)

        yield phase


@contextmanager
def counted(name: str) -> Iterator[Callable[[int, int, str], None]]:
    """Return what to tell of the steps: how many are done, of how many, and what comes next."""
    with progress_bar() as progress:
        task = progress.add_task(name, total=None)
        yield lambda done, total, what: progress.update(task, completed=done, total=total, description=what)


@contextmanager
def outcomes_bar(frames: int) -> Iterator[Callable[[Outcome], None]]:
    """Return a bar over the frames of all jobs; each outcome moves it."""
    with progress_bar() as progress:
        task = progress.add_task("starting", total=frames)
        yield lambda outcome: progress.update(task, advance=outcome.frames, description=f"{outcome.label} {outcome.sequence}")


@contextmanager
def kept_on_interrupt(what: str, folder: Path) -> Iterator[None]:
    """Say on Ctrl-C what is kept and how to go on; exit with status 130."""
    try:
        yield
    except KeyboardInterrupt:
        echo(f"interrupted; finished {what} are kept in {folder}, the same command goes on from there", err=True)
        raise typer.Exit(130) from None


def end(outcomes: Iterable[Outcome], paths: Iterable[Path]) -> None:
    """Name the files; exit status 1 if anything failed."""
    for path in paths:
        echo(f"wrote {path}", err=True)
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)


def check_folder(out: Path) -> None:
    """Raise an error now, not after minutes of work, where the folder cannot be written to."""
    from lockon._files import PendingFile

    PendingFile(out / "score.json").discard()


def check_plots(out: Path, formats: str) -> list[str]:
    """Return the formats of plots; an error now where they cannot be drawn or written."""
    from lockon._require import require
    from lockon.bench.plots.style import FORMATS
    from lockon.errors import unknown_name

    require("matplotlib", "bench")
    check_folder(out)
    names = split_names([formats])
    for name in names:
        if name not in FORMATS:
            raise unknown_name("format of plots", name, FORMATS)
    return names


def write_json(path: Path, content: dict[str, Any]) -> Path:
    """Write JSON with the version of the library first; whole or not at all. NaN becomes null."""
    import json

    from lockon import __version__
    from lockon._files import write_bytes
    from lockon.bench.tables.records import nulls

    write_bytes(path, (json.dumps({"lockon": __version__, **nulls(content)}, indent=1, allow_nan=False) + "\n").encode())
    return path


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write a table of named columns; whole or not at all. NaN and None become empty cells."""
    from lockon._files import write_bytes
    from lockon.bench.tables.records import csv_text

    def cell(value: Any) -> Any:
        if isinstance(value, float):
            return "" if math.isnan(value) else f"{value:.6g}"
        return "" if value is None else value

    write_bytes(path, csv_text([list(columns), *([cell(row[name]) for name in columns] for row in rows)]).encode())
    return path


@contextmanager
def status(text: str) -> Iterator[Callable[[str], None]]:
    """Show on stderr what is being done; return what to tell of the next step."""
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(text) as spinner:
        yield lambda step: spinner.update(Text(shown(step)))


def show(*parts: Any) -> None:
    """Print tables and lines on standard output; text is printed as it is."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)  # in files and pipes nothing is cut
    for part in parts:
        text = shown(part, keep="\n\t") if isinstance(part, str) else part
        console.print(text, highlight=False, soft_wrap=isinstance(part, str), markup=False)


def table(title: str, *columns: str) -> Any:
    """Return a table of rich, the first column left, the others right; its cells are texts as they are, no markup."""
    from rich.table import Table
    from rich.text import Text

    class PlainTable(Table):
        def add_row(self, *cells: Any, **options: Any) -> None:
            super().add_row(*(Text(shown(cell)) if isinstance(cell, str) else cell for cell in cells), **options)

    made = PlainTable(title=Text(shown(title)), title_justify="left")
    for place, name in enumerate(columns):
        made.add_column(Text(shown(name)), justify="right" if place else "left")
    return made


def decimal(value: float | None) -> str:
    """Format with three digits; "-" for None and NaN."""
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"
