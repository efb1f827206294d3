"""Does lockon grow with the length of a video, or with the number of trackers and videos? Memory, threads, open files and CPU time."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import psutil
import typer

import lockon
from lockon.ops.boxes import parse_box
from lockon.types import FloatArray, Frame
from lockon.video import open_frames
from scene import Scene, machine, report, run, table

MEGABYTE = 2**20


@dataclass(frozen=True)
class Size:
    """What this process holds: resident bytes, threads, open files; and the processor's seconds up to now."""

    resident: int
    threads: int
    files: int
    busy: float

    @classmethod
    def now(cls) -> Size:
        """Measure it, a moment later: the thread of a reader ends shortly after it is closed."""
        time.sleep(0.1)
        process = psutil.Process()
        times = process.cpu_times()
        return cls(process.memory_info().rss, process.num_threads(), process.num_fds(), times.user + times.system)


@dataclass(frozen=True)
class Growth:
    """Sizes after some numbers of frames, trackers or videos; growth counts from the first of them."""

    name: str
    sizes: dict[int, Size]

    @property
    def megabytes(self) -> float:
        """How much the resident size has grown."""
        first, *_, last = self.sizes.values()
        return (last.resident - first.resident) / MEGABYTE

    @property
    def handles(self) -> int:
        """How many threads and files there are more."""
        first, *_, last = self.sizes.values()
        return max(last.threads - first.threads, 0) + max(last.files - first.files, 0)

    def rows(self) -> list[list[str]]:
        """Return the rows of the table."""
        first = next(iter(self.sizes.values())).resident
        rows, before, last = [], 0, None
        for count, size in self.sizes.items():
            memory = [f"{size.resident / MEGABYTE:.1f}", f"{(size.resident - first) / MEGABYTE:+.1f}"]
            each = "" if last is None else f"{(size.busy - last) / (count - before) * 1e3:.2f}"
            rows.append([str(count), *memory, str(size.threads), str(size.files), each])
            before, last = count, size.busy
        return rows


def main(
    *,
    tracker: Annotated[str, typer.Option(help="name of the tracker")] = "lockon-s",
    weights: Annotated[Path | None, typer.Option(help="its deployed model; the embedded one by default")] = None,
    clip: Annotated[Path | None, typer.Option(help="real video, played to and fro, instead of the synthetic one")] = None,
    box: Annotated[str, typer.Option(help="x,y,w,h of the target in the first frame of the clip; all targets begin there")] = "",
    frames: Annotated[int, typer.Option(help="length of the video; 0 leaves this part out")] = 5000,
    targets: Annotated[int, typer.Option(min=1, help="targets in it")] = 1,
    refiner: Annotated[str | None, typer.Option(help="refiner behind the tracker, with masks, for example refine-s")] = None,
    width: Annotated[int, typer.Option(help="of the video, whose height is 9/16 of it")] = 1280,
    objects: Annotated[int, typer.Option(help="trackers that are loaded and dropped, and videos opened and closed; 0 leaves this out")] = 0,
    early: Annotated[int, typer.Option(help="frames, trackers and videos after which the size is first taken")] = 10,
    limit: Annotated[float, typer.Option(help="allowed growth in MB of each part; the exit status is 1 above it")] = 20,
    out: Annotated[Path, typer.Option(help="folder for memory.md")] = Path("results/benchmarks"),
) -> None:
    """Measure this process while it tracks a synthetic video whose frames are made one by one, and while it opens and closes things.

    Examples:
      python benchmarks/memory.py --frames 5000
      python benchmarks/memory.py --frames 10000 --targets 4 --refiner refine-s --objects 300
      python benchmarks/memory.py --tracker dimp18 --weights dimp18.onnx --clip CLIP.mp4 --box 30,40,120,80 --targets 16
    """
    for name, count in (("frames", frames), ("objects", objects)):
        if count and not 0 < early < count:
            raise typer.BadParameter(f"--early {early} must be between 1 and --{name} {count}")
    scene = Scene(targets, width, width * 9 // 16)
    load = partial(_load, tracker, weights, refiner)
    found = []
    if frames:
        boxes = scene.boxes(0) if clip is None else np.tile(parse_box(box), (targets, 1))
        images = scene.frames(frames) if clip is None else _to_and_fro(clip, frames)
        found.append(_grow("frames", _tracked(images, boxes, load(), masks=refiner is not None), frames, early))
    if objects:
        with TemporaryDirectory() as folder:
            video = scene.write(Path(folder) / "scene.mp4", 30)
            found.append(_grow("trackers", _loaded(scene, objects, load), objects, early))
            found.append(_grow("videos", _opened(video, objects), objects, early))
    heading = ["resident MB", "growth", "threads", "open files", "CPU ms each"]
    parts = [f"{_verdict(one, early, limit)}\n\n{table([one.name, *heading], one.rows())}" for one in found]
    report(out / "memory.md", "\n\n".join(["# Memory", machine(), *parts]))
    if any(one.megabytes > limit or one.handles for one in found):
        raise typer.Exit(1)


def _grow(name: str, steps: Iterator[None], count: int, early: int) -> Growth:
    """Take the size after `early` steps and then ten times until the end."""
    marks = {early, *(count * tenth // 10 for tenth in range(1, 11) if count * tenth // 10 > early)}
    sizes: dict[int, Size] = {}
    done = 0
    for done, _ in enumerate(steps, start=1):
        if done in marks:
            sizes[done] = Size.now()
    if done != count:
        raise RuntimeError(f"{done} of {count} {name}")
    return Growth(name, sizes)


def _tracked(images: Iterator[Frame], boxes: FloatArray, tracker: lockon.Tracker, *, masks: bool) -> Iterator[None]:
    for number, result in enumerate(lockon.track(images, boxes[0] if len(boxes) == 1 else boxes, tracker)):
        if masks and number and result.mask is None:
            raise RuntimeError(f"frame {number} has no masks")
        yield


def _to_and_fro(clip: Path, count: int) -> Iterator[Frame]:
    """Return `count` frames of a video: to its end, back to its beginning, and so on; they are decoded once."""
    with open_frames(clip) as reader:
        images = [numbered.image for numbered in reader]
    return islice(cycle([*images, *images[-2:0:-1]]), count)


def _loaded(scene: Scene, count: int, load: Callable[[], lockon.Tracker]) -> Iterator[None]:
    first, second = scene.frame(0), scene.frame(1)
    for _ in range(count):
        tracker = load()
        tracker.init(first, scene.boxes(0)[0])
        tracker.track(second)
        del tracker
        gc.collect()
        yield


def _opened(video: Path, count: int) -> Iterator[None]:
    """Open a video, read a few frames and leave the rest; every second one is read to its end."""
    for number in range(count):
        with open_frames(video) as reader:
            for index, _ in enumerate(reader):
                if index == 3 and number % 2:
                    break
        yield


def _load(name: str, weights: Path | None, refiner: str | None) -> lockon.Tracker:
    masks: dict[str, bool] = {} if refiner is None else {"refine.mask": True}
    return lockon.load(name, weights=weights, refiner=refiner, **masks)


def _verdict(one: Growth, early: int, limit: float) -> str:
    end = max(one.sizes)
    return f"From {early} to {end} {one.name}: {one.megabytes:+.1f} MB (allowed {limit:g} MB), {one.handles} threads and open files more."


if __name__ == "__main__":
    run(main)
