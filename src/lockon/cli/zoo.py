"""`lockon zoo`: which trackers and refiners there are, and what is known of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lockon.zoo.figures import Figures

app = typer.Typer(help="List the trackers and refiners and show what is known of one.", no_args_is_help=True, rich_markup_mode="rich")


@app.command("list")
def list_entries(
    figures: Annotated[bool, typer.Option("--figures", help="also parameters and operations per frame (needs lockon[torch])")] = False,
) -> None:
    """Names, where their weights come from, and one line on each: the trackers, then the refiners.

    [bold]Examples[/bold]

      lockon zoo list

      lockon zoo list --figures
    """
    from rich.console import Console
    from rich.table import Table

    from lockon.zoo.registry import ENTRIES, REFINERS

    table = Table("name", "weights", box=None, pad_edge=False)
    if figures:
        table.add_column("parameters", justify="right")
        table.add_column("GFLOPs/frame", justify="right")
    table.add_column("summary", overflow="fold")
    for entries in (ENTRIES, REFINERS):
        for name in sorted(entries):
            row = [name, _weights(name)]
            if figures:
                found = _figures(name) if entries[name].network else None
                row += ["", ""] if found is None else [f"{found.parameters / 1e6:.2f} M", f"{found.search_flops / 1e9:.2f}"]
            table.add_row(*row, entries[name].summary)
        table.add_section()
    Console().print(table)


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name of a tracker or refiner.")]) -> None:
    """One tracker or refiner: paper, network, licence, presets, where its weights can be had, and what the package's own say of themselves.

    [bold]Examples[/bold]

      lockon zoo show lockon-s

      lockon zoo show siamban-r50
    """
    import json

    from lockon.errors import LockonError
    from lockon.zoo.registry import entry_of

    entry = entry_of(name)
    typer.echo(f"{name}: {entry.summary}")
    lines: dict[str, str] = {"paper": entry.paper}
    if entry.network:
        try:
            lines |= _described(_figures(name))
        except LockonError as error:  # torch is not installed
            lines["network"] = str(error)
    lines["presets"] = ", ".join(_presets(name))
    lines["training"] = f"lockon train {name} --data-root DIR --out DIR" if entry.recipe else ""
    lines["weights"] = {"package": "in the package", "convert": "none in the package"}.get(_weights(name), "")
    lines["published"] = entry.checkpoint
    lines["licence"] = entry.licence
    for label, text in lines.items():
        if text:
            typer.echo(f"  {label:<13}{text}")
    if _weights(name) == "package":
        from lockon.zoo.embedded import header

        typer.echo(json.dumps(header(name), indent=2, ensure_ascii=False))


def _figures(name: str) -> Figures:
    from lockon._require import require

    require("torch", "torch")
    from lockon.zoo.figures import count

    return count(name)


def _described(found: Figures) -> dict[str, str]:
    return {
        "parameters": f"{found.parameters:,}",
        "template": f"{found.template_size} x {found.template_size} pixels, {found.template_flops / 1e9:.2f} GFLOPs, once per target",
        "search": f"{found.search_size} x {found.search_size} pixels, {found.search_flops / 1e9:.2f} GFLOPs per frame and target",
    }


def _weights(name: str) -> str:
    """Where weights come from: "package", "convert" (a published checkpoint), "train", "opencv" or "files" (OpenCV's own formats)."""
    import importlib

    from lockon.zoo.registry import entry_of

    entry = entry_of(name)
    family: Any = importlib.import_module(entry.module)
    if hasattr(family, "KINDS"):
        return "files" if family.KINDS[name].network else "opencv"
    if hasattr(family, "weights_path") and family.weights_path(name).is_file():
        return "package"
    return "convert" if entry.checkpoint else "train"


def _presets(name: str) -> tuple[str, ...]:
    from lockon.zoo.presets import FAMILIES, preset_names
    from lockon.zoo.refiners import preset_names as refiner_presets
    from lockon.zoo.registry import REFINERS

    if name in REFINERS:
        return refiner_presets(name)
    return preset_names(name) if name in FAMILIES else ("default",)
