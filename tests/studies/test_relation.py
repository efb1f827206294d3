"""Whether two metrics rise together, on numbers whose answer is known."""

import numpy as np

from lockon.studies import KINDS
from lockon.studies.metrics import METRICS
from lockon.studies.relation import relation
from lockon.studies.spec import Row
from lockon.studies.summary import RowScores, compare_rows, mean_over_sequences

KIND = KINDS["siamla"]


def row(variant: str, spearman: list[float], ao: list[float]) -> RowScores:
    """One value per seed, the same on six sequences."""
    given: dict[str, list[float]] = {"Spearman": spearman, "AO": ao}
    values = {name: np.repeat(np.array(given.get(name, [0.5] * len(ao)))[:, None], 6, axis=1) for name in METRICS}
    return RowScores(Row("compact-car", variant), tuple(range(len(ao))), values, np.ones(6))


def test_rows_that_rise_together() -> None:
    rows = [row("base", [0.1, 0.2], [0.5, 0.51]), row("ladl", [0.3, 0.4], [0.6, 0.62]), row("lafa", [0.0, 0.05], [0.4, 0.42])]
    text = relation(rows, compare_rows(rows, KIND), KIND)
    assert (
        "of 2 rows, 1 have a higher Spearman than the baseline (1 **better** by the rule above), 1 a higher AO (1 **better**), 1 both"
        in text
    )
    assert "Rank correlation of Spearman and AO: +1.00 (6 runs, p 0.00)" in text
    assert "| compact-car | + LADL | 0.350 ± 0.071 | +0.200 | better | 0.610 ± 0.014 | +0.105 | better |" in text
    assert "| compact-car | baseline | 0.150 ± 0.071 |  |  | 0.505 ± 0.007 |  |  |" in text


def test_runs_that_are_all_alike() -> None:
    text = relation([row("base", [0.1, 0.1, 0.1], [0.5, 0.6, 0.7])], [], KIND)
    assert "Rank correlation of Spearman and AO: none that could be told, 3 runs" in text


def test_rows_without_a_baseline() -> None:
    assert "No row stands beside its baseline yet" in relation([row("ladl", [0.3], [0.6])], [], KIND)


def test_sequences_without_a_metric_are_left_out() -> None:
    np.testing.assert_allclose(mean_over_sequences([[1, np.nan, 3], [2, 4, 6]], [1, 1, 3]), [10 / 4, 24 / 5])
    assert np.isnan(mean_over_sequences([[np.nan]], [1])).all()
    base, other = row("base", [0.1, 0.2], [0.5, 0.5]), row("ladl", [0.3, 0.4], [0.5, 0.5])
    other.values["Spearman"][0, 0] = np.nan
    other.values["Spearman"][1, 0] = 9.0  # would count if its sequence did
    item = next(item for item in compare_rows([base, other], KIND) if item.name == "Spearman")
    np.testing.assert_allclose(item.by_seed, [0.2, 0.2])
    assert item.sequences.sequences == 5
    other.values["Spearman"][:] = np.nan
    assert "Spearman" not in {item.name for item in compare_rows([base, other], KIND)}
