"""`lockon demo`: track the bundled clip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lockon.cli._options import Quiet


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results; made where it is missing.")] = Path("lockon-demo"),
    tracker: Annotated[str, typer.Option(help="Name of a tracker; `lockon zoo list` shows them.")] = "lockon-s",
    quiet: Quiet = False,
) -> None:
    """Track the bundled clip: an annotated video, the boxes, and a contact sheet to look at.

    The clip is from Big Buck Bunny, (c) copyright 2008, Blender Foundation / www.bigbuckbunny.org (CC BY 3.0).

    [bold]Examples[/bold]

      lockon demo

      lockon demo --out /tmp/demo --tracker csrt
    """
    from lockon.annotations import BoxWriter, VideoInfo
    from lockon.cli._follow import Outputs, TrackSummary, bundled_clip, follow
    from lockon.video_write import ContactSheet, VideoWriter
    from lockon.zoo.loading import load

    loaded = load(tracker)
    summary = TrackSummary()
    video_path, boxes_path, sheet_path = out / "demo.mp4", out / "boxes.csv", out / "contact_sheet.png"
    with bundled_clip() as (reader, box):
        sheet = ContactSheet()
        outputs = Outputs(VideoWriter(video_path, reader.fps), sheet=sheet)
        try:
            outputs.boxes.append(BoxWriter(boxes_path, VideoInfo(Path(reader.name).name, *reader.size, reader.count)))
            follow(reader, loaded, box, outputs, summary, quiet=quiet)
            sheet.save(sheet_path)
        finally:
            outputs.close()
        typer.echo(f"{tracker}: {summary.text(reader)}")
    for content, path in (("video", video_path), ("boxes", boxes_path), ("contact sheet", sheet_path)):
        typer.echo(f"{content}: {path.resolve()}")
