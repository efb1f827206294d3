"""Plots of a report as PNG, SVG or PDF files (need the `bench` extra)."""

from lockon.bench.plots.write import write_plots

__all__ = ["write_plots"]
