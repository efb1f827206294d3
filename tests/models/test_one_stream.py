from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from tiny_one_stream import CELLS, SEARCH, TEMPLATE, tiny_one_stream  # noqa: E402

from lockon.errors import LockonError  # noqa: E402
from lockon.models.backbones.vit import SIZES, DropPath, JointEncoder, PatchEmbedding, SelfAttention, ViTSize  # noqa: E402
from lockon.models.candidate_elimination import center_token  # noqa: E402
from lockon.models.choices import CandidateElimination  # noqa: E402

SPARSE = CandidateElimination(blocks=(0, 1), keep=0.5)


def _crops(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.rand(count, 3, size, size, generator=generator) * 255 for size in (TEMPLATE, SEARCH))  # type: ignore[return-value]


def test_every_cell_is_a_candidate_and_the_batch_does_not_matter() -> None:
    model, (z, x) = tiny_one_stream(SPARSE).eval(), _crops(3)
    with torch.no_grad():
        template = model.encode(z)
        together = model(template, x)
        alone = model(model.encode(z[1:2]), x[1:2])
    assert template.features[0].shape == (3, 4, 24)
    assert (together.logits.shape, together.boxes.shape) == ((3, 16), (3, 16, 4))
    torch.testing.assert_close(together.boxes[1:2], alone.boxes, rtol=1e-4, atol=1e-3)


def test_keep_of_one_is_the_dense_network() -> None:
    sparse, dense, (z, x) = tiny_one_stream(SPARSE).eval(), tiny_one_stream().eval(), _crops(2)
    dense.load_state_dict(sparse.state_dict())
    with torch.no_grad():
        template = dense.encode(z)
        assert torch.equal(sparse(template, x, keep=1.0).logits, dense(template, x).logits)
        assert not torch.equal(sparse(template, x).logits, dense(template, x).logits)
        assert torch.equal(sparse(template, x, keep=0.5).logits, sparse(template, x).logits)


def test_removed_cells_are_zero_and_kept_ones_lie_where_they_were() -> None:
    model, (z, x) = tiny_one_stream(SPARSE).eval(), _crops(2)
    with torch.no_grad():
        template, features = model.encode(z).features[0], model.backbone(x)
        joint = model.encoder.joint_tokens(template, features)
        out = model.encoder(template, features).flatten(2).transpose(1, 2)  # (B, N, C)
    assert joint.kept.shape == (2, 4)  # 16 -> 8 -> 4
    for i in range(2):
        assert len(set(joint.kept[i].tolist())) == 4
        assert torch.equal(out[i, joint.kept[i]], joint.search[i])
        gone = sorted(set(range(CELLS**2)) - set(joint.kept[i].tolist()))
        assert out[i, gone].abs().max() == 0


def test_attention_equals_its_formula_and_the_row_that_is_asked_for_is_its_mean_over_the_heads() -> None:
    torch.manual_seed(0)
    attention, tokens = SelfAttention(8, 2).double(), torch.randn(2, 5, 8, dtype=torch.float64)
    query, key, value = attention.qkv(tokens).view(2, 5, 3, 2, 4).permute(2, 0, 3, 1, 4)
    weights = (query @ key.transpose(2, 3) / 2).softmax(3)  # (B, A, T, T); sqrt(4) = 2
    expected = attention.proj((weights @ value).transpose(1, 2).reshape(2, 5, 8))
    out, row = attention(tokens, asking=3)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(row.double(), weights.mean(1)[:, 3], rtol=1e-6, atol=1e-6)
    assert attention(tokens)[1] is None


def test_the_first_elimination_follows_the_attention_of_the_templates_middle() -> None:
    model, (z, x) = tiny_one_stream(CandidateElimination(blocks=(0,), keep=0.5)).eval(), _crops(1)
    encoder = model.encoder
    with torch.no_grad():
        template, features = model.encode(z).features[0], model.backbone(x)
        search = features.flatten(2).transpose(1, 2) + encoder.pos_x
        block = encoder.blocks[0]
        _, row = block.attn(block.norm1(torch.cat([template, search], 1)), center_token(TEMPLATE // 16))
        kept = encoder.joint_tokens(template, features).kept
    assert kept[0].tolist() == row[0, 4:].topk(8).indices.tolist()


def test_every_weight_learns() -> None:
    model, (z, x) = tiny_one_stream(SPARSE, drop_path=0.1), _crops(4)
    out = model(model.encode(z), x, keep=0.8)
    (out.logits.sum() + out.boxes.square().mean()).backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())


def test_dropped_paths_keep_the_mean_and_leave_evaluation_alone() -> None:
    torch.manual_seed(0)
    drop, ones = DropPath(0.25), torch.ones(4000, 3)
    out = drop(ones)
    assert out.unique().tolist() == pytest.approx([0, 4 / 3])
    assert float(out.mean()) == pytest.approx(1, abs=0.03)
    assert torch.equal(out[:, 0], out[:, 1])
    assert drop.eval()(ones) is ones


@pytest.mark.parametrize(
    ("size", "published", "classes"), [("tiny", 5_717_416, 1000), ("small", 22_050_664, 1000), ("base", 85_798_656, 0)]
)
def test_sizes_have_the_published_numbers_of_weights(size: str, published: int, classes: int) -> None:
    """Those of DeiT with its 1000 classes, and of MAE without; here without the class token and 197 positions."""
    channels = SIZES[size].channels
    with torch.device("meta"):
        encoder, backbone = JointEncoder(SIZES[size], 8, 16), PatchEmbedding(channels)
    count = sum(parameter.numel() for part in (encoder, backbone) for parameter in part.parameters())
    ours = count - (64 + 256) * channels
    assert ours == published - (198 * channels) - classes * (channels + 1)


def test_maps_of_another_width_are_brought_to_the_encoders() -> None:
    encoder = JointEncoder(ViTSize(24, 1, 2), 2, 4, inputs=10)
    assert encoder(encoder.template_tokens(torch.rand(1, 10, 2, 2)), torch.rand(1, 10, 4, 4)).shape == (1, 24, 4, 4)


def test_impossible_encoders_are_refused() -> None:
    with pytest.raises(LockonError, match="a multiple of heads=5"):
        JointEncoder(ViTSize(24, 1, 5), 2, 4)
    with pytest.raises(LockonError, match="after block 9 given, the encoder has blocks 0 to 3"):
        JointEncoder(ViTSize(24, 4, 2), 2, 4, elimination=CandidateElimination())


def test_a_frozen_patch_embedding_gets_no_gradient() -> None:
    model = tiny_one_stream()
    model.backbone.set_trainable(0)
    assert not model.backbone.proj.weight.requires_grad
    assert model.encoder.pos_x.requires_grad
