"""Adapter of trackers for the official VOT toolkit: a program that speaks TraX over its standard streams.

    pip install "lockon[vot]"
    lockon bench vot-ini --tracker lockon-s >> WORKSPACE/trackers.ini
    vot evaluate --workspace WORKSPACE lockon-s

TraX: L. Cehovin, TraX: the visual Tracking eXchange protocol and library, Neurocomputing 2017. The package `vot-trax` (BSD
licence) implements the protocol; the toolkit itself is not imported. The tracker sends boxes and its score as "confidence",
which the toolkit's long-term experiments need. Weights are loaded before the first message, so no frame waits for them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
import typer

from lockon._require import require
from lockon.cli._terminal import echo
from lockon.data.sequence import read_image
from lockon.errors import LockonError
from lockon.session import Tracker
from lockon.types import FloatArray, Frame


class TraxServer(Protocol):
    """The used part of `trax.TraxServer`."""

    def wait(self) -> Any:
        """Return the next request: type, image, objects."""

    def status(self, objects: list[Any]) -> Any:
        """Send the reply to a request."""


def serve(tracker: Tracker, server: TraxServer, rectangle: Any) -> int:
    """Reply to requests until the client quits.

    Args:
        tracker: Any tracker.
        server: An open `trax.TraxServer`.
        rectangle: The class `trax.Rectangle`.

    Returns:
        Number of tracked frames.

    Raises:
        LockonError: A frame that cannot be read, several targets, or a frame before the first target.
    """
    count, started = 0, False
    while True:
        request = server.wait()
        if request.type not in ("initialize", "frame"):
            return count
        frame = _frame(request.image)
        objects = list(request.objects or ())
        if request.type == "initialize" or objects:
            box = _box(objects)
            tracker.init(frame, box)
            score, started = 1.0, True
        elif not started:
            raise LockonError("the TraX client sent a frame before a target; it has to initialize first")
        else:
            (only,) = tracker.track(frame).each()
            box, score = np.asarray(only.box, dtype=np.float64), float(np.asarray(only.score))
        server.status([(rectangle.create(*box.tolist()), {"confidence": f"{score:.6f}"})])
        count += 1


def _frame(images: dict[str, Any]) -> Frame:
    """Read the request's colour image, which the toolkit sends as a path."""
    image = images.get("color")
    if image is None:
        raise LockonError(f"the TraX client sent the channels {', '.join(images) or 'none'}; lockon needs color")
    return read_image(Path(image.path()))


def _box(objects: list[Any]) -> FloatArray:
    """Return x, y, w, h of the single target; the TraX library has turned polygons and masks into their extent."""
    if len(objects) != 1:
        raise LockonError(f"the TraX client sent {len(objects)} targets; this program tracks one: use an experiment with one target")
    region = objects[0][0]
    return np.array(region.bounds(), dtype=np.float64)


def main(
    tracker: Annotated[str, typer.Option(help="A name of `lockon zoo list`.")] = "lockon-s",
    weights: Annotated[Path | None, typer.Option(help="Weights; default: those of the name.")] = None,
    preset: Annotated[str, typer.Option(help="Named inference parameters.")] = "default",
    device: Annotated[str, typer.Option(help="Where the network runs: auto, cpu, openvino, cuda.")] = "auto",
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Inference parameter.")] = None,
) -> None:
    """Track for the VOT toolkit, which starts this program itself; `lockon bench vot-ini` writes how."""
    from lockon.cli._texts import parse_overrides
    from lockon.zoo.loading import load

    try:
        trax = require("trax", "vot")
        loaded = load(tracker, weights, preset, device, **parse_overrides(settings or []))
    except LockonError as error:
        echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    with trax.TraxServer([trax.Region.RECTANGLE], [trax.Image.PATH], tracker_name=tracker, tracker_family="lockon") as server:
        serve(loaded, server, trax.Rectangle)


def program() -> None:
    """Run the `lockon-vot` command."""
    typer.run(main)


__all__ = ["main", "program", "serve"]

if __name__ == "__main__":
    program()
