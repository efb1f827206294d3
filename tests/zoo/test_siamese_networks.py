"""SiamRPN, SiamRPN++, SiamBAN, SiamPW and SiamCAR: the published sizes, names and options; their official values with made-up weights."""

from __future__ import annotations

import math
import re

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

import golden_data  # noqa: E402
import golden_networks  # noqa: E402
from lockon.config import apply_overrides  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.models.heads.ban import BANHead  # noqa: E402
from lockon.models.heads.rpn import RPNHead  # noqa: E402
from lockon.ops.grid import AnchorGrid  # noqa: E402
from lockon.zoo import networks, siamban, siamcar, siampw, siamrpnpp  # noqa: E402
from lockon.zoo.registry import card  # noqa: E402
from lockon.zoo.unpadded_resnet import search_grid  # noqa: E402

# entries of the official state dict (0-d counters included), learnable parameters in all and in the backbone
SIZES = {
    "siamrpnpp-r50": (458, 53_950_624, 45_528_128),
    "siamban-r50": (459, 53_932_123, 45_528_128),
    "siampw-r50": (343, 21_558_866, 13_786_176),
    "siamcar-r50": (376, 51_384_903, 45_528_128),
}
CARDS = {one.name: one for family in (siamrpnpp, siamban, siampw, siamcar) for one in family.CARDS}
FAST = ("siamrpn_alex",)
GOLDEN = [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in golden_data.NAMES]


def _meta(name: str, **overrides: object):
    """The network without memory for its weights."""
    with torch.device("meta"):
        return networks.build(name, **overrides)


def test_names() -> None:
    assert sorted(CARDS) == [
        "siamban-r50",
        "siamban-r50-rbo",
        "siamcar-r50",
        "siamla-r50",
        "siampw-r50",
        "siampw-r50-rbo",
        "siamrpn-alexnet",
        "siamrpnpp-r50",
        "siamrpnpp-r50-rbo",
    ]


@pytest.mark.parametrize("name", sorted(CARDS.keys() - {"siamrpn-alexnet", "siamla-r50"}))
def test_published_sizes(name: str) -> None:
    model = _meta(name)
    learnable = sum(parameter.numel() for parameter in model.parameters())
    backbone = sum(parameter.numel() for parameter in model.backbone.parameters())
    assert (len(model.state_dict()), learnable, backbone) == SIZES[name.removesuffix("-rbo")]


@pytest.mark.parametrize("golden", golden_data.NAMES)
def test_official_names_and_shapes(golden: str) -> None:
    """Every official key becomes one of ours with the same shape, and none is left over on either side."""
    name = golden_networks.ZOO_NAMES[golden]
    official = card(name).official
    assert official is not None
    renamed = {}
    for entry in golden_data.manifest(golden)["entries"]:
        key = entry["name"]
        for pattern, replacement in official.renames:
            key = re.sub(pattern, replacement, key)
        shape = tuple(entry["shape"])
        renamed[key] = (shape[1], shape[0], *shape[2:]) if key in official.transposed else shape
    assert renamed == {key: tuple(value.shape) for key, value in _meta(name).state_dict().items()}


@pytest.mark.parametrize(
    ("name", "search", "candidates"),
    [
        ("siamrpnpp-r50", 255, 3125),
        ("siamrpnpp-r50", 271, 3645),
        ("siamrpn-alexnet", 287, 2205),
        ("siamrpn-alexnet", 271, 1805),
        ("siamban-r50", 255, 625),
        ("siampw-r50", 287, 841),
        ("siamcar-r50", 271, 729),
        ("siamla-r50", 255, 625),
    ],
)
def test_the_map_of_other_search_sizes(name: str, search: int, candidates: int) -> None:
    """What the network computes has as many candidates as the head's grid."""
    model = _meta(name, search_size=search).eval().to("meta")  # candidates are made on the CPU
    with torch.no_grad(), torch.device("meta"):
        template = model.encode(torch.zeros(1, 3, 127, 127))
        out = model(template, torch.zeros(1, 3, search, search))
    assert (model.template_size, model.search_size) == (127, search)
    assert (out.logits.shape, out.boxes.shape) == ((1, candidates), (1, candidates, 4))


def test_options() -> None:
    assert "head.cls_weight" not in _meta("siamrpnpp-r50", weighted=False).state_dict()
    two = _meta("siamban-r50", layers="2,3", channels=64)
    assert (len(two.head.levels), hasattr(two.backbone, "layer4")) == (2, False)
    up = _meta("siamrpn-alexnet", matching="up-channel")
    assert up.head.levels[0].cls.template.weight.shape == (10 * 256, 256, 3, 3)


@pytest.mark.parametrize("name", sorted(CARDS))
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"layers": "3,2"}, "layers=3,2 given, expected some of 2,3,4 in ascending order"),
        ({"layers": (1,)}, "layers=1 given, expected some of 2,3,4"),
        ({"layers": ()}, "layers= given, expected some of 2,3,4"),
        ({"channels": 0}, "channels=0 given, expected at least 1"),
        ({"search_size": 256}, "search_size=256 given, expected 127 plus a multiple of 8"),
    ],
)
def test_impossible_networks(name: str, overrides: dict[str, object], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        apply_overrides(CARDS[name].model, overrides)


def test_alexnet_has_no_neck_to_change_its_width() -> None:
    with pytest.raises(LockonError, match="channels=128 given, but AlexNet has no neck"):
        siamrpnpp.SiamRPNConfig(backbone="alexnet", channels=128)


@pytest.mark.parametrize("golden", GOLDEN)
def test_features_and_heads_equal_the_official_ones(golden: str) -> None:
    model = golden_networks.network(golden)
    seen: list[tuple[torch.Tensor, ...]] = []  # what the backbone gave, the template's first
    model.backbone.register_forward_hook(lambda _module, _inputs, outputs: seen.append(outputs))
    for pair in golden_data.PAIRS:
        z, x = golden_networks.images(golden, pair)
        seen.clear()
        with torch.no_grad():
            template, search = model.encode(z), model.levels(x)
            assert len(seen) == 2
            values = dict(zip(("cls", "loc", "cen"), model.head.maps(template.features, search), strict=False))  # "cen": SiamCAR's alone
            if golden == "siamcar_r50":
                values["xcorr"] = model.head.match(template.features, search)
                values["down"] = model.head.reduce(values["xcorr"])
            for branch, found_features, necked in (("template", seen[0], template.features), ("search", seen[1], search)):
                values |= {f"backbone.{branch}.{level}": feature for level, feature in enumerate(found_features)}
                if golden != "siamrpn_alex":  # which has no neck
                    values |= {f"neck.{branch}.{level}": feature for level, feature in enumerate(necked)}
        found = {name: golden_data.relative_difference(golden, f"{pair}.{name}", value.numpy()) for name, value in values.items()}
        assert max(found.values()) <= golden_data.FEATURE_LIMIT, found
        stored = [
            key
            for key in golden_data.forward(golden)
            if re.fullmatch(rf"{pair}\.((backbone|neck)\..*\.shape|xcorr\.shape|down\.shape)", key)
        ]
        assert len(found) == len(stored) + (3 if golden == "siamcar_r50" else 2)


def test_predictions_are_decoded_from_the_official_maps() -> None:
    """One candidate of the official AlexNet's output by hand: anchor 3 (40x80), row 4, column 17."""
    model = golden_networks.network("siamrpn_alex")
    z, x = golden_networks.images("siamrpn_alex", "photo")
    with torch.no_grad():
        out = model(model.encode(z), x)
    golden = golden_data.forward("siamrpn_alex")
    cls, loc = (golden[f"photo.{name}"].reshape(kinds, 5, 21, 21)[:, 3, 4, 17] for name, kinds in (("cls", 2), ("loc", 4)))
    candidate = 3 * 21 * 21 + 4 * 21 + 17
    assert float(out.logits[0, candidate]) == pytest.approx(float(cls[1] - cls[0]), abs=1e-4)
    cx, cy = 63 + 17 * 8 + loc[0] * 40, 63 + 4 * 8 + loc[1] * 80
    w, h = math.exp(loc[2]) * 40, math.exp(loc[3]) * 80
    assert out.boxes[0, candidate].tolist() == pytest.approx([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], abs=1e-2)


def test_anchors_equal_the_official_ones() -> None:
    official = torch.from_numpy(golden_data.losses("pysot_anchor_targets")["all_anchors_center"])  # (4, A, S, S)
    head = RPNHead(1, 8, AnchorGrid(search_grid(255)))
    torch.testing.assert_close(head.anchors.T.reshape(4, 5, 25, 25), official, rtol=0, atol=0)


def test_points_equal_the_official_ones() -> None:
    official = torch.from_numpy(golden_data.losses("siamban_point_targets")["points"])  # (2, S, S)
    head = BANHead(1, 8, search_grid(255))
    torch.testing.assert_close(head.points.T.reshape(2, 25, 25), official, rtol=0, atol=0)


def test_siamcar_counts_distances_from_a_pixel_right_and_below() -> None:
    """Published code: location = 32 + 8 n in training; the cells' centres are at 31 + 8 n."""
    for size in (255, 271):
        model = _meta("siamla-r50", search_size=size)
        assert (model.head.grid.offset, model.head.grid.stride, model.head.localization.aggregation.first) == (32, 8, 31)
