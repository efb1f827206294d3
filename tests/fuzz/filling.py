"""Run commands whose output goes to a disk that is too small, at many sizes, and look at what is there afterwards."""

from __future__ import annotations

import math
import os
import resource
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from command_jobs import Job, files_of, in_child, run_here
from killing import content_of

OLD = b"an older result\n"
SPARE = 1.5  # times what a command leaves, for the temporary copies of it


@dataclass
class Fillings:
    """What came of one command on disks of several sizes.

    Attributes:
        name: Of the command.
        sizes: Bytes of the disks, ascending.
        outcomes: How often the command said that it failed, and how often it had room.
        faults: What was wrong, one line each.
    """

    name: str
    sizes: list[int] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def fill(job: Job, inputs: Path, work: Path, count: int, *, mounted: bool) -> Fillings:
    """Run a command on `count` disks, from one page to more than it needs; older files of the same names are there.

    Args:
        job: The command.
        inputs: What it reads.
        work: An empty folder.
        count: How many sizes.
        mounted: Whether disks are mounted in memory, which only root can do; else, and between pages, the size of each file is limited.
    """
    out = work / "out"
    out.mkdir(parents=True)
    child = in_child(partial(run_here, job.command(inputs, out)), work)
    if child.status not in (0, 1):
        raise RuntimeError(f"{job.name} fails undisturbed, with status {child.status}: {child.said[-2000:]}")
    wanted = {path.relative_to(out).as_posix(): path.stat().st_size for path in files_of(out)}
    shutil.rmtree(out)
    found = Fillings(job.name)
    for size, is_mounted in _sizes(list(wanted.values()), count, mounted=mounted):
        out.mkdir()
        found.sizes.append(size)
        with _disk(out, size) if is_mounted else nullcontext():
            faults = _one(job, inputs, out, found.outcomes, limit=None if is_mounted else size)
            how = "a disk" if is_mounted else "files"
            found.faults += [f"{job.name}, {how} of {size} bytes: {fault}" for fault in faults]
        shutil.rmtree(out)
    return found


def _sizes(needed: list[int], count: int, *, mounted: bool) -> list[tuple[int, bool]]:
    """Return sizes and whether a disk can be that small: disks in memory have whole pages, a limit of each file goes to the byte."""
    page = resource.getpagesize()
    pages = math.ceil(SPARE * sum(math.ceil(size / page) for size in needed)) + 1
    disks = sorted({max(round(pages * step / (count - 1)), 1) * page for step in range(count)}) if mounted else []
    rest = count - len(disks)
    return [(size, True) for size in disks] + [(round(max(needed) * 1.1 * step / rest), False) for step in range(rest)]


def _one(job: Job, inputs: Path, out: Path, outcomes: Counter[str], *, limit: int | None) -> Iterator[str]:
    """Run the command once, over an older file where it writes a single one; yield what is wrong."""
    words = [Path(word) for word in job.command(inputs, out)]
    older = [path for path in words if path.parent == out and path.suffix and _can_be_older(path)]
    child = in_child(partial(_limited, job.command(inputs, out), limit), out.parent)
    outcomes["room" if child.status == 0 else f"status {child.status}"] += 1
    lines = [line for line in child.said.strip().splitlines() if not line.startswith(("warning: ", " "))]
    errors = [line for line in lines if line.startswith("error: ")]
    if "Traceback" in child.said or "unexpected" in child.said:
        yield f"{child.said.strip()[-300:]!r}"
    elif child.status not in (0, 1, 2):
        yield f"status {child.status}: {child.said.strip()[-200:]!r}"
    elif child.status == 2 and (len(errors) != 1 or lines[-1] != errors[0]):
        yield f"not one line: {child.said.strip()[-300:]!r}"
    for path in files_of(out):
        name = path.relative_to(out)
        if ".tmp" in name.as_posix():
            yield f"left {name} ({path.stat().st_size} bytes), status {child.status}"
        elif path.read_bytes() != OLD and (fault := _unreadable(path)):
            yield f"half a file {name}: {fault}, status {child.status}"
        elif child.status == 2 and path in older and path.read_bytes() != OLD and job.name != "demo":
            yield f"{name} was replaced, although the command failed"
    yield from (f"{path.name} is gone" for path in older if not path.is_file())


def _can_be_older(path: Path) -> bool:
    try:
        path.write_bytes(OLD)
    except OSError:
        path.unlink(missing_ok=True)
        return False
    return True


def _limited(words: list[str], limit: int | None) -> int:
    if limit is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return run_here(words)


def _unreadable(path: Path) -> str | None:
    """Return why a file that is not the older one cannot be read whole."""
    try:
        _read(path)
    except Exception as error:  # noqa: BLE001  # whatever a reader says of half a file
        return f"{type(error).__name__} {error}"[:120]
    return None


def _read(path: Path) -> Any:
    content = content_of(path)
    text = path.read_bytes()
    if not text:
        raise ValueError("empty")
    if path.suffix in (".csv", ".jsonl", ".txt", ".md") and not text.endswith(b"\n"):
        raise ValueError("the last line has no end")
    ends = {".xml": b"</annotations>", ".html": b"</html>", ".onnx": b"", ".zip": b""}
    if not text.rstrip().endswith(ends.get(path.suffix, b"")):
        raise ValueError(f"it does not end with {ends[path.suffix]!r}")
    return content


@contextmanager
def _disk(folder: Path, size: int) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "lockon", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def can_mount() -> bool:
    """Return whether this process may mount disks."""
    return os.name == "posix" and os.geteuid() == 0 and shutil.which("mount") is not None
