"""`lockon analyze`: what a tracker's answers are worth, and what they depend on. One file per command."""

from __future__ import annotations

import typer

from lockon.cli import (
    analyze_alignment,
    analyze_assignment,
    analyze_averages,
    analyze_cost,
    analyze_heatmaps,
    analyze_score,
    analyze_stability,
    analyze_votes,
)
from lockon.cli.bench import ManyValues

app = typer.Typer(
    help="Analyse trackers: what the score means, how stable they are, what they learn from and what that takes.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
app.command("score")(analyze_score.score)
app.command("alignment", cls=ManyValues)(analyze_alignment.alignment)
app.command("stability", cls=ManyValues)(analyze_stability.stability)
app.command("averages", cls=ManyValues)(analyze_averages.averages)
app.command("assignment")(analyze_assignment.assignment)
app.command("cost")(analyze_cost.cost)
app.command("heatmaps", cls=ManyValues)(analyze_heatmaps.heatmaps)
app.command("votes", cls=ManyValues)(analyze_votes.votes)
