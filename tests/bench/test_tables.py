"""Reports as Markdown, JSON, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from made_results import FAR, HALF, PERFECT, add, make_record

from lockon.bench import tables
from lockon.bench.report import KEYS, evaluate
from lockon.bench.store import Store
from lockon.bench.tables.latex import escape
from lockon.bench.tables.model import Cell, Table, ranks
from lockon.errors import LockonError


@pytest.fixture
def store(tmp_path):
    """Two sequences of 3 and 5 frames after the first; "good" is perfect on the short one and half on the long one, "bad" is lost."""
    store = Store(tmp_path / "out")
    tags = {"attributes": ("rain_or_snow",)}
    add(store, "good", make_record("short", PERFECT, **tags), make_record("long", HALF, frames=8, skip=2), size=2_500_000)
    add(store, "bad", make_record("short", FAR, seconds=0.1, **tags), make_record("long", FAR, frames=8, skip=2, seconds=0.1))
    return store


def test_markdown(store):
    lines = tables.to_markdown(evaluate(store), per_sequence=True).splitlines()
    assert lines[0] == "| tracker | AO | SR0.5 | SR0.75 | AUC | P20 | NP | fps | model size | sequences |"
    assert lines[2] == "| good | **0.750** | **0.500** | **0.500** | **0.754** | **1.000** | **0.583** | 100 | 2.5 MB | 2 |"
    assert lines[3].startswith("| bad | 0.000 |")
    assert "| 10 | none | 2 |" in lines[3]
    assert any("`pysot`" in line and "mean over sequences" in line for line in lines)
    assert any("Protocol: one-pass evaluation" in line for line in lines)
    assert any("abacus, 1 thread per tracker" in line for line in lines)
    assert "| short | made | 4 | **1.000** | 0.000 |" in lines
    assert "AO: protocol one-pass, convention `pysot`." in lines
    assert "frames of all sequences pooled" in tables.to_markdown(evaluate(store, "got10k"))


def test_markdown_of_a_part_says_so(store):
    store.path("bad", "made", "long").unlink()
    assert "**bad lacks 1 sequences (long): its metrics do not compare.**" in tables.to_markdown(evaluate(store))
    add(store, "bad", make_record("Basketball", HALF, dataset="OTB100"))
    report = evaluate(store)
    text = tables.to_markdown(report)
    assert "**Partial: OTB100: 1 of 100 sequences (missing: " in text
    assert "1 of another length (Basketball: 4 of 725 frames)" in text
    assert "**Partial: these are not all sequences and frames of the benchmark.**" in tables.markdown([tables.sequence_table(report)])


def test_markdown_keeps_strange_names_in_their_cells(tmp_path):
    report = evaluate(add(Store(tmp_path), "one", make_record("a|b\nc", HALF)))
    assert "| a\\|b c | made | 4 | **0.500** |" in tables.markdown([tables.sequence_table(report)])


def test_markdown_with_repetitions(tmp_path):
    store = add(Store(tmp_path), "chance", make_record("a", PERFECT), make_record("a", HALF, repetition=2))
    text = tables.to_markdown(evaluate(store))
    assert "| chance | **0.750 ± 0.354** |" in text
    assert "±: standard deviation over up to 2 repetitions" in text


def test_attribute_table(store):
    table = tables.attribute_table(evaluate(store))
    assert table.head == ("attribute (AUC)", "sequences", "good", "bad")
    assert [cell.text for cell in table.rows[0]] == ["rain_or_snow", "1", "0.952", "0.238"]  # 20/21 and 20/21 at the start frame alone
    assert [cell.text for cell in table.rows[-1]][:2] == ["all", "2"]
    report = evaluate(store)
    assert tables.attribute_table(report, report.metric("AO")).rows[0][2].text == "1.000"
    with pytest.raises(LockonError, match="unknown metric of the protocol one-pass 'auc'"):
        report.metric("auc")


def test_latency_table(store):
    table = tables.latency_table(evaluate(store))
    assert [cell.text for cell in table.rows[0]] == ["good", "8", "10.00", "10.00", "10.00", "10.00"]
    assert [cell.rank for cell in table.rows[0]] == [0, 0, 1, 1, 1, 1]


def test_json(store):
    records = json.loads(tables.to_json(evaluate(store)))
    assert [record["tracker"] for record in records] == ["good", "bad"]
    assert list(records[0])[:13] == [
        "tracker",
        "convention",
        "average",
        *KEYS,
        "fps",
        "size",
        "missing",
        "setups",
    ]
    assert records[0]["convention"] == "pysot"
    assert records[0]["AO"] == pytest.approx(0.75)
    assert {part["sequence"]: part["AO"] for part in records[0]["sequences"]} == {"short": 1, "long": 0.5}
    assert (records[0]["protocol"], records[0]["datasets"], records[0]["partial"]) == ("one-pass", ["made"], False)
    assert records[0]["latency_ms"]["p99"] == pytest.approx(10)
    assert records[0]["attributes"]["rain_or_snow"]["sequences"] == 1


def test_json_has_null_where_nothing_counts(tmp_path):
    store = add(Store(tmp_path), "still", make_record("one", np.zeros((0, 4)), frames=1))
    record = json.loads(tables.to_json(evaluate(store)))[0]
    assert (record["AO"], record["fps"], record["P20"]) == (None, None, 1)
    assert record["latency_ms"]["p50"] is None
    assert "| - |" in tables.to_markdown(evaluate(store))


def test_json_lists_what_is_missing(tmp_path):
    store = add(Store(tmp_path), "one", make_record("Basketball", HALF, dataset="OTB100"))
    record = json.loads(tables.to_json(evaluate(store)))[0]
    assert record["partial"] is True
    (entry,) = record["coverage"]
    assert (entry["found"], entry["expected"], len(entry["missing"])) == (1, 100, 99)
    assert entry["cut"] == [{"sequence": "Basketball", "frames": 4, "expected": 725}]


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
    assert (rows[0]["convention"], rows[0]["protocol"]) == ("pysot", "one-pass")


def test_curves_csv(store):
    rows = list(csv.DictReader(io.StringIO(tables.curves_csv(evaluate(store)))))
    assert [sum(row["curve"] == name for row in rows) for name in ("success", "precision", "normalized_precision")] == [21, 51, 51]
    assert rows[0] == {"curve": "success", "x": "0", "good": "1", "bad": "0.208333"}  # starts: (1/4 + 1/6) / 2


def test_ranks():
    assert ranks([0.5, 0.7, 0.7, 0.6, float("nan")]) == [0, 1, 1, 2, 0]
    assert ranks([3.0, 1.0, 2.0], rising=False) == [0, 1, 2]
    assert ranks([float("nan")]) == [0]


HARD = "100%_a & b#c$d {e} ~f^g \\h <i>"


def _balanced(text: str) -> bool:
    """Whether every brace that is not escaped has its partner."""
    depth = 0
    for mark in re.sub(r"\\[{}\\]", "", text):
        depth += {"{": 1, "}": -1}.get(mark, 0)
        if depth < 0:
            return False
    return depth == 0


def test_latex_marks_the_best_and_the_second(store):
    add(store, "middle", make_record("short", HALF), make_record("long", HALF, frames=8, skip=2))
    text = tables.to_latex([tables.summary_table(evaluate(store))])
    assert r"good & \textbf{0.750} & \textbf{0.500}" in text
    assert r"middle & \underline{0.500} & \underline{0.000}" in text
    assert r"convention \texttt{pysot}" in text
    assert r"\caption{made: one-pass, convention pysot}" in text
    assert text.count("\\\\\n") == 4
    assert _balanced(text)


def test_latex_escapes_names():
    assert escape(HARD) == (r"100\%\_a \& b\#c\$d \{e\} \textasciitilde{}f\textasciicircum{}g \textbackslash{}h \textless{}i\textgreater{}")
    assert _balanced(tables.to_latex([Table(HARD, "hard", (HARD, HARD), ((Cell(HARD), Cell(HARD, 1)),), (HARD,))]))
    assert not _balanced("{}}{")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
@pytest.mark.slow
def test_latex_compiles(store, tmp_path):
    hard = Table(HARD, "hard", (HARD, HARD), ((Cell(HARD), Cell("0.5 ± 0.1", 1)),), (f"**{HARD}** `{HARD}`",))
    report = evaluate(store)
    document = tables.latex_document([tables.summary_table(report), tables.sequence_table(report), tables.attribute_table(report), hard])
    (tmp_path / "report.tex").write_text(document, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "report.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


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


EVIL = [
    '=HYPERLINK("http://x","y")',
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r\n=1",
    "a\x1b[31m",
    "caf\udce9",
    "<script>alert(1)</script>",
    "[a](http://x)",
]


def test_csv_holds_no_formulas_and_its_numbers_are_numbers(tmp_path):
    store = add(Store(tmp_path), "T", *(make_record(name, HALF, dataset=f"@{name}", attributes=("=1+1",)) for name in EVIL))
    text = tables.to_csv(evaluate(store))
    rows = list(csv.reader(io.StringIO(text)))
    for row in rows:
        assert not any(re.match(r"[=+\-@\t\r\n]", cell) and not re.fullmatch(r"[+-]?[\d.e+-]+", cell) for cell in row)
        assert not any(re.search("[\x00-\x1f]", cell) for cell in row)
    assert {row[1] for row in rows[2:]} >= {'\'=HYPERLINK("http://x","y")', "+1", "'-2+3", "'@SUM(A1)"}
    assert {float(row[4]) for row in rows[1:]} == {0.5}
    assert text.encode()


def test_markdown_and_latex_take_any_name(tmp_path):
    store = add(Store(tmp_path), "T", *(make_record(name, HALF, dataset="<img src=x>") for name in EVIL))
    for text in (tables.to_markdown(evaluate(store), per_sequence=True), tables.to_latex([tables.sequence_table(evaluate(store))])):
        assert text.encode()
        assert not re.search("[\x00-\x09\x0b-\x1f]", text)
    assert not re.search(r"<[a-z]|\]\(", tables.to_markdown(evaluate(store), per_sequence=True))
