"""`lockon zoo`: list the trackers and refiners, and show what is known of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lockon.cli._terminal import echo

if TYPE_CHECKING:
    from lockon.zoo.card import Card
    from lockon.zoo.network_cost import NetworkCost

app = typer.Typer(help="List the trackers and refiners and show what is known of one.", no_args_is_help=True, rich_markup_mode="rich")


@app.command("list")
def list_entries(
    figures: Annotated[bool, typer.Option("--figures", help="also parameters and operations per frame (needs lockon[torch])")] = False,
) -> None:
    """List names, where their weights come from, and one line on each: the trackers, then the refiners.

    [bold]Examples[/bold]

      lockon zoo list

      lockon zoo list --figures
    """
    from rich.console import Console
    from rich.table import Table

    from lockon.zoo.registry import card, list_refiners, list_trackers

    table = Table("name", "weights", box=None, pad_edge=False)
    if figures:
        table.add_column("parameters", justify="right")
        table.add_column("GFLOPs/frame", justify="right")
    table.add_column("summary", overflow="fold")
    for names in (list_trackers(), list_refiners()):
        for one in map(card, names):
            row = [one.name, _weights(one)]
            if figures:
                cost = _cost(one.name) if one.build is not None else None
                row += ["", ""] if cost is None else [f"{cost.parameters / 1e6:.2f} M", f"{cost.search_flops / 1e9:.2f}"]
            table.add_row(*row, one.summary)
        table.add_section()
    Console().print(table)


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name of a tracker or refiner.")]) -> None:
    """Show one tracker or refiner: paper, network, licence, presets, where its weights can be had, and the header of the package's own.

    [bold]Examples[/bold]

      lockon zoo show lockon-s

      lockon zoo show siamban-r50
    """
    import json

    from lockon.errors import LockonError
    from lockon.zoo.networks import embedded_header
    from lockon.zoo.registry import card

    one = card(name)
    echo(f"{name}: {one.summary}")
    lines: dict[str, str] = {"paper": one.paper}
    if one.build is not None:
        try:
            lines |= _described(_cost(name))
        except LockonError as error:  # torch is not installed
            lines["network"] = str(error)
    lines["presets"] = ", ".join(one.presets)
    lines["training"] = f"lockon train {name} --data-root DIR --out DIR" if one.build is not None else ""
    lines["weights"] = {"package": "in the package", "convert": "none in the package"}.get(_weights(one), "")
    lines["published"] = one.checkpoint
    lines["licence"] = one.licence
    for label, text in lines.items():
        if text:
            echo(f"  {label:<13}{text}")
    if one.embedded:
        echo(json.dumps(embedded_header(name), indent=2, ensure_ascii=False))


def _cost(name: str) -> NetworkCost:
    from lockon._require import require

    require("torch", "torch")
    from lockon.zoo.network_cost import count

    return count(name)


def _described(cost: NetworkCost) -> dict[str, str]:
    return {
        "parameters": f"{cost.parameters:,}",
        "template": f"{cost.template_size} x {cost.template_size} pixels, {cost.template_flops / 1e9:.2f} GFLOPs, once per target",
        "search": f"{cost.search_size} x {cost.search_size} pixels, {cost.search_flops / 1e9:.2f} GFLOPs per frame and target",
    }


def _weights(one: Card) -> str:
    """Return where weights come from: "package", "convert" (published), "train", "opencv" or "files" (OpenCV's own formats)."""
    if one.construct is not None and not one.checkpoint:
        return "files" if one.folder else "opencv"
    if one.embedded:
        return "package"
    return "convert" if one.checkpoint else "train"
