"""`lockon refine`: sharpen the boxes of a stored result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from lockon.cli._options import Device, OutputOptions, PixelRange, RefinerWeights, option_groups
from lockon.cli._texts import parse_overrides


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How boxes and frames are read."""

    format: Annotated[str | None, typer.Option(help="csv, jsonl or mot: format of the stored boxes; default: by their suffix.")] = None
    range: PixelRange = None


@option_groups
def refine(
    source: Annotated[str, typer.Argument(help="The video that was tracked: a file, a folder of images, or a URL.")],
    boxes: Annotated[Path, typer.Argument(help="Its boxes, from the first frame on which they were drawn: .csv, .jsonl or .txt (MOT).")],
    *,
    refiner: Annotated[str, typer.Option(metavar="NAME[:PRESET]", help="Name of a refiner; `lockon zoo list` shows them.")] = "refine-s",
    weights: RefinerWeights = None,
    device: Device = "auto",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change one parameter: refine.box=mask, refiner.factor=2.5.")
    ] = None,
    output: OutputOptions,
    reading: ReadOptions,
) -> None:
    """Refine boxes that any tracker stored: the first frame's box shows the target, all others are refined.

    Without --out, --save and --mask the boxes are printed as CSV. Scores and states stay the stored ones; "lost" targets stay as they are.

    [bold]Examples[/bold]

      lockon refine clip.mp4 boxes.csv --save refined.csv

      lockon refine clip.mp4 boxes.csv --mask masks/ --out refined.mp4

      lockon refine frames/ boxes.txt --refiner alpha-refine-r34 --weights alpha-refine-r34.safetensors --save refined.txt
    """
    from lockon.cli._follow import opened_outputs, record
    from lockon.cli._refine import read_stored, refine_stored
    from lockon.ops.pixels import parse_range
    from lockon.video import open_frames
    from lockon.zoo.loading import wrap

    output.check(source, boxes, weights)
    stored = read_stored(boxes, reading.format)
    config = {"refine.mask": output.mask is not None, **parse_overrides(overrides or []), "refine.write_back": False}
    tracker = wrap(stored, refiner, weights=weights, device=device, overrides=config)
    total = stored.last - stored.first + 1
    with (
        open_frames(source, stored.first, range=parse_range(reading.range)) as reader,
        opened_outputs(output, reader, tracker, refiner, to_stdout=not output.paths()) as (outputs, summary),
    ):
        record(refine_stored(reader, stored, tracker), outputs, summary, total=total, quiet=output.quiet)
