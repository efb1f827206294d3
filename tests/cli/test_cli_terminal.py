"""What commands print: nothing that a file names reaches the terminal as more than text."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.made_results import HALF, PERFECT, add, make_record
from lockon.bench.store import Store
from lockon.cli import _terminal
from lockon.cli._terminal import echo, progress_bar, show, table

EVIL = "car\x1b]0;owned\x07\x1b[31m\x9b1m\u202etxt"
SHOWN = r"car\x1b]0;owned\x07\x1b[31m\x9b1m\u202etxt"
ACTS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def on_a_terminal(*args: object) -> str:
    """Run the command with a terminal for both streams; return all that it was sent."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "lockon", *map(os.fsencode, map(str, args))]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env={**os.environ, "COLUMNS": "4000"}
    ) as process:
        os.close(theirs)
        received = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # how Linux says that the other end is closed
                part = b""
            if not part:
                break
            received += part
        process.wait()
    os.close(ours)
    return received.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    first = make_record(EVIL, PERFECT, dataset="made\x1b[2J", attributes=("\x1b[5mfast",))
    records = [first, make_record("b", HALF, attributes=("[/red]",))]
    add(Store(tmp_path / "results"), "T", *records)
    (tmp_path / "results" / "T" / "made" / "broken\x1b[7m.json").write_text("{")
    return tmp_path / "results"


@pytest.mark.parametrize("form", ["md", "csv", "tex", "json"])
def test_reports_show_the_letters_of_names(folder: Path, form: str) -> None:
    text = on_a_terminal("bench", "report", folder, "--format", form, "--per-sequence" if form in ("md", "tex") else "--apart")
    assert not ACTS.search(text)
    assert "broken\\x1b[7m.json is missing, cut off or not JSON" in text
    if form in ("md", "csv"):
        assert SHOWN in text


def test_errors_and_listings_show_the_letters_of_names(folder: Path, tmp_path: Path) -> None:
    colour = "\x1b[38;5;77m"  # one that no command uses
    (folder / "T" / "made" / f"broken{colour}.json").write_text("{")
    for args in (
        ("bench", "report", tmp_path / f"none{colour}"),
        ("bench", "report", folder, "--trackers", f"T{colour}"),
        ("bench", "export", folder, "--to", "pysot", "--out", tmp_path / f"out{colour}"),
        ("bench", "validate", folder, "--for", "got10k"),
        ("data", "check", f"folder:{folder}{colour}"),
        ("track", tmp_path / f"clip{colour}.mp4", "--box", "1,1,9,9"),
    ):
        text = on_a_terminal(*args)
        assert r"\x1b[38;5;77m" in text, args
        assert colour not in text, args


def test_names_that_are_no_utf8_are_shown_as_bytes(folder: Path, tmp_path: Path) -> None:
    text = on_a_terminal("bench", "report", f"{tmp_path}/caf\udce9")
    assert r"caf\xe9 does not exist" in text


def test_one_place_prints() -> None:
    """Texts go through `echo`, which shows what names hold; `typer.echo` itself would send it."""
    here = Path(_terminal.__file__)
    assert [file.name for file in here.parent.glob("*.py") if file != here and "typer.echo(" in file.read_text(encoding="utf-8")] == []


def test_lines_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    echo("a\x1b\n\tb", nl=False)
    assert capsys.readouterr().out == "a\\x1b\n\tb"


@pytest.mark.parametrize("name", [EVIL, "[/red]", "[bold]x", "[link=http://x]", "caf\udce9"])
def test_tables_and_bars_take_any_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = table(name, name, "b")
    made.add_row(name, "1")
    show(made, name)
    with progress_bar() as bar:
        task = bar.add_task(name, total=1)
        bar.update(task, description=name)
        assert not ACTS.search(str(bar.columns[0].render(bar.tasks[0])))
    text = capsys.readouterr().out
    assert not ACTS.search(text)
    assert "[" in text or "caf" in text
