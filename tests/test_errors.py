from __future__ import annotations

import pickle

import pytest

from lockon.errors import LockonError, LockonWarning, unknown_name


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("lockon", "unknown tracker 'lockon'; did you mean 'lockon-s'? known: csrt, lockon-s"),
        ("zzzzzz", "unknown tracker 'zzzzzz'; known: csrt, lockon-s"),
    ],
)
def test_unknown_name_suggests_the_nearest(given: str, expected: str) -> None:
    error = unknown_name("tracker", given, ["lockon-s", "csrt"])
    assert isinstance(error, LockonError)
    assert str(error) == expected


def test_a_mistake_is_a_value_error_and_a_repair_a_user_warning() -> None:
    assert issubclass(LockonError, ValueError)
    assert issubclass(LockonWarning, UserWarning)


def test_an_error_is_one_line_whatever_it_quotes() -> None:
    error = LockonError("no frame 'a\nb\r\nc'; give one")
    assert str(error) == "no frame 'a b c'; give one"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("quoted", ["\x1b[31mred", "a\x07b", "gnp\u202e.exe", "caf\udce9"])
def test_an_error_drives_no_terminal(quoted: str) -> None:
    error = LockonError(f"no tensor {quoted}; give one")
    assert str(error).isprintable()
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # what is written out stays as it is
