from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.siamese import SiameseModel, center_crop  # noqa: E402
from lockon.types import Template  # noqa: E402
from lockon.zoo.lockon_s import LockonSConfig, build  # noqa: E402


@pytest.mark.parametrize("matching", ["pixelwise", "depthwise"])
def test_shapes_and_no_state_between_calls(matching: str) -> None:
    torch.manual_seed(0)
    model = build(LockonSConfig(channels=16, depth=1, matching=matching, template_size=64, search_size=96, quality=True)).eval()
    images, search = torch.rand(2, 3, 64, 64) * 255, torch.rand(2, 3, 96, 96) * 255
    with torch.no_grad():
        template = model.encode(images)
        assert [feature.shape for feature in template.features] == [(2, 16, 4, 4)]
        first = model(template, search)
        assert first.logits.shape == first.quality.shape == (2, 36)
        assert first.boxes.shape == (2, 36, 4)
        model(model.encode(torch.rand(1, 3, 64, 64)), search[:1])  # another target in between
        again = model(template, search)
        torch.testing.assert_close(again.boxes, first.boxes, rtol=0, atol=0)
        row = model(Template((template.features[0][1:],)), search[1:])
        torch.testing.assert_close(row.logits, first.logits[1:], rtol=1e-4, atol=1e-5)
    assert (model.template_size, model.search_size) == (64, 96)


@pytest.mark.parametrize(("side", "cells", "first"), [(15, 7, 4), (8, 4, 2), (8, 3, 2), (7, 7, 0), (6, 7, 0)])
def test_center_crop(side: int, cells: int, first: int) -> None:
    features = torch.arange(side * side, dtype=torch.float32).view(1, 1, side, side)
    cropped = center_crop(features, cells)
    assert cropped.shape[-1] == min(cells, side)
    assert float(cropped[0, 0, 0, 0]) == first * side + first


def test_levels_reach_a_head_that_matches_itself() -> None:
    """Without a fusion the head gets all levels of both branches; the template's are cut, the search's are not."""

    class Levels(torch.nn.Module):
        def forward(self, image):
            return image[:, :1], image[:, 1:]

    class Head(torch.nn.Module):
        def forward(self, template, search):
            return [tuple(level.shape) for level in (*template, *search)]

    model = SiameseModel(backbone=Levels(), neck=None, head=Head(), template_size=9, search_size=12, template_cells=5)
    shapes = model(model.encode(torch.zeros(2, 3, 9, 9)), torch.zeros(2, 3, 12, 12))
    assert shapes == [(2, 1, 5, 5), (2, 2, 5, 5), (2, 1, 12, 12), (2, 2, 12, 12)]
