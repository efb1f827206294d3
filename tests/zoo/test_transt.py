"""TransT: the published sizes, names and numbers; the official values and runs with made-up weights."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("safetensors", reason="needs the torch extra")

import golden_data  # noqa: E402
import golden_networks  # noqa: E402
import golden_transt  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.export.torch_model import TorchModel  # noqa: E402
from lockon.models.siamese import SiameseModel  # noqa: E402
from lockon.ops.borders import Replicate  # noqa: E402
from lockon.tracker import NetworkTracker  # noqa: E402
from lockon.train.assigners.cells import CellAssigner  # noqa: E402
from lockon.zoo import networks  # noqa: E402
from lockon.zoo.convert import from_official  # noqa: E402
from lockon.zoo.loading import inference_config  # noqa: E402
from lockon.zoo.registry import card  # noqa: E402
from lockon.zoo.transt import TransTConfig, build  # noqa: E402
from remembering_model import RememberingModel  # noqa: E402

TINY = TransTConfig(layers=2, channels=16, heads=2, hidden=24, template_size=32, search_size=64)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("transt-n4", (23_016_006, 8_543_296, 13_945_600, 264_710)),
        ("transt-n2", (16_700_998, 8_543_296, 7_630_592, 264_710)),  # 3,157,504 less for each of two layers
        ("transt-n4-rbo", (23_016_006, 8_543_296, 13_945_600, 264_710)),
    ],
)
def test_published_sizes(name: str, sizes: tuple[int, ...]) -> None:
    with torch.device("meta"):
        model = networks.build(name)
    parts = (model, model.backbone, model.fusion, model.head)
    assert tuple(sum(parameter.numel() for parameter in part.parameters()) for part in parts) == sizes


@pytest.mark.parametrize(("given", "other"), [("transt-n2", "transt-n4"), ("transt-n4", "transt-n2")])
def test_a_checkpoint_of_the_other_size_is_named(given: str, other: str) -> None:
    with pytest.raises(LockonError, match=f"its names are those of {given}: convert it by that name"):
        from_official(other, golden_networks.blank_of(given))


@cache
def official_network() -> SiameseModel:
    module = networks.build("transt-n4")
    module.load_state_dict(from_official("transt-n4", golden_networks.official_tensors("transt")))
    return module.eval()


@pytest.mark.slow  # 23 million weights, filled one name at a time
@pytest.mark.parametrize("pair", golden_data.PAIRS)
def test_features_and_outputs_equal_the_official_ones(pair: str) -> None:
    net, golden = official_network(), golden_data.forward("transt")
    z, x = (torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].float() for crop in golden_data.joint_pair(pair))
    found = {}
    with torch.no_grad():
        for side, image in (("template", z), ("search", x)):
            found[f"backbone.{side}"] = net.backbone(image)[0]
            found[f"proj.{side}"] = net.levels(image)[0]
        positions = (net.fusion.template_position, net.fusion.search_position)
        tokens = [found[f"proj.{side}"].flatten(2).transpose(1, 2) for side in ("template", "search")]
        for number, layer in enumerate(net.fusion.layers):
            tokens = layer(*tokens, *positions)
            if number in (0, 3):
                found |= {f"encoder{number}.{side}": one.transpose(0, 1) for side, one in zip(("template", "search"), tokens, strict=True)}
        template = net.encode(z)
        fused = net.fusion(template.features[0], found["proj.search"])
        found["fusion"] = fused.flatten(2).transpose(1, 2)[None]
        prediction = net(template, x)
    for key, values in found.items():
        assert golden_data.relative_difference("transt", f"{pair}.{key}", values.numpy()) < golden_data.FEATURE_LIMIT, key
    logits, boxes = golden[f"{pair}.pred_logits"], golden[f"{pair}.pred_boxes"] * 256
    difference = np.abs(prediction.logits.numpy() - (logits[..., 0] - logits[..., 1])).max()
    assert difference < golden_data.FEATURE_LIMIT * np.abs(logits).max()
    corners = np.concatenate([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], axis=-1)
    assert np.abs(prediction.boxes.numpy() - corners).max() < golden_data.FEATURE_LIMIT * 256


@pytest.mark.slow  # twenty frames of the whole network
@pytest.mark.parametrize("which", golden_data.RUNS)
def test_a_whole_run_and_its_single_steps(which: str) -> None:
    golden, frames = golden_transt.run(which), golden_data.frames()
    changes = {"localizer.rank.window_influence": golden.window_influence}
    tracker = NetworkTracker(
        RememberingModel(TorchModel(official_network())), inference_config(card("transt-n4"), "official", overrides=changes)
    )
    tracker.init(frames[0], golden.boxes[0])
    for number in range(1, golden.strict_through + 1):
        result = tracker.track(frames[number])
        np.testing.assert_allclose(result.box, golden.boxes[number], atol=golden_data.BOX_LIMIT, rtol=0, err_msg=f"frame {number}")
    (start,) = tracker.start(frames[0], golden.boxes[0])
    for number in range(1, len(frames)):
        before = replace(start, box=np.concatenate([golden.centers[number], golden.boxes[number - 1, 2:]]))
        seen = tracker.search([frames[number]], [before]).localization
        values = tracker.config.localizer.rank(seen.scores, 1)
        assert values.max() == pytest.approx(golden.values[number], abs=golden_data.SCORE_LIMIT), number
        (after,) = tracker.step([frames[number]], [before])
        box = np.concatenate([after.box[:2] - after.box[2:] / 2, after.box[2:]])
        np.testing.assert_allclose(box, golden.boxes[number], atol=golden_data.BOX_LIMIT, rtol=0, err_msg=f"frame {number} alone")


def test_windows_are_those_of_the_official_tracker() -> None:
    """Their means; of the template, and of the first search crop."""
    golden, config = golden_transt.run("default"), inference_config(card("transt-n4"), "official")
    box, frames = golden.boxes[0], golden_data.frames()
    target = np.array([*golden.centers[0], *box[2:]])
    for rule, size, number in ((config.template_crop, 128, 0), (config.search_crop, 256, 1)):
        crop = rule(target, size)
        pixels = crop.extract(frames[number], rule.border.color(frames[0]))
        assert pixels.mean() == pytest.approx(golden.crop_means[number], abs=1e-6)
    assert (config.template_crop(target, 128).side, config.search_crop(target, 256).side) == (132, 264)


def test_the_template_is_fused_once_and_changes_nothing() -> None:
    """What is prepared equals the whole first layer's template half."""
    torch.manual_seed(0)
    model = build(TINY).eval()
    z, x = torch.rand(2, 3, 32, 32) * 255, torch.rand(2, 3, 64, 64) * 255
    with torch.no_grad():
        template = model.encode(z)
        tokens = [model.levels(image)[0].flatten(2).transpose(1, 2) for image in (z, x)]
        positions = (model.fusion.template_position, model.fusion.search_position)
        for layer in model.fusion.layers:
            tokens = layer(*tokens, *positions)
        fused = model.fusion.norm(model.fusion.decoder(tokens[1], positions[1], tokens[0], positions[0]))
        found = model.fusion(template.features[0], model.levels(x)[0])
    assert template.features[0].shape == (2, 16, 16)
    torch.testing.assert_close(found.flatten(2).transpose(1, 2), fused)


def test_what_a_network_predicts() -> None:
    torch.manual_seed(0)
    model = build(TINY).eval()
    with torch.no_grad():
        prediction = model(model.encode(torch.rand(2, 3, 32, 32) * 255), torch.rand(2, 3, 64, 64) * 255)
    assert prediction.logits.shape == (2, 64)
    assert prediction.boxes.shape == (2, 64, 4)
    centers, sizes = (prediction.boxes[..., 2:] + prediction.boxes[..., :2]) / 2, prediction.boxes[..., 2:] - prediction.boxes[..., :2]
    for fractions in (centers / 64, sizes / 64):
        assert 0 < fractions.min() <= fractions.max() < 1
    assert model.head.candidates.points[:2].tolist() == [[4, 4], [12, 4]]


def test_the_backbone_is_at_stride_8_with_one_dilated_convolution() -> None:
    with torch.device("meta"):
        backbone = networks.build("transt-n4").backbone
    dilated = {name: part.dilation for name, part in backbone.named_modules() if getattr(part, "dilation", (1, 1)) == (2, 2)}
    assert dilated == {"layer3.0.conv2": (2, 2)}
    assert [part.stride for name, part in backbone.named_modules() if name in ("layer3.0.conv2", "layer3.0.downsample.0")] == [(1, 1)] * 2
    assert backbone.channels == (1024,)
    assert backbone.train_norms


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": 18, "heads": 2}, "channels=18 given, expected a multiple of 4 and of heads=2"),
        ({"channels": 20, "heads": 8}, "channels=20"),
        ({"layers": 0}, "layers=0 given, expected at least 1"),
        ({"dropout": 1.0}, "dropout=1"),
        ({"search_size": 250}, "search_size=250 given, expected a multiple of 8"),
    ],
)
def test_refused(changes, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        TransTConfig(**changes)


def test_published_runs() -> None:
    config = card("transt-n4").experiments()["default"]
    train = config.train.resolved()
    assert (train.steps, train.batch_size) == (1000 * 1000, 38)
    rates = [train.rate_at(step) for step in (0, 499_999, 500_000, 999_999)]
    assert rates == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5])
    assert (train.optimizer.backbone_multiplier, train.optimizer.weight_decay, train.gradients.clip_norm) == (0.1, 1e-4, 0)
    loss = config.loss
    assert (loss.cls.weight, loss.cls.background, loss.l1.weight, loss.box.weight, loss.box.kind) == (8.334, 0.0625, 5, 2, "giou")
    assert (loss.rank_cls.weight, loss.ranking.weight) == (0, 0)
    data = config.data
    assert (data.template.factor, data.search.factor, data.causal, data.border) == (2, 4, False, Replicate())
    assert (data.search.jitter.scale, data.search.jitter.offset, data.template.jitter.scale, data.template.jitter.offset) == (0.25, 3, 0, 0)
    assert (data.appearance.gray, data.appearance.brightness, data.appearance.flip, data.flip_each) == (0.05, 0.2, 0, 0)
    assert config.datasets == ("LaSOT_train", "GOT10k_train", "COCO", "TrackingNet_train")
    assert {data.sampling(name).gap for name in config.datasets if name != "COCO"} == {100}
    assert config.assigner == CellAssigner()
    ranked = card("transt-n4-rbo").experiments()
    assert replace(ranked["default"].loss, rank_cls=loss.rank_cls, ranking=loss.ranking) == loss
    assert (ranked["default"].loss.rank_cls.weight, ranked["default"].loss.ranking.weight) == (0.5, 0.25)
    assert (ranked["default"].loss.ranking.gamma, ranked["got10k"].loss.ranking.gamma) == (3, 5)
    assert card("transt-n2").experiments()["default"].model.layers == 2
