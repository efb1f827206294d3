"""JSON and TOML of anybody's: everything wrong with them is one kind of error, soon and with little memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockon._documents import parse_json, parse_literal, read_json, read_json_object, read_toml
from lockon.errors import LockonError

DEEP = 5000


@pytest.mark.parametrize(
    "text",
    [
        "[" * DEEP + "]" * DEEP,
        '{"a":' * DEEP + "1" + "}" * DEEP,
        "[1,[" * 100 + "]]" * 100,
        "[" * 1_000_000,
        "1" * 5000,
        '{"a": -' + "1" * 5000 + "}",
        '{"a": 1',
        "",
        b"\xff\xfe\xfd",
    ],
)
def test_what_is_no_usable_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of any kind
        parse_json(text)


@pytest.mark.parametrize("text", ['{"a": 1, "b": 2, "a": 1}', '[{"b": {"a": 1, "c": 2, "a": 3}}]', '{"a": {}, "\\u0061": []}'])
def test_a_key_that_is_given_twice_is_a_value_error_that_names_it(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    for read in (lambda: parse_json(text), lambda: read_json(tmp_path / "a.json")):
        with pytest.raises(ValueError, match="the key 'a' is given twice"):
            read()


def test_usual_documents_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": [[[1, null, 2.5]], {"b": "\\udce9"}]}')
    assert read_json(path) == {"a": [[[1, None, 2.5]], {"b": "\udce9"}]}


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(ValueError, match="more than 1 MB"):
        read_json(Path("/dev/zero"), largest=2**20)


@pytest.mark.parametrize("text", ["[" * DEEP + "]" * DEEP, "{", "[1]", '"a"', "1" * 5000])
def test_what_is_no_object_names_the_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "tracker.json"
    path.write_text(text)
    with pytest.raises(LockonError, match=r"tracker.json .*; write it again"):
        read_json_object(path, "write it again")


@pytest.mark.parametrize(
    "text",
    [
        f"a = {'[' * DEEP}{']' * DEEP}",
        f"a = {'{a=' * DEEP}1{'}' * DEEP}",
        f"{'.'.join('a' * DEEP)} = 1",
        f"[{'.'.join('a' * DEEP)}]",
        f"a = {'1' * 5000}",
        "a = 1\na = 2",
        "a = ",
        "a = \udcff",
    ],
)
def test_what_is_no_usable_toml_names_the_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "data.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(LockonError, match=r"data.toml is no TOML: .*; mend it"):
        read_toml(path, "mend it")


def test_toml_with_the_marks_of_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "data.toml"
    path.write_bytes(b'\xef\xbb\xbf[roots]\r\nOTB100 = "a"\r\n')
    assert read_toml(path, "") == {"roots": {"OTB100": "a"}}
    with pytest.raises(LockonError, match=r"cannot read .*none.toml: No such file or directory; mend it"):
        read_toml(tmp_path / "none.toml", "mend it")


@pytest.mark.parametrize("text", ["(" * DEEP + ")" * DEEP, "-" * 100_000 + "1", "word", "{[]: 1}", "1" * 5000, "a\0"])
def test_texts_that_spell_no_value(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of any kind
        parse_literal(text)


def test_values_are_spelt_as_python_does() -> None:
    assert parse_literal("(1, -2.5, 'a')") == (1, -2.5, "a")
