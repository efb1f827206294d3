from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from lockon.cli._options import parse_overrides
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
def test_values(text: str, name: str, value: Any) -> None:
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
