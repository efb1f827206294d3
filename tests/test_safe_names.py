"""Names of anybody's: nothing in them drives a terminal, is run by a spreadsheet, or leads out of a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockon._names import check_part, csv_cell, file_name, inside, quoted
from lockon._shown import shown
from lockon.errors import LockonError


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain naïve 名 👍", "plain naïve 名 👍"),
        ("\x1b]0;owned\x07\x1b[31m", r"\x1b]0;owned\x07\x1b[31m"),
        ("a\x9b31m\x7f", r"a\x9b31m\x7f"),
        ("a\r\nb\tc\x00", r"a\x0d\x0ab\x09c\x00"),
        ("gnp\u202e.exe\u2066", r"gnp\u202e.exe\u2066"),
        ("caf\udce9", r"caf\xe9"),
        ("half\ud83d", r"half\ud83d"),
        ("a\u2028b\ufeff", r"a\u2028b\ufeff"),
    ],
)
def test_what_would_act_is_shown(name: str, text: str) -> None:
    assert shown(name) == text
    assert shown(name).encode()


def test_line_ends_of_a_table_can_be_kept() -> None:
    assert shown("| a |\n| \x1b |\n", keep="\n") == "| a |\n| \\x1b |\n"


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x","y")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"])
def test_formulas_are_disarmed(name: str) -> None:
    assert str(csv_cell(name)).startswith("'")


@pytest.mark.parametrize("value", [-1.5, 3, None, "-0.25", "+1e-3", "-.5", "-12", "car-1", "a=b", ""])
def test_numbers_and_other_names_stay_as_they_are(value: object) -> None:
    assert csv_cell(value) == value


@pytest.mark.parametrize(
    "name", ["..", ".", "", "a/../b", "NUL", "com1.txt", "a\0b", "end.", "end ", "x:y", "\udce9", "a" * 300, "名" * 200]
)
def test_any_name_makes_one_part_of_a_path(name: str, tmp_path: Path) -> None:
    made = file_name(name)
    assert not set(made) & set('/\\\0:*?"<>|')
    assert made not in ("", ".", "..")
    path = tmp_path / f"{made}_00000042_confidence.value"
    path.write_bytes(b"")
    assert path.parent == tmp_path


def test_long_names_that_begin_alike_are_told_apart() -> None:
    assert file_name("a" * 300) != file_name("a" * 301)


@pytest.mark.parametrize("name", ["images/a.jpg", "car-1", "a..b/c", "..hidden", "名/1.jpg", "a" * 255])
def test_names_below_a_folder_are_paths(name: str, tmp_path: Path) -> None:
    assert inside(tmp_path, name, "list.txt:1") == tmp_path / name


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "../x",
        "a/../../x",
        "a/..",
        "..\\x",
        "a\\..\\..\\x",
        "/etc/passwd",
        "\\\\host\\share",
        "C:\\x",
        "c:x",
        "a\0b",
        "",
        ".",
        "./",
        7,
        None,
    ],
)
def test_names_that_lead_out_are_refused(name: object, tmp_path: Path) -> None:
    with pytest.raises(LockonError, match=r"^list.txt:1: .*; expected a relative path below"):
        inside(tmp_path, name, "list.txt:1")


@pytest.mark.parametrize("name", ["a" * 256, "名" * 100, f"a/{'b' * 300}/c"])
def test_names_that_no_file_can_have_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(LockonError, match="at most 255") as error:
        inside(tmp_path, name, "list.txt:1")
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("name", ["../ESC", "a/b", "..", "", "C:", "a\\..\\b", "a" * 300])
def test_one_part_of_a_path_has_no_separators(name: str) -> None:
    with pytest.raises(LockonError, match=r"the dataset is '.*'; expected the name of one folder"):
        check_part(name, "the dataset")


def test_long_names_are_cut_in_messages() -> None:
    assert quoted("a\x1b" + "b" * 100) == repr("a\x1b" + "b" * 58 + "...")
