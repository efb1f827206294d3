from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.heads.corner import CornerHead  # noqa: E402
from lockon.models.heads.segmentation import MaskDecoder  # noqa: E402
from lockon.models.refiner import RefinerModel  # noqa: E402
from lockon.models.refiner_fusion import RefinerFusion  # noqa: E402
from lockon.ops.torch.prroi import prroi_pool  # noqa: E402
from lockon.types import Template  # noqa: E402
from tiny_pools import Pools  # noqa: E402

SIZE = 128


def _model(*, mask: bool = True, reference: str = "crop", seed: int = 0) -> RefinerModel:
    torch.manual_seed(seed)
    return RefinerModel(
        backbone=Pools(),
        fusion=RefinerFusion(6, reference_cells=4, out=16),
        head=CornerHead(16, cells=8, hidden=16),
        mask_head=MaskDecoder(16, (4, 4, 4), wide=(4, 4, 4)) if mask else None,
        size=SIZE,
        reference_cells=4,
        reference=reference,
    ).eval()


def _images(count: int = 2, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, SIZE, SIZE, generator=generator) * 255


def test_what_comes_out() -> None:
    model = _model()
    with torch.no_grad():
        template = model.encode(_images())
        out = model(template, _images(seed=1))
        mask = model.mask(out.extras)
    assert [tuple(feature.shape) for feature in template.features] == [(2, 6, 4, 4)]
    assert (out.logits.shape, out.boxes.shape, mask.shape) == ((2, 1), (2, 1, 4), (2, SIZE, SIZE))
    assert float(mask.amin()) >= 0
    assert float(mask.amax()) <= 1
    torch.testing.assert_close(mask, model.mask_logits(out.extras).sigmoid())
    assert torch.equal(mask, model.mask(out.extras, torch.zeros(2, dtype=torch.int64)))
    assert (model.template_size, model.search_size, model.mask_inputs) == (SIZE, SIZE, ("matched", "stem", "layer1", "layer2"))
    assert set(out.extras) == {*model.mask_inputs, "heat"}


def test_reference_is_the_middle_of_the_map() -> None:
    model, image = _model(), _images()
    with torch.no_grad():
        whole = model.backbone.features(image)["layer3"]
        assert torch.equal(model.encode(image).features[0], whole[..., 2:6, 2:6])
        assert torch.equal(model.encode(image, torch.zeros(2, 4)).features[0], whole[..., 2:6, 2:6]), "boxes do not matter here"


def test_reference_is_pooled_from_the_box() -> None:
    model, image = _model(reference="prroi"), _images()
    boxes = torch.tensor([[30.0, 20.0, 90.0, 100.0], [40.0, 40.0, 80.0, 70.0]])
    with torch.no_grad():
        whole = model.backbone.features(image)["layer3"]
        expected = prroi_pool(whole, boxes, torch.tensor([0, 1]), size=4, scale=1 / 16)
        torch.testing.assert_close(model.encode(image, boxes).features[0], expected)
        middle = prroi_pool(whole, torch.tensor([[32.0, 32.0, 96.0, 96.0]] * 2), torch.tensor([0, 1]), size=4, scale=1 / 16)
        torch.testing.assert_close(model.encode(image).features[0], middle)


def test_targets_of_a_batch_do_not_mix() -> None:
    model = _model()
    references, searches = _images(3), _images(3, seed=1)
    with torch.no_grad():
        template = model.encode(references)
        out = model(template, searches)
        for number in range(3):
            single = model(Template((template.features[0][number : number + 1],)), searches[number : number + 1])
            torch.testing.assert_close(single.boxes[0], out.boxes[number], rtol=1e-4, atol=1e-3)
            torch.testing.assert_close(model.mask(single.extras)[0], model.mask(out.extras)[number], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("reference", ["crop", "prroi"])
def test_everything_learns(reference: str) -> None:
    model = _model(reference=reference).train()
    out = model(model.encode(_images(4)), _images(4, seed=1))
    (out.boxes.mean() + model.mask_logits(out.extras).mean()).backward()
    silent = [name for name, parameter in model.named_parameters() if parameter.grad is None or not torch.isfinite(parameter.grad).all()]
    assert silent == []


def test_without_a_mask_head() -> None:
    model = _model(mask=False)
    with torch.no_grad():
        out = model(model.encode(_images()), _images(seed=1))
    assert (model.mask_inputs, set(out.extras)) == ((), {"heat"})
    with pytest.raises(TypeError, match="without a mask head"):
        model.mask(out.extras)
