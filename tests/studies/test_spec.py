from dataclasses import replace

import pytest

from lockon.errors import LockonError
from lockon.studies import KINDS
from lockon.studies.spec import Published, Row, StudyRun, StudySpec, Variant

RBO, SIAMLA, AR, DUML = (KINDS[name] for name in ("rbo", "siamla", "alpha-refine", "duml"))


def names(rows: list[Row]) -> list[str]:
    return [row.name for row in rows]


def test_default_rows_are_those_of_the_papers() -> None:
    assert names(RBO.rows()) == [
        *(f"compact-ban.{variant}" for variant in ("base", "cr", "cr-igr-ori", "cr-igr")),
        "compact-rpn.base",
        "compact-rpn.cr-igr",
        "compact-pw.base",
        "compact-pw.cr-igr",
    ]
    assert names(AR.rows()) == [f"refine-s.{variant}" for variant in ("base", "depthwise", "naive", "rpn", "rcnn", "no-mask")]
    assert [row.variant for row in DUML.rows()][:7] == ["base", "ofr", "onc", "onr", "ofc-onc", "ofc-onr", "vote"]
    assert names(SIAMLA.rows()) == [f"compact-car.{variant}" for variant in ("base", "ladl", "ladl-lals", "lafa", "all")]


def test_rows_of_other_trackers() -> None:
    assert RBO.rows(["siamban-r50"]) == [Row("siamban-r50", variant) for variant in RBO.table]
    assert {row.family for kind in (RBO, SIAMLA) for row in kind.rows()} == {"compact"}
    assert RBO.rows(["siamban-r50"])[0].family == "siamban-r50"
    assert names(SIAMLA.rows(["lockon-s"])) == ["lockon-s.base", "lockon-s.ladl", "lockon-s.ladl-lals"]  # it has no branch
    assert len(SIAMLA.rows(["siamcar-r50"])) == 5


@pytest.mark.parametrize(
    ("kind", "trackers", "only", "expected"),
    [
        (RBO, [], ["compact-ban.cr"], ["compact-ban.cr"]),
        (RBO, [], ["two-stage"], ["compact-ban.two-stage", "compact-rpn.two-stage", "compact-pw.two-stage"]),
        (RBO, [], ["compact-pw.cr", "compact-pw.cr"], ["compact-pw.cr"]),
        (SIAMLA, [], ["base", "linear"], ["compact-car.base", "compact-car.linear"]),
        (AR, ["alpha-refine-r34"], ["rpn-no-mask"], ["alpha-refine-r34.rpn-no-mask"]),
        (SIAMLA, ["lockon-s", "compact-car"], ["lafa", "lals"], ["compact-car.lafa", "lockon-s.lals", "compact-car.lals"]),
    ],
)
def test_some_rows(kind: StudySpec, trackers: list[str], only: list[str], expected: list[str]) -> None:
    assert names(kind.rows(trackers, only)) == expected


@pytest.mark.parametrize(
    ("kind", "trackers", "only", "message"),
    [
        (RBO, [], ["compact-ban.crr"], "unknown row's variant 'crr'.*cr"),
        (RBO, [], ["compact-bam.cr"], "unknown row's tracker 'compact-bam'.*compact-ban"),
        (RBO, ["a", "a"], [], "given twice"),
        (SIAMLA, ["lockon-s"], ["lafa"], "row lafa given, but lockon-s has no part of that kind; lafa needs compact-car or siamcar-r50"),
        (AR, ["lockon-s"], [], "tracker lockon-s given, but no row of the study alpha-refine suits it; give refine-s or alpha-refine-r18"),
        (SIAMLA, ["compact-ban"], ["compact-ban.all"], "row compact-ban.all given, but compact-ban has no"),
    ],
)
def test_wrong_rows(kind: StudySpec, trackers: list[str], only: list[str], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        kind.rows(trackers, only)


def test_every_variant_of_rbo_says_what_is_on_and_what_is_off() -> None:
    """A recipe whose ranking losses are on by default must not leak into the baseline."""
    for name, variant in RBO.variants.items():
        assert {"loss.rank_cls.weight", "loss.ranking.weight"} <= set(variant.settings)
        assert (variant.settings["loss.rank_cls.weight"] > 0) == name.startswith("cr")
        assert (variant.settings["loss.ranking.weight"] > 0) == ("igr" in name)


def test_the_last_row_of_siamla_is_all_of_the_others() -> None:
    parts = {key: value for name in ("ladl", "ladl-lals", "lafa") for key, value in SIAMLA.settings(Row("compact-car", name)).items()}
    assert SIAMLA.settings(Row("compact-car", "all")) == parts
    assert [SIAMLA.variants[f"lambda-0{n}"].settings["loss.cls.smoothing"] for n in (1, 3, 4)] == [0.1, 0.3, 0.4]


def test_labels() -> None:
    assert StudyRun(Row("compact-ban", "cr"), 2).label == "compact-ban.cr.s2"


def test_a_variant_that_is_not_there() -> None:
    with pytest.raises(LockonError, match="unknown variant of the study odd 'cr'"):
        StudySpec(
            name="odd",
            variants={"base": RBO.variants["base"]},
            table=("base", "cr"),
            grid={},
            column="",
            title="",
            intro="",
            networks="",
            conditions=(),
            published=Published(text="", columns=(), values={}, digits=1),
            scale="",
        )


def test_a_variant_that_tracks_with_anothers_weights() -> None:
    """It trains nothing, so it may set nothing that is learnt, and the other must have weights of its own."""
    near = Variant("mean of three", inference={"localizer.boxes": "mean-ranked"}, of="cr")
    kind = replace(RBO, variants={**RBO.variants, "near": near})
    run = StudyRun(Row("compact-ban", "near"), 2)
    assert kind.trained(run) == StudyRun(Row("compact-ban", "cr"), 2)
    assert kind.trained(kind.trained(run)) == kind.trained(run)
    for wrong in (replace(near, settings={"loss.ranking.weight": 1.0}), replace(near, of="near")):
        with pytest.raises(LockonError, match="near"):
            replace(kind, variants={**RBO.variants, "near": wrong})
    with pytest.raises(LockonError, match="unknown variant of the study rbo 'gone'"):
        replace(kind, variants={**RBO.variants, "near": replace(near, of="gone")})
