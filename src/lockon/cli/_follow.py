"""The loop of `lockon track`, `lockon refine` and `lockon demo`: track, draw, write, show progress; the files are always finished."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TextIO

from numpy.typing import ArrayLike
from rich.progress import ProgressColumn, Task
from rich.text import Text

from lockon.annotations import BoxWriter, VideoInfo
from lockon.api import TrackedFrame, track_frames
from lockon.cli._options import OutputOptions
from lockon.cli._terminal import echo, progress_bar
from lockon.data.mask_files import MaskWriter
from lockon.draw import draw_heatmap, draw_result
from lockon.errors import LockonError
from lockon.session import ScoreMapSource, Tracker
from lockon.types import State
from lockon.video import FrameReader, open_frames
from lockon.video_write import ContactSheet, VideoWriter

STDOUT = Path("-")  # as a box file: standard output


@dataclass(slots=True)
class TrackSummary:
    """The summary of a run.

    Attributes:
        frames: Number of frames tracked.
        seconds: Duration of the run, drawing and writing included.
        tracking_seconds: The part of it for tracking and for waiting for decoded frames.
        states: Number of boxes per state.
    """

    frames: int = 0
    seconds: float = 0.0
    tracking_seconds: float = 0.0
    states: Counter[State] = field(default_factory=Counter)

    def text(self, reader: FrameReader) -> str:
        """Return one line: frames, speed, states, and what was skipped."""
        counts = [f"{self.states[state]} {state}" for state in ("tracked", "uncertain", "lost") if self.states[state]]
        whole, tracking = (self.frames / max(seconds, 1e-9) for seconds in (self.seconds, self.tracking_seconds))
        parts = [f"frames: {self.frames} at {whole:.1f} fps ({tracking:.1f} without drawing and writing)", ", ".join(counts)]
        if reader.report.skipped:
            parts.append(f"unreadable and skipped: {reader.report.skipped}")
        if reader.report.dropped:
            parts.append(f"dropped to keep up: {reader.report.dropped}")
        return "; ".join(part for part in parts if part)


class _Speed(ProgressColumn):
    """A progress column with the frames per second so far."""

    def render(self, task: Task) -> Text:
        """Return the speed of one task."""
        return Text(f"{task.speed:.0f} fps" if task.speed else "- fps", style="cyan")


def score_map_source(tracker: Tracker, name: str) -> ScoreMapSource:
    """Make the tracker keep its score maps from now on, and return it.

    Raises:
        LockonError: A tracker that has none.
    """
    if not isinstance(tracker, ScoreMapSource):
        raise LockonError(
            f"--heatmap draws the score map of a network, which {name} does not give; use --tracker lockon-s, or leave it out"
        )
    tracker.keep_scores = True
    return tracker


def mask_writer(path: Path, tracker: Tracker, name: str) -> MaskWriter:
    """Open the writer of a tracker's masks.

    Raises:
        LockonError: A tracker that makes none, or as `MaskWriter`.
    """
    if not getattr(tracker, "makes_masks", True):  # of an external tracker it is known only when its results come
        raise LockonError(f"--mask writes masks, which {name} does not make; add --refine refine-s, or use --tracker siammask-r50")
    return MaskWriter(path)


@dataclass(slots=True)
class Outputs:
    """The outputs of a run, of which any may be missing; `close` finishes all of them, also when one fails.

    Attributes:
        video: Annotated video.
        boxes: Box files.
        sheet: Contact sheet.
        heatmap: The tracker whose score maps are drawn under the results.
        masks: Masks.
    """

    video: VideoWriter | None = None
    boxes: list[BoxWriter] = field(default_factory=list)
    sheet: ContactSheet | None = None
    heatmap: ScoreMapSource | None = None
    masks: MaskWriter | None = None

    def write(self, tracked: TrackedFrame) -> None:
        """Write one frame to every output."""
        for boxes in self.boxes:
            boxes.write(tracked.number, tracked.result)
        if self.masks is not None:
            self.masks.write(tracked.number, tracked.result)
        if self.video is None and self.sheet is None:
            return
        image = tracked.image
        for scores in self.heatmap.score_maps if self.heatmap is not None else ():
            image = draw_heatmap(image, scores)
        drawn = draw_result(image, tracked.result)
        if self.video is not None:
            self.video.write(drawn, tracked.number)
        if self.sheet is not None:
            self.sheet.add(drawn)

    def close(self) -> None:
        """Finish the files."""
        with ExitStack() as stack:
            for output in (self.video, *self.boxes, self.masks):
                if output is not None:
                    stack.callback(output.close)


def _stdout() -> TextIO:
    if sys.stdout is None:
        raise LockonError("standard output is closed; give --save FILE, or leave it open")
    return sys.stdout


@contextmanager
def opened_outputs(
    options: OutputOptions, reader: FrameReader, tracker: Tracker, name: str, *, format: str | None = None, to_stdout: bool
) -> Iterator[tuple[Outputs, TrackSummary]]:
    """Open the outputs of a command; finish them and print the summary at the end, also on errors and Ctrl-C.

    Args:
        options: The files to write.
        reader: The video.
        tracker: The tracker whose masks are written.
        name: Its name, for messages.
        format: Format of the box files, or None to go by their suffixes.
        to_stdout: Whether boxes go to the standard output as well.

    Raises:
        LockonError: A file that cannot be written, or masks of a tracker that makes none.
    """
    outputs = Outputs(VideoWriter(options.out, reader.fps) if options.out is not None else None)
    summary = TrackSummary()
    try:
        info = VideoInfo(reader.name, *reader.size, reader.count, reader.images)
        outputs.masks = mask_writer(options.mask, tracker, name) if options.mask is not None else None
        for path in [*(options.save or []), *([STDOUT] if to_stdout else [])]:
            outputs.boxes.append(BoxWriter(_stdout() if path == STDOUT else path, info, format))
        yield outputs, summary
    finally:
        written: list[Path] = []
        try:
            outputs.close()
            written = [path for path in options.paths() if path != STDOUT]
        finally:
            if summary.frames and not options.quiet:
                echo(summary.text(reader) + (f"; wrote {', '.join(map(str, written))}" if written else ""), err=True)


@contextmanager
def bundled_clip() -> Iterator[tuple[FrameReader, list[float]]]:
    """Open the bundled clip (see its licence beside it), with the box x, y, w, h on its first frame."""
    assets = resources.files("lockon") / "assets"
    start = json.loads((assets / "big_buck_bunny.json").read_text(encoding="utf-8"))
    with resources.as_file(assets / start["clip"]) as clip, open_frames(clip) as reader:
        yield reader, start["box"]


def follow(
    reader: FrameReader,
    tracker: Tracker,
    box: ArrayLike,
    outputs: Outputs,
    summary: TrackSummary,
    *,
    frames: int | None = None,
    quiet: bool = False,
) -> None:
    """Track to the end of the reader, or `frames` frames; `summary` is filled also on errors and Ctrl-C.

    Args:
        reader: Fresh from `open_frames`.
        tracker: Any tracker.
        box: (4,) or (n, 4) x, y, w, h on the first frame.
        outputs: The outputs.
        summary: Filled on the way.
        frames: Number of frames at most; None for all.
        quiet: Show no progress.
    """
    remaining = None if reader.count is None else reader.count - reader.first.number
    total = min((number for number in (frames, remaining) if number is not None), default=None)
    record(track_frames(reader, tracker, box, frames), outputs, summary, total=total, quiet=quiet)


def record(results: Iterator[TrackedFrame], outputs: Outputs, summary: TrackSummary, *, total: int | None, quiet: bool) -> None:
    """Write all results to the outputs; for `follow`, and for results that come from elsewhere.

    Args:
        results: They are made on the way.
        outputs: The outputs.
        summary: Filled on the way.
        total: Number of frames for the progress bar, or None.
        quiet: Show no progress.
    """
    started = time.perf_counter()
    try:
        with progress_bar(_Speed(), quiet=quiet) as progress:
            task = progress.add_task("tracking", total=total)
            while True:
                asked = time.perf_counter()
                tracked = next(results, None)
                summary.tracking_seconds += time.perf_counter() - asked
                if tracked is None:
                    break
                outputs.write(tracked)
                summary.frames += 1
                summary.states.update(target.state for target in tracked.result.each())  # type: ignore[misc]  # one target: one state
                progress.update(task, completed=summary.frames)
    finally:
        summary.seconds = time.perf_counter() - started
