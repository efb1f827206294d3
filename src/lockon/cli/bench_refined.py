"""`lockon bench refined`: stored results of trackers without and with a refiner, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lockon.cli._analysis import Convention, Save


def refined(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Results of `lockon bench run`, without and with --refine.")],
    datasets: Annotated[list[str] | None, typer.Option("--datasets", help="Only these datasets; repeat or separate by commas.")] = None,
    convention: Convention = None,
    save: Save = None,
) -> None:
    """What refiners did for trackers: metrics of X and X+REFINER, the gain with its interval, milliseconds added, overlap of masks.

    [bold]Examples[/bold]

      lockon bench run --trackers lockon-s csrt --data OTB100:/data/OTB100 --out runs/otb

      lockon bench run --trackers lockon-s csrt --data OTB100:/data/OTB100 --out runs/otb --refine refine-s

      lockon bench refined runs/otb --save refined.json
    """
    from dataclasses import asdict

    from lockon.analysis.refined import compare, refined_markdown
    from lockon.cli._analysis import write_table
    from lockon.cli.bench import split_names

    rows = compare(folder, datasets=split_names(datasets), convention=convention)
    text = refined_markdown(rows)
    typer.echo(text, nl=False)
    for path in write_table(save, text, {"rows": [asdict(row) for row in rows]}):
        typer.echo(f"wrote {path}", err=True)
