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
        ({"name": "mil", "refiner": "refine"}, "unknown refiner 'refine'; did you mean 'refine-s'"),
        ({"name": "alpha-refine-r34"}, "does not track: load a tracker with refiner='alpha-refine-r34'"),
    ],
)
def test_unknown_names_and_options_are_refused_when_loading(arguments, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        registry.load(**arguments)


@pytest.mark.parametrize("name", sorted(registry.networks()))
def test_networks_and_recipes_are_where_the_names_say(name: str) -> None:
    pytest.importorskip("torch", reason="needs the torch extra")
    family = importlib.import_module(registry.networks()[name])
    assert name in family.CONFIGS
    assert callable(family.build)
    assert callable(importlib.import_module(registry.recipes()[name]).recipe)


def test_refiners() -> None:
    assert registry.list_refiners() == sorted(registry.REFINERS)
    assert not set(registry.REFINERS) & set(registry.ENTRIES)
    for name in registry.list_refiners():
        assert callable(importlib.import_module(registry.REFINERS[name].module).load)
        assert registry.entry_of(name).summary
    with pytest.raises(LockonError, match="unknown tracker or refiner 'refiner-s'"):
        registry.entry_of("refiner-s")
    with pytest.raises(LockonError, match="unknown refiner 'csrt'"):
        registry.load_refiner("csrt")


@pytest.mark.parametrize("name", sorted(name for name, entry in registry.ENTRIES.items() if entry.checkpoint))
def test_published_weights_come_with_licence_and_a_way_to_convert(name: str) -> None:
    entry = registry.ENTRIES[name]
    assert entry.licence
    assert f"lockon convert {name} " in entry.checkpoint
    with pytest.raises(LockonError, match=f"lockon convert {name} model.pth"):
        registry.load(name)
