"""The command line. Each command is one small file, light to import, that does its heavy imports when it runs.

Mistakes end here: `lockon.cli._ending` prints every error as one line and gives the exit status; a `LockonWarning` is one line, once.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lockon import __version__
from lockon.cli import (
    analyze,
    bench,
    bench_compare,
    bench_files,
    bench_report,
    bench_reproduce,
    bench_search,
    convert,
    data,
    demo,
    export,
    refine,
    study,
    track,
    train,
    zoo,
)
from lockon.cli._ending import obey_signals, one_line_errors, prepare_streams
from lockon.cli._terminal import echo
from lockon.errors import LockonWarning


class _Group(TyperGroup):
    """A command group whose errors are one line each."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the options before the command's name."""
        with one_line_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run the named command."""
        with warnings.catch_warnings():
            warnings.simplefilter("always", LockonWarning)
            warnings.showwarning = _OneLine()
            with one_line_errors():
                result = super().invoke(ctx)
                if sys.stdout is not None:
                    sys.stdout.flush()  # a full disk behind it shows here, not at exit
                return result


class _OneLine:
    """A replacement of `warnings.showwarning`: one line for each warning of lockon, once; others as Python shows them."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._others = warnings.showwarning

    def __call__(self, message: Warning | str, category: type[Warning], *place: Any, **named: Any) -> None:
        if not issubclass(category, LockonWarning):
            self._others(message, category, *place, **named)
        elif str(message) not in self._seen:
            self._seen.add(str(message))
            echo(" ".join(f"warning: {message}".splitlines()), err=True)


app = typer.Typer(
    name="lockon",
    cls=_Group,
    help="Visual object tracking: draw a box around anything in one frame, keep a precise box on it in every later frame.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for _command in (track.track, refine.refine, demo.demo, train.train, export.export, convert.convert):
    app.command()(_command)
app.add_typer(data.app, name="data")
bench.app.command("report")(bench_report.report)
bench.app.command("reproduce")(bench_reproduce.reproduce)
bench.app.command("compare", cls=bench.ManyValues)(bench_compare.compare)
bench.app.command("search")(bench_search.search)
bench.app.add_typer(bench_files.app)
app.add_typer(bench.app, name="bench")
app.add_typer(analyze.app, name="analyze")
app.add_typer(zoo.app, name="zoo")
app.add_typer(study.app, name="study")


def _version(requested: bool) -> None:
    if requested:
        echo(f"lockon {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    pass


def main() -> None:
    """Run the `lockon` command."""
    # OpenCV and its FFmpeg would write lines of their own to stderr; set these variables to see them.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    prepare_streams()
    obey_signals()
    app(prog_name="lockon")


__all__ = ["app", "main"]
