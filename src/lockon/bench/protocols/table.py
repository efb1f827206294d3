"""The names of the protocols, one line each; a protocol is loaded when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lockon.errors import unknown_name

if TYPE_CHECKING:
    from lockon.bench.protocols.plan import Protocol

_CLASSES = {
    "one-pass": "one_pass.OnePass",
    "reset": "reset.Reset",
    "realtime": "realtime.RealTime",
    "anchors": "anchors.Anchors",
    "oracle": "oracle.Oracle",
}
PROTOCOLS = tuple(_CLASSES)  # in the order of tables and folders


def protocol_class(name: str) -> type[Protocol]:
    """Return the class of a protocol.

    Raises:
        LockonError: There is none of that name.

    >>> protocol_class("reset")(skip=3)
    Reset(repetitions=1, skip=3, vot_init='bounding')
    """
    if name not in _CLASSES:
        raise unknown_name("protocol", name, PROTOCOLS)
    module, _, attribute = _CLASSES[name].partition(".")
    found: type[Protocol] = getattr(importlib.import_module(f"{__package__}.{module}"), attribute)
    return found


def protocol_of(name: str, rules: Mapping[str, Any], repetitions: int = 1) -> Protocol:
    """Return the protocol whose rules a record keeps.

    Args:
        name: One of `PROTOCOLS`.
        rules: As `Protocol.rules` gives them.
        repetitions: Of each run.

    Raises:
        LockonError: An unknown name, or rules of another version of lockon.
    """
    return protocol_class(name).from_rules(rules, repetitions)


def protocol_text(name: str, base: str) -> str:
    """Return what results of a protocol are that are scored as those of `base`, for the notes below a table."""
    return protocol_class(name).describe(protocol_class(base))


__all__ = ["PROTOCOLS", "protocol_class", "protocol_of", "protocol_text"]
