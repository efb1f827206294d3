"""`lockon track`: follow one target or several through a video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def track(  # noqa: PLR0917 - options of a command are read by name
    source: Annotated[str, typer.Argument(help="Video file, folder of images, webcam number (0), or URL (rtsp://, http://).")],
    box: Annotated[list[str] | None, typer.Option(metavar="X,Y,W,H", help="Box on the first frame, in pixels; once per target.")] = None,
    select: Annotated[bool, typer.Option("--select", help="Draw the box on the first frame in a window.")] = False,
    tracker: Annotated[str, typer.Option(help="Name of a tracker; `lockon zoo list` shows them.")] = "lockon-s",
    weights: Annotated[Path | None, typer.Option(help="Weights to use instead of the tracker's own.")] = None,
    preset: Annotated[str, typer.Option(help="Named inference parameters.")] = "default",
    device: Annotated[str, typer.Option(help="auto, cpu, openvino, cuda or torch.")] = "auto",
    overrides: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change one parameter of the tracker.")] = None,
    out: Annotated[Path | None, typer.Option(help="Video to write, with boxes and scores drawn (.mp4 .mov .mkv .avi).")] = None,
    refine: Annotated[
        str | None,
        typer.Option(metavar="NAME[:PRESET]", help="Refiner behind the tracker, for example refine-s: sharper boxes, and masks."),
    ] = None,
    refiner_weights: Annotated[Path | None, typer.Option(help="Weights to use instead of the refiner's own.")] = None,
    mask: Annotated[
        Path | None, typer.Option(help="Masks to write: a folder of PNG pictures, or a .jsonl file of COCO run lengths (with --refine).")
    ] = None,
    heatmap: Annotated[bool, typer.Option("--heatmap", help="Draw the network's score map over the search region (with --out).")] = False,
    save: Annotated[
        list[Path] | None, typer.Option(help="Boxes to write: .csv, .jsonl, .txt (MOT), .json (COCO) or .xml (CVAT); may be repeated.")
    ] = None,
    format: Annotated[str | None, typer.Option(help="csv, jsonl, mot, coco or cvat; default: by the suffix of --save.")] = None,
    start: Annotated[int, typer.Option(min=0, help="Number of the first frame, from 0; the box belongs to it.")] = 0,
    frames: Annotated[int | None, typer.Option(min=1, help="Number of frames to track at most.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")] = False,
) -> None:
    """Follow what is in a box through a video.

    Without --out and --save the boxes are printed as CSV. Ctrl-C saves what was tracked so far.

    [bold]Examples[/bold]

      lockon track clip.mp4 --box 100,80,40,60 --out out.mp4 --save boxes.csv

      lockon track clip.mp4 --select --out out.mp4

      lockon track frames/ --box 100,80,40,60 --box 300,90,50,50 --save boxes.json

      lockon track clip.mp4 --box 100,80,40,60 --refine refine-s --mask masks/ --out out.mp4

      lockon track clip.mp4 --box 100,80,40,60 --tracker csrt --refine alpha-refine-r34 --refiner-weights alpha-refine-r34.safetensors

      lockon track clip.mp4 --box 100,80,40,60 --out scores.mp4 --heatmap

      lockon track 0 --select --tracker csrt --frames 500 > boxes.csv
    """
    import sys

    import numpy as np

    from lockon.annotations import BoxWriter, VideoInfo
    from lockon.cli._follow import Outputs, TrackSummary, follow, mask_writer, score_map_source
    from lockon.cli._options import parse_overrides
    from lockon.cli._refine import load_refined
    from lockon.errors import LockonError
    from lockon.ops.boxes import parse_box
    from lockon.video import open_frames
    from lockon.video_write import VideoWriter

    boxes = [parse_box(text) for text in box or []]
    if bool(boxes) == select:
        raise LockonError("give the target either as --box x,y,w,h (once per target) or by --select, which opens a window to draw it")
    if heatmap and out is None:
        raise LockonError("--heatmap draws on the written video; give one, for example --out out.mp4")
    given = {"weights": weights, "preset": preset, "device": device, **parse_overrides(overrides or [])}
    follower = load_refined(tracker, given, refine, refiner_weights, masks=mask is not None)
    maps = score_map_source(follower, tracker) if heatmap else None
    summary = TrackSummary()
    with open_frames(source, start) as reader:
        video = VideoWriter(out, reader.fps) if out is not None else None
        outputs = Outputs(video, heatmap=maps)
        try:
            info = VideoInfo(reader.name, *reader.size, reader.count)
            outputs.masks = mask_writer(mask, follower, tracker) if mask is not None else None
            for path in save or []:
                outputs.boxes.append(BoxWriter(path, info, format))
            if out is None and not save:
                outputs.boxes.append(BoxWriter(sys.stdout, info, format))
            if select:
                from lockon.cli._select import select_boxes

                starts = select_boxes(reader.first.image)
            else:
                starts = np.asarray(boxes[0] if len(boxes) == 1 else boxes)
            follow(reader, follower, starts, outputs, summary, frames=frames, quiet=quiet)
        finally:
            outputs.close()
            if summary.frames and not quiet:
                written = [str(path) for path in (out, *(save or []), mask) if path is not None]
                typer.echo(summary.text(reader) + (f"; wrote {', '.join(written)}" if written else ""), err=True)
