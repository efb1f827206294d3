"""Every network of the zoo made small, with made-up weights, saved and exported once per test run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

import lockon
from exporter_table import read_operators_once
from lockon.models.backbones import inverted_residual, resnet
from lockon.zoo.card import Card
from lockon.zoo.networks import load_network
from settled_networks import settle

HEADER = {"tracker": {}, "licence": "", "data": {}, "metrics": {}, "git_revision": ""}
_COMPACT = {"channels": 8, "template_size": 64, "search_size": 96}
_LEVELS = {"layers": (2,), "channels": 8, "search_size": 191}

# Fields of the model configuration by the file of the family, found by the class of the configuration.
SMALL: dict[str, dict[str, Any]] = {
    "LockonSConfig": {"channels": 8, "depth": 1, "template_size": 32, "search_size": 64},
    "CompactConfig": _COMPACT,
    "CompactOneStreamConfig": {**_COMPACT, "depth": 1, "heads": 2},
    "SiamRPNConfig": _LEVELS,
    "SiamBANConfig": _LEVELS,
    "SiamPWConfig": _LEVELS,
    "SiamCARConfig": _LEVELS,
    "DuMLConfig": {**_LEVELS, "layers": (2, 3)},
    "CompactDuMLConfig": _COMPACT,
    "SiamMaskConfig": {"channels": 8, "search_size": 191},
    "TransTConfig": {"layers": 1, "channels": 8, "heads": 2, "hidden": 16, "template_size": 32, "search_size": 64},
    "RefineSConfig": {"size": 64, "hidden": 16, "width": 16, "channels": 16},
    "AlphaRefineConfig": {"size": 64},
    "CompactDiMPConfig": {"channels": 8, "box_width": 8, "box_hidden": 8, "search_size": 96},
    "ATOMConfig": {"search_size": 96},
    "DiMPConfig": {"depth": 18, "search_size": 96},
    "OSTrackConfig": {"channels": 24, "depth": 3, "heads": 2, "template_size": 32, "search_size": 64, "head.hidden": 8},
    "RTrackConfig": {"channels": 24, "depth": 3, "heads": 2, "template_size": 32, "search_size": 64, "head.widths": (8, 8)},
}

# Backbones have two blocks in one layer, the second without a shortcut's convolution, and one in each other: all kinds of block that
# there are, in a third of the time to trace and to train them.
BLOCKS = dict.fromkeys(resnet.BLOCKS, (2, 1, 1, 1))
EFFICIENTNET_LITE0_ROWS = tuple((*row[:2], 2 if row[1] == 80 else 1, *row[3:]) for row in inverted_residual.EFFICIENTNET_LITE0_ROWS)


def make_backbones_shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build shallow backbones for the rest of a test; their weights fit no others."""
    monkeypatch.setattr(resnet, "BLOCKS", BLOCKS)
    monkeypatch.setattr(inverted_residual, "EFFICIENTNET_LITE0_ROWS", EFFICIENTNET_LITE0_ROWS)


def small(card: Card) -> dict[str, Any]:
    """Return the fields of a card's model configuration that make its network small; a new network may have none here."""
    changes = SMALL.get(type(card.model).__name__, {})
    if getattr(card.model, "elimination", None) is not None:
        return {**changes, "elimination.blocks": (0, 1)}
    return {**changes, "channels": 256} if getattr(card.model, "backbone", "") == "alexnet" else changes


@dataclass(frozen=True)
class Miniature:
    """A small network of a card, in a folder of its own; for tests with shallow backbones."""

    card: Card
    folder: Path

    @property
    def weights(self) -> Path:
        """Its saved weights."""
        path = self.folder / f"{self.card.name}.safetensors"
        if not path.is_file():
            torch.manual_seed(0)
            module = lockon.zoo.build(self.card.name, **small(self.card))
            if self.card.torch_network is None:
                settle(module)
            lockon.zoo.save(self.card.name, module.state_dict(), path, **small(self.card))
        return path

    @property
    def exported(self) -> Path:
        """The search graph of its exported files."""
        from lockon.export.onnx import export_onnx

        path = self.folder / f"{self.card.name}.onnx"
        if not path.is_file():
            read_operators_once()
            module, header = load_network(self.card.name, self.weights)
            export_onnx(module, self.folder, self.card.name, {**HEADER, **header}, half_storage=False, verify=False)
        return path
