"""Scores, differences and the page, from stored results whose metrics are known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.made_results import BOX, FAR, HALF, PERFECT, add, make_record, reset_record
from lockon.bench.store import Store
from lockon.errors import LockonError
from lockon.studies import KINDS
from lockon.studies.measured import measured_file
from lockon.studies.metrics import ALIGNMENT, TRACKING, VOT
from lockon.studies.report import write_report
from lockon.studies.spec import Row
from lockon.studies.summary import compare_rows, read_scores

RBO, SIAMLA = KINDS["rbo"], KINDS["siamla"]
NAMES = ("a", "b", "c", "d", "e", "f")


def results(folder: Path, rows: dict[str, list], names=NAMES, events: str = "sttt") -> Store:
    """Runs of four frames per sequence; every label's boxes after the first."""
    store = Store(folder / "bench")
    for label, boxes in rows.items():
        one_pass = [make_record(name, boxes) for name in names]
        resets = [reset_record(name, "sf--" if boxes is FAR else events, BOX, dataset="made") for name in names]
        add(store, label, *one_pass, *resets)
    return store


def test_metrics_of_a_study_equal_those_worked_out_by_hand(tmp_path: Path) -> None:
    results(tmp_path, {"compact-ban.base.s0": PERFECT, "compact-ban.base.s1": HALF, "compact-ban.base.s2": FAR})
    rows, names = read_scores(tmp_path, RBO)
    assert names == list(NAMES)
    (row,) = rows
    assert (row.row, row.seeds) == (Row("compact-ban", "base"), (0, 1, 2))
    np.testing.assert_allclose(row.by_seed("AO"), [1, 0.5, 0], atol=1e-9)
    np.testing.assert_allclose(row.by_seed("lost"), [0, 0, 100])
    np.testing.assert_allclose(row.by_seed("R"), [0, 0, 25])  # one failure in four frames of each sequence
    assert row.by_seed("AUC")[0] > row.by_seed("AUC")[1] > row.by_seed("AUC")[2]


def test_accuracy_counts_no_frame_soon_after_a_start(tmp_path: Path) -> None:
    """Twelve frames of half the target, the first ten after the start left out; none of a sequence that ends before."""
    store = Store(tmp_path / "bench")
    boxes = np.array([BOX] * 10 + [HALF] * 2)
    for name, frames in (("long", 12), ("short", 6)):
        reset = reset_record(name, "s" + "t" * (frames - 1), boxes[:frames], dataset="made")
        add(store, "compact-ban.base.s0", make_record(name, HALF, frames=frames), reset)
    (row,), names = read_scores(tmp_path, replace(RBO, metrics=VOT))
    assert names == ["long", "short"]
    assert row.values["A"][0, 0] == pytest.approx(0.5, abs=0.05)  # of boxes that are counted in whole pixels
    assert np.isnan(row.values["A"][0, 1])
    assert row.by_seed("A") == pytest.approx(row.values["A"][:, 0])


def test_verdicts(tmp_path: Path) -> None:
    """All better, all equal, and better with one seed but worse with the other."""
    results(
        tmp_path,
        {
            **{f"compact-ban.base.s{seed}": HALF for seed in (0, 1)},
            **{f"compact-ban.cr.s{seed}": PERFECT for seed in (0, 1)},
            **{f"compact-ban.cr-igr-ori.s{seed}": FAR for seed in (0, 1)},
            "compact-ban.cr-igr.s0": PERFECT,
            "compact-ban.cr-igr.s1": FAR,
        },
    )
    found = {(item.row.variant, item.other.variant, item.name): item for item in compare_rows(read_scores(tmp_path, RBO)[0], RBO)}
    assert found["cr", "base", "AO"].verdict == "better"
    np.testing.assert_allclose(found["cr", "base", "AO"].by_seed, [0.5, 0.5], atol=1e-9)
    assert found["cr", "base", "R"].verdict == "not told apart"
    for name in TRACKING:
        assert found["cr-igr-ori", "cr", name].verdict == "worse"  # also where lower is better
    assert found["cr-igr", "base", "AO"].verdict == "not told apart"
    assert found["cr-igr", "base", "AO"].by_seed[0] == pytest.approx(0.5)
    assert ("cr-igr", "cr-igr-ori", "AO") not in found


def test_incomplete_runs_are_left_out(tmp_path: Path) -> None:
    store = results(tmp_path, {"compact-ban.base.s0": HALF})
    results(tmp_path, {"compact-ban.base.s1": HALF}, NAMES[:3])
    add(store, "lockon-s", make_record("a", HALF))  # no run of a study
    rows, _ = read_scores(tmp_path, RBO)
    assert [row.seeds for row in rows] == [(0,)]
    add(Store(tmp_path / "other" / "bench"), "lockon-s", make_record("a", HALF))
    with pytest.raises(LockonError, match="no finished run of a study"):
        read_scores(tmp_path / "other", RBO)


def measured(out: Path, label: str, value: float | None, names=NAMES) -> Path:
    """A measurement of alignment in which every metric of every sequence is the same."""
    path = measured_file(out, label)
    path.parent.mkdir(parents=True, exist_ok=True)
    sequences = {name: dict.fromkeys(ALIGNMENT.values(), value) for name in names}
    path.write_text(json.dumps({"sequences": sequences}))
    return path


def test_alignment_is_a_metric_like_others(tmp_path: Path) -> None:
    labels = [f"compact-car.{variant}.s{seed}" for variant in ("base", "ladl") for seed in (0, 1)]
    results(tmp_path, dict.fromkeys(labels, HALF))
    with pytest.raises(LockonError, match="no finished run of a study"):
        read_scores(tmp_path, SIAMLA)  # nothing is measured yet
    for label, value in zip(labels, (0.1, 0.2, 0.4, None), strict=True):
        measured(tmp_path, label, value)
    rows, _ = read_scores(tmp_path, SIAMLA)
    np.testing.assert_allclose(rows[0].by_seed("Spearman"), [0.1, 0.2])
    np.testing.assert_allclose(rows[1].by_seed("gap"), [0.4, np.nan])
    measured(tmp_path, labels[3], 0.6)
    found = {item.name: item for item in compare_rows(read_scores(tmp_path, SIAMLA)[0], SIAMLA)}
    assert found["Pearson"].verdict == "better"
    assert found["gap"].verdict == "worse"  # lower is better
    np.testing.assert_allclose(found["Spearman"].by_seed, [0.3, 0.4])
    assert found["AO"].verdict == "not told apart"
    measured(tmp_path, labels[3], 0.6, NAMES[:3])
    assert [row.seeds for row in read_scores(tmp_path, SIAMLA)[0]] == [(0, 1), (0,)]


@pytest.mark.parametrize("content", ["[]", "{", "{}", '{"sequences": {"a": {}}}', '{"sequences": [1]}'])
def test_a_damaged_measurement(tmp_path: Path, content: str) -> None:
    results(tmp_path, {"compact-car.base.s0": HALF})
    measured(tmp_path, "compact-car.base.s0", 0.1).write_text(content)
    with pytest.raises(LockonError, match=r"compact-car.base.s0/measured.json .*remove it and give the same command again"):
        read_scores(tmp_path, SIAMLA)


def test_the_page(tmp_path: Path) -> None:
    results(tmp_path, {f"compact-ban.{row}.s{seed}": HALF if row == "base" else PERFECT for row in ("base", "cr") for seed in (0, 1, 2)})
    settings = {"study": "rbo", "steps": 90, "samples": 64, "cache": "auto", "preset": "default"}
    settings |= {"overrides": {"backbone_weights": "/secret/lite.pth"}}
    (tmp_path / "study.json").write_text(json.dumps(settings))
    pages = write_report(tmp_path, RBO, [tmp_path / "one.md", tmp_path / "deep" / "two.md"])
    text = pages[0].read_text()
    assert text == pages[1].read_text()
    assert "/secret" not in text
    assert '--set "backbone_weights=lite.pth"' in text
    assert "--steps 90" in text
    assert "- compact-ban, + CR against baseline: **better** in AUC (+" in text
    assert "**not told apart** in lost (+0.0), R (+0.00)" in " ".join(text.split())
    assert "**compact-ban: + CR, less baseline**\n\n| metric | seeds |" in text
    assert max(map(len, text.splitlines())) <= 120
    assert "| compact-ban | baseline |" in text
    assert "0.500 ± 0.000" in text
    assert "6 runs of 90 updates" in text
    assert "Alignment" not in text
    with pytest.raises(LockonError, match="holds the study rbo; give lockon study rbo, or another --out"):
        write_report(tmp_path, SIAMLA, [tmp_path / "one.md"])


def test_the_page_of_siamla(tmp_path: Path) -> None:
    for tracker, variant in (("compact-car", "base"), ("compact-car", "all"), ("compact-car", "linear"), ("lockon-s", "base")):
        for seed in (0, 1, 2):
            label = f"{tracker}.{variant}.s{seed}"
            results(tmp_path, {label: HALF if variant == "base" else PERFECT})
            measured(tmp_path, label, 0.1 * seed + (0.3 if variant == "all" else 0.0))
    (tmp_path / "study.json").write_text(json.dumps({"study": "siamla", "steps": 90, "samples": 64, "cache": "auto", "preset": "default"}))
    text = write_report(tmp_path, SIAMLA, [tmp_path / "page.md"])[0].read_text()
    assert text.startswith("# Do localization-aware scores make a Siamese tracker better?\n\nThis page")
    assert "| compact-car | + LADL + LALS + LAFA (SiamLA) | 0.400 ± 0.100 | +0.300 | better | 1.000 ± 0.000 | +0.500 | better |" in text
    assert "of 2 rows, 1 have a higher Spearman" in text
    assert "| + LADL | 0.621 (+0.024) | 0.594 (+0.013) |" in text
    for words in ("--trackers compact-car", "--trackers lockon-s", "--only compact-car.linear"):
        assert words in text
    with pytest.raises(LockonError, match="holds the study siamla; give lockon study siamla"):
        write_report(tmp_path, RBO, [tmp_path / "one.md"])


def test_no_study(tmp_path: Path) -> None:
    results(tmp_path, {"compact-ban.base.s0": HALF})
    with pytest.raises(LockonError, match="holds no study"):
        write_report(tmp_path, RBO, [tmp_path / "one.md"])
    with pytest.raises(LockonError, match="holds no study"):
        write_report(tmp_path / "none", RBO, [tmp_path / "one.md"])
