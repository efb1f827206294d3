from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from tiny_one_stream import tiny_one_stream  # noqa: E402

from lockon.errors import LockonError  # noqa: E402
from lockon.models.backbones.pretrained_vit import load_vit, resized_positions  # noqa: E402


def _timm(depth: int = 3, *, patch: int = 16, width: int = 24, tokens: int = 17) -> dict[str, torch.Tensor]:
    """Names and shapes of timm's and MAE's ViT with random values."""
    torch.manual_seed(1)
    state = {
        "cls_token": torch.rand(1, 1, width),
        "pos_embed": torch.rand(1, tokens, width),
        "patch_embed.proj.weight": torch.rand(width, 3, patch, patch),
        "patch_embed.proj.bias": torch.rand(width),
        "norm.weight": torch.rand(width),
        "norm.bias": torch.rand(width),
        "head.weight": torch.rand(10, width),
    }
    shapes = {"norm1": (width,), "norm2": (width,), "attn.proj": (width, width)}
    shapes |= {"attn.qkv": (3 * width, width), "mlp.fc1": (4 * width, width), "mlp.fc2": (width, 4 * width)}
    for number in range(depth):
        for name, shape in shapes.items():
            state[f"blocks.{number}.{name}.weight"] = torch.rand(shape)
            state[f"blocks.{number}.{name}.bias"] = torch.rand(shape[0])
    return state


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "model.backbone."])
def test_weights_of_timm_and_mae_fill_both_parts(prefix: str) -> None:
    model, state = tiny_one_stream(), _timm()
    notes = load_vit(model.backbone, model.encoder, {prefix + name: value for name, value in state.items()}, source="mae.pth")
    assert notes == ("positions of mae.pth resized from 4 x 4 to the 2 x 2 tokens of the template crop",)
    assert torch.equal(model.backbone.proj.weight, state["patch_embed.proj.weight"])
    assert torch.equal(model.encoder.blocks[2].mlp["fc1"].weight, state["blocks.2.mlp.fc1.weight"])
    assert torch.equal(model.encoder.pos_x, state["pos_embed"][:, 1:])


def test_ostracks_own_positions_are_taken_and_its_head_is_left_out() -> None:
    model, state = tiny_one_stream(), _timm()
    state |= {"pos_embed_z": torch.rand(1, 4, 24), "pos_embed_x": torch.rand(1, 16, 24)}
    whole = {f"backbone.{name}": value for name, value in state.items()} | {"box_head.conv1_ctr.0.weight": torch.rand(2)}
    assert load_vit(model.backbone, model.encoder, whole) == ()
    assert torch.equal(model.encoder.pos_z, state["pos_embed_z"])


def test_weights_of_lockon_itself_are_taken() -> None:
    model, other = tiny_one_stream(), tiny_one_stream()
    torch.nn.init.ones_(other.encoder.pos_x)
    assert load_vit(model.backbone, model.encoder, other.state_dict()) == ()
    assert torch.equal(model.encoder.pos_x, other.encoder.pos_x)


def test_a_shallower_encoder_takes_the_first_blocks() -> None:
    model = tiny_one_stream()
    notes = load_vit(model.backbone, model.encoder, _timm(depth=5, tokens=16), source="big.pth")
    assert "big.pth has 5 blocks, of which the first 3 are taken" in notes


def test_positions_of_no_class_and_of_two_special_tokens() -> None:
    model = tiny_one_stream()
    for tokens in (16, 17, 18):
        state = _timm(tokens=tokens)
        load_vit(model.backbone, model.encoder, state)
        assert torch.equal(model.encoder.pos_x, state["pos_embed"][:, tokens - 16 :])


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (_timm(patch=14), "foreign.pth holds a ViT with patches of 14 x 14 pixels, this network has 16 x 16"),
        (_timm(width=32), "a ViT of width 32, this network has 24"),
        (_timm(depth=2), "12 weights are missing, first 'blocks.2.norm1.weight'"),
        (_timm() | {"blocks.0.ls1.gamma": torch.ones(24)}, "1 are unknown, first 'blocks.0.ls1.gamma'"),
        (_timm(tokens=12), r"no position embeddings of a square of patches \(12 tokens\)"),
        ({"conv1.weight": torch.ones(1)}, "does not hold weights of a ViT"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_one_line(state: dict, message: str) -> None:
    model = tiny_one_stream()
    with pytest.raises(LockonError, match=message) as error:
        load_vit(model.backbone, model.encoder, state, source="foreign.pth")
    assert "\n" not in str(error.value)


def test_resized_positions_keep_a_constant_and_what_fits() -> None:
    positions = torch.rand(1, 16, 3)
    assert resized_positions(positions, 16) is positions
    torch.testing.assert_close(resized_positions(torch.full((1, 16, 3), 2.0), 36), torch.full((1, 36, 3), 2.0))
