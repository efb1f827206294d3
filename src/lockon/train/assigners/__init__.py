"""Assigners: (grid points, ground truth) to `Targets`."""
