"""Alpha-Refine: the published sizes, names and options; its official values with made-up weights."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

import golden_alpharefine  # noqa: E402
import golden_data  # noqa: E402
from lockon.config import apply_overrides  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.zoo import alpha_refine, networks  # noqa: E402
from lockon.zoo.external_weights import read_external  # noqa: E402

# learnable parameters up to the third layer, and in all (the published counts, less layer4 and the classifier)
SIZES = {
    "alpha-refine-r18": (2_782_784, 13_717_183 - 11_689_512 + 2_782_784),
    "alpha-refine-r34": (8_170_304, 23_825_343 - 21_797_672 + 8_170_304),
    "alpha-refine-r50": (8_543_296, 8_543_296 + 33_728 + 2_128 + 1_072_002 + 831_301),
}
FAST = {"size": 64}  # pixels: enough to run everything
COMBINATIONS = [
    {"fusion": fusion, "head": head, "mask": mask}
    for fusion, head, mask in itertools.product(("pixelwise", "depthwise", "naive"), ("corner", "rpn", "rcnn"), (False, True))
]


def _meta(name: str = "alpha-refine-r18", **overrides: object):
    """The network without memory for its weights, and a run through it."""
    with torch.device("meta"), torch.no_grad():
        model = networks.build(name, **overrides).eval()
        image = torch.zeros(2, 3, model.search_size, model.search_size)
        return model, model(model.encode(image), image)


@pytest.mark.parametrize("name", SIZES)
def test_published_sizes(name: str) -> None:
    model, _ = _meta(name)
    backbone = sum(parameter.numel() for parameter in model.backbone.parameters())
    assert (backbone, sum(parameter.numel() for parameter in model.parameters())) == SIZES[name]


@pytest.mark.parametrize("name", [one.name for one in alpha_refine.CARDS])
@pytest.mark.parametrize("combination", COMBINATIONS, ids=lambda one: "-".join(map(str, one.values())))
def test_every_network_of_the_tables(name: str, combination: dict[str, object]) -> None:
    """Tables 5, 6 and 8 (depth); at the full size on no device."""
    model, out = _meta(name, **combination)
    assert (out.logits.shape, out.boxes.shape) == ((2, 1), (2, 1, 4))
    assert ("confidence" in out.extras) is (combination["head"] == "rpn")
    assert model.reference == ("crop" if combination["fusion"] == "pixelwise" else "prroi")
    if combination["mask"]:
        with torch.device("meta"):
            assert model.mask(out.extras).shape == (2, 256, 256)
    else:
        assert model.mask_inputs == ()


@pytest.mark.parametrize(
    "options",
    [
        {"reference": "prroi"},
        {"fusion": "naive", "reference": "crop"},
        {"post": False, "attention": False},
        {"non_local": True},
        {"head": "rpn", "rpn_edges": "distances"},
        {"head": "rcnn", "rcnn_pool": "convolution"},
        {"head": "rcnn", "box_start": "zero"},
        {"corner_middle": True, "size": 320},
    ],
    ids=str,
)
def test_options(options: dict[str, object]) -> None:
    assert _meta(**options)[1].boxes.shape == (2, 1, 4)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"depth": 101}, "depth=101 given, expected 18, 34 or 50"),
        ({"size": 250}, "size=250 given, expected a multiple of 32"),
        ({"size": 32}, "size=32 given, expected a multiple of 32 from 64 on"),
        ({"size": 128, "post": False}, "pixel-wise correlation has 16 channels, not the 64"),
        ({"fusion": "pixel"}, "fusion must be one of"),
    ],
)
def test_impossible_networks(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        apply_overrides(alpha_refine.AlphaRefineConfig(), overrides)


def test_a_small_network_runs_and_learns() -> None:
    """The batch's statistics reach the backbone in training, as published, unless the configuration says otherwise."""
    for train_norms in (True, False):
        model = alpha_refine.build(alpha_refine.AlphaRefineConfig(depth=18, train_norms=train_norms, **FAST)).train()
        before = model.backbone.bn1.running_mean.clone()
        image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 255
        out = model(model.encode(image), image)
        (out.boxes.mean() + model.mask_logits(out.extras).mean()).backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
        assert torch.equal(before, model.backbone.bn1.running_mean) is not train_norms


def test_official_names_and_shapes() -> None:
    """Every official key becomes one of ours with the same shape, and none is left over on either side but layer4 and fc."""
    entries = {entry["name"]: entry["shape"] for entry in golden_data.manifest(golden_alpharefine.NAME)["entries"]}
    state = golden_alpharefine.renamed({key: torch.empty(shape, device="meta") for key, shape in entries.items()})
    assert {key: value.shape for key, value in state.items()} == {
        key: value.shape for key, value in _meta("alpha-refine-r34")[0].state_dict().items()
    }
    assert len(entries) - len(state) == len(
        [key for key in entries if key.startswith(("feature_extractor.layer4", "feature_extractor.fc"))]
    )


@pytest.mark.slow
@pytest.mark.parametrize("pair", golden_data.PAIRS)
def test_features_heads_and_masks_equal_the_official_ones(pair: str) -> None:
    model = golden_alpharefine.network()
    reference, search = golden_alpharefine.images(pair)
    with torch.no_grad():
        template = model.encode(reference)
        out = model(template, search)
        stages = model.backbone.features(search)
        values = {f"backbone.{name.replace('stem', 'conv1')}": stages[name] for name in ("stem", "layer1", "layer2", "layer3")}
        values |= {"ref_kernel": template.features[0], "fusion": out.extras["matched"], "corner": out.boxes[:, 0]}
        values |= {"score_tl": out.extras["heat"][:, :1], "score_br": out.extras["heat"][:, 1:], "mask": model.mask(out.extras)[:, None]}
    found = {
        name: golden_data.relative_difference(golden_alpharefine.NAME, f"{pair}.{name}", value.numpy()) for name, value in values.items()
    }
    assert max(found.values()) <= golden_data.FEATURE_LIMIT, found
    stored = {
        key.split(".", 1)[1].removesuffix(".shape") for key in golden_data.forward(golden_alpharefine.NAME) if key.startswith(f"{pair}.")
    }
    assert {name for name in stored if not name.endswith((".sample", ".range"))} == set(found)


def _names(depth: int, *, without: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> list[str]:
    """Official names of a network of that depth."""
    ends = {18: ("layer1.1.conv2",), 34: ("layer1.2.conv2",), 50: ("layer1.2.conv3", "layer1.0.conv3")}
    names = [f"feature_extractor.{end}.weight" for end in ("conv1", "layer1.0.conv1", *ends[depth])]
    names += [
        "corner_head.conv1_tl.0.weight",
        "neck.post_corr.0.weight",
        "neck.channel_attention.fc1.weight",
        "mask_head.v0.0.weight",
        *more,
    ]
    return [name for name in names if not name.startswith(without or "-")]


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_depth_by_the_names(depth: int) -> None:
    assert alpha_refine.official_network(_names(depth)) == (f"alpha-refine-r{depth}", {})


@pytest.mark.parametrize(
    ("names", "changes"),
    [
        (_names(34, without=("mask_head",)), {"mask": False}),
        (_names(34, without=("neck.post_corr",)), {"post": False}),
        (_names(34, without=("neck.channel_attention",)), {"attention": False}),
        (_names(34, more=("neck.spatial_attention.theta.weight",)), {"non_local": True, "reference": "prroi"}),
    ],
)
def test_variants_by_the_names(names: list[str], changes: dict[str, object]) -> None:
    assert alpha_refine.official_network(names) == ("alpha-refine-r34", changes)
    apply_overrides(alpha_refine.AlphaRefineConfig(), changes)


def test_names_of_other_networks() -> None:
    with pytest.raises(LockonError, match="no feature_extractor with a corner_head"):
        alpha_refine.official_network(["backbone.conv1.weight", "corner_head.conv1_tl.0.weight"])


def test_a_snapshot_of_the_official_trainer(tmp_path) -> None:
    """The weights are among objects of classes that are not here; they load strictly."""
    state = {entry["name"]: torch.zeros(entry["shape"]) for entry in golden_data.manifest(golden_alpharefine.NAME)["entries"]}
    state["corner_head.conv5_tl.bias"] += 3
    snapshot = {"epoch": 40, "net_type": "SEcmnet", "net": state, "constructor": golden_data.Track, "settings": golden_data.FOLDER}
    torch.save(snapshot, tmp_path / "SEcmnet_ep0040-c.pth.tar")
    read = read_external(tmp_path / "SEcmnet_ep0040-c.pth.tar")
    name, changes = alpha_refine.official_network(read)
    model = networks.build(name, **changes)
    model.load_state_dict(golden_alpharefine.renamed(read))
    assert model.head.towers[0][4].bias.tolist() == [3.0]
