from __future__ import annotations

import importlib

import pytest

from lockon.errors import LockonError
from lockon.zoo import registry


def test_names_are_sorted_and_known() -> None:
    names = registry.list_trackers()
    assert names == sorted(registry.ENTRIES)
    assert "lockon-s" in names
    for name in names:
        entry = registry.ENTRIES[name]
        assert callable(importlib.import_module(entry.module).load)
        assert entry.summary


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "lockon"}, "unknown tracker 'lockon'; did you mean 'lockon-s'"),
        ({"name": "csrt", "refiner": "sharp"}, "refiner 'sharp' given, but this version has no refiners"),
    ],
)
def test_mistakes(arguments, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        registry.load(**arguments)
