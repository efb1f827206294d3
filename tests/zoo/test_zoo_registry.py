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


@pytest.mark.parametrize("name", sorted(registry.networks()))
def test_networks_and_recipes_are_where_the_names_say(name: str) -> None:
    pytest.importorskip("torch", reason="needs the torch extra")
    family = importlib.import_module(registry.networks()[name])
    assert name in family.CONFIGS
    assert callable(family.build)
    assert callable(importlib.import_module(registry.recipes()[name]).recipe)


@pytest.mark.parametrize("name", sorted(name for name, entry in registry.ENTRIES.items() if entry.checkpoint))
def test_published_weights_come_with_licence_and_a_way_to_convert(name: str) -> None:
    entry = registry.ENTRIES[name]
    assert entry.licence
    assert f"lockon convert {name} " in entry.checkpoint
    with pytest.raises(LockonError, match=f"lockon convert {name} model.pth"):
        registry.load(name)
