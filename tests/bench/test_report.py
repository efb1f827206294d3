"""From stored results to figures, tables and plots."""

from __future__ import annotations

import csv
import dataclasses
import io
import json

import numpy as np
import pytest
from fake_trackers import SIZE, Still, make_sequence

from lockon.bench import tables
from lockon.bench.plots import write_plots
from lockon.bench.protocols.one_pass import run_one_pass
from lockon.bench.report import METRICS, evaluate
from lockon.bench.store import Record, Store
from lockon.errors import LockonError

SETUP = {"machine": {"processor": "abacus"}, "threads": 1, "workers": 1}


def _add(store, label, sequence, rows, *, size=0, seconds=0.01):
    """Store a result whose boxes after the first are `rows`."""
    run = run_one_pass(Still(), sequence)
    boxes, times = run.boxes.copy(), run.times.copy()
    boxes[run.start + 1 :] = rows
    times[run.start :] = [9.0] + [seconds] * (len(times) - run.start - 1)  # the first frame's time must not count
    store.claim(label, {"name": label}, size)
    run = dataclasses.replace(run, boxes=boxes, times=times)
    store.save(label, Record(sequence.name, sequence.dataset, run, sequence.boxes, sequence.visible, SETUP))


HALF, PERFECT, FAR = [5.0, 5, 10, 5], [5.0, 5, 10, 10], [30.0, 20, 10, 10]  # ground truth is 5,5,10,10


@pytest.fixture
def store(tmp_path):
    """Two sequences of 3 and 5 frames after the first; "good" is perfect on the short one and half on the long one, "bad" is lost."""
    store = Store(tmp_path / "out")
    short = make_sequence(tmp_path / "data", "short", frames=4)
    long = make_sequence(tmp_path / "data", "long", frames=8, skip=2)
    _add(store, "good", short, PERFECT, size=2_500_000)
    _add(store, "good", long, HALF, size=2_500_000)
    _add(store, "bad", short, FAR, seconds=0.1)
    _add(store, "bad", long, FAR, seconds=0.1)
    return store


def test_figures_by_hand(store):
    report = evaluate(store)
    assert [item.label for item in report.trackers] == ["good", "bad"]
    good, bad = report.trackers
    assert good.values["AO"] == pytest.approx((1 + 0.5) / 2)
    assert good.values["SR50"] == pytest.approx((1 + 0) / 2)  # strictly above 0.5
    assert good.values["SR75"] == pytest.approx((1 + 0) / 2)
    # success curves: short 1 below threshold 1 (20 of 21); long the same at 1/6 of its frames, the start, and at IoU 0.5 for the rest:
    # thresholds 0 .. 0.45 (10)
    assert good.values["AUC"] == pytest.approx((20 / 21 + (20 / 21 + 5 * 10 / 21) / 6) / 2)
    assert (good.values["P20"], good.values["NP"]) == (1, pytest.approx((1 + 1 / 6) / 2))  # centre is 2.5 of 10 off
    assert (good.fps, bad.fps) == (pytest.approx(100), pytest.approx(10))
    assert (good.size, bad.size) == (2_500_000, 0)
    assert bad.values["AO"] == 0
    assert [(part.sequence, part.frames, part.values["AO"]) for part in good.sequences] == [("long", 8, 0.5), ("short", 4, 1)]


def test_got10k_pools_frames(store):
    good = evaluate(store, "got10k").trackers[0]
    assert good.values["AO"] == pytest.approx((3 * 1 + 5 * 0.5) / 8)
    assert good.values["SR50"] == pytest.approx(3 / 8)
    assert good.curves.success.shape == (101,)


def test_got10k_clips_to_the_picture(tmp_path):
    store, sequence = Store(tmp_path / "out"), make_sequence(tmp_path / "data", "edge")
    sequence.boxes[:] = [0, 0, *SIZE]
    _add(store, "over", sequence, [0, 0, SIZE[0] * 2, SIZE[1]])
    assert evaluate(store, "got10k").trackers[0].values["AO"] == pytest.approx(1)
    assert evaluate(store, "pysot").trackers[0].values["AO"] == pytest.approx(0.5)


def test_a_tracker_without_all_sequences_says_so(store):
    store.path("bad", "made", "long").unlink()
    report = evaluate(store)
    assert {item.label: item.missing for item in report.trackers} == {"good": (), "bad": ("long",)}
    assert "**bad lacks 1 sequences (long): its figures do not compare.**" in tables.to_markdown(report)


def test_only_named_trackers_and_known_ones(store):
    assert [item.label for item in evaluate(store, trackers=["bad"]).trackers] == ["bad"]
    with pytest.raises(LockonError, match="did you mean 'good'"):
        evaluate(store, trackers=["goood"])
    with pytest.raises(LockonError, match="unknown convention"):
        evaluate(store, "otb2")


def test_a_folder_with_configurations_only_has_nothing_to_report(tmp_path):
    store = Store(tmp_path)
    store.claim("still", {}, 0)
    with pytest.raises(LockonError, match="no finished sequence"):
        evaluate(store)


def test_markdown(store):
    lines = tables.to_markdown(evaluate(store), per_sequence=True).splitlines()
    assert lines[2] == "| good | **0.750** | **0.500** | **0.500** | **0.754** | **1.000** | **0.583** | 100 | 2.5 MB | 2 |"
    assert lines[3].startswith("| bad | 0.000 |")
    assert "| 10 | none | 2 |" in lines[3]
    assert any("`pysot`" in line and "mean over sequences" in line for line in lines)
    assert any("abacus, 1 thread per tracker" in line for line in lines)
    assert "| short | made | 4 | **1.000** | 0.000 |" in lines
    assert "frames of all sequences pooled" in tables.to_markdown(evaluate(store, "got10k"))


def test_json(store):
    records = json.loads(tables.to_json(evaluate(store)))
    assert [record["tracker"] for record in records] == ["good", "bad"]
    assert records[0]["convention"] == "pysot"
    assert {*METRICS, "fps", "size", "sequences"} <= set(records[0])
    assert records[0]["AO"] == pytest.approx(0.75)
    assert {part["sequence"]: part["AO"] for part in records[0]["sequences"]} == {"short": 1, "long": 0.5}


def test_json_has_null_where_nothing_counts(tmp_path):
    store, sequence = Store(tmp_path / "out"), make_sequence(tmp_path / "data", "one", frames=1)
    _add(store, "still", sequence, np.zeros((0, 4)))
    record = json.loads(tables.to_json(evaluate(store)))[0]
    assert (record["AO"], record["fps"], record["P20"]) == (None, None, 1)
    assert "| - |" in tables.to_markdown(evaluate(store))


def test_csv(store):
    rows = list(csv.DictReader(io.StringIO(tables.to_csv(evaluate(store)))))
    assert [(row["tracker"], row["sequence"]) for row in rows] == [
        ("good", ""),
        ("good", "long"),
        ("good", "short"),
        ("bad", ""),
        ("bad", "long"),
        ("bad", "short"),
    ]
    assert float(rows[0]["AO"]) == 0.75
    assert rows[0]["frames"] == "12"


def test_write_into_replaces_what_is_between_the_markers(tmp_path):
    page = tmp_path / "README.md"
    page.write_text(f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n")
    for _ in range(2):
        tables.write_into(page, "| new |\n")
        assert page.read_text() == f"before\n{tables.BEGIN}\n| new |\n{tables.END}\nafter\n"


@pytest.mark.parametrize("text", ["", "{b}", "{e}{b}", "{b}{b}{e}", "{b}{e}{e}"])
def test_write_into_needs_one_pair_of_markers(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text.format(b=tables.BEGIN, e=tables.END))
    before = page.read_text()
    with pytest.raises(LockonError, match=r"page.md needs <!-- bench:begin --> once"):
        tables.write_into(page, "new")
    assert page.read_text() == before
    with pytest.raises(LockonError, match="cannot be read"):
        tables.write_into(tmp_path / "missing.md", "new")


def test_plots_are_png_files(store, tmp_path):
    pytest.importorskip("matplotlib")
    paths = write_plots(evaluate(store), tmp_path / "plots")
    assert [path.name for path in paths] == ["success.png", "precision.png", "normalized_precision.png"]
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == sorted(path.name for path in paths)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
