"""Assigners: candidates and ground truth to `Targets`."""
