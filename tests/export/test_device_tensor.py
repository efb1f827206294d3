"""Handles of device tensors: what stays on the device, and what brings them down."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.export.device_tensor import DeviceTensor  # noqa: E402
from lockon.tracker import split, stacked  # noqa: E402
from lockon.types import Template  # noqa: E402


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of all handles that are brought down."""
    seen: list[tuple[int, ...]] = []
    download = DeviceTensor.__array__

    def spy(self: DeviceTensor, dtype: object = None, copy: object = None) -> np.ndarray:
        seen.append(self.shape)
        return download(self, dtype, copy)

    monkeypatch.setattr(DeviceTensor, "__array__", spy)
    return seen


def test_splitting_and_stacking_templates_leaves_them_on_the_device(downloads: list[tuple[int, ...]]) -> None:
    values = torch.arange(24.0).reshape(3, 2, 4)
    rows = split(Template((DeviceTensor(values), DeviceTensor(values + 1))), 3)
    assert [row.features[0].shape for row in rows] == [(1, 2, 4)] * 3
    swapped = stacked([rows[2], rows[0]])
    assert downloads == []
    np.testing.assert_array_equal(np.asarray(swapped.features[1]), (values + 1).numpy()[[2, 0]])
    assert downloads == [(2, 2, 4)]


def test_values_come_down_when_numpy_asks_for_them() -> None:
    handle = DeviceTensor(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert np.max(handle) == 4
    np.testing.assert_array_equal(handle, [[1, 2], [3, 4]])
    assert np.asarray(handle, dtype=np.float64).dtype == np.float64
    np.testing.assert_array_equal(np.concatenate([np.zeros((1, 2)), handle]), [[0, 0], [1, 2], [3, 4]])
    assert (len(handle), handle.nbytes, repr(handle)) == (2, 16, "DeviceTensor(shape=(2, 2), device=cpu)")


def test_a_pickle_brings_the_values_back() -> None:
    handle = pickle.loads(pickle.dumps(DeviceTensor(torch.tensor([1.0, 2.0]))))
    assert isinstance(handle, DeviceTensor)
    assert handle.tensor.tolist() == [1, 2]
