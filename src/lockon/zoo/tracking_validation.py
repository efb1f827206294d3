"""Validation of a torch network while it is trained: it tracks videos."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from lockon.data.datasets.registry import load_videos
from lockon.export.torch_model import TorchModel
from lockon.tracker import NetworkTracker, TrackerConfig
from lockon.train.launch import computes_bf16
from lockon.train.recipe import Validate
from lockon.train.validation import overlap_metrics, track_in_lockstep


def tracking_validation(folder: Path, config: TrackerConfig) -> Validate:
    """Return a validation that tracks every sequence: AO and success rates, mean over sequences, first frame excluded.

    Args:
        folder: The sequences.
        config: How to track.
    """
    sequences = load_videos(folder)

    def validate(module: nn.Module) -> dict[str, float]:
        device = next(module.parameters()).device  # stay there: the averaged weights follow these very tensors
        precision = torch.bfloat16 if computes_bf16(device.type) else torch.float32  # as in training; half the time
        tracker = NetworkTracker(TorchModel(module, device, precision), config)
        return overlap_metrics(track_in_lockstep(tracker, sequences), sequences)

    return validate
