"""Markdown in short lines: nothing is lost, and what fits stays as it is."""

from __future__ import annotations

from lockon.studies.fit import fitted

TABLE = """| tracker | part | AO | gain | AUC | gain |
| --- | --- | --: | --: | --: | --: |
| one | first | 0.1 | +0.1 | 0.2 | +0.2 |"""


def test_text_that_fits_is_unchanged() -> None:
    text = f"# Title\n\nA paragraph\nof two lines.\n\n- item\n\n{TABLE}\n\n```bash\nlockon demo\n```\n"
    assert fitted(text) == text


def test_paragraphs_and_items_are_wrapped() -> None:
    text = "one two three\nfour five\n\n- six seven eight\n- nine"
    assert fitted(text, 10) == "one two\nthree four\nfive\n\n- six\n  seven\n  eight\n- nine"


def test_a_long_word_is_not_broken() -> None:
    assert fitted("a `long-name-of-a-thing` b", 10) == "a\n`long-name-of-a-thing`\nb"


def test_a_wide_table_becomes_two_that_repeat_the_texts() -> None:
    assert fitted(TABLE, 36) == (
        "| tracker | part | AO | gain |\n| --- | --- | --: | --: |\n| one | first | 0.1 | +0.1 |\n\n"
        "| tracker | part | AUC | gain |\n| --- | --- | --: | --: |\n| one | first | 0.2 | +0.2 |"
    )


def test_columns_of_one_head_stay_with_the_column_before() -> None:
    """AO and its gain are never parted, though a third column would fit."""
    first, _, _ = fitted(TABLE, 40).partition("\n\n")
    assert first.splitlines()[0] == "| tracker | part | AO | gain |"


def test_commands_are_broken_before_options() -> None:
    code = "```bash\nlockon bench run --trackers a b --data X:/x --out DIR\n```"
    assert fitted(code, 40) == "```bash\nlockon bench run --trackers a b \\\n    --data X:/x --out DIR\n```"


def test_other_code_is_left_alone() -> None:
    code = "```text\na very long line that is no command\n```"
    assert fitted(code, 10) == code
