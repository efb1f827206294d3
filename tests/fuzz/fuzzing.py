"""Fuzz kinds of input in batches, one process each; an input that ends its process is found by the journal and left behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzz_inputs import KINDS

WORKER = Path(__file__).with_name("fuzz_worker.py")
BATCH = 500
NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass
class Findings:
    """What came of the inputs of one kind.

    Attributes:
        kind: Which.
        inputs: How many were read.
        endings: How often each way of ending came.
        faults: Of each fault, how often it came, and the first input with its commands.
        seconds: Processor seconds of all.
        grown: Largest growth of the resident size by one input, in bytes.
    """

    kind: str
    inputs: int = 0
    endings: Counter[str] = field(default_factory=Counter)
    faults: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    seconds: float = 0.0
    grown: int = 0

    def add(self, case: dict[str, Any]) -> None:
        """Count one input."""
        self.inputs += 1
        self.endings.update(case["endings"])
        self.seconds += case["seconds"]
        self.grown = max(self.grown, case["grown"])
        for fault in dict.fromkeys(case["faults"]):
            key = NUMBER.sub("0", fault)[:150]
            count, first = self.faults.get(key, (0, {"fault": fault, "input": case["input"], "commands": case["commands"]}))
            self.faults[key] = (count + 1, first)


def fuzz(kind: str, inputs: int, seed: int, folder: Path, *, first: int = 0, batch: int = BATCH) -> Findings:
    """Read `inputs` damaged inputs of a kind, from number `first` on.

    A process that ends or hangs within an input is a fault of that input; the next one goes on behind it.
    """
    findings, at, end = Findings(kind), first, first + inputs
    assert kind in KINDS
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / f"{kind}.journal"
    while at < end:
        journal.unlink(missing_ok=True)
        stop = min(at + batch, end)
        words = [sys.executable, str(WORKER), kind, str(seed), str(at), str(stop), str(folder)]
        done = subprocess.run(words, check=False, capture_output=True, text=True, errors="replace", env=_environment())
        lines = journal.read_text().splitlines() if journal.is_file() else []
        for line in lines:
            if line.startswith("{"):
                findings.add(json.loads(line))
        if done.returncode == 0:
            at = stop
            continue
        if not lines or lines[-1].startswith("{"):
            raise RuntimeError(f"the worker of {kind} failed between inputs:\n{done.stderr[-3000:]}")
        at = int(lines[-1]) + 1
        findings.add({"input": at - 1, "endings": ["died"], "faults": [_death(done)], "seconds": 0.0, "grown": 0, "commands": []})
    return findings


def _environment() -> dict[str, str]:
    quiet = {"OMP_NUM_THREADS": "1", "OPENCV_LOG_LEVEL": "OFF", "OPENCV_FFMPEG_LOGLEVEL": "-8", "PYTHONDONTWRITEBYTECODE": "1"}
    source = str(Path(__file__).parents[2] / "src")
    return {**os.environ, **quiet, "PYTHONPATH": os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])])}


def _death(done: subprocess.CompletedProcess[str]) -> str:
    """Say how a process ended: hung, by a signal, or by an error of the worker itself."""
    if "Timeout (" in done.stderr:
        frames = [line.strip() for line in done.stderr.splitlines() if "/lockon/" in line]
        return f"hang: {frames[0][-120:] if frames else done.stderr[-200:]}"
    if done.returncode < 0:
        return f"crash: signal {-done.returncode}"
    return f"crash: status {done.returncode} {done.stderr.strip()[-300:]}"
