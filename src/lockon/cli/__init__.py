"""The command line. Each command is one small file, light to import, that does its heavy imports when it runs.

Mistakes end here: a `LockonError` is printed as one line and the exit status is 2; a `LockonWarning` is one line, once;
Ctrl-C is exit status 130; a closed pipe ends quietly.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lockon import __version__
from lockon._require import missing_extra
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
from lockon.errors import LockonError, LockonWarning


class _Group(TyperGroup):
    """A command group whose errors are one line each."""

    def invoke(self, ctx: Any) -> Any:
        """Run the named command."""
        with warnings.catch_warnings():
            warnings.simplefilter("always", LockonWarning)
            warnings.showwarning = _OneLine()
            try:
                return super().invoke(ctx)
            except LockonError as error:
                _fail(error)
            except ModuleNotFoundError as error:
                missing = missing_extra(error.name or "")
                if missing is None:
                    raise
                _fail(missing)
            except KeyboardInterrupt:
                typer.echo("interrupted", err=True)
                raise typer.Exit(130) from None
            except BrokenPipeError:
                # The reader of the output stopped. What Python flushes at exit must not meet the closed pipe again.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise typer.Exit(0) from None


def _fail(error: LockonError) -> None:
    typer.echo(f"error: {' '.join(str(error).splitlines())}", err=True)
    raise typer.Exit(2) from None


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
            typer.echo(f"warning: {message}", err=True)


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
        typer.echo(f"lockon {__version__}")
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
    app()


__all__ = ["app", "main"]
