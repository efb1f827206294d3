from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from lockon.data.datasets.parsing import format_ranges, parse_row, parse_table, read_flags, read_table
from lockon.errors import LockonError

NUMBER = st.floats(-1e5, 1e5, allow_nan=False).map(lambda value: round(value, 3))
ROW = st.one_of(st.none(), st.tuples(NUMBER, NUMBER, NUMBER, NUMBER))


@given(st.lists(ROW, min_size=1, max_size=8), st.sampled_from([",", "\t", " ", ", ", "  ", " ,\t"]), st.sampled_from(["\n", "\r\n"]))
def test_table_round_trip(rows: list[tuple[float, ...] | None], separator: str, newline: str) -> None:
    text = newline.join(separator.join(map(str, row or ["NaN"] * 4)) for row in rows) + newline
    table = parse_table(text, "gt.txt", (4,))
    expected = np.array([row or (np.nan,) * 4 for row in rows])
    np.testing.assert_allclose(table.values, expected)
    assert table.problems == ()
    assert list(table.lines) == list(range(1, len(rows) + 1))


@given(st.text(max_size=40))
def test_any_text_is_a_table_or_a_problem(text: str) -> None:
    table = parse_table(text, "gt.txt", (4,))
    assert len(table.values) == len(table.widths) == len(table.lines)
    for row, width, line in zip(table.values, table.widths, table.lines, strict=True):
        assert np.isfinite(row).all() if width else np.isnan(row).all()
        assert width == 0 or int(line) not in table.wrong


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3", "expected 4 numbers, found 3"),
        ("1,2,3,4,5", "expected 4 numbers, found 5"),
        ("1;2;3;4", "separated by commas, tabs or blanks"),
        ("1,,3,4", "separated by commas"),
        ("1,2,3,four", "separated by commas"),
        ("1,2,NaN,4", "NaN or infinite in some"),
        ("1,2,inf,4", "NaN or infinite in some"),
        ("NaN,NaN", "found 2"),
        ("6_5,2,3,4", "separated by commas"),
        ("1,2,3,\u0664", "separated by commas"),
    ],
)
def test_bad_row(text: str, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        parse_row(text, (4,))


@pytest.mark.parametrize("text", ["", "   ", "NaN", "nan,NaN,NAN,nan", "NaN\tNaN\tNaN\tNaN"])
def test_rows_without_a_box(text: str) -> None:
    assert parse_row(text, (4,)) == []


@pytest.mark.parametrize("field", ["6_5", "\u0663", "1e1_0"])
def test_numbers_for_python_alone_are_none(field: str) -> None:
    table = parse_table(f"1,2,3,4\n{field},2,3,4\n", "gt.txt", (4,))
    assert table.wrong == {2}


def test_problems_name_file_and_line_and_the_rest_is_read() -> None:
    table = parse_table("1,2,3,4\nx\n\n5,6,7,8\n\n\n", "gt.txt", (4,))
    assert len(table) == 4  # two empty lines at the end are dropped, the one in the middle is a row
    assert table.problems[0].startswith("gt.txt:2: ")
    assert len(table.problems) == 1
    assert table.wrong == {2}
    np.testing.assert_array_equal(np.isnan(table.values).all(axis=1), [False, True, True, False])


def test_empty_and_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00\x80")
    (tmp_path / "bom.txt").write_bytes(b"\xef\xbb\xbf1,2,3,4\n")
    assert "the file is empty" in read_table(tmp_path / "empty.txt", (4,)).problems[0]
    assert "is no text file: line 1 is not UTF-8" in read_table(tmp_path / "binary.txt", (4,)).problems[0]
    assert "cannot be read" in read_table(tmp_path / "absent.txt", (4,)).problems[0]
    np.testing.assert_array_equal(read_table(tmp_path / "bom.txt", (4,)).values, [[1, 2, 3, 4]])


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([], ""), ([3], "3"), ([5, 4, 3], "3-5"), ([17, 12, 13, 14, 40], "12-14, 17, 40"), ([1, 1, 2], "1-2"), ([-2, -1], "-2--1")],
)
def test_format_ranges(numbers: list[int], text: str) -> None:
    assert format_ranges(numbers) == text


def test_format_ranges_is_cut_at_the_limit() -> None:
    assert format_ranges([1, 3, 5, 6, 9], limit=2) == "1, 3 and 3 more"


FIELDS = st.sampled_from(["1", "2.5", "-3e1", "nan", "inf", "x", "", " "])
LINES = st.lists(st.lists(FIELDS, min_size=0, max_size=7), max_size=6)


@given(LINES, st.sampled_from([",", " ", "\t", ", ", " ,"]))
def test_a_table_is_its_rows_whichever_way_it_is_parsed(lines: list[list[str]], separator: str) -> None:
    text = "\n".join(separator.join(line) for line in lines)
    table = parse_table(text, "f", (4, 6))
    kept = text.splitlines()[: len(table)]
    for index, line in enumerate(kept):
        try:
            row = parse_row(line, (4, 6))
        except LockonError:
            assert index + 1 in table.wrong
            continue
        assert index + 1 not in table.wrong
        assert table.widths[index] == len(row)
        assert table.values[index, : len(row)].tolist() == row


def test_flags(tmp_path: Path) -> None:
    path = tmp_path / "absence.label"
    assert read_flags(path, 3) == (None, ())
    for text in ("0,1,1", "0\n1\n1\n", "0 1\t1\n"):
        path.write_text(text)
        flags, problems = read_flags(path, 3)
        assert flags is not None
        assert (flags.tolist(), problems) == ([0, 1, 1], ())
    assert read_flags(path, 4) == (None, (f"{path}: 3 flags, but the annotation has 4 boxes",))
    path.write_text("0,x,1")
    assert "expected one number per frame, found '0,x,1'" in read_flags(path, 3)[1][0]
    path.write_bytes(b"\xff\xfe")
    assert "is no text file" in read_flags(path, 3)[1][0]
