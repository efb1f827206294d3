"""Plots of the analyses (need the `bench` extra)."""
