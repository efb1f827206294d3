"""Dotted overrides: every kind of field, and the errors for wrong names and values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, strategies as st

from lockon._config_values import check_field, check_range, check_whole
from lockon.config import apply_overrides, as_json, differences, field_names, flatten
from lockon.errors import LockonError


@dataclass(frozen=True)
class Window:
    influence: float = 0.4
    kind: Literal["hann", "gauss"] = "hann"

    def __post_init__(self) -> None:
        if not 0 <= self.influence <= 1:
            raise LockonError(f"influence must be between 0 and 1, got {self.influence}")


@dataclass(frozen=True)
class Settings:
    steps: int = 100
    flip: bool = True
    name: str = "a"
    weights: Path | None = None
    limit: float | None = None
    sizes: tuple[int, ...] = (8, 16)
    pair: tuple[float, int] = (0.5, 1)
    schedule: tuple[tuple[float, int], ...] = ()
    window: Window = field(default_factory=Window)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("steps", "20", 20),
        ("steps", "1e5", 100_000),
        ("steps", 7, 7),
        ("steps", -3.0, -3),
        ("steps", " +12 ", 12),
        ("flip", "false", False),
        ("flip", "ON", True),
        ("flip", False, False),
        ("name", "12", "12"),
        ("weights", "a/b.onnx", Path("a/b.onnx")),
        ("weights", "none", None),
        ("limit", "1e-3", 1e-3),
        ("limit", 2, 2.0),
        ("limit", None, None),
        ("sizes", "4,5,6", (4, 5, 6)),
        ("sizes", "4", (4,)),
        ("sizes", "", ()),
        ("sizes", [1, 2], (1, 2)),
        ("pair", "(0.25, 3)", (0.25, 3)),
        ("schedule", "((0,0),(0.2,2))", ((0.0, 0), (0.2, 2))),
    ],
)
def test_values_are_read_as_the_type_of_their_field(name: str, value: object, expected: object) -> None:
    changed = getattr(apply_overrides(Settings(), {name: value}), name)
    assert changed == expected
    assert type(changed) is type(expected)


def test_groups_change_by_dotted_name_and_the_given_configuration_stays() -> None:
    settings = Settings()
    changed = apply_overrides(settings, {"window.influence": "0.5", "window.kind": "gauss", "steps": 3})
    assert changed == Settings(steps=3, window=Window(influence=0.5, kind="gauss"))
    assert settings == Settings()
    assert apply_overrides(settings, {"window": Window(0.1)}).window == Window(0.1)
    assert apply_overrides(settings, {"window": {"influence": "0.2"}}).window == Window(0.2)
    assert apply_overrides(settings, {}) == settings


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"stepz": 1}, "unknown option 'stepz'; did you mean 'steps'?"),
        ({"influence": 1}, "unknown option 'influence'; did you mean 'window.influence'?"),
        ({"window.influense": 1}, "unknown option 'window.influense'; did you mean 'window.influence'"),
        ({"steps": "many"}, "steps must be a whole number, got 'many'; for example steps=100"),
        ({"steps": 1.5}, "steps must be a whole number, got 1.5"),
        ({"steps": "1.5"}, "steps must be a whole number, got '1.5'"),
        ({"steps": "inf"}, "steps must be a whole number, got 'inf'"),
        ({"steps": "+-3"}, "steps must be a whole number, got '+-3'"),
        ({"steps": None}, "steps must be a whole number, got None"),
        ({"steps": True}, "steps must be a whole number, got True"),
        ({"flip": "maybe"}, "flip must be true or false, got 'maybe'; for example flip=true"),
        ({"flip": 2}, "flip must be true or false, got 2"),
        ({"name": 3}, "name must be text, got 3"),
        ({"limit": "nan"}, "limit must be a number or none, got 'nan'"),
        ({"limit": True}, "limit must be a number or none, got True"),
        ({"sizes": "4,x"}, "sizes must be a whole number, got '4,x'; for example sizes=8,16"),
        ({"sizes": 4}, "sizes must be a list of values, got 4"),
        ({"pair": "1"}, "pair must be 2 values, got '1'"),
        ({"window": 3}, "window is a group of options, got 3; set one of them, for example window."),
        ({"window.kind": "hamming"}, "window.kind must be one of hann, gauss, got 'hamming'"),
        ({"window.influence": "2"}, "window.influence must be between 0 and 1, got 2.0"),
    ],
)
def test_mistakes_are_named(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(LockonError) as caught:
        apply_overrides(Settings(), overrides)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def attempt(name: str, text: str) -> object:
    """The field's new value, or the error."""
    try:
        return getattr(apply_overrides(Settings(), {name: text}), name)
    except LockonError as error:
        return error


@given(st.text(max_size=20))
def test_any_text_gives_an_integer_or_one_clear_line(text: str) -> None:
    value = attempt("steps", text)
    assert type(value) is int or str(value).startswith("steps must be a whole number")


@given(st.text(max_size=30))
def test_any_text_gives_a_tuple_or_one_clear_line(text: str) -> None:
    value = attempt("schedule", text)
    assert isinstance(value, tuple) or str(value).startswith("schedule must be")


def test_only_instances_of_dataclasses_are_configurations() -> None:
    with pytest.raises(TypeError, match="instance of a dataclass"):
        apply_overrides(Settings, {})


def test_field_names_in_order() -> None:
    assert field_names(Settings())[-3:] == ["window", "window.influence", "window.kind"]


def test_as_json_is_plain() -> None:
    plain = as_json({"settings": Settings(weights=Path("x"), schedule=((0.5, 2),))})
    assert plain["settings"]["weights"] == "x"
    assert plain["settings"]["schedule"] == [[0.5, 2]]
    assert plain["settings"]["window"] == {"influence": 0.4, "kind": "hann"}


def test_differences_name_fields_that_changed_appeared_or_went() -> None:
    assert differences({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 1, "c": 4}, "e": 5}) == [
        "a.c (2 -> 4)",
        "d (3 -> None)",
        "e (None -> 5)",
    ]


@dataclass(frozen=True)
class Ranged:
    rate: float = 0.5
    count: int = 3
    limit: float | None = None
    seed: int = 0
    free: float = 1.0
    whole: int = 2

    def __post_init__(self) -> None:
        check_whole(whole=self.whole)
        check_range("rate", self.rate, 0, 1)
        check_range("count", self.count, 1, 9)
        check_range("limit", 0.0 if self.limit is None else self.limit, 0)
        check_field(self, "seed", 0 <= self.seed < 2**32, "a number from 0 to 2**32 - 1")


@pytest.mark.parametrize("value", ["nan", True, "wide", float("nan"), None])
@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("rate", "a number (0 to 1)"),
        ("count", "a whole number (1 to 9)"),
        ("limit", "a number or none (0 or more)"),
        ("seed", "a whole number (a number from 0 to 2**32 - 1)"),
        ("free", "a number"),
        ("whole", "a whole number"),
    ],
)
def test_what_is_no_number_is_told_the_range(name: str, wanted: str, value: object) -> None:
    if name == "limit" and value is None:
        return
    with pytest.raises(LockonError) as caught:
        apply_overrides(Ranged(), {name: value})
    assert str(caught.value).startswith(f"{name} must be {wanted}, got {value!r}; for example {name}=")


@pytest.mark.parametrize("value", ["inf", "-inf", "1e400", float("inf")])
def test_what_is_infinite_is_told_the_range(value: object) -> None:
    with pytest.raises(LockonError, match=r"rate=-?inf given, expected 0 to 1"):
        apply_overrides(Ranged(), {"rate": value})
    with pytest.raises(LockonError, match=r"count must be a whole number \(1 to 9\), got"):
        apply_overrides(Ranged(), {"count": value})


@dataclass(frozen=True)
class Best:
    pass


@dataclass(frozen=True)
class MeanNear:
    top: int = 3


@dataclass(frozen=True)
class Choice:
    boxes: Best | MeanNear = field(default_factory=Best)
    extra: MeanNear | None = None
    name: str = "x"


@dataclass(frozen=True)
class WithParts:
    choice: Choice = field(default_factory=Choice)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"choice.boxes": "mean-near"}, Choice(MeanNear())),
        ({"choice.boxes.top": "5", "choice.boxes": "mean-near"}, Choice(MeanNear(5))),
        ({"choice.boxes.part": "mean-near", "choice.boxes.top": 2}, Choice(MeanNear(2))),
        ({"choice.boxes": MeanNear(7)}, Choice(MeanNear(7))),
        ({"choice.boxes": {"part": "mean-near", "top": 4}}, Choice(MeanNear(4))),
        ({"choice.extra": "mean-near", "choice.name": "y"}, Choice(extra=MeanNear(), name="y")),
        ({"choice.extra": "none"}, Choice()),
    ],
)
def test_parts_are_taken_by_name(overrides: dict[str, object], expected: Choice) -> None:
    made = apply_overrides(WithParts(), overrides)
    assert made == WithParts(expected)
    assert apply_overrides(WithParts(), flatten(as_json(made))) == made  # through a file and back


@dataclass(frozen=True)
class MeanRanked:
    top: int = 5
    weight: float = 1.0


@dataclass(frozen=True)
class WithTwo:
    boxes: MeanNear | MeanRanked = field(default_factory=MeanNear)


def test_another_part_keeps_the_values_of_fields_that_both_have() -> None:
    assert apply_overrides(WithTwo(MeanNear(9)), {"boxes": "mean-ranked"}).boxes == MeanRanked(top=9)
    assert apply_overrides(WithTwo(MeanNear(9)), {"boxes": "mean-ranked", "boxes.top": 2}).boxes == MeanRanked(top=2)


@dataclass(frozen=True)
class TopByName:
    top: Literal["first", "last"] = "last"
    weight: float = 2.0


@dataclass(frozen=True)
class WithOtherTop:
    boxes: MeanRanked | TopByName = field(default_factory=MeanRanked)


def test_a_field_of_the_same_name_for_other_values_is_not_shared() -> None:
    assert apply_overrides(WithOtherTop(MeanRanked(9, 0.5)), {"boxes": "top-by-name"}).boxes == TopByName("last", 0.5)
    assert apply_overrides(WithOtherTop(TopByName("first", 0.5)), {"boxes": "mean-ranked"}).boxes == MeanRanked(5, 0.5)


def test_a_part_that_is_there_keeps_its_values() -> None:
    assert apply_overrides(Choice(MeanNear(9)), {"boxes": "mean-near"}).boxes == MeanNear(9)
    assert as_json(Choice(MeanNear(9)))["boxes"] == {"part": "mean-near", "top": 9}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"choice.boxes": "mean-far"}, "choice.boxes must be one of best, mean-near, got 'mean-far'; for example choice.boxes=mean-near"),
        (
            {"choice.boxes.top": 3},
            "choice.boxes.top is a field of mean-near, which is not chosen; choose it by choice.boxes=mean-near",
        ),
        ({"choice.boxes.tip": 3}, "unknown option 'choice.boxes.tip'"),
        ({"choice.boxes": 3}, "choice.boxes must be one of best, mean-near, got 3; for example choice.boxes=best"),
    ],
)
def test_wrong_parts_are_refused(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(LockonError, match=re.escape(message)):
        apply_overrides(WithParts(), overrides)
