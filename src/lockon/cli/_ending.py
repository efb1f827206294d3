"""How the command line ends: each mistake, signal and broken stream as one line and an exit status."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import typer

from lockon._require import missing_extra
from lockon._signals import ENDING_SIGNALS
from lockon.cli._terminal import echo
from lockon.errors import LockonError

DEBUG = "LOCKON_DEBUG"  # environment variable: with any value, errors keep their traceback


class Terminated(KeyboardInterrupt):
    """A request of the system to end: it is obeyed as Ctrl-C is, files are finished on the way.

    Args:
        number: Number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def obey_signals() -> None:
    """Let SIGTERM (kill, timeout, systemd, docker stop) and SIGHUP (a closed terminal) end as Ctrl-C does, unless they are ignored."""
    for number in ENDING_SIGNALS:
        if number != signal.SIGINT and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise)


def _raise(number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated(number)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn whatever ends a command into one line on standard error, and raise `typer.Exit` with its status.

    | status | meaning |
    |---|---|
    | 0 | the reader of the output closed the pipe |
    | 1 | an error that nobody foresaw, with how to report it |
    | 2 | a mistake, with what to do; a file that cannot be read or written |
    | 130, 128 + n | Ctrl-C, signal n |
    """
    try:
        yield
    except KeyboardInterrupt as error:
        number = error.number if isinstance(error, Terminated) else signal.SIGINT
        _end(f"interrupted by {signal.Signals(number).name}" if isinstance(error, Terminated) else "interrupted", 128 + number)
    except BrokenPipeError:
        silence_stdout()
        raise typer.Exit(0) from None
    except Exception as error:
        if os.environ.get(DEBUG) and not isinstance(error, typer.Exit | typer.Abort):
            raise
        message = _message(error)
        if message is None:
            raise
        _end(*message)


def _message(error: Exception) -> tuple[str, int] | None:
    """Return the line and the status of an error; None for those that typer itself reports."""
    if isinstance(error, LockonError):
        return f"error: {error}", 2
    if isinstance(error, ModuleNotFoundError) and (missing := missing_extra(error.name or "")) is not None:
        return f"error: {missing}", 2
    if type(error).__module__.partition(".")[0] in {"click", "typer"}:
        return _usage(error)
    if isinstance(error, OSError):
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF} and error.filename is None:
            silence_stdout()
            return f"error: cannot write to standard output: {error.strerror}", 2
        where = f": {error.filename}" if error.filename else ""
        return f"error: {error.strerror or error}{where}; check that the path exists, its name and its permissions", 2
    if isinstance(error, MemoryError):
        return f"error: out of memory ({error or 'nothing more is known'}); give smaller input or fewer workers", 2
    text = f"{type(error).__name__}: {error}"[:300]
    return f"error: unexpected {text}; please report it, with what this prints after {DEBUG}=1", 1


def _usage(error: Any) -> tuple[str, int] | None:
    """Return the line of a command typed wrongly; None for typer's own ways to leave, such as after --help."""
    if not hasattr(error, "format_message") or type(error).__name__ == "NoArgsIsHelpError":
        return None
    context = getattr(error, "ctx", None)
    text = error.format_message().rstrip(".")
    hint = f"`{context.command_path} --help` shows how it is used" if context is not None else ""
    return f"error: {text}{' ' if text.endswith('?') else '; '}{hint}", 2


def _end(line: str, status: int) -> NoReturn:
    echo(" ".join(line.splitlines()), err=True)
    raise typer.Exit(status) from None


def silence_stdout() -> None:
    """Send what is still to be written to standard output nowhere: flushed at exit it would meet the same error again."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def prepare_streams() -> None:
    """Make standard streams take every text: names of files need not be UTF-8, and a stream may be closed."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # for as long as the process lives
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


__all__ = ["DEBUG", "Terminated", "obey_signals", "one_line_errors", "prepare_streams", "silence_stdout"]
