"""siammask-r50: the network with random weights, its official names, and PySOT's masks on top of a tracker."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.export.torch_model import TorchModel  # noqa: E402
from lockon.tracker import NetworkTracker  # noqa: E402
from lockon.zoo.convert import from_official  # noqa: E402
from lockon.zoo.loading import inference_config  # noqa: E402
from lockon.zoo.registry import card  # noqa: E402
from lockon.zoo.siammask import SiamMaskConfig, build  # noqa: E402

ENTRIES = json.loads((Path(__file__).parents[1] / "golden" / "siammask_real" / "manifest.json").read_text())["entries"]


@pytest.fixture(scope="module")
def network():
    """Random weights, with batch statistics of random crops, so that activations stay near unit scale."""
    torch.manual_seed(0)
    module = build(SiamMaskConfig())
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
    with torch.no_grad():
        template, search = (torch.from_numpy(crop).permute(0, 3, 1, 2).float() for crop in crops(2))
        out = module.train()(module.encode(template), search)
        index = torch.zeros(2, dtype=torch.long)
        fine = module.fine(out.extras, index, index, index)
        module.refine_head.merge[0].weight /= fine.std()
    return module.eval()


def crops(count: int):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 127, 127, 3), dtype=np.uint8), rng.integers(0, 256, (count, 255, 255, 3), dtype=np.uint8)


def test_every_official_name_has_its_place(network) -> None:
    """Each entry gets a value of its own, so that a swap of two layers of one shape would show."""
    state = {name: torch.full(shape, float(number)) for number, (name, shape) in enumerate(ENTRIES.items())}
    found = from_official("siammask-r50", state)
    assert len(found) == len(network.state_dict()) == 356
    numbers = {name: number for number, name in enumerate(ENTRIES)}
    for ours, official in (
        ("head.levels.0.loc.out.3.weight", "rpn_head.loc.head.3.weight"),
        ("mask_head.template.1.running_mean", "mask_head.conv_kernel.1.running_mean"),
        ("refine_head.open.bias", "refine_head.deconv.bias"),
        ("refine_head.lateral.1.2.weight", "refine_head.v1.2.weight"),
        ("refine_head.vertical.0.0.weight", "refine_head.h0.0.weight"),
        ("refine_head.merge.2.weight", "refine_head.post0.weight"),
        ("refine_head.merge.0.bias", "refine_head.post2.bias"),
    ):
        assert found[ours].unique().tolist() == [numbers[official]], ours


def test_a_missing_and_a_foreign_name_are_named() -> None:
    state = {name: torch.zeros(shape) for name, shape in ENTRIES.items() if name != "refine_head.v2.0.bias"} | {
        "refine_head.v3": torch.zeros(1)
    }
    with pytest.raises(LockonError, match=r"1 missing: refine_head\.v2\.0\.bias; 1 not of this network: refine_head\.v3"):
        from_official("siammask-r50", state)


def test_prediction_and_masks(network) -> None:
    model = TorchModel(network)
    template, search = crops(2)
    prediction = model(model.encode(template), search)
    assert prediction.logits.shape == (2, 3125)
    assert prediction.boxes.shape == (2, 3125, 4)
    assert {name: prediction.extras[name].shape[1:] for name in network.mask_inputs} == {
        "stem": (64, 125, 125),
        "layer1": (256, 63, 63),
        "layer2": (512, 31, 31),
        "correlation": (256, 25, 25),
    }
    masks = model.mask(prediction, np.array([310, 5]))
    assert masks.shape == (2, 127, 127)
    assert ((masks >= 0) & (masks <= 1)).all()
    assert np.abs(masks[0] - masks[1]).mean() > 0.01, "masks must depend on crop and cell"
    anchors = model.mask(prediction, np.array([310 + 3 * 625, 5 + 625]))
    np.testing.assert_array_equal(anchors, masks)  # all anchors of a cell share its mask
    with torch.no_grad():
        extras = {name: torch.from_numpy(np.array(prediction.extras[name])) for name in network.mask_inputs}
        cell = network.fine(extras, torch.tensor([0]), torch.tensor([12]), torch.tensor([10])).sigmoid()
    np.testing.assert_allclose(masks[0], cell[0].numpy(), atol=1e-6)  # 310 is row 12, column 10


@pytest.mark.parametrize("preset", ["default", "official"])
def test_the_tracker_gives_masks(network, preset: str) -> None:
    tracker = NetworkTracker(TorchModel(network), inference_config(card("siammask-r50"), preset))
    rng = np.random.default_rng(1)
    frame = rng.integers(0, 256, (180, 240, 3), dtype=np.uint8)
    tracker.init(frame, (80, 60, 50, 40))
    result = tracker.track(frame)
    assert result.mask is not None
    assert result.mask.shape == (180, 240)
    assert result.mask.dtype == np.bool_
    tracker.init(frame, [(80, 60, 50, 40), (20, 100, 30, 30)])
    assert tracker.track(frame).mask.shape == (2, 180, 240)


def test_a_search_size_off_the_stride_is_refused() -> None:
    with pytest.raises(LockonError, match="search_size=256"):
        SiamMaskConfig(search_size=256)
