"""`lockon analyze heatmaps`: what the offline and the online part of a tracker see."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lockon.cli._options import DataOptions, LoadOptions, OnlineOptions, PlotFormat, option_groups
from lockon.cli._searched import DrawnFrameOptions, described, picture_path, searched_sequences
from lockon.cli._terminal import check_plots, decimal, end, show, table, write_csv


@option_groups
def heatmaps(
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for a picture per sequence, and heatmaps.csv.")],
    loading: LoadOptions,
    learner: OnlineOptions,
    data: DataOptions,
    which: DrawnFrameOptions,
    plot_format: PlotFormat = "png",
) -> None:
    """Draw the heat maps of both modalities side by side: of candidates learnt offline, of the filter learnt online (DuML, Fig. 5).

    The tracker tracks each sequence; of some frames a picture shows the search crop with the true box and the answer, and each map over
    it: offline, online, and both fused. With several anchors at a point a map has the highest of them. Of trackers of one modality there
    is one map. The CSV has each map's peak, and how high it rises beside the true box: above 1 something else has the peak.

    [bold]Examples[/bold]

      lockon analyze heatmaps --online compact-dimp --online-weights compact-dimp.onnx --data folder:videos --out runs/heat

      lockon analyze heatmaps --tracker siamban-r50 --weights ban.safetensors --data OTB100:/data/OTB100 --at 60,94 --out runs/frames
    """
    from lockon.analysis.heat_maps import frame_row, heat_maps
    from lockon.analysis.plots.searched import write_heat_maps_plot

    formats = check_plots(out, plot_format)
    paths: list[Path] = []
    rows: list[dict[str, Any]] = []
    for name, found in searched_sequences(loading, learner, data, which):
        drawn = [(searched, heat_maps(searched)) for searched in found]
        rows += [{**frame_row(*pair), "sequence": name} for pair in drawn]
        paths += write_heat_maps_plot(drawn, picture_path(out, name), formats)
    paths.append(write_csv(out / "heatmaps.csv", list(rows[0]), rows))
    _show(rows, described(loading, learner))
    end([], paths)


def _show(rows: list[dict[str, Any]], tracker: str) -> None:
    """Show the means over the frames."""
    from lockon.analysis.heat_maps import MAPS

    shown = table(f"{tracker}, {len(rows)} frames", "map", "highest value", "beside the target, of that in it", "peak beside the target")
    for name in (name for name in MAPS if f"{name}_peak" in rows[0]):
        beside = [row[f"{name}_distraction"] for row in rows if row[f"{name}_distraction"] == row[f"{name}_distraction"]]
        share = f"{sum(value > 1 for value in beside)} of {len(beside)}"
        shown.add_row(name, decimal(_mean([row[f"{name}_peak"] for row in rows])), decimal(_mean(beside)), share)
    show(shown, "means over frames, the last two columns over those with a true box that has a point of the map in it")


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
