from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("safetensors", reason="needs the torch extra")

import golden_data  # noqa: E402
import lockon  # noqa: E402
from lockon.cli import convert as command  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.train.checkpoint import read_weights  # noqa: E402
from lockon.zoo import build, save  # noqa: E402
from lockon.zoo.convert import COUNTER, from_official, official_settings  # noqa: E402
from lockon.zoo.networks import load_network  # noqa: E402

OFFICIAL = {
    "siamrpn-alexnet": "siamrpn_alex",
    "siamrpnpp-r50": "siamrpn_r50",
    "siamrpnpp-r50-rbo": "siamrpn_r50",
    "siamban-r50": "siamban_r50",
    "siamban-r50-rbo": "siamban_r50",
    "siamcar-r50": "siamcar_r50",
    "siampw-r50": "siampw_rbo",
    "siampw-r50-rbo": "siampw_rbo",
}
ALEX = "siamrpn-alexnet"
REFINER = "alpha-refine-r34"


def blank(name: str) -> dict:
    """Official names and shapes, each weight filled with its own number (quick, where values do not matter)."""
    entries = golden_data.manifest(OFFICIAL.get(name, "alpharefine_r34"))["entries"]
    return {
        entry["name"]: torch.full(entry["shape"], index, dtype=torch.int64 if entry["name"].endswith(COUNTER) else torch.float32)
        for index, entry in enumerate(entries)
    }


def load_blank(name: str) -> torch.nn.Module:
    module = build(name)
    module.load_state_dict(from_official(name, blank(name)))
    return module


def test_names_that_convert() -> None:
    for name in ("lockon-s", "compact-ban", "siamla-r50"):
        with pytest.raises(LockonError, match=rf"{name} has no official checkpoints to convert; expected one of .*siamban-r50"):
            from_official(name, {})
    with pytest.raises(LockonError, match="unknown network 'siamban'; did you mean"):
        from_official("siamban", {})


def test_half_precision_and_missing_counters() -> None:
    official = {key: value.half() if value.is_floating_point() else value for key, value in blank(ALEX).items()}
    without = {key: value for key, value in official.items() if not key.endswith("num_batches_tracked")}
    assert len(without) < len(official)
    converted = from_official(ALEX, without)
    assert {value.dtype for value in converted.values()} == {torch.float32, torch.int64}
    assert all(int(value) == 0 for key, value in converted.items() if key.endswith("num_batches_tracked"))


def test_what_does_not_fit_is_named() -> None:
    official = blank("siamban-r50")
    del official["head.box3.cls.head.3.weight"], official["backbone.layer2.0.conv1.weight"]
    official |= {"head.extra": torch.zeros(1), "head.loc_scale": torch.zeros(2)}
    official["neck.downsample2.downsample.0.weight"] = torch.zeros(256, 512)
    with pytest.raises(LockonError) as caught:
        from_official("siamban-r50", official)
    text = str(caught.value)
    assert "2 missing: backbone.layer2.0.conv1.weight, head.box3.cls.head.3.weight;" in text  # under official names
    assert "1 not of this network: head.extra;" in text
    assert (
        "2 of another shape: neck.downsample2.downsample.0.weight is 256x512, expected 256x512x1x1, head.loc_scale is 2, expected 3;"
        in text
    )
    assert "\n" not in text


def test_the_right_name_is_suggested() -> None:
    with pytest.raises(LockonError, match="its names are those of siamban-r50: convert it by that name"):
        from_official("siamrpnpp-r50", blank("siamban-r50"))
    with pytest.raises(LockonError, match="give a checkpoint of that network"):
        from_official(ALEX, {"weight": torch.zeros(1)})


def test_a_network_without_level_weights() -> None:
    """PySOT's OTB model takes the plain mean of its levels and lacks their weights."""
    official = {key: value for key, value in blank("siamrpnpp-r50").items() if key not in ("rpn_head.cls_weight", "rpn_head.loc_weight")}
    with pytest.raises(LockonError, match=r"2 missing: rpn_head\.cls_weight, rpn_head\.loc_weight"):
        from_official("siamrpnpp-r50", official)
    assert len(from_official("siamrpnpp-r50", official, weighted=False)) == len(official)


def test_one_weight_under_two_names() -> None:
    official = blank(ALEX)
    official["head.levels.0.cls.out.3.bias"] = official["rpn_head.cls.head.3.bias"]  # our own name for the same
    with pytest.raises(LockonError, match="1 not of this network: "):
        from_official(ALEX, official)


def test_saved_weights_load_again(tmp_path: Path) -> None:
    module = load_blank(ALEX)
    path = tmp_path / "deep" / "a.safetensors"
    save(ALEX, module.state_dict(), path, header={"data": {"from": "here"}}, search_size=255)
    again, header = load_network(ALEX, path)
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in module.state_dict().items())
    assert again.search_size == 255
    assert header["architecture"] == ALEX
    assert header["data"] == {"from": "here"}
    assert "CC BY-SA" in header["licence"]
    assert header["tracker"] == {}
    assert lockon.load(ALEX, weights=path).model.search_size == 255  # type: ignore[attr-defined]


def test_weights_that_are_not_saved(tmp_path: Path) -> None:
    state = {key: value for key, value in from_official(ALEX, blank(ALEX)).items() if key != "backbone.features.0.bias"}
    with pytest.raises(LockonError, match=r"1 missing: backbone\.features\.0\.bias; give build\('siamrpn-alexnet'\)"):
        save(ALEX, state, tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


def test_the_public_way() -> None:
    assert lockon.zoo.convert.from_official is from_official
    with pytest.raises(AttributeError, match="no attribute 'converts'"):
        _ = lockon.zoo.converts


def convert(*arguments: object):
    app = typer.Typer()
    app.command()(command.convert)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command(tmp_path: Path) -> None:
    torch.save({"epoch": 20, "state_dict": {f"module.{key}": value for key, value in blank(ALEX).items()}}, tmp_path / "model.pth")
    result = convert(ALEX, tmp_path / "model.pth", tmp_path / "out.safetensors", "--set", "search_size=255")
    assert result.exit_code == 0, result.output
    assert "75 tensors, 25.0 MB" in result.stdout
    assert "CC BY-SA" in result.stderr
    header = read_weights(tmp_path / "out.safetensors")[1]
    assert header["config"]["model"]["search_size"] == 255
    assert header["data"]["converted_from"] == "model.pth"
    assert len(header["data"]["sha256"]) == 64


def test_what_the_network_never_runs_is_left_out() -> None:
    """Of Alpha-Refine's ResNet the last layer and the classifier; every other weight has one place."""
    official = blank(REFINER)
    unused = {key for key in official if key.startswith(("feature_extractor.layer4.", "feature_extractor.fc."))}
    found = sorted(float(value.flatten()[0]) for value in from_official(REFINER, official).values())
    assert found == [float(number) for number, key in enumerate(official) if key not in unused]
    assert len(unused) > 20


def test_settings_by_the_checkpoints_own_names(tmp_path: Path) -> None:
    """One without a mask head: so is the network that its file makes; the other depth is told by name."""
    official = {key: value for key, value in blank(REFINER).items() if not key.startswith(("mask_head.", "feat_adjust."))}
    assert official_settings(REFINER, official) == {"mask": False}
    assert official_settings(ALEX, blank(ALEX)) == {}
    with pytest.raises(LockonError, match=f"the checkpoint's names are those of {REFINER}: convert it by that name"):
        from_official("alpha-refine-r18", official)
    with pytest.raises(LockonError, match="no feature_extractor with a corner_head"):
        from_official(REFINER, blank(ALEX))
    torch.save({"epoch": 40, "net": official}, tmp_path / "SEc_ep0040.pth.tar")
    result = convert(REFINER, tmp_path / "SEc_ep0040.pth.tar", tmp_path / "out.safetensors")
    assert result.exit_code == 0, result.output
    module, header = load_network(REFINER, tmp_path / "out.safetensors")
    assert (module.mask_inputs, header["config"]["model"]["mask"], header["tracker"]) == ((), False, {"crop": {"pixel_centers": True}})
    assert "MasterBin-IIAU" in result.stderr


@pytest.mark.parametrize(
    ("name", "out", "message"),
    [
        ("siamfc", "a.safetensors", "unknown network 'siamfc'"),
        (ALEX, "a.onnx", "expected a name that ends in .safetensors"),
        (ALEX, "a.safetensors", "does not exist"),
    ],
)
def test_mistakes_of_the_command(tmp_path: Path, name: str, out: str, message: str) -> None:
    result = convert(name, tmp_path / "none.pth", tmp_path / out)
    assert isinstance(result.exception, LockonError)
    assert message in str(result.exception)
