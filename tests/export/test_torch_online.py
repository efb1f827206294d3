"""A torch network of an online tracker behind NumPy: no gradients, batches as single crops."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.export.torch_online import TorchOnline  # noqa: E402
from lockon.zoo import atom, dimp  # noqa: E402

BOXES = np.array([[20.0, 20, 70, 60], [30, 25, 60, 80]])


def _images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)


def test_two_crops_are_seen_as_each_alone_and_nothing_keeps_gradients() -> None:
    torch.manual_seed(0)
    model = TorchOnline(dimp.build(dimp.DiMPConfig(depth=18, search_size=96)))
    images = _images()
    features = model.features(images)
    assert tuple(features.classification.shape) == (2, 256, 6, 6)
    modulation = model.modulation(images, BOXES)
    filters = model.initial(features.classification, BOXES)
    assert tuple(filters.shape) == (2, 256, 4, 4)
    scores, gradients = model.overlap(features.boxes, modulation, np.stack([BOXES, BOXES + 5]))
    assert (scores.shape, gradients.shape, gradients.dtype) == ((2, 2), (2, 2, 4), np.float32)
    assert not any(array.requires_grad for array in (features.classification, *features.boxes, *modulation, filters))
    again = model.box_features(images)
    for found, expected in zip(again, features.boxes, strict=True):
        torch.testing.assert_close(found, expected)
    alone = model.features(images[1:])
    torch.testing.assert_close(alone.classification, features.classification[1:], atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(model.initial(alone.classification, BOXES[1:]), filters[1:], atol=1e-6, rtol=1e-3)
    assert model.weights is not None
    assert {name: tuple(value.shape) for name, value in model.weights.items() if value is not None}["label_map"] == (100,)
    assert not any(value is not None and value.requires_grad for value in model.weights.values())


def test_atom_has_no_first_filter_and_no_trained_optimiser() -> None:
    model = TorchOnline(atom.build(atom.ATOMConfig(search_size=96)), header={"architecture": "atom"})
    assert model.weights is None
    assert model.header == {"architecture": "atom"}
    classification = model.features(_images()).classification
    np.testing.assert_allclose(classification.square().mean((1, 2, 3)).numpy(), 1, rtol=1e-4)
    with pytest.raises(LockonError, match="predicts no filters"):
        model.initial(classification, BOXES)
    with pytest.raises(LockonError, match="use device='cpu'"):
        TorchOnline(model.module, "cuda:99")
