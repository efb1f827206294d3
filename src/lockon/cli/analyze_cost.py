"""`lockon analyze cost`: what training runs took until their validations reached a level."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lockon.cli._options import PlotFormat
from lockon.cli._terminal import check_plots, decimal, end, show, status, table, write_csv, write_json

if TYPE_CHECKING:
    from lockon.analysis.cost import RunCost


def cost(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of `lockon train`, or DIR/runs/NAME of `lockon study`.")],
    *,
    ao: Annotated[
        float | None,
        typer.Option("--ao", "--level", min=0, max=1, help="Level of the metric to be reached; without it the whole run counts."),
    ] = None,
    metric: Annotated[str, typer.Option(help="Metric of the validations.")] = "AO",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for cost.json, cost.csv, points.csv and cost.png.")] = None,
    plot_format: PlotFormat = "png",
) -> None:
    """Training pairs, operations and seconds until validations reach a level (RTrack, Fig. 1).

    Pairs of template and search crop count as often as they are seen. Operations are those of convolutions and matrix products, a
    multiplication and its addition being two, forward and backward, with the tokens that stay and the stages that learn at every
    update. Seconds are those of the updates on the machine that trained, without validations and saving.

    [bold]Examples[/bold]

      lockon analyze cost runs/first

      lockon analyze cost runs/ostrack runs/rtrack --ao 0.6 --out runs/cost

      lockon analyze cost runs/study/runs/compact-rtrack.*.s0 --ao 0.5 --out runs/cost --plot-format png,pdf
    """
    from lockon._require import require

    formats = [] if out is None else check_plots(out, plot_format)
    for module in ("torch", "safetensors"):
        require(module, "train")
    from lockon.analysis.cost import COLUMNS, POINT_COLUMNS, distinct_labels
    from lockon.analysis.plots.cost import write_cost_plot

    with status("counting operations") as step:
        found = []
        for run, label in zip(runs, distinct_labels(runs), strict=True):
            step(f"counting operations of {label}")
            found.append(_read(run, label, metric, ao))
        rows = [one.row() for one in found]
    _show(rows, metric, ao)
    paths: list[Path] = []
    if out is not None:
        points = [point for one in found for point in one.points()]
        paths = [
            write_json(out / "cost.json", {"metric": metric, "level": ao, "runs": rows, "points": points}),
            write_csv(out / "cost.csv", COLUMNS, rows),
            write_csv(out / "points.csv", POINT_COLUMNS, points),
            *write_cost_plot(found, metric, out / "cost", formats),
        ]
    end([], paths)


def _read(run: Path, label: str, metric: str, level: float | None) -> RunCost:
    """Read one run and count its operations.

    Raises:
        LockonError: As `read_history`, or weights of no known network.
    """
    from lockon.analysis.cost import RunCost, read_history
    from lockon.train.checkpoint import read_weights
    from lockon.zoo.training_cost import TrainingCost

    history = read_history(run, metric, label)
    name = str(read_weights(run / "last.safetensors")[1].get("architecture", "an unnamed network"))
    counted = TrainingCost(name, history.settings)
    return RunCost(history, name, counted.forward(), counted.until, level)


def _show(rows: list[dict[str, Any]], metric: str, level: float | None) -> None:
    """Show two tables, narrow enough for a terminal: what a pair costs, and what the level took."""
    pairs = table("Cost of a pair", "run", "tracker", "pairs/update", "GFLOPs forward", "GFLOPs training")
    until = "the end" if level is None else f"{metric} {level:g}"
    reached = table(f"Until {until}", "run", f"best {metric}", "at pairs", "pairs", "TFLOPs", "seconds")
    for row in rows:
        cost = (f"{row[name] / 1e9:.2f}" for name in ("forward_flops", "training_flops"))
        pairs.add_row(row["run"], row["tracker"], str(row["pairs_per_update"]), *cost)
        seen, flops, seconds = (row[f"level_{name}"] for name in ("pairs", "flops", "seconds"))
        if seen is None:
            took = ["not reached", "-", "-"]
        else:
            took = [f"{seen:,}", f"{flops / 1e12:,.1f}", "-" if math.isnan(seconds) else f"{seconds:,.0f}"]
        reached.add_row(row["run"], decimal(row["best"]), f"{row['best_pairs']:,}", *took)
    show(pairs, reached, "seconds compare only between runs on one machine")
