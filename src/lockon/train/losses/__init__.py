"""Losses: (Prediction, Targets) to a scalar."""
