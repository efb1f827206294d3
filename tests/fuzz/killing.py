"""Kill commands with SIGKILL at random moments, and look at what they leave and at what the next run makes of it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from command_jobs import Child, Job, files_of, in_child, run_here

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod"}  # audited changes of files, beside opening
VARYING = {"seconds", "times", "setup", "settings", "size", "machine", "versions", "created", "validation_seconds"}  # of JSON
LOGS = ("log.jsonl", "events.out.tfevents", "study.log", "measured")  # grow line by line and say times


@dataclass
class Deaths:
    """What came of killing one command.

    Attributes:
        name: Of the command.
        points: How often it was killed before its end.
        whole: Final files that were there after a kill, all whole.
        faults: What was wrong, one line each.
    """

    name: str
    points: int = 0
    whole: int = 0
    faults: list[str] = field(default_factory=list)


def missing(job: Job) -> list[str]:
    """Return the packages that a command needs and that are not installed."""
    return [name for name in job.needs if importlib.util.find_spec(name) is None]


def kill_often(job: Job, inputs: Path, work: Path, points: int, random: Random) -> Deaths:
    """Kill a command `points` times, each time in an empty folder, and run it again in what it left."""
    deaths = Deaths(job.name)
    work.mkdir(parents=True)
    wanted, changes, seconds = _undisturbed(job, inputs, work)
    for point in range(points):
        out = work / f"{point}"
        out.mkdir()
        if point % 2:
            moment = f"at change {random.randint(1, max(changes, 1))} of {changes}"
            child = in_child(_killed_at(job.command(inputs, out), int(moment.split()[2])), work)
        else:
            after = random.uniform(0, seconds)
            moment = f"after {after:.3f} of {seconds:.3f} s"
            child = in_child(partial(run_here, job.command(inputs, out)), work, kill_after=after)
        deaths.points += child.status == -signal.SIGKILL
        expected = {name: None if name.endswith(job.interim) else value for name, value in wanted.items()}
        found = [_differing(out, name, value) for name, value in expected.items() if (out / name).exists()]
        deaths.whole += sum(one is None for one in found)
        faults = [f"not whole: {one}" for one in found if one]
        again = in_child(partial(run_here, [*job.command(inputs, out), *job.again]), work)
        faults += _after(again, out, wanted)
        deaths.faults += [f"{job.name} killed {moment}: {fault}" for fault in faults]
        shutil.rmtree(out)
    return deaths


def _undisturbed(job: Job, inputs: Path, work: Path) -> tuple[dict[str, Any], int, float]:
    """Run a command twice; return what both wrote alike, how many changes of files that took, and the seconds of the second."""
    values: list[dict[str, Any]] = []
    for number in range(2):
        out = work / f"whole-{number}"
        out.mkdir()
        counted = work / "changes"
        child = in_child(_counted(job.command(inputs, out), counted), work)
        if child.status != 0:
            raise RuntimeError(f"{job.name} fails undisturbed, with status {child.status}: {child.said[-2000:]}")
        values.append({path.relative_to(out).as_posix(): content_of(path) for path in files_of(out) if not path.name.startswith(LOGS)})
    both = {name: value for name, value in values[0].items() if values[1].get(name) == value}
    varying = values[0].keys() ^ both.keys()
    return both | dict.fromkeys(varying, None), int(counted.read_text()), child.seconds


def _after(again: Child, out: Path, wanted: dict[str, Any]) -> list[str]:
    """Return what is wrong after the next run."""
    faults = [] if again.status == 0 else [f"the next run ended with {again.status}: {again.said.strip()[-200:]}"]
    faults += [f"the next run left {path.relative_to(out)}" for path in files_of(out) if ".tmp" in path.as_posix()[len(str(out)) :]]
    if again.status == 0:
        for name, value in wanted.items():
            if not (out / name).exists():
                faults.append(f"the next run did not write {name}")
            elif fault := _differing(out, name, value):
                faults.append(f"the next run: {fault}")
    return faults


def _differing(out: Path, name: str, value: Any) -> str | None:
    """Return what is wrong with a final file; None if it is as it was in the undisturbed run, or only readable where runs differ."""
    try:
        found = content_of(out / name)
    except Exception as error:  # noqa: BLE001  # whatever a reader says of half a file
        return f"{name} cannot be read: {type(error).__name__} {error}"[:200]
    return None if value is None or found == value else f"{name} is not that of an undisturbed run"


def content_of(path: Path) -> Any:
    """Return what has to be the same in every run: the bytes, or of JSON and weights the values without times and versions."""
    if path.suffix == ".json":
        return _lasting(json.loads(path.read_text(encoding="utf-8")))
    if path.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(path, framework="np") as file:
            return {name: hashlib.sha256(file.get_tensor(name).tobytes()).hexdigest() for name in file.keys()}  # noqa: SIM118
    content = path.read_bytes()
    if path.suffix in (".mp4", ".avi", ".mkv"):
        _count_frames(path)
    return hashlib.sha256(content).hexdigest()


def _count_frames(path: Path) -> None:
    import cv2

    video = cv2.VideoCapture(str(path))
    if not video.read()[0]:
        raise ValueError("a video without frames")


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(item) for key, item in value.items() if key not in VARYING}
    return [_lasting(item) for item in value] if isinstance(value, list) else value


def _watch(do: Callable[[int], None]) -> None:
    """Call a function with the number of each change of files that Python code makes, before it is made."""
    count = 0

    def see(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes or event in CHANGES:
            count += 1
            do(count)

    sys.addaudithook(see)


def _counted(words: list[str], file: Path) -> Callable[[], int]:
    def run() -> int:
        counts = [0]
        _watch(counts.append)
        status = run_here(words)
        total = max(counts)
        file.write_text(str(total))
        return status

    return run


def _killed_at(words: list[str], change: int) -> Callable[[], int]:
    def run() -> int:
        _watch(lambda count: os.killpg(os.getpid(), signal.SIGKILL) if count == change else None)
        return run_here(words)

    return run
