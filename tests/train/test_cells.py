from __future__ import annotations

import math

import pytest
from hypothesis import given, settings, strategies as st

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.ops.grid import Grid  # noqa: E402
from lockon.train.assigners.cells import CellAssigner  # noqa: E402
from lockon.types import Candidates  # noqa: E402

CELLS = Candidates(torch.from_numpy(Grid(8, 8).points()), None, 8.0)  # 64 pixels


def positives(box: list[float], *, present: bool = True) -> set[tuple[int, int]]:
    """(column, row) of the positive cells."""
    labels = CellAssigner()(CELLS, torch.tensor([box]), torch.tensor([present])).labels[0]
    assert set(labels.tolist()) <= {0.0, 1.0}
    return {(int(index) % 8, int(index) // 8) for index in torch.nonzero(labels)[:, 0]}


@pytest.mark.parametrize(
    ("box", "columns", "rows"),
    [
        ([16, 8, 32, 24], (2, 3), (1, 2)),  # on the edges: ceil(2) .. ceil(4) - 1
        ([17, 8, 33, 24], (3, 4), (1, 2)),  # ceil(2.125) .. ceil(4.125) - 1
        ([17, 9, 23, 15], (3, 3), (2, 2)),  # inside one cell: ceil(2.125) = 3 alone
        ([0, 0, 64, 64], (0, 7), (0, 7)),
        ([-20, 40, 9, 90], (0, 1), (5, 7)),  # reaches outside
        ([62, 62, 63, 63], (7, 7), (7, 7)),  # ceil(7.75) = 8 is no column: the last one
        ([70, 10, 90, 30], (7, 7), (2, 3)),  # beside the map
        ([-30, 10, -5, 30], (0, 0), (2, 3)),
        ([20, 20, 20, 20], (3, 3), (3, 3)),  # an empty box
    ],
)
def test_cells_by_hand(box, columns, rows) -> None:
    expected = {(column, row) for column in range(columns[0], columns[1] + 1) for row in range(rows[0], rows[1] + 1)}
    assert positives([float(value) for value in box]) == expected


def test_nothing_is_positive_where_the_target_is_absent() -> None:
    assert positives([16.0, 8, 32, 24], present=False) == set()


@settings(max_examples=80, deadline=None)
@given(corner=st.tuples(st.integers(0, 500), st.integers(0, 500)), side=st.tuples(st.integers(1, 500), st.integers(1, 500)))
def test_any_box_in_the_crop_has_the_published_cells(corner, side) -> None:
    """Eighths of a pixel; the published rule is ceil(x1 n) to ceil(x2 n) - 1 for x from 0 to 1 and n cells."""
    box = [value / 8 for value in (*corner, min(corner[0] + side[0], 512), min(corner[1] + side[1], 512))]
    axes = []
    for low, high in ((box[0] / 64, box[2] / 64), (box[1] / 64, box[3] / 64)):
        first, last = math.ceil(low * 8), math.ceil(high * 8) - 1
        axes.append(range(min(first, 7), max(min(last, 7), min(first, 7)) + 1))
    assert positives(box) == {(column, row) for column in axes[0] for row in axes[1]}
