"""Which runs a protocol makes of a sequence, its rules, and the records."""

from __future__ import annotations

import numpy as np
import pytest
from scripted import HERE, Scripted, make

from lockon.bench.protocols.anchors import Anchors
from lockon.bench.protocols.one_pass import OnePass
from lockon.bench.protocols.realtime import RealTime
from lockon.bench.protocols.reset import Reset
from lockon.bench.protocols.table import PROTOCOLS, protocol_class, protocol_of
from lockon.bench.record import MaskTexts, RunKey
from lockon.driver import drive
from lockon.errors import LockonError

POLYGON = np.tile([10.0, 10, 17, 10, 17, 15, 10, 15], (12, 1))


def record(protocol, sequence, place, tracker=None):
    return protocol.record(sequence, place, drive(tracker or Scripted(), protocol.episode(sequence, place)), {"threads": 1}, MaskTexts())


def test_one_pass_has_no_rules_and_repetitions_count_from_1():
    protocol = OnePass(repetitions=3)
    assert protocol.runs(make(5)) == [[RunKey("one-pass", 1), RunKey("one-pass", 2), RunKey("one-pass", 3)]]
    assert protocol.rules(make(5)) == {}
    found = record(protocol, make(5, attributes=frozenset({"b", "a"})), RunKey("one-pass", 2))
    assert (found.protocol, found.repetition, found.rules, found.attributes) == ("one-pass", 2, {}, ("a", "b"))
    assert (found.polygons, found.truth_masks, found.anchor) == (None, None, None)


def test_reset_keeps_its_rules_and_the_polygons():
    protocol = Reset(skip=3)
    found = record(protocol, make(12, polygons=POLYGON), RunKey("reset"), Scripted(away=[4]))
    assert found.rules == {"skip": 3, "vot_init": "bounding"}
    assert found.polygons.tolist() == POLYGON.tolist()
    assert np.flatnonzero(found.run.events == 2).tolist() == [4]


def test_one_group_per_anchor():
    protocol = Anchors(spacing=4, repetitions=2)
    sequence = make(10, masks=True, visible=np.arange(10) != 1)
    assert [[(place.anchor, place.repetition) for place in group] for group in protocol.runs(sequence)] == [
        [(0, 1), (0, 2)],
        [(4, 1), (4, 2)],
        [(8, 1), (8, 2)],
    ]
    assert protocol.rules(sequence) == {"spacing": 4}
    assert protocol.rules(make(10, anchors=(3,))) == {}
    found = record(protocol, sequence, RunKey("anchors", 1, 8))
    assert found.frames.tolist() == [8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert (found.anchor, found.backward) == (8, True)
    assert found.visible.tolist() == [frame != 1 for frame in found.frames]
    assert found.truth_masks[:2] == ("m20,11,6,4,0,24", "m19,11,6,4,0,24")
    assert found.fits(sequence)
    assert not found.fits(make(10, boxes=np.tile(np.array(HERE) + 1, (10, 1))))
    assert not found.fits(make(8))
    with pytest.raises(LockonError, match="no anchor on frame 5"):
        protocol.episode(sequence, RunKey("anchors", 1, 5))


@pytest.mark.parametrize(
    ("fields", "base"),
    [({}, "one-pass"), ({"polygons": POLYGON}, "reset"), ({"polygons": POLYGON, "anchors": (0, 5)}, "anchors")],
)
def test_real_time_goes_around_the_benchmarks_own_protocol(fields, base):
    protocol = RealTime(seconds=0.125, grace=0)
    sequence = make(12, **fields)
    place = protocol.runs(sequence)[0][0]
    assert place == RunKey("realtime", 1, 0 if base == "anchors" else None)
    found = record(protocol, sequence, place)
    assert found.rules["base"] == base
    assert found.rules["fps"] == 20
    assert (found.run.events is not None) == (base == "reset")
    assert np.isnan(found.run.times).sum() == 6  # every other frame was dropped
    assert RealTime(base=OnePass()).base_of(sequence) == OnePass()
    assert protocol.is_timed is False
    assert RealTime().is_timed


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_comes_back_from_the_rules_of_its_records(name):
    """With the rules of sequences that bring nothing of their own."""
    protocol = protocol_class(name)(repetitions=2)
    assert (protocol.name, protocol_class(name).describe(OnePass) != "") == (name, True)
    back = protocol_of(name, protocol.rules(make(5)), 2)
    assert back.rules(make(5)) == protocol.rules(make(5))
    assert back.runs(make(5)) == protocol.runs(make(5))
    changed = {"skip": 3} if name == "reset" else {"base": "reset", "skip": 3, "fps": 10.0} if name == "realtime" else {}
    assert protocol_of(name, changed).rules(make(5)).items() >= changed.items()
    with pytest.raises(LockonError, match=f"unknown rule of the protocol {name} 'skp'"):
        protocol_of(name, {"skp": 1})


@pytest.mark.parametrize(
    ("name", "rules", "text"),
    [
        ("onepass", {}, "unknown protocol 'onepass'; did you mean 'one-pass'"),
        ("anchors", {"spacing": 0}, "spacing=0"),
        ("realtime", {"base": "rest"}, "base must be one of auto, one-pass, reset, anchors, got 'rest'"),
    ],
)
def test_impossible_rules_of_a_protocol_are_refused(name, rules, text):
    with pytest.raises(LockonError, match=text):
        protocol_of(name, rules)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_repetitions_begin_at_1(name):
    with pytest.raises(LockonError, match="repetitions=0"):
        protocol_of(name, {}, 0)
