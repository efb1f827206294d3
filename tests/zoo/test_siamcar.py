"""siamcar-r50 and siamla-r50: what they differ in, weight files that say which branch they have, and conversion."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("safetensors", reason="needs the torch extra")

from miniatures import HEADER, make_backbones_shallow, small  # noqa: E402

from exporter_table import read_operators_once  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.zoo import build, save, siamcar  # noqa: E402
from lockon.zoo.convert import from_official  # noqa: E402
from lockon.zoo.network_cost import count  # noqa: E402
from lockon.zoo.networks import load_network  # noqa: E402
from lockon.zoo.registry import card  # noqa: E402

SMALL = {"layers": (2,), "channels": 32}


def test_siamla_is_siamcar_with_another_branch() -> None:
    with torch.device("meta"):
        car, la = (set(build(one.name).state_dict()) for one in siamcar.CARDS)
    assert car - la == {"head.centerness.weight", "head.centerness.bias"}
    assert {key.rpartition(".")[0] for key in la - car} == {
        "head.localization.tower",  # the normalization of its input
        *(f"head.localization.non_local.{part}" for part in ("position", "query", "key", "value", "out")),
        "head.localization.aggregation.mix.0",
        "head.localization.out",
    }


@pytest.mark.parametrize(
    ("overrides", "more"),
    [
        # norm 2 * 256, e 256 * 2, theta phi value 128 * 257 each, f 256 * 129, five points 256 * 1281, out 3 * 3 * 256 + 1
        ({}, 512 + 512 + 3 * 128 * 257 + 256 * 129 + 256 * 1281 + 2305),
        ({"localization.non_local": False}, 512 + 256 * 1281 + 2305),
        ({"localization.aggregation": False}, 512 + 512 + 3 * 128 * 257 + 256 * 129 + 2305),
        ({"localization.fuse": "sum"}, 512 + 512 + 3 * 128 * 257 + 256 * 129 + 2305),
        ({"branch": "none"}, 0),
        ({"branch": "centerness"}, 2305),
    ],
    ids=str,
)
def test_parameters_by_hand(overrides: dict[str, object], more: int) -> None:
    with torch.device("meta"):
        plain, other = build("siamcar-r50", branch="none"), build("siamla-r50", **overrides)
    assert sum(value.numel() for value in other.parameters()) - sum(value.numel() for value in plain.parameters()) == more


def test_operations_by_hand() -> None:
    """What the localization branch adds for one frame: two operations per product, N = 625 points."""
    convolutions = 256 + 3 * 256 * 128 + 128 * 256 + 5 * 256 * 256 + 9 * 256  # e, theta, phi and value, f, five points, out
    attention = 2 * 625 * 128  # queries with keys, weights with values
    assert count("siamla-r50").search_flops - count("siamla-r50", branch="none").search_flops == 2 * 625 * (convolutions + attention)


def test_weight_files_keep_the_choices(tmp_path: Path) -> None:
    overrides = {**SMALL, "localization.depth": 1, "localization.order": "aggregation-first", "localization.inner": 5}
    torch.manual_seed(0)
    module = build("siamla-r50", **overrides)
    save("siamla-r50", module.state_dict(), tmp_path / "a.safetensors", **overrides)
    again, header = load_network("siamla-r50", tmp_path / "a.safetensors")
    assert header["config"]["model"]["branch"] == "localization"
    assert again.head.localization.config == module.head.localization.config
    template, search = torch.rand(1, 3, 127, 127) * 255, torch.rand(1, 3, 255, 255) * 255
    with torch.no_grad():
        first, second = (one.eval()(one.encode(template), search) for one in (module, again))
    torch.testing.assert_close(first.quality, second.quality, rtol=0, atol=0)


@pytest.mark.slow  # the exporter
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_the_branch_is_exported_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes leave the map, so that sampling clamps there as well as within."""
    pytest.importorskip("onnxscript", reason="needs the export extra")
    from lockon.export.onnx import export_onnx
    from lockon.export.openvino_ir import export_openvino

    read_operators_once()
    make_backbones_shallow(monkeypatch)
    torch.manual_seed(0)
    module = build("siamla-r50", **small(card("siamla-r50"))).eval()
    for parameter in module.head.parameters():  # outputs that move with the image, as a trained network's do
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    torch.nn.init.constant_(module.head.box.bias, 2.5)  # sides of 12 pixels from the point
    z, x = (torch.rand(1, 3, side, side) * 255 for side in (module.template_size, module.search_size))
    with torch.no_grad():
        boxes = module(module.encode(z), x).boxes
    first, last = module.head.points[0], module.head.points[-1]
    assert bool((boxes.amin(dim=(0, 1))[:2] < first - 8).all())
    assert bool((boxes.amax(dim=(0, 1))[2:] > last + 8).all())
    report = export_onnx(module, tmp_path, "siamla-r50", {**HEADER, "architecture": "siamla-r50", "config": {}}, half_storage=False)
    assert report.parity is not None
    assert report.parity["quality"] <= 1e-4 * max(1.0, report.signal["quality"])
    pytest.importorskip("openvino", reason="needs the openvino extra")
    assert export_openvino(report.paths["search"], tmp_path).parity["quality"] is not None  # checks parity itself


OFFICIAL = {
    "head.reduce.": "down.",
    "head.cls.": "car_head.cls_logits.",
    "head.box.": "car_head.bbox_pred.",
    "head.box_tower.": "car_head.bbox_tower.",
    "head.": "car_head.",
    "neck.levels.0.": "neck.downsample2.downsample.",
}


def official(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A network's weights as SiamCAR's code stores them."""
    renamed = {}
    for key, value in module.state_dict().items():
        home = next((ours for ours in OFFICIAL if key.startswith(ours)), "")
        name = OFFICIAL.get(home, "") + key.removeprefix(home)
        renamed[name] = value.transpose(0, 1) if name == "down.weight" else value
    return renamed


def test_the_reduction_is_stored_transposed() -> None:
    """Square here, so that only the values can tell."""
    torch.manual_seed(0)
    module = build("siamcar-r50", **SMALL)
    assert module.head.reduce.weight.shape == (32, 32, 1, 1)
    converted = from_official("siamcar-r50", official(module), **SMALL)
    assert {key: bool(torch.equal(value, module.state_dict()[key])) for key, value in converted.items()} == dict.fromkeys(converted, True)


def test_siamla_has_nothing_to_convert() -> None:
    with pytest.raises(LockonError, match=r"siamla-r50 has no official checkpoints to convert; expected one of .*siamcar-r50"):
        from_official("siamla-r50", {})


def test_an_unknown_branch() -> None:
    with pytest.raises(LockonError, match="branch must be one of centerness, localization, none, got 'iou'"):
        build("siamcar-r50", branch="iou")
