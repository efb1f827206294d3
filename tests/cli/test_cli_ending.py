"""Every way a command can end: one line, a status, and finished files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer

from lockon.cli._ending import DEBUG, Terminated, one_line_errors
from lockon.errors import LockonError
from moving_square import box_of, write_clip

LOCKON = [sys.executable, "-m", "lockon"]
TRACK = [*LOCKON, "track", "clip.mp4", "--box", "30,30,28,22", "--tracker", "kcf"]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    write_clip(tmp_path / "clip.mp4", frames=12)
    return tmp_path


def ended(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(typer.Exit) as caught, one_line_errors():
        raise error
    return caught.value.exit_code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (LockonError("wrong;\nmend it"), 2, "error: wrong; mend it"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (Terminated(signal.SIGTERM), 143, "interrupted by SIGTERM"),
        (PermissionError(13, "Permission denied", "secret.mp4"), 2, "error: Permission denied: secret.mp4; check"),
        (MemoryError(), 2, "error: out of memory"),
        (RecursionError("too deep"), 1, "error: unexpected RecursionError: too deep; please report it"),
        (KeyError("x" * 1000), 1, "error: unexpected KeyError"),
    ],
)
def test_each_error_is_one_line_with_its_status(error: BaseException, status: int, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    found, text = ended(error, capsys)
    assert (found, text.count("\n")) == (status, 1)
    assert text.startswith(line)
    assert len(text) < 500


def test_a_traceback_is_kept_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEBUG, "1")
    with pytest.raises(ZeroDivisionError), one_line_errors():
        _ = 1 / 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_standard_output(clip: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*TRACK, "-q"], cwd=clip, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: cannot write to standard output: No space left on device\n")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*LOCKON, "zoo", "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: cannot write to standard output: No space left on device\n")


def test_closed_streams(clip: Path) -> None:
    def run(redirection: str, *more: str) -> Any:
        command = " ".join([*TRACK, "-q", *more, redirection])
        return subprocess.run(["bash", "-c", command], cwd=clip, capture_output=True, text=True, check=False)

    done = run(">&-")
    assert (done.returncode, done.stderr) == (2, "error: standard output is closed; give --save FILE, or leave it open\n")
    assert run(">&-", "--save", "o.csv").returncode == 0
    assert run("2>&-").stdout.count("\n") == 13
    assert run("| head -1").stderr == ""


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("long") / "long.mp4", frames=8000)


# The command with signals heard also where they are ignored, as in the background of a shell or under nohup.
HEARD = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); signal.signal(signal.SIGHUP, signal.SIG_DFL)"
LOCKON_HEARD = [sys.executable, "-c", f"{HEARD}; from lockon.__main__ import main; main()"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_save_what_was_tracked_and_leave_nothing_hidden(number: signal.Signals, long_clip: Path, tmp_path: Path) -> None:
    command = [
        *LOCKON_HEARD,
        "track",
        str(long_clip),
        "--box",
        "30,30,28,22",
        "--tracker",
        "kcf",
        "-q",
        "--out",
        "o.mp4",
        "--save",
        "b.csv",
    ]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob(".lockon-*.mp4")):
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(1)
    process.send_signal(number)
    _, told = process.communicate()
    assert process.returncode == 128 + number
    assert told == ("interrupted\n" if number == signal.SIGINT else f"interrupted by {number.name}\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.csv", "o.mp4"]
    assert (tmp_path / "b.csv").read_text().count("\n") > 5


def test_interrupted_while_modules_are_imported() -> None:
    for delay in (0.02, 0.05, 0.1, 0.2):
        code = "import sys; sys.argv = ['lockon', 'zoo', 'list']; print('up', flush=True); from lockon.__main__ import main; main()"
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate()
        assert "lockon/cli" not in told  # a traceback from before `lockon.__main__` is reached is Python's own


def limited(*command: str, folder: Path, blocks: int) -> Any:
    """Run a command none of whose files can grow past so many KiB: as on a full disk."""
    line = f"ulimit -f {blocks}; exec " + " ".join(command)
    return subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("options", "file"),
    [
        (("--out", "o.mp4"), "o.mp4"),
        (("--out", "o.avi"), "o.avi"),
        (("--out", "o.mkv"), "o.mkv"),
        (("--save", "o.csv"), "o.csv"),
        (("--save", "o.json"), "o.json"),
        (("--save", "o.xml"), "o.xml"),
        (("--save", "o.jsonl"), "o.jsonl"),
    ],
)
def test_a_full_disk_keeps_the_older_file_and_leaves_no_other(options: tuple[str, ...], file: str, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", frames=120)
    (tmp_path / file).write_text("older")
    done = limited(*TRACK, "-q", *options, folder=tmp_path, blocks=2)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: cannot write {file}: ")
    assert done.stderr.count("\n") == 1
    assert (tmp_path / file).read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["clip.mp4", file])


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_full_disk_stops_a_benchmark_and_is_called_that(workers: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("a", "b"):
        write_clip(data / name / f"{name}.mp4", frames=200)
        (data / name / "boxes.txt").write_text("".join(f"{','.join(map(str, box_of(frame)))}\n" for frame in range(200)))
    run = [*LOCKON, "bench", "run", "--trackers", "kcf", "--data", "folder:data", "--out", "r", "--workers", workers]
    done = limited(*run, folder=tmp_path, blocks=4)
    assert done.returncode == 2
    assert done.stderr.endswith("File too large\n")
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "r").rglob(".*"))
    assert limited(*run, folder=tmp_path, blocks=4000).returncode == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--out", "./clip.mp4"),
        ("--out", "link.mp4"),
        ("--save", "o.csv", "--save", "./o.csv"),
        ("--save", "clip.mp4", "--format", "csv"),
    ],
)
def test_an_output_that_is_the_source_or_another_output_is_refused(options: tuple[str, ...], clip: Path) -> None:
    (clip / "link.mp4").symlink_to("clip.mp4")
    before = (clip / "clip.mp4").read_bytes()
    done = subprocess.run([*TRACK, "-q", *options], cwd=clip, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "would overwrite" in done.stderr
    assert (clip / "clip.mp4").read_bytes() == before
    assert sorted(path.name for path in clip.iterdir()) == ["clip.mp4", "link.mp4"]
