from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from hypothesis import given, settings, strategies as st
from typer.testing import CliRunner

from lockon.cli._options import LoadOptions, OutputOptions, option_groups
from lockon.cli._texts import parse_overrides
from lockon.errors import LockonError


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("localizer.rank.window_influence=0.4", "localizer.rank.window_influence", 0.4),
        ("a=3", "a", 3),
        ("a=True", "a", True),
        ("a=None", "a", None),
        ("a=(1, 2)", "a", (1, 2)),
        ("a='0.4'", "a", "0.4"),
        ("a=fast", "a", "fast"),
        ("a=b=c", "a", "b=c"),
        ("a=", "a", ""),
        (" a = 1e-3 ", "a", 0.001),
        ("a=__import__('os')", "a", "__import__('os')"),
    ],
)
def test_values_are_python_literals_where_they_can_be(text: str, name: str, value: Any) -> None:
    assert parse_overrides([text]) == {name: value}


@pytest.mark.parametrize("text", ["", "a", "=3", "a..b=3", "1a=3", "a b=3", ".a=3"])
def test_malformed(text: str) -> None:
    with pytest.raises(LockonError, match="is not name=value"):
        parse_overrides([text])


def test_twice() -> None:
    with pytest.raises(LockonError, match="given twice"):
        parse_overrides(["a=1", "a=2"])


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_value_is_taken(value: str) -> None:
    assert list(parse_overrides([f"a.b={value}"])) == ["a.b"]


@dataclass(frozen=True, kw_only=True)
class Speed:
    fast: Annotated[bool, typer.Option("--fast")] = False
    factor: Annotated[int, typer.Option(min=1)]


def test_option_groups_become_options_of_the_command() -> None:
    calls = []

    @option_groups
    def run(name: Annotated[str, typer.Argument()], *, speed: Speed, count: Annotated[int, typer.Option()] = 2) -> None:
        """Run."""
        calls.append((name, speed, count))

    app = typer.Typer()
    app.command()(run)
    assert CliRunner().invoke(app, ["slow", "--factor", "3"]).exit_code == 0
    assert CliRunner().invoke(app, ["quick", "--fast", "--factor", "1", "--count", "4"]).exit_code == 0
    assert calls == [("slow", Speed(factor=3), 2), ("quick", Speed(fast=True, factor=1), 4)]
    assert CliRunner().invoke(app, ["slow"]).exit_code == 2, "an option without a default is required"
    assert CliRunner().invoke(app, ["slow", "--factor", "0"]).exit_code == 2, "limits hold"


def test_a_group_without_options_keeps_its_defaults() -> None:
    assert LoadOptions(overrides=["a.b=1"]).arguments() == {"weights": None, "preset": "default", "device": "auto", "a.b": 1}
    assert OutputOptions(out=Path("a.mp4"), save=[Path("b.csv")], mask=Path("m")).paths() == [Path("a.mp4"), Path("b.csv"), Path("m")]
    assert OutputOptions().paths() == []
