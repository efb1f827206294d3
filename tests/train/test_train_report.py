"""What a run tells: records that survive a resume, means, lines where there is no terminal."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from lockon.train import report
from lockon.train.report import Meter, ProgressBar, RunLog


def test_a_resumed_log_drops_what_was_lost_in_the_kill(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 0)
    for step in (5, 10, 15):
        log.write("train", step, {"loss": 1.0 / step})
    log.close()
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"kind": "train", "st')  # killed here
    resumed = RunLog(tmp_path, 10)
    resumed.write("val", 12, {"AO": 0.5})
    resumed.close()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["kind"], line["step"]) for line in lines] == [("train", 5), ("train", 10), ("val", 12)]


def test_meter_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(report.time, "monotonic", lambda: clock[0])
    meter = Meter()
    meter.add({"loss": 1.0}, samples=8, waited=0.5)
    meter.add({"loss": 3.0}, samples=8, waited=0.5)
    clock[0] = 110.0
    meter.pause(6.0)  # of the ten seconds, six were validation
    assert meter.record(updates_left=10) == {"loss": 2.0, "samples_per_second": 4.0, "waiting": 0.25, "seconds_left": 20.0}
    meter.add({"loss": 5.0}, samples=8, waited=0.0)
    clock[0] = 111.0
    assert meter.record(updates_left=0)["loss"] == 5.0


def test_means_are_over_the_updates_that_had_the_value() -> None:
    meter = Meter()
    meter.add({"loss": 1.0, "skipped": 0.0}, samples=1, waited=0.0)
    meter.add({"skipped": 1.0}, samples=1, waited=0.0)
    record = meter.record(updates_left=0)
    assert (record["loss"], record["skipped"]) == (1.0, 0.5)


def test_a_window_without_a_loss_can_be_shown() -> None:
    text = io.StringIO()
    ProgressBar(Console(file=text, width=60), steps=100, step=0).record(20, {name: VALUES[name] for name in VALUES if name != "loss"})
    assert text.getvalue().startswith("step 20/100  loss nan  32 samples/s")


VALUES = {"loss": 0.25, "samples_per_second": 31.6, "learning_rate": 1e-3, "seconds_left": 3725.0}


def test_without_a_terminal_lines_come_now_and_then() -> None:
    text = io.StringIO()
    with ProgressBar(Console(file=text, width=60), steps=100, step=0) as bar:
        bar.record(20, VALUES)
        bar.record(40, VALUES)  # too soon after the first
        with bar.paused():
            bar.log("AO 0.5 [best]")
    assert text.getvalue() == "step 20/100  loss 0.2500  32 samples/s  lr 1.00e-03  1:02:05 left\nAO 0.5 [best]\n"


def test_a_terminal_gets_a_bar_that_makes_way_for_others() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=120)
    with ProgressBar(console, steps=100, step=0) as bar:
        bar.step(20)
        bar.record(20, VALUES)
        with bar.paused(), ProgressBar(console, steps=3, step=0):
            pass
    assert "20/100" in text.getvalue()
    assert "loss 0.2500  32 samples/s" in text.getvalue()
