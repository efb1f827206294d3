"""What a run reports: a progress bar on stderr, RUN/log.jsonl, and TensorBoard events in RUN/tensorboard."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lockon._documents import MALFORMED, parse_json
from lockon._files import write_bytes
from lockon._require import require

PLAIN_SECONDS = 30.0  # between lines where stderr is no terminal


class RunLog:
    """Records of one run: appended to log.jsonl and TensorBoard. Records after `step` (of a killed slice) are dropped."""

    def __init__(self, run: Path, step: int) -> None:
        self.path = run / "log.jsonl"
        if self.path.exists():
            kept = [line for line in self.path.read_text().splitlines() if _step_of(line) <= step]
            write_bytes(self.path, "".join(f"{line}\n" for line in kept).encode())
        self._file = self.path.open("a")
        self._board = require("torch.utils.tensorboard", "train").SummaryWriter(str(run / "tensorboard"), purge_step=step + 1)

    def write(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Write one record; `kind` is "train" or "val"."""
        self._file.write(json.dumps({"kind": kind, "step": step, **values}) + "\n")
        self._file.flush()
        for name, value in values.items():
            self._board.add_scalar(f"{kind}/{name}", value, step)

    def close(self) -> None:
        """Write out what is buffered."""
        self._file.close()
        self._board.close()


def _step_of(line: str) -> float:
    try:
        return float(parse_json(line)["step"])
    except MALFORMED:
        return float("inf")  # a line cut by a kill


class ProgressBar:
    """Steps, loss, samples per second and time left; where stderr is no terminal, a plain line now and then."""

    def __init__(self, console: Console, steps: int, step: int) -> None:
        self.console = console
        self._bar = Progress(
            TextColumn("train"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=console,
            speed_estimate_period=120,
        )
        self._task = self._bar.add_task("train", total=steps, completed=step, text="")
        self._steps = steps
        self._next_line = 0.0

    def __enter__(self) -> ProgressBar:
        if self.console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self._bar.stop()

    def step(self, step: int) -> None:
        """Note that `step` updates are done."""
        if self.console.is_terminal:
            self._bar.update(self._task, completed=step)

    def record(self, step: int, values: Mapping[str, float]) -> None:
        """Show new numbers: "samples_per_second", "learning_rate", "seconds_left", and "loss" unless every update was left out."""
        text = f"loss {values.get('loss', math.nan):.4f}  {values['samples_per_second']:.0f} samples/s"
        self._bar.update(self._task, text=text)
        if not self.console.is_terminal and time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + PLAIN_SECONDS
            self.log(f"step {step}/{self._steps}  {text}  lr {values['learning_rate']:.2e}  {_clock(values['seconds_left'])} left")

    def log(self, text: str) -> None:
        """Print one line above the bar."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take the bar away while other code may draw its own."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()


class Meter:
    """Means of the loss terms, throughput and waiting time since the last record."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start a new window."""
        self._values: dict[str, list[float]] = {}
        self._updates = 0
        self._samples = 0
        self._waited = 0.0
        self._start = time.monotonic()

    def add(self, values: Mapping[str, float], *, samples: int, waited: float) -> None:
        """Add one update: its scalars, its samples over all processes, and the seconds it waited for them."""
        for name, value in values.items():
            self._values.setdefault(name, []).append(value)
        self._updates += 1
        self._samples += samples
        self._waited += waited

    def pause(self, seconds: float) -> None:
        """Leave `seconds` (of validation, of saving) out of the throughput."""
        self._start += seconds

    def record(self, updates_left: int) -> dict[str, float]:
        """Return the means by name over the updates that had it, samples_per_second, waiting (share of time without samples), seconds_left.

        Starts a new window.
        """
        elapsed = max(1e-9, time.monotonic() - self._start)
        record: dict[str, Any] = {name: sum(values) / len(values) for name, values in self._values.items()}
        record["samples_per_second"] = self._samples / elapsed
        record["waiting"] = self._waited / elapsed
        record["seconds_left"] = updates_left * elapsed / self._updates
        self.reset()
        return record


def _clock(seconds: float) -> str:
    minutes, hours = int(seconds // 60) % 60, int(seconds // 3600)
    return f"{hours}:{minutes:02d}:{int(seconds) % 60:02d}"
