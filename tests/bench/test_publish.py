"""Everything about a folder of results, written into another folder."""

from __future__ import annotations

import json
import warnings

import pytest
from made_page import FRAMES, make_images
from made_results import HALF, PERFECT, add, make_record, reset_record

from lockon.bench.publish import Extras, KeptStore, Look, folder_names, report_tables, write_all
from lockon.bench.report import Options, evaluate, evaluate_all
from lockon.bench.store import Store
from lockon.errors import LockonError, LockonWarning


@pytest.fixture
def store(tmp_path):
    """One-pass results on two datasets and resets on one."""
    store = Store(tmp_path / "results")
    for label, rows in (("good", PERFECT), ("bad", HALF)):
        add(store, label, make_record("video", rows, frames=FRAMES), make_record("Dog1", rows, dataset="OTB100"))
        add(store, label, reset_record("a", "s" + "t" * 19, rows))
    return store


@pytest.mark.slow
def test_all_of_it(store, tmp_path):
    pytest.importorskip("matplotlib")
    images = make_images(tmp_path / "images", "video")
    steps: list[str] = []
    look = Look(formats=("svg",), find=lambda dataset, name: images if name == "video" else None, progress=steps.append)
    paths = write_all(store, tmp_path / "out", Options(), look)
    names = {path.relative_to(tmp_path / "out").as_posix() for path in paths}
    folders = {"one-pass", "one-pass-made", "one-pass-OTB100", "reset-VOT2018"}
    assert {name.partition("/")[0] for name in names} == {*folders, "report.html"}
    for folder in folders:
        assert {f"{folder}/{name}" for name in ("tables.md", "tables.tex", "scores.json", "scores.csv", "curves.csv")} <= names
    assert {"one-pass/success.svg", "one-pass-OTB100/attributes.svg", "reset-VOT2018/expected_overlap.svg"} <= names
    assert all(path.stat().st_size for path in paths)
    (good, _) = json.loads((tmp_path / "out" / "one-pass-made" / "scores.json").read_text())
    assert (good["tracker"], good["datasets"], good["AO"], good["intervals"]["AO"]) == ("good", ["made"], 1, [1, 1])
    text = (tmp_path / "out" / "reset-VOT2018" / "tables.md").read_text()
    assert text.startswith("## VOT2018: reset, convention pysot\n")
    assert "## A per sequence, VOT2018: reset, convention pysot" in text
    assert "one-pass-made" in steps
    assert "OTB100/Dog1" in steps


def test_tables_that_are_wanted(store):
    report = evaluate_all(store, Options(datasets=["OTB100"]))[0]
    assert [table.name for table in report_tables(report, Extras())] == ["summary"]
    every = Extras(sequences=True, attributes=True, latency=True, metric="P20", pair=("good", "bad"), intervals=True)
    found = report_tables(report, every)
    assert [table.name for table in found] == ["summary", "sequences", "attributes", "latency", "comparison"]
    assert (found[1].head[0], found[2].head[0]) == ("sequence (P20)", "attribute (P20)")
    with pytest.raises(LockonError, match="unknown metric"):
        report_tables(report, Extras(metric="speed"))


def test_folders_tell_reports_apart(store):
    reports = [report for name in ("pysot", "got10k") for report in evaluate_all(store, Options(name))]
    assert list(folder_names(reports)) == ["one-pass-pysot", "one-pass-got10k"]
    apart = evaluate_all(store, Options(apart=True))
    assert list(folder_names(apart)) == ["one-pass-OTB100", "one-pass-made"]


def test_results_are_read_once(store):
    kept = KeptStore(store.folder)
    store.path("good", "made", "video").write_text("{")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", LockonWarning)
        assert [len(evaluate(kept).trackers[0].sequences) for _ in range(2)] == [1, 1]
    assert len(caught) == 1


def test_names_that_differ_in_other_letters_have_their_own_folders(tmp_path):
    records = [make_record("a", HALF, dataset=name) for name in ("a/b", "a:b", "../b", "b" * 300, "caf\udce9")]
    store = add(Store(tmp_path / "store"), "T", *records)
    names = list(folder_names(evaluate_all(store, Options(apart=True))))
    assert len(names) == 5
    assert all(len(name) < 200 and name.startswith("one-pass-") and "/" not in name for name in names)
