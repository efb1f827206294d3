from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.backbones.vit import JointEncoder, PatchEmbedding, ViTSize  # noqa: E402
from lockon.models.heads.center import CenterHead  # noqa: E402
from lockon.models.one_stream import OneStreamModel  # noqa: E402
from lockon.ops.grid import Grid  # noqa: E402
from lockon.studies.features import FrozenFeatures, is_frozen, take_backbone  # noqa: E402
from lockon.train.config import TrainConfig  # noqa: E402


def _model() -> OneStreamModel:
    torch.manual_seed(0)
    encoder, head = JointEncoder(ViTSize(8, 1, 2), 2, 4), CenterHead(8, Grid(4, 16, offset=0), hidden=8)
    return OneStreamModel(backbone=PatchEmbedding(8), encoder=encoder, head=head, template_size=32, search_size=64).eval()


@pytest.mark.parametrize(("unfreeze", "frozen"), [(((0.0, 0),), True), (((0.0, 0), (0.5, 1)), False), ((), False)])
def test_a_one_stream_networks_backbone_can_be_frozen(unfreeze: tuple, frozen: bool) -> None:
    recipe = SimpleNamespace(task=SimpleNamespace(module=_model()), config=TrainConfig(unfreeze=unfreeze))
    assert is_frozen(recipe) == frozen  # type: ignore[arg-type]


def test_a_one_stream_network_takes_kept_maps_for_crops() -> None:
    rng = np.random.default_rng(0)
    crops = {"template": rng.integers(0, 256, (32, 32, 3), np.uint8), "search": rng.integers(0, 256, (64, 64, 3), np.uint8)}
    model = _model()

    def answer(images: dict) -> torch.Tensor:
        z, x = (torch.from_numpy(images[name]).permute(2, 0, 1)[None].float() for name in ("template", "search"))
        with torch.no_grad():
            return model(model.encode(z), x).boxes

    before = answer(crops)
    maps = FrozenFeatures(SimpleNamespace(sample=lambda _: crops), model.backbone).sample(0)  # type: ignore[arg-type]
    assert maps["search"].shape == (4, 4, 8)
    take_backbone(model)
    torch.testing.assert_close(answer(maps), before, rtol=0.05, atol=0.5)  # maps are half floats, perhaps from bfloat16


def test_crops_of_several_frames_give_one_map_each() -> None:
    """And what is no picture stays as it is."""
    rng = np.random.default_rng(1)
    crops = rng.integers(0, 256, (3, 32, 32, 3), np.uint8)
    masks, boxes = np.ones((32, 32), np.uint8), np.ones((3, 4), np.float32)
    backbone = PatchEmbedding(8)
    found = FrozenFeatures(SimpleNamespace(sample=lambda _: {"train": crops, "mask": masks, "train_box": boxes}), backbone).sample(0)  # type: ignore[arg-type]
    assert found["train"].shape == (3, 2, 2, 8)
    assert found["mask"] is masks
    assert found["train_box"] is boxes
    for number, crop in enumerate(crops):
        alone = FrozenFeatures(SimpleNamespace(sample=lambda _, crop=crop: {"search": crop}), backbone).sample(0)["search"]  # type: ignore[arg-type]
        np.testing.assert_allclose(found["train"][number].astype(float), alone.astype(float), rtol=0.02, atol=0.02)
