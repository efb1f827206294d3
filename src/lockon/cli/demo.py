"""`lockon demo`: track the bundled clip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lockon.cli._options import OutputOptions, Quiet
from lockon.cli._terminal import echo


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
    from lockon.cli._follow import bundled_clip, follow, opened_outputs
    from lockon.video_write import ContactSheet
    from lockon.zoo.loading import load

    loaded, sheet = load(tracker), ContactSheet()
    video_path, boxes_path, sheet_path = out / "demo.mp4", out / "boxes.csv", out / "contact_sheet.png"
    files = OutputOptions(out=video_path, save=[boxes_path], quiet=True)
    with bundled_clip() as (reader, box):
        with opened_outputs(files, reader, loaded, tracker, to_stdout=False) as (outputs, summary):
            outputs.sheet = sheet
            follow(reader, loaded, box, outputs, summary, quiet=quiet)
        sheet.save(sheet_path)
        echo(f"{tracker}: {summary.text(reader)}")
    for content, path in (("video", video_path), ("boxes", boxes_path), ("contact sheet", sheet_path)):
        echo(f"{content}: {path.resolve()}")
