"""Parameters, ranges from texts and files, and default spaces."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, strategies as st
from tunable import Config

from lockon.bench.search import Parameter, default_space, parse_range, parse_vary, read_space
from lockon.config import apply_overrides
from lockon.errors import LockonError
from lockon.tracker import TrackerConfig


def test_ranges_take_their_types_from_the_config():
    rate, reach, top = parse_vary(["rate=0:1", "group.reach=1:9:2", " top = 1:5"], Config())
    (log,) = parse_vary(["rate=0.001:0.1:log"], Config())
    assert (rate.whole, rate.low, rate.high, rate.step, rate.default) == (False, 0, 1, None, 0.1)
    assert (reach.whole, reach.step, reach.default, reach.points(99)) == (True, 2, 2, [1, 3, 5, 7, 9])
    assert (top.whole, top.default) == (True, None)
    assert (log.log, log.contains(0.05), log.contains(0.2)) == (True, True, False)


def test_without_a_config_whole_ends_make_whole_numbers():
    assert parse_range("a.b", "1:5").points(9) == [1, 2, 3, 4, 5]
    assert parse_range("a.b", "1:5.0").points(3) == [1.0, 3.0, 5.0]
    assert parse_range("a.b", "1,2.5,x,true").choices == (1, 2.5, "x", True)
    assert parse_range("a.b", "1:5").default is None


@pytest.mark.parametrize(
    ("text", "choices", "default"),
    [
        ("group.mode=", ("a", "b"), "a"),
        ("group.mode=b,a", ("b", "a"), "a"),
        ("fast", (True, False), False),
        ("rate=0.1,1", (0.1, 1.0), 0.1),
        ("text=y,z", ("y", "z"), "x"),
        ("group.reach=1,3", (1, 3), 2),
    ],
)
def test_choices(text, choices, default):
    (parameter,) = parse_vary([text], Config())
    assert parameter.choices == choices
    assert [type(value) for value in parameter.choices] == [type(value) for value in choices]
    assert parameter.default == default
    assert parameter.points(2) == list(choices)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rat=0:1", "unknown parameter 'rat'.*did you mean 'rate'"),
        ("group=0:1", "unknown parameter 'group'"),
        ("rate", "--vary rate has no range"),
        ("=0:1", "is not NAME=LOW:HIGH"),
        ("a b=0:1", "is not NAME=LOW:HIGH"),
        (f"rate=0:1{'0' * 400}", "expected LOW:HIGH"),
        ("rate=0:1e400", "expected LOW:HIGH"),
        ("rate=0:nan", "expected LOW:HIGH"),
        ("rate=1:0", "rate=1:0 is no range; expected LOW below HIGH"),
        ("rate=1:1", "rate=1:1 is no range"),
        ("rate=0:inf", "expected LOW:HIGH"),
        ("rate=0:1e999", "expected LOW:HIGH"),
        ("rate=a:b", "expected LOW:HIGH"),
        ("rate=0:1:2:3", "expected LOW:HIGH"),
        ("rate=0:True", "expected LOW:HIGH"),
        ("rate=0:1:log", "needs a LOW above 0"),
        ("rate=0:1:0", "expected a step above 0"),
        ("rate=0:1:2", "expected a step above 0 and at most HIGH - LOW"),
        ("rate=0.5", "one choice 0.5; give two or more, or --fixed rate=VALUE"),
        ("rate=a,b", "rate must be a number"),
        ("group.reach=0.5:2", "whole number"),
        ("group.mode=a,c", "mode must be one of a, b"),
        ("group.mode=0:1", "group.mode is no number; give its values"),
        ("fast=0:1", "fast is no number"),
        ("text", "--vary text has no range"),
    ],
)
def test_ranges_that_do_not_fit_the_parameter_are_refused(text, message):
    with pytest.raises(LockonError, match=message):
        parse_vary([text], Config())


def test_a_name_is_given_once():
    with pytest.raises(LockonError, match="--vary rate is given twice"):
        parse_vary(["rate=0:1", "rate=0:2"], Config())


@given(
    low=st.floats(-100, 100).map(lambda value: round(value, 3)),
    width=st.floats(0.01, 1000).map(lambda value: round(value, 3)),
    part=st.floats(0, 1),
)
def test_a_cleaned_value_is_inside_and_on_the_lattice(low, width, part):
    parameter = Parameter(name="a", low=low, high=round(low + width, 3))
    steps = round((parameter.top - parameter.low) / parameter.spacing)
    assert steps >= 99
    value = parameter.clean(parameter.low + round(part * steps) * parameter.spacing)
    assert parameter.low <= value <= parameter.high
    assert parameter.contains(value)
    assert parameter.clean(value) == value
    assert len(repr(value)) <= 12


@given(low=st.floats(1e-6, 1), factor=st.floats(1.01, 1e6), part=st.floats(0, 1))
def test_a_logarithmic_value_is_inside_and_short(low, factor, part):
    parameter = Parameter(name="a", low=low, high=low * factor, log=True)
    value = parameter.clean(low * factor**part)
    assert parameter.contains(value)
    assert value in (parameter.low, parameter.high, float(f"{value:.4g}"))


def test_points_of_a_grid():
    assert Parameter(name="a", low=0, high=1).points(5) == [0, 0.25, 0.5, 0.75, 1]
    assert Parameter(name="a", low=0.1, high=0.55, step=0.2).points(5) == [0.1, 0.3, 0.5]
    assert Parameter(name="a", low=0.01, high=1, log=True).points(3) == [0.01, 0.1, 1]
    assert Parameter(name="a", low=0, high=100, whole=True).points(5) == [0, 25, 50, 75, 100]
    assert Parameter(name="a", low=1, high=8, whole=True, log=True).points(4) == [1, 2, 4, 8]


def test_a_space_from_a_file(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text(
        'rate = "0.001:0.1:log"\n"group.mode" = ["a", "b"]\nfast = [true, false]\n[group]\nreach = { low = 1, high = 9, step = 2 }\n'
    )
    space = {parameter.name: parameter for parameter in read_space(path, Config())}
    assert list(space) == ["rate", "group.mode", "fast", "group.reach"]
    assert space["rate"].log
    assert space["group.mode"].choices == ("a", "b")
    assert space["fast"].choices == (True, False)
    assert space["group.reach"].points(9) == [1, 3, 5, 7, 9]
    path.write_text("[rate]\nlow = 0.001\nhigh = 0.1\nlog = true\n")
    assert read_space(path, Config()) == (space["rate"],)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no parameters"),
        ("rate = ", "is no TOML"),
        ("rate = 3", "rate = 3; expected"),
        ("rate = { low = 1 }", "expected"),
        ("rate = { low = 1, high = 2, stride = 1 }", "expected"),
        ('rat = "0:1"', r"space.toml: unknown parameter 'rat'"),
        ('rate = "1:0"', r"space.toml: rate=1:0 is no range"),
        ("rate = []", r"rate = \[\]; expected"),
    ],
)
def test_files_that_are_no_space(tmp_path, content, message):
    path = tmp_path / "space.toml"
    path.write_text(content)
    with pytest.raises(LockonError, match=message):
        read_space(path, Config())
    with pytest.raises(LockonError, match="cannot read"):
        read_space(tmp_path / "missing.toml")


def test_the_default_space_of_network_trackers():
    config = TrackerConfig()
    space = {parameter.name: parameter for parameter in default_space(config)}
    assert list(space) == [
        "localizer.rank.window_influence",
        "localizer.rank.penalty_k",
        "localizer.size_lr",
        "search_crop.factor",
    ]
    assert all(parameter.contains(parameter.default) for parameter in space.values())
    assert space["search_crop.factor"].low < config.search_crop.factor < space["search_crop.factor"].high
    assert "search_crop.factor" not in {parameter.name for parameter in default_space(config, ["search_crop.factor"])}
    mean = apply_overrides(config, {"localizer.boxes": "mean-near"})
    assert {parameter.name: parameter for parameter in default_space(mean)}["localizer.boxes.top"].points(9) == [1, 3, 5]


def test_a_family_without_known_parameters_has_no_default_space():
    @dataclass(frozen=True)
    class Other:
        rate: float = 1.0

    for config in (Other(), None, Config):
        with pytest.raises(LockonError, match="name them: --vary"):
            default_space(config)
