from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.ops.torch.bilinear import sample_bilinear  # noqa: E402


@pytest.fixture(autouse=True, params=["eager", "exported"])
def way(request, monkeypatch) -> str:
    """Exported graphs gather where eager torch samples; both must give the same."""
    if request.param == "exported":
        monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    return str(request.param)


# 10 20 30
# 40 50 60
MAP = torch.tensor([[10.0, 20, 30], [40, 50, 60]])[None, None]


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (0, 0, 10),
        (2, 1, 60),
        (1, 0, 20),
        (0.5, 0, 15),
        (0.25, 0.5, 27.5),  # 0.5 (10 + 0.25 10) + 0.5 (40 + 0.25 10)
        (1.5, 0.75, 47.5),  # 0.25 25 + 0.75 55
        (-0.5, 0, 10),
        (-3, 0.5, 25),  # outside: the border's value
        (2.1, 7, 60),
        (1, -1e8, 20),
        (1e30, 0.5, 45),
        (float("inf"), float("-inf"), 30),
    ],
)
def test_values_between_cells_and_outside_equal_those_worked_out_by_hand(x: float, y: float, expected: float) -> None:
    assert sample_bilinear(MAP, torch.tensor([[[x, y]]])).tolist() == [[[pytest.approx(expected, rel=1e-6)]]]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 4), (3, 1)])
def test_maps_of_one_row_or_column(height: int, width: int) -> None:
    ramp = torch.arange(float(height * width)).view(1, 1, height, width)
    positions = torch.tensor([[[0.0, 0], [width - 1, height - 1], [50, 50], [-1, -1]]])
    last = float(height * width - 1)
    assert sample_bilinear(ramp, positions).flatten().tolist() == [0, last, last, 0]


place = st.floats(-60, 60, width=32)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # which way is the same for all examples
@given(points=st.lists(st.tuples(place, place), min_size=1, max_size=8), height=st.integers(2, 9), width=st.integers(2, 9))
def test_a_map_of_its_own_coordinates_gives_the_clamped_positions(points: list[tuple[float, float]], height: int, width: int) -> None:
    y, x = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
    positions = torch.tensor([points])
    sampled = sample_bilinear(torch.stack([x, y])[None], positions)[0].T  # (P, 2)
    clamped = torch.stack([positions[0, :, 0].clamp(0, width - 1), positions[0, :, 1].clamp(0, height - 1)], dim=1)
    torch.testing.assert_close(sampled, clamped, rtol=1e-5, atol=1e-5)


def test_rows_of_a_batch_and_channels_do_not_meet() -> None:
    generator = torch.Generator().manual_seed(0)
    features, positions = torch.randn(2, 3, 4, 5, generator=generator), torch.rand(2, 6, 2, generator=generator) * 4
    together = sample_bilinear(features, positions)
    assert together.shape == (2, 3, 6)
    alone = sample_bilinear(features[1:, 2:], positions[1:])
    torch.testing.assert_close(together[1:, 2:], alone)
