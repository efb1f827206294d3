"""`lockon data label`: find objects in images without annotation, as stills to train on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def label(
    images: Annotated[Path, typer.Argument(metavar="SET", help="A set of stills: a folder with annotations.jsonl and images/.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the new set.")],
    *,
    weights: Annotated[Path, typer.Option(help="Weights of the tracker: .safetensors, or .onnx of `lockon export`.")],
    tracker: Annotated[str, typer.Option(help="A tracker that makes masks.")] = "siammask-r50",
    device: Annotated[str, typer.Option(help="auto, cpu, openvino, openvino-bf16, cuda or torch.")] = "auto",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="proposals, smallest, largest, score, agreement, fill, margin or apart."),
    ] = None,
    threshold: Annotated[float, typer.Option(help="Mask pixels above this probability are the object.")] = 0.5,
    seed: Annotated[int, typer.Option(help="Seed of the drawn boxes.")] = 0,
) -> None:
    """Find objects in images by a tracker with masks, and write them as a set of stills with boxes and masks.

    Boxes are drawn at random; objects that the tracker finds from them, twice and in the same way, are kept. Typed again, a stopped
    run continues.

    [bold]Examples[/bold]

      lockon data label stills/unlabelled stills/found --weights siammask-r50.onnx

      lockon data label stills/unlabelled stills/found --weights siammask-r50.safetensors --set proposals=16 --set score=0.95
    """
    from lockon.cli._options import parse_overrides
    from lockon.cli.data import progress_bar
    from lockon.config import apply_overrides
    from lockon.data.datasets.stills import load_stills
    from lockon.zoo.loading import load
    from lockon.zoo.pseudo_labels import LabelConfig, label_set

    config = apply_overrides(LabelConfig(), parse_overrides(settings or []))
    pictures = load_stills(images.parent, sets=[images.name])
    overrides: dict[str, Any] = {"mask.threshold": threshold}
    loaded = load(tracker, weights, device=device, **overrides)
    with progress_bar() as bar:
        task = bar.add_task("labelling", total=len(pictures))
        count = label_set(
            loaded, pictures, out, config, seed=seed, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    typer.echo(f"{out}: {count} objects in {len(pictures)} images")
