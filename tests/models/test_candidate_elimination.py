from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.models.candidate_elimination import center_token, keep_important, kept_count, restore  # noqa: E402
from lockon.models.choices import CandidateElimination  # noqa: E402


@pytest.mark.parametrize(("count", "keep", "expected"), [(256, 0.7, 180), (180, 0.7, 126), (126, 0.7, 89), (10, 1.0, 10), (3, 0.01, 1)])
def test_shares_are_rounded_up(count: int, keep: float, expected: int) -> None:
    assert kept_count(count, keep) == expected


@pytest.mark.parametrize(("cells", "row", "column"), [(8, 3, 3), (12, 5, 5), (7, 3, 3), (1, 0, 0)])
def test_the_middle_token_is_the_upper_left_of_four(cells: int, row: int, column: int) -> None:
    assert center_token(cells) == row * cells + column


def test_the_most_important_tokens_stay_in_their_order_and_return_to_their_places() -> None:
    tokens = torch.arange(1.0, 9).view(2, 4, 1)
    importance = torch.tensor([[0.1, 0.4, 0.2, 0.3], [0.9, 0.1, 0.8, 0.2]])
    kept, index = keep_important(tokens, importance, 2)
    assert index.tolist() == [[1, 3], [0, 2]]
    assert kept[..., 0].tolist() == [[2, 4], [5, 7]]
    assert restore(kept, index, 4)[..., 0].tolist() == [[0, 2, 0, 4], [5, 0, 7, 0]]


@pytest.mark.parametrize("values", [{"keep": 0.0}, {"keep": 1.5}, {"blocks": (6, 3)}, {"blocks": (-1,)}, {"blocks": (3, 3)}])
def test_impossible_choices_are_refused(values: dict) -> None:
    with pytest.raises(LockonError, match="given, expected"):
        CandidateElimination(**values)
