"""`lockon track`: follow one target or several through a video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from lockon.cli._options import LoadOptions, OnlineOptions, OutputOptions, PixelRange, RefinerOptions, option_groups

if TYPE_CHECKING:
    from lockon.session import Tracker


@dataclass(frozen=True, kw_only=True)
class RefineOptions(RefinerOptions):
    """A refiner behind the tracker."""

    refine: Annotated[
        str | None,
        typer.Option(metavar="NAME[:PRESET]", help="Refiner behind the tracker, for example refine-s: sharper boxes, and masks."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class FuseOptions(OnlineOptions):
    """A learner beside the tracker."""

    online: Annotated[
        str | None,
        typer.Option(metavar="NAME[:PRESET]", help="Online tracker whose learner judges the candidates too, for example compact-dimp."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class FrameOptions:
    """Which frames are tracked, and what of their pixels is shown."""

    start: Annotated[int, typer.Option(min=0, help="Number of the first frame, from 0; the box belongs to it.")] = 0
    frames: Annotated[int | None, typer.Option(min=1, help="Number of frames to track at most.")] = None
    range: PixelRange = None


@dataclass(frozen=True, kw_only=True)
class TrackOutputOptions(OutputOptions):
    """Options that select the files of `lockon track`."""

    heatmap: Annotated[bool, typer.Option("--heatmap", help="Draw the network's score map over the search region (with --out).")] = False
    format: Annotated[str | None, typer.Option(help="csv, jsonl, mot, coco or cvat; default: by the suffix of --save.")] = None


def _loaded(loading: LoadOptions, refining: RefineOptions, fusing: FuseOptions, *, masks: bool) -> Tracker:
    """Return the tracker with what stands behind and beside it."""
    from lockon.cli._refine import load_refined, with_online

    options = with_online(loading.arguments(), fusing.online, fusing.online_weights)
    return load_refined(loading.tracker, options, refining.refine, refining.refiner_weights, masks=masks)


@option_groups
def track(
    source: Annotated[str, typer.Argument(help="Video file, folder of images, webcam number (0), or URL (rtsp://, http://).")],
    *,
    box: Annotated[list[str] | None, typer.Option(metavar="X,Y,W,H", help="Box on the first frame, in pixels; once per target.")] = None,
    select: Annotated[bool, typer.Option("--select", help="Draw the box on the first frame in a window.")] = False,
    loading: LoadOptions,
    refining: RefineOptions,
    fusing: FuseOptions,
    output: TrackOutputOptions,
    reading: FrameOptions,
) -> None:
    """Follow what is in a box through a video.

    Without --out and --save the boxes are printed as CSV. Ctrl-C saves what was tracked so far.

    [bold]Examples[/bold]

      lockon track clip.mp4 --box 100,80,40,60 --out out.mp4 --save boxes.csv

      lockon track clip.mp4 --select --out out.mp4

      lockon track frames/ --box 100,80,40,60 --box 300,90,50,50 --save boxes.json

      lockon track clip.mp4 --box 100,80,40,60 --refine refine-s --mask masks/ --out out.mp4

      lockon track clip.mp4 --box 100,80,40,60 --tracker csrt --refine alpha-refine-r34 --refiner-weights alpha-refine-r34.safetensors

      lockon track clip.mp4 --box 100,80,40,60 --online compact-dimp --online-weights compact-dimp.onnx --set localizer.score.mu=0.6

      lockon track clip.mp4 --box 100,80,40,60 --out scores.mp4 --heatmap

      lockon track thermal/ --box 100,80,40,60 --range 7000:7500 --save boxes.csv

      lockon track 0 --select --tracker csrt --frames 500 > boxes.csv
    """
    import numpy as np

    from lockon.cli._follow import follow, opened_outputs, score_map_source
    from lockon.cli._select import select_boxes
    from lockon.errors import LockonError
    from lockon.ops.boxes import parse_box
    from lockon.ops.pixels import parse_range
    from lockon.video import open_frames

    boxes = [parse_box(text) for text in box or []]
    if bool(boxes) == select:
        raise LockonError("give the target either as --box x,y,w,h (once per target) or by --select, which opens a window to draw it")
    if output.heatmap and output.out is None:
        raise LockonError("--heatmap draws on the written video; give one, for example --out out.mp4")
    output.check(source, loading.weights, refining.refiner_weights, fusing.online_weights)
    tracker, name = _loaded(loading, refining, fusing, masks=output.mask is not None), loading.tracker
    heatmap = score_map_source(tracker, name) if output.heatmap else None
    to_stdout = output.out is None and not output.save
    with (
        open_frames(source, reading.start, range=parse_range(reading.range)) as reader,
        opened_outputs(output, reader, tracker, name, format=output.format, to_stdout=to_stdout) as (outputs, summary),
    ):
        outputs.heatmap = heatmap
        start_boxes = np.asarray(boxes[0] if len(boxes) == 1 else boxes) if boxes else select_boxes(reader.first.image)
        follow(reader, tracker, start_boxes, outputs, summary, frames=reading.frames, quiet=output.quiet)
