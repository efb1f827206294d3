"""Network, recipe and training data of lockon-s, on a few made images."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("lightning_fabric", reason="needs the train extra")

from safetensors.torch import save_file  # noqa: E402

import lockon.zoo  # noqa: E402
from lockon.data.datasets.stills import StillImage, StillObject  # noqa: E402
from lockon.data.sequence import LazyList, VideoSequence  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.models.backbones import inverted_residual  # noqa: E402
from lockon.models.fusion import DepthwiseFusion, PixelwiseFusion  # noqa: E402
from lockon.tracker import NetworkTracker  # noqa: E402
from lockon.train.checkpoint import save_weights  # noqa: E402
from lockon.train.recipe import TrainSources  # noqa: E402
from lockon.zoo.lockon_s import LockonSConfig, build  # noqa: E402
from lockon.zoo.lockon_s_data import collect_cutouts  # noqa: E402
from lockon.zoo.networks import load_network  # noqa: E402
from lockon.zoo.training import load_backbone, recipe  # noqa: E402
from tiny_training_data import make_stills  # noqa: E402

SMALL = {"model.channels": "8", "model.depth": "1", "train.batch_size": "2", "train.machine.workers": "0"}


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    """Two sets of three images with one object each."""
    return make_stills(tmp_path)


@pytest.mark.parametrize("backbone", ["efficientnet-lite0", "mobilenet-v2"])
@pytest.mark.parametrize(("matching", "fusion"), [("pixelwise", PixelwiseFusion), ("depthwise", DepthwiseFusion)])
def test_choices_of_the_network(backbone: str, matching: str, fusion: type) -> None:
    model = build(LockonSConfig(backbone=backbone, matching=matching, channels=8, depth=2, quality=True))
    assert isinstance(model.fusion, fusion)
    assert model.backbone.channels == (112 if backbone == "efficientnet-lite0" else 96)
    assert len(model.head.cls_tower) == 2
    assert model.head.points.shape == (14 * 14, 2)


def test_the_released_network_is_small() -> None:
    count = sum(parameter.numel() for parameter in build(LockonSConfig()).parameters())
    assert count < 1_500_000


@pytest.mark.parametrize("name", ["template_size", "search_size"])
def test_crop_sides_are_multiples_of_the_stride(name: str) -> None:
    with pytest.raises(LockonError, match=f"{name}=100 given, expected a multiple of 16"):
        LockonSConfig(**{name: 100})


def test_recipe(stills: Path) -> None:
    made = recipe(TrainSources(stills=stills), {**SMALL, "data.search.factor": "4.5", "mix.negative": "0.5"}, "lockon-s")
    assert made.config.batch_size == 2
    assert made.header["architecture"] == "lockon-s"
    assert made.header["tracker"] == {"template_crop": {"factor": 1.875}, "search_crop": {"factor": 4.5}}
    assert made.settings["mix"]["negative"] == 0.5
    json.dumps([made.header, made.settings])  # both go into files
    samples = [made.pipeline.sample(index) for index in range(2)]
    batch = {name: torch.from_numpy(np.stack([s[name] for s in samples])) for name in ("template", "search", "box", "present")}
    losses = made.task.loss(batch)
    assert torch.isfinite(losses["loss"])
    assert losses["loss"].requires_grad


def test_the_same_seed_gives_the_same_start(stills: Path) -> None:
    first, again = (recipe(TrainSources(stills=stills), SMALL, "lockon-s").task.module.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_recipe_mistakes(stills: Path) -> None:
    with pytest.raises(LockonError, match=r"unknown option 'model\.chanels'"):
        recipe(TrainSources(stills=stills), {"model.chanels": "8"}, "lockon-s")
    with pytest.raises(LockonError, match="do not exist"):
        recipe(TrainSources(stills=stills), {**SMALL, "backbone_weights": "nowhere.pth"}, "lockon-s")


def test_backbone_weights(tmp_path: Path) -> None:
    config = LockonSConfig(backbone="efficientnet-lite0", channels=8, depth=1)
    model, trunk = build(config), inverted_residual.efficientnet_lite0()
    places = list(dict.fromkeys(tuple(key.split(".")[1:3]) for key in trunk.state_dict()))
    layers = {"expand": ("_expand_conv", "_bn0"), "depthwise": ("_depthwise_conv", "_bn1"), "project": ("_project_conv", "_bn2")}
    theirs = {}
    for key, value in trunk.state_dict().items():
        _, stage, place, part, *rest = key.split(".")
        number = places.index((stage, place)) - 1
        if number < 0:
            name = f"{('_conv_stem', '_bn0')[int(part)]}.{rest[0]}"
        else:
            name = f"_blocks.{number}.{layers[part][int(rest[0])]}.{rest[1]}"
        theirs[name] = torch.rand_like(value.float()).to(value.dtype)
    save_file(theirs, tmp_path / "good.safetensors")
    torch.save(theirs, tmp_path / "good.pth")
    for name in ("good.safetensors", "good.pth"):
        load_backbone(model, str(tmp_path / name))
        assert torch.equal(model.backbone.state_dict()["stages.0.0.0.weight"], theirs["_conv_stem.weight"])
    for name in ("bad.safetensors", "bad.pth"):
        (tmp_path / name).write_bytes(b"nothing of that kind")
        with pytest.raises(LockonError, match="is not a readable weight file"):
            load_backbone(model, str(tmp_path / name))
    torch.save({"features.0.0.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(LockonError, match="does not hold weights of efficientnet-lite0"):
        load_backbone(model, str(tmp_path / "other.pth"))
    torch.save({**theirs, "_conv_stem.weight": torch.zeros(3)}, tmp_path / "shape.pth")
    with pytest.raises(LockonError, match="size mismatch") as caught:
        load_backbone(model, str(tmp_path / "shape.pth"))
    assert "\n" not in str(caught.value)


def test_cutouts_leave_out_what_the_border_cuts(tmp_path: Path) -> None:
    frame = np.full((100, 120, 3), 90, np.uint8)
    masks = np.zeros((3, 100, 120), dtype=bool)
    masks[0, 30:70, 40:90] = True
    masks[1, 30:70, 0:50] = True  # cut by the border
    masks[2, 30:40, 40:50] = True  # too small
    boxes = np.array([[40, 30, 50, 40], [0, 30, 50, 40], [40, 30, 10, 10]], dtype=np.float64)
    paths = [Path(str(i)) for i in range(3)]
    sequence = VideoSequence(
        "one", "made", LazyList(paths, lambda _: frame), boxes, masks=LazyList(paths, lambda path: masks[int(path.name)])
    )
    plain = VideoSequence("two", "made", LazyList(paths, lambda _: frame), boxes)
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), frame)
    image = StillImage(path, 120, 100, (StillObject("0", "thing", (40, 30, 50, 40)),), "set")  # no mask
    cutouts = collect_cutouts([image], [sequence, plain])
    assert [cutout.label for cutout in cutouts] == ["one"]
    assert cutouts[0].rgba.shape[:2] == (40, 50)


def test_weights_of_the_zoo(tmp_path: Path) -> None:
    config = {"model": {"channels": 8, "depth": 1, "matching": "depthwise"}}
    module = lockon.zoo.build("lockon-s", channels=8, depth=1, matching="depthwise")
    path = tmp_path / "lockon-s.safetensors"
    save_weights(module, path, {"architecture": "lockon-s", "config": config})
    loaded, header = load_network("lockon-s", path)
    assert header["config"] == config
    assert all(torch.equal(loaded.state_dict()[name], value) for name, value in module.state_dict().items())
    tracker = lockon.load("lockon-s", weights=path, device="torch", **{"states.lost_after": 5})
    assert isinstance(tracker, NetworkTracker)
    assert tracker.config.states.lost_after == 5
    save_weights(module, path, {"architecture": "other", "config": config})
    with pytest.raises(LockonError, match="holds weights of 'other', not of 'lockon-s'"):
        load_network("lockon-s", path)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lockon.zoo.build("lockon-x"), "unknown network 'lockon-x'; did you mean 'lockon-s'"),
        (lambda: lockon.zoo.build("lockon-s", chanels=3), "unknown option 'chanels'"),
        (lambda: load_network("lockon-s", Path("a.pth")), "is not a safetensors file"),
    ],
)
def test_zoo_mistakes(call, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        call()


def test_crop_sizes_of_model_and_data_must_agree(tmp_path: Path) -> None:
    with pytest.raises(LockonError, match=r"model.search_size is 256 but data.search.size is 224; set both"):
        recipe(TrainSources(stills=tmp_path), {"model.search_size": "256", "data.search.size": "224"}, "lockon-s")


def test_degenerate_boxes_are_skipped_with_a_count(tmp_path: Path) -> None:
    images = tmp_path / "set" / "images"
    images.mkdir(parents=True)
    cv2.imwrite(str(images / "0.png"), np.zeros((100, 120, 3), np.uint8))
    boxes = [[10, 10, 40, 30], [5, 5, 0, 20], [5, 5, 3, 3], [0, 50, 100, 7], [200, 200, 30, 30]]
    objects = [{"id": index, "class": "thing", "box": box} for index, box in enumerate(boxes)]
    line = {"image": "images/0.png", "video": None, "frame": None, "width": 120, "height": 100, "objects": objects}
    (tmp_path / "set" / "annotations.jsonl").write_text(json.dumps(line) + "\n")
    notes = recipe(TrainSources(stills=tmp_path), {}, "lockon-s").notes
    assert len(notes) == 2  # that, and the random backbone
    assert notes[0].startswith("stills: 4 boxes skipped")
