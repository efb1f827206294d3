"""`lockon analyze votes`: what score voting makes of the boxes around the best one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from lockon.cli._options import DataOptions, LoadOptions, OnlineOptions, PlotFormat, option_groups
from lockon.cli._searched import DrawnFrameOptions, described, picture_path, searched_sequences
from lockon.cli._terminal import check_plots, end, show, table, write_csv


@dataclass(frozen=True, kw_only=True)
class VoteOptions:
    """How candidates vote."""

    sigma: Annotated[float, typer.Option(help="How far the votes reach, above 0: the vote of a box is exp(-(1 - IoU)^2 / sigma).")] = 0.0025
    epsilon: Annotated[float, typer.Option(help="IoU with the best box above which a box has a vote, 0..1.")] = 0.01
    quality: Annotated[float, typer.Option(help="Exponent on the quality that a head predicts; 0 leaves it out.")] = 1.0
    top: Annotated[int, typer.Option(min=1, help="Boxes with the largest votes that are drawn.")] = 10


@option_groups
def votes(
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for a picture per sequence, and votes.csv.")],
    loading: LoadOptions,
    learner: OnlineOptions,
    data: DataOptions,
    which: DrawnFrameOptions,
    how: VoteOptions,
    plot_format: PlotFormat = "png",
) -> None:
    """Draw the box of the best candidate, the boxes with the largest votes, and the voted box (DuML, Appendix F, Fig. 10).

    The tracker tracks each sequence with its own box rule; on some frames its candidates vote as localizer.boxes=score-vote lets them,
    whether or not the tracker does so. The CSV has the IoU of both boxes with the true one. Whether voting helps a tracker is another
    question, which whole runs answer: see the guide.

    [bold]Examples[/bold]

      lockon analyze votes --tracker lockon-s --data folder:videos --out runs/votes

      lockon analyze votes --tracker lockon-s --sigma 0.02 --data OTB100:/data/OTB100 --sequences Bolt2 --at 60,94 --out runs/bolt
    """
    from lockon.analysis.plots.searched import write_voted_plot
    from lockon.analysis.voted_boxes import ScoreVote, voted_box

    formats = check_plots(out, plot_format)
    vote = ScoreVote(sigma=how.sigma, epsilon=how.epsilon, quality=how.quality)
    paths: list[Path] = []
    rows: list[dict[str, Any]] = []
    for name, found in searched_sequences(loading, learner, data, which):
        drawn = [voted_box(searched, vote, how.top) for searched in found]
        rows += [{**item.row(), "sequence": name} for item in drawn]
        paths += write_voted_plot(drawn, picture_path(out, name), formats)
    paths.append(write_csv(out / "votes.csv", list(rows[0]), rows))
    _show(rows, described(loading, learner))
    end([], paths)


def _show(rows: list[dict[str, Any]], tracker: str) -> None:
    """Show the means over the frames that have a true box."""
    known = [row for row in rows if row["gain"] == row["gain"]]
    shown = table(f"{tracker}, {len(known)} frames with a true box", "frame by frame, on the tracker's own way", "")
    if known:
        means = {key: sum(row[key] for row in known) / len(known) for key in ("iou_direct", "iou_voted", "gain", "voters")}
        better, worse = (sum(row["gain"] * sign > 0 for row in known) for sign in (1, -1))
        shown.add_row("IoU of the direct box", f"{means['iou_direct']:.3f}")
        shown.add_row("IoU of the voted box", f"{means['iou_voted']:.3f}")
        shown.add_row("gain (better, worse)", f"{means['gain']:+.4f} ({better}, {worse})")
        shown.add_row("boxes that vote", f"{means['voters']:.1f}")
    show(shown)
