"""`lockon zoo`: which trackers there are, and what their weights say of themselves."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="List the trackers and show what is known of one.", no_args_is_help=True, rich_markup_mode="rich")


@app.command("list")
def list_entries() -> None:
    """Names and one line on each.

    [bold]Examples[/bold]

      lockon zoo list
    """
    from rich.console import Console
    from rich.table import Table

    from lockon.zoo.registry import ENTRIES

    table = Table("name", "summary", box=None, pad_edge=False)
    for name in sorted(ENTRIES):
        table.add_row(name, ENTRIES[name].summary)
    Console().print(table)


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name of a tracker.")]) -> None:
    """One tracker: summary, and the header of the weights that are in the package (training data, licence, metrics).

    [bold]Examples[/bold]

      lockon zoo show lockon-s
    """
    import importlib
    import json

    from lockon.errors import unknown_name
    from lockon.zoo.registry import ENTRIES

    if name not in ENTRIES:
        raise unknown_name("tracker", name, ENTRIES)
    typer.echo(f"{name}: {ENTRIES[name].summary}")
    module = importlib.import_module(ENTRIES[name].module)
    if hasattr(module, "header"):  # families whose weights are in the package
        typer.echo(json.dumps(module.header(name), indent=2, ensure_ascii=False))
