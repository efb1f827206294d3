"""Which file is which sequence: the names of one sequence differ from toolkit to toolkit.

Skating2-1, Skating2.1 and skating2_1 are one sequence, and so are Human4-2 and Human4; uav_bike1 (pytracking) is bike1. But
car1_3 and car13 are two: separators are alike, not absent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

PREFIXES = ("uav-", "nfs-", "tpl-", "otb-", "lasot-", "tnl2k-")  # pytracking puts the dataset before some names
_SEPARATORS = re.compile(r"[-._ ]+")
_TARGET = re.compile(r"-\d+$")


@dataclass(frozen=True, slots=True)
class Matched:
    """Names of result files against names of sequences.

    Attributes:
        pairs: sequence name -> name in the results.
        unknown: names in the results that no sequence has. missing: sequences without a result; both sorted.
        doubtful: for people, names that could mean several sequences or that several files have.
    """

    pairs: Mapping[str, str]
    unknown: tuple[str, ...]
    missing: tuple[str, ...]
    doubtful: tuple[str, ...]


def canonical(name: str) -> str:
    """The name without case and with one kind of separator.

    >>> canonical("Skating2.1"), canonical("skating2_1"), canonical("car1_3"), canonical("car13")
    ('skating2-1', 'skating2-1', 'car1-3', 'car13')
    """
    return _SEPARATORS.sub("-", name.strip().lower())


def match_names(found: Iterable[str], wanted: Iterable[str]) -> Matched:
    """Finds the sequence of every result: the same name, else the same `canonical` one, else one without the dataset's
    prefix or without the number of its target (Human4 for Human4-2), where that can mean one sequence only.
    """
    found, wanted = sorted(set(found)), sorted(set(wanted))
    pairs = {name: name for name in wanted if name in set(found)}
    doubtful: list[str] = []
    _apply(lambda one, other: one == other, found, wanted, pairs, doubtful)
    _apply(lambda one, other: any(one == prefix + other for prefix in PREFIXES), found, wanted, pairs, doubtful)
    _apply(_but_for_target, _without_siblings(found), _without_siblings(wanted), pairs, doubtful)
    used = set(pairs.values())
    return Matched(
        {name: pairs[name] for name in sorted(pairs)},
        tuple(name for name in found if name not in used),
        tuple(name for name in wanted if name not in pairs),
        tuple(dict.fromkeys(doubtful)),
    )


def _but_for_target(one: str, other: str) -> bool:
    return one == _TARGET.sub("", other) or other == _TARGET.sub("", one)


def _without_siblings(names: list[str]) -> list[str]:
    """The names that no other one extends by a number: car1 is not car1_3 where there are car1_1 and car1_2 too."""
    keys = {name: canonical(name) for name in names}
    stems = {_TARGET.sub("", key) for key in keys.values() if _TARGET.search(key)}
    return [name for name, key in keys.items() if key not in stems]


def _apply(rule: Callable[[str, str], bool], found: list[str], wanted: list[str], pairs: dict[str, str], doubtful: list[str]) -> None:
    """Adds the pairs that a rule finds; a result that fits several sequences, or the other way round, is doubtful."""
    used = set(pairs.values())
    free = {name: canonical(name) for name in wanted if name not in pairs}
    fitting = {name: [one for one, key in free.items() if rule(canonical(name), key)] for name in found if name not in used}
    for name, sequences in fitting.items():
        rivals = [other for other, others in fitting.items() if other != name and set(others) & set(sequences)]
        if len(sequences) > 1:
            doubtful.append(f"{name} could be {' or '.join(sequences)}")
        elif sequences and rivals:
            doubtful.append(f"{' and '.join(sorted([name, *rivals]))} could both be {sequences[0]}")
        elif sequences:
            pairs[sequences[0]] = name


__all__ = ["Matched", "canonical", "match_names"]
