import pytest

from lockon.errors import LockonError
from lockon.studies.grid import TABLE4, VARIANTS, Row, Run, rows


def test_default_rows_are_those_of_table_4_and_two_more_heads() -> None:
    assert [row.name for row in rows()] == [
        *(f"compact-ban.{variant}" for variant in ("base", "cr", "cr-igr-ori", "cr-igr")),
        "compact-rpn.base",
        "compact-rpn.cr-igr",
        "compact-pw.base",
        "compact-pw.cr-igr",
    ]


def test_rows_of_other_trackers() -> None:
    assert rows(["siamban-r50"]) == [Row("siamban-r50", variant) for variant in TABLE4]
    assert {row.family for row in rows()} == {"compact"}
    assert rows(["siamban-r50"])[0].family == "siamban-r50"


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (["compact-ban.cr"], ["compact-ban.cr"]),
        (["two-stage"], ["compact-ban.two-stage", "compact-rpn.two-stage", "compact-pw.two-stage"]),
        (["compact-pw.cr", "compact-pw.cr"], ["compact-pw.cr"]),
    ],
)
def test_some_rows(only: list[str], expected: list[str]) -> None:
    assert [row.name for row in rows(only=only)] == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], ["compact-ban.crr"]), "unknown row's variant 'crr'.*cr"),
        (([], ["compact-bam.cr"]), "unknown row's tracker 'compact-bam'.*compact-ban"),
        ((["a", "a"], []), "given twice"),
    ],
)
def test_wrong_rows(arguments: tuple[list[str], list[str]], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        rows(*arguments)


def test_every_variant_says_what_is_on_and_what_is_off() -> None:
    """A recipe whose ranking losses are on by default must not leak into the baseline."""
    for name, variant in VARIANTS.items():
        assert {"loss.ranking.classification", "loss.ranking.iou"} <= set(variant.settings)
        assert (variant.settings["loss.ranking.classification"] > 0) == name.startswith("cr")
        assert (variant.settings["loss.ranking.iou"] > 0) == ("igr" in name)


def test_labels() -> None:
    assert Run(Row("compact-ban", "cr"), 2).label == "compact-ban.cr.s2"
