"""Commands that write files, with the small inputs that they need: to be killed, to meet a full disk, and to be run again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / folder) for folder in ("", "zoo", "bench", "data", "export") if str(TESTS / folder) not in sys.path]

FRAMES = 12
SMALL = ("model.channels=8", "model.template_size=64", "model.search_size=96", "train.batch_size=2", "train.machine.precision=fp32")
SAVED_OFTEN = ("train.output.save_every=1", "train.output.log_every=1", "train.schedule.warmup_steps=0")


@dataclass(frozen=True)
class Job:
    """A command: `words` with {inputs} and {out} for the folders, and what it has to be given to go on after it was stopped.

    Files called as in `interim` are replaced as the work goes on, so that a kill leaves an earlier state of them.
    """

    name: str
    words: tuple[str, ...]
    again: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    interim: tuple[str, ...] = ()

    def command(self, inputs: Path, out: Path) -> list[str]:
        """Return the words of the command line."""
        return [word.format(inputs=inputs, out=out) for word in self.words]


def _sets(*settings: str) -> tuple[str, ...]:
    return tuple(word for setting in settings for word in ("--set", setting))


_TRACK = ("track", "{inputs}/clip.mp4", "--box", "30,30,28,22", "--tracker", "kcf", "-q")
_REFINE = ("refine", "{inputs}/clip.mp4", "{inputs}/boxes.csv", "-q")
_BENCH = ("bench", "run", "--trackers", "kcf", "mil", "--data", "folder:{inputs}/val", "--out", "{out}/runs", "--workers", "0")
_TRAIN = ("train", "compact-ban", "--data-root", "{inputs}", "--out", "{out}/run", "--steps", "4", "--device", "cpu", "--workers", "0")
_ROWS = ("--only", "compact-ban.base", "--only", "compact-ban.cr", "--seeds", "0")
_STUDY = ("study", "rbo", "--data-root", "{inputs}", "--out", "{out}/study", *_ROWS, "--steps", "2", "--samples", "4")
_TORCH = ("torch", "safetensors")
_TRAINING = (*_TORCH, "lightning_fabric", "tensorboard")
_WEIGHTS = ("last.safetensors", "best.safetensors")

JOBS = (
    Job("track", (*_TRACK, "--out", "{out}/drawn.mp4", "--save", "{out}/boxes.csv", "--save", "{out}/boxes.json")),
    Job("demo", ("demo", "--out", "{out}", "--tracker", "kcf", "-q")),
    Job("refine", (*_REFINE, "--save", "{out}/refined.csv", "--mask", "{out}/masks", "--out", "{out}/drawn.mp4")),
    Job("export", ("export", "lockon-s", "--weights", "{inputs}/lockon-s.safetensors", "--out", "{out}"), (), (*_TORCH, "onnxscript")),
    Job("convert", ("convert", "siamrpn-alexnet", "{inputs}/model.pth", "{out}/weights.safetensors"), (), _TORCH),
    Job("bench run", _BENCH),
    Job("train", (*_TRAIN, "--threads", "1", *_sets(*SMALL, *SAVED_OFTEN)), ("--resume",), _TRAINING, _WEIGHTS),
    Job("study", (*_STUDY, "--jobs", "0", "--device", "cpu", *_sets(*SMALL, *SAVED_OFTEN)), (), _TRAINING, _WEIGHTS),
)

# One kind of output each, for disks that fill up.
OUTPUTS = (
    *(Job(f"track {suffix}", (*_TRACK, "--save", f"{{out}}/boxes{suffix}")) for suffix in (".csv", ".jsonl", ".txt", ".json", ".xml")),
    *(Job(f"track {suffix}", (*_TRACK, "--out", f"{{out}}/drawn{suffix}")) for suffix in (".mp4", ".avi", ".mkv")),
    Job("refine masks", (*_REFINE, "--mask", "{out}/masks")),
    Job("refine masks.jsonl", (*_REFINE, "--mask", "{out}/masks.jsonl")),
    Job("bench report .md", ("bench", "report", "{inputs}/runs", "--out", "{out}/report.md")),
    Job("bench report html", ("bench", "report", "{inputs}/runs", "--format", "html", "--out", "{out}/report.html")),
    Job("bench export", ("bench", "export", "{inputs}/runs", "--to", "got10k", "--out", "{out}/files")),
    Job(
        "bench pack",
        ("bench", "pack", "{inputs}/runs", "--for", "got10k", "--out", "{out}/pack.zip", "--dataset", "GOT10k_test", "--partial"),
    ),
    *(job for job in JOBS if job.name in ("demo", "convert", "bench run", "train", "export")),
)


def prepare(inputs: Path, *, torch: bool) -> None:
    """Write what the commands read: a clip and boxes, data to track and to train on, and with torch also weights."""
    from tiny_benchmarks import build

    from moving_square import box_of, write_clip
    from tiny_training_data import make_stills, make_validation

    write_clip(inputs / "clip.mp4", FRAMES)
    rows = [f"{frame},0,{','.join(map(str, box_of(frame)))},0.9,tracked" for frame in range(FRAMES)]
    (inputs / "boxes.csv").write_text("\n".join(["frame,target,x,y,w,h,score,state", *rows]) + "\n")
    make_stills(inputs)
    make_validation(inputs)
    build("GOT10k_test", inputs / "got10k")
    data = ["--data", f"folder:{inputs / 'val'}", "--data", f"GOT10k_test:{inputs / 'got10k'}"]
    run_here(["bench", "run", "--trackers", "kcf", *data, "--out", str(inputs / "runs"), "--workers", "0"])
    if torch:
        _prepare_weights(inputs)


def _prepare_weights(inputs: Path) -> None:
    import torch

    import lockon
    from golden_networks import OFFICIAL, official_entries

    shutil.copy(Path(lockon.__file__).parent / "zoo" / "weights" / "lockon-s.safetensors", inputs)
    entries = official_entries(OFFICIAL["siamrpn-alexnet"])
    torch.save({key: torch.tensor(0.01).expand(shape) for key, shape in entries}, inputs / "model.pth")


def run_here(words: list[str]) -> int:
    """Run a command in this process as `lockon` would; return its status."""
    from lockon.cli import app
    from lockon.cli._ending import obey_signals, prepare_streams

    prepare_streams()
    obey_signals()
    try:
        app(words, prog_name="lockon")
    except SystemExit as ending:
        return int(ending.code or 0)
    return 0


@dataclass(frozen=True)
class Child:
    """A process that was forked for one call.

    Attributes:
        status: Its exit status; below 0 the signal that ended it.
        said: All that it wrote to its standard streams.
        seconds: How long it took.
    """

    status: int
    said: str
    seconds: float


def in_child(call: Callable[[], Any], folder: Path, kill_after: float | None = None) -> Child:
    """Call a function in a forked process, whose libraries are loaded already; kill it and all it started after some seconds."""
    began = time.monotonic()
    reading, writing = os.pipe()  # not a file: children may be forbidden to write files
    process = os.fork()
    if process == 0:
        status = 70
        try:
            os.setpgid(0, 0)
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
            os.chdir(folder)
            status = call() or 0
        except BaseException:  # noqa: BLE001  # nothing may go on in the copy of this process
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    with contextlib.suppress(OSError):  # the child does the same; whoever is first
        os.setpgid(process, process)
    os.close(writing)
    os.set_blocking(reading, False)
    said, ended = b"", None
    while ended is None:
        found, ended_status = os.waitpid(process, os.WNOHANG)
        said += _available(reading)
        if found:
            ended = os.waitstatus_to_exitcode(ended_status)
        elif kill_after is not None and time.monotonic() - began > kill_after:
            os.killpg(process, signal.SIGKILL)
            ended = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        else:
            time.sleep(0.002)
    said += _available(reading)
    os.close(reading)
    return Child(ended, said.decode(errors="replace"), time.monotonic() - began)


def _available(pipe: int) -> bytes:
    try:
        return os.read(pipe, 2**20)
    except BlockingIOError:
        return b""


@contextlib.contextmanager
def prepared(jobs: Sequence[Job], name: str) -> Iterator[tuple[Path, Path]]:
    """Load the libraries of some commands and make their inputs; yield the temporary folder, called like `name`, and that of the inputs."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch = any(job.needs for job in jobs)
    load_libraries(torch=torch)
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as temporary:
        inputs = Path(temporary) / "inputs"
        inputs.mkdir()
        made = in_child(lambda: prepare(inputs, torch=torch), inputs)
        if made.status:
            raise RuntimeError(f"the inputs cannot be made: {made.said[-2000:]}")
        yield Path(temporary), inputs


def list_faults(faults: Iterable[str]) -> str:
    """Return faults as a Markdown list."""
    return "\n".join(f"- {fault}" for fault in faults) or "No faults."


def load_libraries(*, torch: bool) -> None:
    """Import what the commands need, so that forked processes do not; nothing is computed, for a fork takes no threads along."""
    import cv2  # noqa: F401
    import onnxruntime  # noqa: F401

    import lockon.bench.run
    import lockon.cli._follow
    import lockon.zoo.loading

    if torch:
        import lockon.studies.training
        import lockon.train.engine
        import lockon.zoo.training  # noqa: F401


def files_of(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder, in order."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
