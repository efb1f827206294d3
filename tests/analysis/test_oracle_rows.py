"""Stored results without and with the true centre, side by side."""

from __future__ import annotations

import pytest

from bench.made_results import HALF, PERFECT, add, make_record
from lockon.analysis.oracle import oracle_json, oracle_markdown, oracle_rows
from lockon.bench.store import Store
from lockon.errors import LockonError


@pytest.fixture
def folder(tmp_path):
    """ "s" gains by the oracle, "t" has no one-pass run, "u" no oracle one."""
    store, known = Store(tmp_path), {"protocol": "oracle", "rules": {"when": "after"}}
    add(store, "s", make_record("a", HALF), make_record("b", HALF), make_record("c", PERFECT))
    add(store, "s", make_record("a", PERFECT, **known), make_record("b", HALF, **known))
    add(store, "t", make_record("a", HALF, **known))
    add(store, "u", make_record("a", HALF))
    return tmp_path


def test_rows_are_over_the_common_sequences(folder):
    best, other = oracle_rows(folder)
    assert (best.label, best.when, best.sequences) == ("s", "after", 2)
    assert (best.without["AO"], best.oracle["AO"]) == (0.5, 0.75)
    assert best.oracle["SR75"] == 0.5
    assert (other.label, other.sequences, other.without) == ("t", 1, {})
    assert [row.label for row in oracle_rows(folder, trackers=["t"])] == ["t"]
    assert (folder / "s" / "made.oracle" / "a.json").is_file()


def test_the_table(folder):
    rows = oracle_rows(folder)
    lines = oracle_markdown(rows).splitlines()
    assert lines[0] == "| tracker | AO | AO oracle | AUC | AUC oracle | P_norm | P_norm oracle | P | P oracle | sequences |"
    assert lines[2].startswith("| s | **0.500** | **0.750** |")
    assert lines[3].startswith("| t | - | 0.500 | - |")
    assert 'Oracle ("after")' in lines[5]
    assert oracle_json(rows)["rows"][0]["oracle"]["AO"] == 0.75


def test_nothing(tmp_path):
    add(Store(tmp_path), "s", make_record("a", HALF))
    assert oracle_rows(tmp_path) == []
    with pytest.raises(LockonError, match="no oracle results; make some with: lockon bench oracle"):
        oracle_markdown([])
