"""Heads: matched features to `Prediction`."""
