"""Sweeps of a parameter whose effect is known: windows that move a colour tracker not at all, and made results."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from bench.made_results import FAR, HALF, PERFECT, add, make_record, reset_record
from colored_videos import color_tracker
from lockon.analysis.stability import Curve, curve, parse_values, sweep
from lockon.bench.report import Options
from lockon.bench.spec import TrackerSpec
from lockon.bench.store import Store
from lockon.errors import LockonError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:1:0.1", tuple(round(0.1 * k, 1) for k in range(11))),
        ("0:1:0.3", (0.0, 0.3, 0.6, 0.9)),
        ("2:2:1", (2.0,)),
        ("-0.2:0.2:0.2", (-0.2, 0.0, 0.2)),
        ("0.5, 0,0.5", (0.0, 0.5)),
        ("1e-3", (0.001,)),
    ],
)
def test_lists_and_ranges_of_values_are_parsed(text, expected):
    assert parse_values(text) == expected


@pytest.mark.parametrize("text", ["", "a", "0:1", "0:1:0", "1:0:0.1", "0:1:-0.1", "0:nan:1", "0:1:1e-9", "0:1:0.1:2", "0,,1"])
def test_values_that_are_none(text):
    with pytest.raises(LockonError, match=r"0:1:0\.1"):
        parse_values(text)


def made(spec: TrackerSpec) -> Any:
    return color_tracker() if spec.name == "color" else object()


def test_each_value_is_a_tracker_of_its_own():
    spec = TrackerSpec("mine", "color", overrides={"states.lost_after": 4})
    specs, own = sweep(spec, "localizer.rank.window_influence", (0.0, 0.25), made)
    assert own == 0.3
    assert [one.label for one in specs] == ["mine-localizer.rank.window_influence-0", "mine-localizer.rank.window_influence-0.25"]
    assert [one.overrides for one in specs] == [{"states.lost_after": 4, "localizer.rank.window_influence": value} for value in (0.0, 0.25)]


def test_whole_parameters_get_whole_numbers():
    specs, own = sweep(TrackerSpec("mine", "color"), "states.lost_after", (1.0, 5.0), made)
    assert own == 3
    assert [one.overrides["states.lost_after"] for one in specs] == [1, 5]
    assert all(isinstance(one.overrides["states.lost_after"], int) for one in specs)


def test_a_number_that_is_not_set_can_be_swept():
    specs, own = sweep(TrackerSpec("mine", "color"), "stride", (0.5,), made)
    assert own is None
    assert specs[0].overrides == {"stride": 0.5}


@pytest.mark.parametrize(
    ("name", "parameter", "values", "message"),
    [
        ("box", "localizer.rank.window_influence", (0.1,), "box has no parameter localizer.rank.window_influence: it has no parameters"),
        (
            "color",
            "localizer.rank.window_influnce",
            (0.1,),
            "unknown number among the parameters of color 'localizer.rank.window_influnce'; did you mean 'localizer.rank.window_influence'",
        ),
        (
            "color",
            "search_crop.pixel_centers",
            (1.0,),
            "unknown number among the parameters of color 'search_crop.pixel_centers'",
        ),  # a switch
        ("color", "localizer", (1.0,), "unknown number among the parameters of color 'localizer'"),
        ("color", "mask", (1.0,), "mask must be"),
        ("color", "states.lost_after", (0.5,), "lost_after must be a whole number"),
    ],
)
def test_parameters_that_cannot_be_swept(name, parameter, values, message):
    with pytest.raises(LockonError) as error:
        sweep(TrackerSpec(name, name), parameter, values, made)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@dataclass(frozen=True)
class Config:
    rate: float = 0.1


class Own:
    config = Config()


def test_somebodys_own_tracker():
    """With a dataclass `config` its parameters are known; else they are arguments of the factory, which is asked."""
    specs, own = sweep(TrackerSpec("mine", "module:Factory"), "rate", (0.5,), lambda spec: Own())
    assert (own, specs[0].overrides) == (0.1, {"rate": 0.5})
    asked: list[Any] = []

    def plain(spec: TrackerSpec) -> Any:
        asked.append(dict(spec.overrides))
        return object()

    assert sweep(TrackerSpec("mine", "module:Factory"), "rate", (0.5, 0.6), plain)[1] is None
    assert asked == [{}, {"rate": 0.5}]


def test_curve_of_stored_results(tmp_path):
    spec = TrackerSpec("mine", "color")
    specs, own = sweep(spec, "localizer.rank.window_influence", (0.0, 0.5, 1.0), made)
    store = Store(tmp_path)
    add(store, specs[0].label, make_record("a", PERFECT), make_record("b", PERFECT), make_record("other", FAR))
    add(store, specs[1].label, make_record("a", HALF))
    store.claim(specs[2].label, {"name": "x"}, 0)  # failed everywhere
    found = curve(tmp_path, spec, specs, (0.0, 0.5, 1.0), own, sequences={("made", "a"), ("made", "b")})
    np.testing.assert_allclose(found.metrics["AO"], [1, 0.5, np.nan])
    assert found.missing == (0, 1, 2)
    assert found.own == 0.3
    as_json = found.as_json()
    assert as_json["metrics"]["AO"] == [1.0, 0.5, None]
    assert as_json["summary"]["AO"] == {"best": 1.0, "best_at": 0.0, "worst": 0.5, "worst_at": 0.5, "range": 0.5, "deviation": 0.25}


def test_intervals_and_paired_gains_over_sequences(tmp_path):
    """With window 0.3, the tracker's own, both sequences have an overlap of 1; with 0 one of them 0.5 and one 1."""
    spec = TrackerSpec("mine", "color")
    specs, own = sweep(spec, "localizer.rank.window_influence", (0.0, 0.3, 1.0), made)
    store = Store(tmp_path)
    add(store, specs[0].label, make_record("a", HALF), make_record("b", PERFECT))
    add(store, specs[1].label, make_record("a", PERFECT), make_record("b", PERFECT))
    found = curve(tmp_path, spec, specs, (0.0, 0.3, 1.0), own, sequences={("made", "a"), ("made", "b")})
    np.testing.assert_allclose(found.intervals["AO"], [[0.5, 1], [1, 1], [np.nan, np.nan]])  # both draws of one sequence are likely
    np.testing.assert_allclose(found.gains["AO"], [[-0.25, -0.5, 0], [np.nan] * 3, [np.nan] * 3])
    as_json = found.as_json()
    assert as_json["gains"]["AO"] == [[-0.25, -0.5, 0.0], [None] * 3, [None] * 3]


def test_one_sequence_alone_has_no_intervals(tmp_path):
    spec = TrackerSpec("mine", "color")
    specs, own = sweep(spec, "localizer.rank.window_influence", (0.0, 0.3), made)
    store = Store(tmp_path)
    for one, boxes in zip(specs, (HALF, PERFECT), strict=True):
        add(store, one.label, make_record("a", boxes))
    found = curve(tmp_path, spec, specs, (0.0, 0.3), own, sequences={("made", "a")})
    np.testing.assert_allclose(found.intervals["AO"], np.full((2, 2), np.nan))
    np.testing.assert_allclose(found.gains["AO"][0], [-0.5, np.nan, np.nan])


def test_without_the_own_value_among_the_values_there_are_no_gains(tmp_path):
    spec = TrackerSpec("mine", "color")
    specs, own = sweep(spec, "localizer.rank.window_influence", (0.0,), made)
    add(Store(tmp_path), specs[0].label, make_record("a", HALF), make_record("b", PERFECT))
    assert curve(tmp_path, spec, specs, (0.0,), own, sequences={("made", "a"), ("made", "b")}).gains == {}


def test_a_sweep_of_another_protocol(tmp_path):
    """Less failures are better: the best value is the one with the lowest R."""
    spec = TrackerSpec("mine", "color")
    specs, own = sweep(spec, "localizer.rank.window_influence", (0.0, 1.0), made)
    store = Store(tmp_path)
    add(store, specs[0].label, reset_record("a", "sttttt", PERFECT))
    add(store, specs[1].label, reset_record("a", "sttf--", PERFECT))
    found = curve(tmp_path, spec, specs, (0.0, 1.0), own, sequences={("VOT2018", "a")}, options=Options(protocol="reset"))
    np.testing.assert_allclose(found.metrics["R"], [0, 100 / 6])
    summary = found.summary("R")
    assert (summary["best_at"], summary["worst_at"], summary["range"]) == (0.0, 1.0, pytest.approx(100 / 6))


def test_sweeps_of_metrics_that_belong_to_one_dataset(tmp_path):
    spec = TrackerSpec("mine", "color")
    specs, own = sweep(spec, "localizer.rank.window_influence", (0.0,), made)
    records = reset_record("a", "sttttt", PERFECT), reset_record("b", "sttttt", PERFECT, dataset="VOT2019")
    add(Store(tmp_path), specs[0].label, *records)
    names = {("VOT2018", "a"), ("VOT2019", "b")}
    with pytest.raises(LockonError, match="belong to one dataset, and these are sequences of VOT2018, VOT2019"):
        curve(tmp_path, spec, specs, (0.0,), own, sequences=names, options=Options(protocol="reset"))


def test_summary_of_nothing():
    found = Curve("mine", None, np.array([0.0, 1.0]), {"AUC": np.full(2, np.nan)})
    assert all(math.isnan(value) for value in found.summary("AUC").values())
    assert set(found.as_json()["summary"]["AUC"].values()) == {None}
