"""`lockon refine`: the boxes of a stored result, sharpened."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def refine(  # noqa: PLR0917 - options of a command are read by name
    source: Annotated[str, typer.Argument(help="The video that was tracked: a file, a folder of images, or a URL.")],
    boxes: Annotated[Path, typer.Argument(help="Its boxes, from the first frame on which they were drawn: .csv, .jsonl or .txt (MOT).")],
    refiner: Annotated[str, typer.Option(metavar="NAME[:PRESET]", help="Name of a refiner; `lockon zoo list` shows them.")] = "refine-s",
    weights: Annotated[Path | None, typer.Option(help="Weights to use instead of the refiner's own.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, openvino, cuda or torch.")] = "auto",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change one parameter: refine.box=mask, refiner.factor=2.5.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Video to write, with boxes and scores drawn (.mp4 .mov .mkv .avi).")] = None,
    save: Annotated[
        list[Path] | None, typer.Option(help="Boxes to write: .csv, .jsonl, .txt (MOT), .json (COCO) or .xml (CVAT); may be repeated.")
    ] = None,
    mask: Annotated[
        Path | None, typer.Option(help="Masks to write: a folder of PNG pictures, or a .jsonl file of COCO run lengths.")
    ] = None,
    format: Annotated[str | None, typer.Option(help="csv, jsonl or mot: format of the given boxes; default: by their suffix.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")] = False,
) -> None:
    """Refine boxes that any tracker stored: the first frame's box says what the target looks like, all others are refined.

    Without --out, --save and --mask the boxes are printed as CSV. Scores and states stay the stored ones; "lost" targets stay as they are.

    [bold]Examples[/bold]

      lockon refine clip.mp4 boxes.csv --save refined.csv

      lockon refine clip.mp4 boxes.csv --mask masks/ --out refined.mp4

      lockon refine frames/ boxes.txt --refiner alpha-refine-r34 --weights alpha-refine-r34.safetensors --save refined.txt
    """
    import sys

    from lockon.annotations import BoxWriter, VideoInfo
    from lockon.cli._follow import Outputs, TrackSummary, mask_writer, record
    from lockon.cli._options import parse_overrides
    from lockon.cli._refine import read_stored, refine_stored
    from lockon.video import open_frames
    from lockon.video_write import VideoWriter
    from lockon.zoo.loading import wrap

    stored = read_stored(boxes, format)
    wanted = {"refine.mask": mask is not None, **parse_overrides(overrides or []), "refine.write_back": False}
    tracker = wrap(stored, refiner, weights=weights, device=device, overrides=wanted)
    summary = TrackSummary()
    with open_frames(source, stored.first) as reader:
        outputs = Outputs(VideoWriter(out, reader.fps) if out is not None else None)
        try:
            info = VideoInfo(reader.name, *reader.size, reader.count)
            outputs.masks = mask_writer(mask, tracker, refiner) if mask is not None else None
            for path in save or []:
                outputs.boxes.append(BoxWriter(path, info))
            if out is None and not save and mask is None:
                outputs.boxes.append(BoxWriter(sys.stdout, info))
            total = stored.last - stored.first + 1
            record(lambda: refine_stored(reader, stored, tracker), outputs, summary, total=total, quiet=quiet)
        finally:
            outputs.close()
            if summary.frames and not quiet:
                written = [str(path) for path in (out, *(save or []), mask) if path is not None]
                typer.echo(summary.text(reader) + (f"; wrote {', '.join(written)}" if written else ""), err=True)
