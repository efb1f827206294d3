"""Scores, differences and the page, from stored results whose figures are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.made_results import BOX, FAR, HALF, PERFECT, add, make_record, reset_record
from lockon.bench.store import Store
from lockon.errors import LockonError
from lockon.studies.grid import Row
from lockon.studies.report import write_report
from lockon.studies.summary import FIGURES, compare, read_scores

NAMES = ("a", "b", "c", "d", "e", "f")


def results(folder: Path, rows: dict[str, list], names=NAMES, events: str = "sttt") -> Store:
    """Runs of four frames per sequence; every label's boxes after the first."""
    store = Store(folder / "bench")
    for label, boxes in rows.items():
        one_pass = [make_record(name, boxes) for name in names]
        resets = [reset_record(name, "sf--" if boxes is FAR else events, BOX, dataset="made") for name in names]
        add(store, label, *one_pass, *resets)
    return store


def test_figures_by_hand(tmp_path: Path) -> None:
    rows, names = read_scores(results(tmp_path, {"compact-ban.base.s0": PERFECT, "compact-ban.base.s1": HALF, "compact-ban.base.s2": FAR}))
    assert names == list(NAMES)
    (row,) = rows
    assert (row.row, row.seeds) == (Row("compact-ban", "base"), (0, 1, 2))
    np.testing.assert_allclose(row.by_seed("AO"), [1, 0.5, 0], atol=1e-9)
    np.testing.assert_allclose(row.by_seed("lost"), [0, 0, 100])
    np.testing.assert_allclose(row.by_seed("R"), [0, 0, 25])  # one failure in four frames of each sequence
    assert row.by_seed("AUC")[0] > row.by_seed("AUC")[1] > row.by_seed("AUC")[2]


def test_verdicts(tmp_path: Path) -> None:
    """All better, all equal, and better with one seed but worse with the other."""
    store = results(
        tmp_path,
        {
            **{f"compact-ban.base.s{seed}": HALF for seed in (0, 1)},
            **{f"compact-ban.cr.s{seed}": PERFECT for seed in (0, 1)},
            **{f"compact-ban.cr-igr-ori.s{seed}": FAR for seed in (0, 1)},
            "compact-ban.cr-igr.s0": PERFECT,
            "compact-ban.cr-igr.s1": FAR,
        },
    )
    found = {(item.row.variant, item.other.variant, item.name): item for item in compare(read_scores(store)[0])}
    assert found["cr", "base", "AO"].verdict == "better"
    np.testing.assert_allclose(found["cr", "base", "AO"].by_seed, [0.5, 0.5], atol=1e-9)
    assert found["cr", "base", "R"].verdict == "not told apart"
    for name in FIGURES:
        assert found["cr-igr-ori", "cr", name].verdict == "worse"  # also where lower is better
    assert found["cr-igr", "base", "AO"].verdict == "not told apart"
    assert found["cr-igr", "base", "AO"].by_seed[0] == pytest.approx(0.5)
    assert ("cr-igr", "cr-igr-ori", "AO") not in found


def test_incomplete_runs_are_left_out(tmp_path: Path) -> None:
    store = results(tmp_path, {"compact-ban.base.s0": HALF})
    results(tmp_path, {"compact-ban.base.s1": HALF}, NAMES[:3])
    add(store, "lockon-s", make_record("a", HALF))  # no run of a study
    rows, _ = read_scores(store)
    assert [row.seeds for row in rows] == [(0,)]
    with pytest.raises(LockonError, match="no finished run of a study"):
        read_scores(add(Store(tmp_path / "other"), "lockon-s", make_record("a", HALF)))


def test_the_page(tmp_path: Path) -> None:
    results(tmp_path, {f"compact-ban.{row}.s{seed}": HALF if row == "base" else PERFECT for row in ("base", "cr") for seed in (0, 1, 2)})
    settings = {"steps": 90, "samples": 64, "cache": "auto", "overrides": {"backbone_weights": "/secret/lite.pth"}, "preset": "default"}
    (tmp_path / "study.json").write_text(json.dumps(settings))
    pages = write_report(tmp_path, [tmp_path / "one.md", tmp_path / "deep" / "two.md"])
    text = pages[0].read_text()
    assert text == pages[1].read_text()
    assert "/secret" not in text
    assert '--set "backbone_weights=lite.pth"' in text
    assert "--steps 90" in text
    assert "- compact-ban, + CR against baseline: **better** in AUC (+" in text
    assert "**not told apart** in lost (+0.0), R (+0.00)" in text
    assert "| compact-ban | baseline |" in text
    assert "0.500 ± 0.000" in text
    assert "6 runs of 90 updates" in text


def test_no_study(tmp_path: Path) -> None:
    results(tmp_path, {"compact-ban.base.s0": HALF})
    with pytest.raises(LockonError, match="holds no study"):
        write_report(tmp_path, [tmp_path / "one.md"])
    with pytest.raises(LockonError, match="holds no study"):
        write_report(tmp_path / "none", [tmp_path / "one.md"])
