from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.types import Template  # noqa: E402
from lockon.zoo.lockon_s import ModelConfig, build  # noqa: E402


@pytest.mark.parametrize("matching", ["pixelwise", "depthwise"])
def test_shapes_and_no_state_between_calls(matching: str) -> None:
    torch.manual_seed(0)
    model = build(ModelConfig(channels=16, depth=1, matching=matching, template_size=64, search_size=96, quality=True)).eval()
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
