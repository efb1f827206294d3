"""The names of the zoo, and the files of `lockon.zoo` that hold their cards: one line a name.

A family's file is imported when the card of one of its names is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from lockon.errors import unknown_name
from lockon.zoo.card import Card

TRACKERS: dict[str, str] = {
    "lockon-s": "lockon_s",
    "siamrpn-alexnet": "siamrpnpp",
    "siamrpnpp-r50": "siamrpnpp",
    "siamban-r50": "siamban",
    "siamcar-r50": "siamcar",
    "siamla-r50": "siamcar",
    "siampw-r50": "siampw",
    "siammask-r50": "siammask",
    "siamrpnpp-r50-rbo": "siamrpnpp",
    "siamban-r50-rbo": "siamban",
    "siampw-r50-rbo": "siampw",
    "transt-n2": "transt",
    "transt-n4": "transt",
    "transt-n4-rbo": "transt",
    "compact-ban": "compact",
    "compact-rpn": "compact",
    "compact-pw": "compact",
    "compact-car": "compact",
    "compact-dimp": "compact_dimp",
    "lockon-s-dimp": "compact_dimp",
    "compact-duml": "compact_duml",
    "compact-ostrack": "compact_one_stream",
    "compact-rtrack": "compact_one_stream",
    "ostrack256": "ostrack",
    "ostrack256-ce": "ostrack",
    "ostrack384": "ostrack",
    "ostrack384-ce": "ostrack",
    "rtrack256": "rtrack",
    "rtrack384": "rtrack",
    "atom": "atom",
    "dimp18": "dimp",
    "dimp50": "dimp",
    "prdimp18": "dimp",
    "prdimp50": "dimp",
    "superdimp": "dimp",
    "duml": "duml",
    "duml-ofr": "duml",
    "duml-ofc1s": "duml",
    "duml-ofc5s": "duml",
    "duml-onc1s": "duml",
    "duml-onc5s": "duml",
    "duml-onr": "duml",
    "duml-ofr-onc1s": "duml",
    "duml-ofr-onc5s": "duml",
    "duml-ofr-onr": "duml",
    "duml-ofc1s-onc1s": "duml",
    "duml-ofc1s-onc5s": "duml",
    "duml-ofc1s-onr": "duml",
    "duml-ofc5s-onc1s": "duml",
    "duml-ofc5s-onc5s": "duml",
    "csrt": "opencv",
    "kcf": "opencv",
    "mil": "opencv",
    "nanotrack-v1": "opencv",
    "nanotrack-v2": "opencv",
}

REFINERS: dict[str, str] = {
    "refine-s": "refine_s",
    "alpha-refine-r18": "alpha_refine",
    "alpha-refine-r34": "alpha_refine",
    "alpha-refine-r50": "alpha_refine",
    "siammask": "siammask",
    "iou-net": "iou_net",
}


def list_trackers() -> list[str]:
    """Return the names that `load` takes, in alphabetical order."""
    return sorted(TRACKERS)


def list_refiners() -> list[str]:
    """Return the names that `load_refiner` takes, in alphabetical order."""
    return sorted(REFINERS)


def card(name: str, names: Mapping[str, str] | None = None, what: str = "tracker or refiner") -> Card:
    """Return the card of a name.

    Args:
        name: Of a tracker or refiner.
        names: Names to look among, `TRACKERS` or `REFINERS`; None for both.
        what: Those names are of, for the error.

    Raises:
        LockonError: An unknown name.
    """
    known = TRACKERS | REFINERS if names is None else names
    if name not in known:
        raise unknown_name(what, name, known)
    cards: tuple[Card, ...] = importlib.import_module(f"lockon.zoo.{known[name]}").CARDS
    return next(one for one in cards if one.name == name)


def all_cards() -> dict[str, Card]:
    """Return all cards by name, the trackers first."""
    return {name: card(name) for name in (*TRACKERS, *REFINERS)}


def network_card(name: str) -> Card:
    """Return the card of a name that has a network.

    Raises:
        LockonError: An unknown name, or one without a network.
    """
    networks = {other: (TRACKERS | REFINERS)[other] for other, one in all_cards().items() if one.build is not None}
    return card(name, networks, "network")


__all__ = ["REFINERS", "TRACKERS", "all_cards", "card", "list_refiners", "list_trackers", "network_card"]
