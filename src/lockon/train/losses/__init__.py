"""Losses: functions on tensors, and the values of `Loss` that wrap them as terms of a task."""
