"""Cards of made-up trackers and refiners, for tests of what reads them."""

from __future__ import annotations

import sys
import types

import pytest

from lockon.zoo.card import Card
from lockon.zoo.registry import REFINERS, TRACKERS


def register(monkeypatch: pytest.MonkeyPatch, card: Card) -> str:
    """Put the card into the registry for one test; return its name."""
    home = f"{card.name.replace('-', '_')}_of_a_test"
    module = types.ModuleType(f"lockon.zoo.{home}")
    module.CARDS = (card,)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(TRACKERS if card.kind == "tracker" else REFINERS, card.name, home)
    return card.name
