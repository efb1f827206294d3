from __future__ import annotations

import importlib

import pytest

from lockon.errors import LockonError
from lockon.zoo import loading, registry


def test_names_are_sorted_and_known() -> None:
    assert registry.list_trackers() == sorted(registry.TRACKERS)
    assert registry.list_refiners() == sorted(registry.REFINERS)
    assert not set(registry.REFINERS) & set(registry.TRACKERS)
    assert "lockon-s" in registry.list_trackers()


def test_every_card_has_the_name_and_kind_of_the_registry() -> None:
    for kind, names in (("tracker", registry.TRACKERS), ("refiner", registry.REFINERS)):
        for name in names:
            one = registry.card(name)
            assert (one.name, one.kind) == (name, kind)
            assert one.summary
    homes = (registry.TRACKERS | registry.REFINERS).values()
    cards = [one.name for home in set(homes) for one in importlib.import_module(f"lockon.zoo.{home}").CARDS]
    assert sorted(cards) == sorted([*registry.TRACKERS, *registry.REFINERS]), "no card without a name"


def test_unknown_names() -> None:
    with pytest.raises(LockonError, match="unknown tracker or refiner 'refiner-s'"):
        registry.card("refiner-s")
    with pytest.raises(LockonError, match="unknown network 'csrt'"):
        registry.network_card("csrt")
    with pytest.raises(LockonError, match="unknown refiner 'csrt'"):
        loading.load_refiner("csrt")


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
        loading.load(**arguments)


@pytest.mark.parametrize("name", sorted(name for name in registry.TRACKERS if registry.card(name).checkpoint))
def test_published_weights_come_with_licence_and_a_way_to_convert(name: str) -> None:
    entry = registry.card(name)
    assert entry.licence
    assert f"lockon convert {name} " in entry.checkpoint
    with pytest.raises(LockonError, match=f"lockon convert {name} FILE"):
        loading.load(name)
