"""Miniatures of the zoo's networks, shared by all tests of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockon.zoo.registry import card

if TYPE_CHECKING:
    from miniatures import Miniature


@pytest.fixture(scope="session")
def miniatures_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("miniatures")


@pytest.fixture
def miniature(miniatures_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Miniature]:
    """A small network of a name; its files are made when they are first asked for, and read-only for tests."""
    pytest.importorskip("safetensors", reason="needs the torch extra")
    pytest.importorskip("torch", reason="needs the torch extra")
    from miniatures import Miniature, make_backbones_shallow

    make_backbones_shallow(monkeypatch)
    return lambda name: Miniature(card(name), miniatures_folder)
