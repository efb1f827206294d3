"""Run a range of fuzzed inputs in this process and note what each did: ``fuzz_worker.py KIND SEED START STOP FOLDER``.

What is not allowed: an exception that is no `LockonError`; NaN or infinity in a box or in JSON, a tracked box without area; a file
outside the output folder, or one left half written; code of the input that runs; a gigabyte of memory; a minute.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import math
import os
import platform
import re
import resource
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / folder) for folder in ("fuzz", "", "zoo", "bench", "data", "export")]

from fuzz_inputs import CANARY, KINDS, Command, Place  # noqa: E402

from lockon.errors import LockonError, LockonWarning  # noqa: E402

MEGABYTE = 2**20
MEMORY = 1024 * MEGABYTE  # that one input may add to the resident size
SECONDS = 20.0  # of processor time for one input
HANG = 60.0  # seconds after which the process is given up
HARMLESS = {"git", "uname", "nvidia-smi", "ldconfig", "/sbin/ldconfig"}  # programs that lockon and its libraries ask for versions
WRITES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate", "shutil.move"}
ESCAPE = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1a\x1b\x7f]")  # control characters that a terminal would obey
LIBRARIES = re.compile(r"/home/\.cache/|/tmp/\.ses$|__pycache__")  # what ONNX Runtime, torch and Python keep for themselves
NOT_FINITE = re.compile(r"(?<![\w.])[-+]?(?:nan|inf|infinity)(?![\w.])", re.IGNORECASE)
FINITE_NAMES = {"boxes", "refined"}  # stems of the files of boxes


class Watch:
    """An audit of what Python code does while an input is read: programs, and files outside the allowed folders."""

    def __init__(self) -> None:
        self.allowed: tuple[str, ...] | None = None
        self.found: list[str] = []
        sys.addaudithook(self._see)

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.allowed is None:
            return
        if event in ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen"):
            program = os.fsdecode(arguments[0]) if isinstance(arguments[0], (str, bytes)) else str(arguments[0])
            if program.split()[0] not in HARMLESS:
                self.found.append(f"executed: {event} {program[:80]}")
        elif event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self._check(path)
        elif event in WRITES:
            self._check(arguments[0])

    def _check(self, path: object) -> None:
        if isinstance(path, (str, bytes, os.PathLike)):
            text = os.path.realpath(os.fsdecode(path))
            if not text.startswith((*(self.allowed or ()), "/dev/", "/proc/")):
                self.found.append(f"outside: {text[-120:]}")


class Worker:
    """The sandbox of one kind: `FOLDER/bases/KIND`, one input at a time in `FOLDER/KIND`, home, temporary and working folders."""

    def __init__(self, kind: str, seed: int, folder: Path) -> None:
        self.kind, self.seed = kind, seed
        self.folder = folder / kind
        self.bases = folder / "bases" / kind
        self.watch = Watch()
        for name in ("home", "tmp", "cwd", "outside"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        os.environ |= {"HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp"), "LOCKON_DEBUG": "1", "COLUMNS": "200"}
        for name in ("LOCKON_DATA", "TORCHINDUCTOR_CACHE_DIR"):  # torch sets its own, which child processes inherit
            os.environ.pop(name, None)
        if not self.bases.is_dir():
            made = self.bases.with_name(f"{kind}.tmp")
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir(parents=True)
            KINDS[kind].prepare(made)
            (made / f"{CANARY}.py").write_text(f"open({str(self.folder / 'outside' / 'canary')!r}, 'w')\nmake = None\n")
            made.rename(self.bases)
        sys.path.append(str(self.bases))
        os.chdir(self.folder / "cwd")
        platform.processor()  # asks a program, once

    def run(self, number: int) -> dict[str, Any]:
        """Make and read one input; return what it did."""
        inside, out = self.folder / "in", self.folder / "out"
        for path in (inside, out):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
        place = Place(self.bases, inside, out, self.folder / "outside", Random(f"{self.seed}/{self.kind}/{number}"))
        commands = KINDS[self.kind].make(place)
        before = self._files()
        began, memory = time.process_time(), _reset_peak()
        self.watch.found.clear()
        endings, faults = [], []
        faulthandler.dump_traceback_later(HANG, exit=True)
        for command in commands:
            ending, fault = self._one(command)
            endings.append(ending)
            faults += [fault] if fault else []
        faulthandler.cancel_dump_traceback_later()
        seconds, grown = time.process_time() - began, _peak() - memory
        faults += self.watch.found + self._changes(before) + _wrong_outputs(out)
        if seconds > SECONDS:
            faults.append(f"slow: {seconds:.0f} s")
        if grown > MEMORY:
            faults.append(f"memory: {grown // MEGABYTE} MB")
        words = [" ".join(command) if isinstance(command, list) else command.__qualname__ for command in commands]
        return {"input": number, "endings": endings, "faults": faults, "seconds": seconds, "grown": grown, "commands": words}

    def _one(self, command: Command) -> tuple[str, str | None]:
        """Run a command; return how it ended and what is wrong with that."""
        said = self.folder / "said.txt"
        allowed = (str(self.folder / "out"), str(said), *(f"{self.folder / name}/" for name in ("tmp", "home")))
        with (
            said.open("w", encoding="utf-8", errors="backslashreplace") as stream,
            contextlib.redirect_stdout(stream),
            contextlib.redirect_stderr(stream),
            warnings.catch_warnings(),
        ):
            self.watch.allowed = allowed
            try:
                ending, fault = _run(command)
            finally:
                self.watch.allowed = None
        if fault is None and (found := ESCAPE.search(said.read_bytes())):
            fault = f"terminal: byte {found[0]!r} reaches it"
        return ending, fault

    def _files(self) -> dict[str, tuple[int, int]]:
        """Return size and time of all files but those in the output folder."""
        roots = [self.folder / name for name in ("in", "home", "tmp", "cwd", "outside")] + [self.bases]
        files = (os.path.join(top, name) for root in roots for top, _, names in os.walk(root) for name in names)
        return {file: (stat.st_size, stat.st_mtime_ns) for file in files if not LIBRARIES.search(file) for stat in [os.lstat(file)]}

    def _changes(self, before: dict[str, tuple[int, int]]) -> list[str]:
        after = self._files()
        changed = sorted(file for file in before.keys() | after.keys() if before.get(file) != after.get(file))
        for file in after.keys() - before.keys():
            os.unlink(file)
        kinds = {str(self.folder / "outside" / "canary"): "executed: canary"}
        return [kinds.get(file, f"outside: {os.path.relpath(file, self.folder)[:120]!r} changed") for file in changed]


@cache
def command_line() -> Any:
    """Return the `lockon` command; typer would build it anew for every call."""
    from typer.main import get_command

    from lockon.cli import app

    return get_command(app)


def _run(command: Command) -> tuple[str, str | None]:
    """Return how a command ended, and the fault of an exception that it must not raise."""
    try:
        if isinstance(command, list):
            status = command_line()(command, prog_name="lockon", standalone_mode=False)
            return ("done" if not status else f"status {status}"), None
        command()
    except LockonError as error:
        fault = None if len(str(error).splitlines()) == 1 else "an error of several lines"
        return "refused", fault or (
            f"terminal: an error has {str(error)[:80]!r}" if ESCAPE.search(str(error).encode(errors="replace")) else None
        )
    except OSError as error:
        return f"OSError {error.errno}", None  # the command line says it in one line
    except ModuleNotFoundError as error:
        return f"needs {error.name}", None
    except MemoryError as error:
        return "MemoryError", f"memory: MemoryError {str(error)[:80]} {_place(error)}"
    except Exception as error:  # noqa: BLE001  # what is looked for
        if type(error).__module__.partition(".")[0] in {"click", "typer"}:
            return "usage", None
        return type(error).__name__, f"exception: {type(error).__name__} {_place(error)}: {str(error)[:160]}"
    return "done", None


def _place(error: BaseException) -> str:
    """Return the innermost line of lockon that an error went through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/lockon/" in frame.filename]
    return f"{frames[-1].filename.rpartition('/lockon/')[2]}:{frames[-1].lineno} {frames[-1].name}" if frames else "outside of lockon"


def _wrong_outputs(out: Path) -> list[str]:
    """Return what must not stand in the files that were written."""
    faults = []
    for top, _, names in os.walk(out):
        for name in names:
            path = Path(top, name)
            if name.startswith(".") or ".tmp" in name:
                faults.append(f"leftover: {name[:80]}")
            elif name.endswith(".error.txt"):
                last = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1]
                faults += [] if "LockonError" in last else [f"exception: in a benchmark, {last[:160]}"]
            elif path.suffix in (".json", ".jsonl"):
                faults += _wrong_json(path)
            if path.stem in FINITE_NAMES and path.suffix in (".csv", ".txt", ".xml") and (found := NOT_FINITE.search(path.read_text())):
                faults.append(f"not finite: {found[0]} in {path.suffix}")
            if path.stem in FINITE_NAMES and path.suffix == ".csv":
                faults += _empty_boxes(path)
    return faults


def _wrong_json(path: Path) -> Iterator[str]:
    def refuse(word: str) -> float:
        raise ValueError(f"{word} is no JSON")

    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    for document in text.splitlines() if path.suffix == ".jsonl" else [text]:
        try:
            json.loads(document, parse_constant=refuse)
        except (ValueError, RecursionError) as error:
            yield f"not finite: {path.suffix} {error}"
            return


def _empty_boxes(path: Path) -> Iterator[str]:
    for line in path.read_text().splitlines()[1:]:
        cells = line.split(",")
        if len(cells) == 8 and cells[7] == "tracked" and not all(float(cell) > 0 and math.isfinite(float(cell)) for cell in cells[4:6]):
            yield f"empty box: {line[:80]} is called tracked"
            return


def _reset_peak() -> int:
    """Start to count the peak of the resident size anew; return its present value in bytes."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    with contextlib.suppress(OSError):
        found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
        return int(found[1]) * 1024 if found else 0
    return 0


def main(kind: str, seed: str, start: str, stop: str, folder: str) -> None:
    worker = Worker(kind, int(seed), Path(folder).resolve())
    warnings.simplefilter("ignore")
    warnings.simplefilter("always", LockonWarning)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512 * MEGABYTE, 512 * MEGABYTE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if Path("/proc/self/statm").exists() else 0
    resource.setrlimit(resource.RLIMIT_AS, (used + 8 * 1024 * MEGABYTE,) * 2)
    with open(Path(folder) / f"{kind}.journal", "a", buffering=1) as journal:
        for number in range(int(start), int(stop)):
            journal.write(f"{number}\n")
            journal.write(json.dumps(worker.run(number)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
