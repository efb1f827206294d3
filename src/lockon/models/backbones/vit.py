"""Vision transformer as one stream: patch embedding, and blocks over the tokens of template and search together.

ViT: Dosovitskiy et al., ICLR 2021 (arXiv 2010.11929), Table 1; sizes Ti and S: Touvron et al., DeiT, ICML 2021 (arXiv 2012.12877).
One stream: Ye et al., OSTrack, ECCV 2022 (arXiv 2203.11991), Sec. 3.2. No class token. Names of the weights in a block are timm's.

Letters: B targets, Z template tokens, N search tokens, T = Z + N, C channels, A heads.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from lockon.errors import LockonError
from lockon.models.backbones.resnet import IMAGENET_MEAN, IMAGENET_STD
from lockon.models.backbones.staged import StagedBackbone
from lockon.models.candidate_elimination import center_token, keep_important, kept_count, restore
from lockon.models.choices import CandidateElimination

PATCH = 16  # pixels per token and side
EPS = 1e-6  # of layer normalization, as in the published weights


class ViTSize(NamedTuple):
    """Width C, number of blocks and of heads."""

    channels: int
    depth: int
    heads: int


SIZES = {"tiny": ViTSize(192, 12, 3), "small": ViTSize(384, 12, 6), "base": ViTSize(768, 12, 12)}


class PatchEmbedding(StagedBackbone):
    """Patches of 16 x 16 pixels to vectors: (B, 3, 16 h, 16 w) RGB 0..255, normalized inside, to (B, C, h, w).

    Args:
        channels: C.

    Attributes:
        channels: C.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(1, train_norms=False)
        self.channels = channels
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
        self.proj = nn.Conv2d(3, channels, PATCH, PATCH)
        nn.init.xavier_uniform_(self.proj.weight.view(channels, -1))
        assert self.proj.bias is not None
        nn.init.zeros_(self.proj.bias)

    def stage(self, number: int) -> Iterable[nn.Module]:
        """Return the one stage."""
        return (self.proj,)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 3, 16 h, 16 w) RGB 0..255 to (B, C, h, w)."""
        out: Tensor = self.proj((image - self.mean) / self.std)
        return out


class DropPath(nn.Module):
    """Stochastic depth: in training, a sample skips the branch with a probability (Huang et al., ECCV 2016, arXiv 1603.09382).

    Args:
        rate: The probability, at least 0 and below 1.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """Map (B, ...) to the same, some samples zero and the others larger, so that the mean stays."""
        if not self.training or self.rate == 0:
            return branch
        kept = torch.rand(branch.shape[:1], device=branch.device) >= self.rate  # (B,)
        return branch * (kept / (1 - self.rate)).to(branch.dtype).view(-1, *[1] * (branch.ndim - 1))


class SelfAttention(nn.Module):
    """Attention among all tokens with several heads.

    Args:
        channels: C, a multiple of `heads`.
        heads: A.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor, asking: int | None = None) -> tuple[Tensor, Tensor | None]:
        """Let (B, T, C) tokens attend to each other.

        Args:
            tokens: (B, T, C).
            asking: Number of a token whose attention is wanted too; None for none.

        Returns:
            (B, T, C), and the (B, T) attention of that token to all, its mean over the heads; None where none is wanted. The
            fused kernel gives no attention: that one row of it is computed by itself.
        """
        split = self.qkv(tokens).unflatten(2, (3, self.heads, -1))  # (B, T, 3, A, C / A)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # (B, A, T, C / A) each
        mixed = functional.scaled_dot_product_attention(query, key, value)  # (B, A, T, C / A)
        out: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        if asking is None:
            return out, None
        row = query[:, :, asking : asking + 1] @ key.transpose(2, 3) * query.shape[3] ** -0.5  # (B, A, 1, T)
        return out, row.float().softmax(dim=3).mean(dim=1)[:, 0]


class EncoderBlock(nn.Module):
    """Pre-norm transformer block: attention and a two-layer perceptron, each around a shortcut.

    Args:
        channels: C.
        heads: A.
        drop_path: Rate of both branches' `DropPath`.
        ratio: Width of the perceptron over C.
    """

    def __init__(self, channels: int, heads: int, *, drop_path: float = 0.0, ratio: int = 4) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=EPS)
        self.attn = SelfAttention(channels, heads)
        self.norm2 = nn.LayerNorm(channels, eps=EPS)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(channels, ratio * channels), "fc2": nn.Linear(ratio * channels, channels)})
        self.drop_path = DropPath(drop_path)

    def attend(self, tokens: Tensor, asking: int | None = None) -> tuple[Tensor, Tensor | None]:
        """Run the first half on (B, T, C); with the (B, T) attention of the token `asking`, see `SelfAttention`."""
        mixed, attention = self.attn(self.norm1(tokens), asking)
        return tokens + self.drop_path(mixed), attention

    def transform(self, tokens: Tensor) -> Tensor:
        """Run the second half on (B, T, C)."""
        hidden = functional.gelu(self.mlp["fc1"](self.norm2(tokens)))  # (B, T, 4 C)
        out: Tensor = tokens + self.drop_path(self.mlp["fc2"](hidden))
        return out


class JointTokens(NamedTuple):
    """What comes out of the blocks.

    Attributes:
        template: (B, Z, C).
        search: (B, K, C) those search tokens that stayed, the most important one first where any left.
        kept: (B, K) their numbers among the N.
    """

    template: Tensor
    search: Tensor
    kept: Tensor


class JointEncoder(nn.Module):
    """Blocks over template and search tokens together, template first; (B, D, h, w) maps of a backbone in, (B, C, H, W) map out.

    Args:
        size: Width, number of blocks and of heads.
        template_cells: Template tokens per side; Z is their square.
        search_cells: Search tokens per side; N is their square.
        inputs: D, channels of the maps; where they are not C, a linear layer brings them there. None: C.
        elimination: Which search tokens leave; None: none.
        drop_path: Rate of the last block's `DropPath`; those before rise evenly to it from 0.

    Raises:
        LockonError: C that the heads do not divide, or an elimination after a block that is not there.
    """

    def __init__(
        self,
        size: ViTSize,
        template_cells: int,
        search_cells: int,
        *,
        inputs: int | None = None,
        elimination: CandidateElimination | None = None,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        channels, depth, heads = size
        if channels % heads:
            raise LockonError(f"channels={channels} given, expected a multiple of heads={heads}")
        if elimination is not None and elimination.blocks and elimination.blocks[-1] >= depth:
            raise LockonError(f"elimination after block {elimination.blocks[-1]} given, the encoder has blocks 0 to {depth - 1}")
        self.template_cells, self.search_cells = template_cells, search_cells
        self.channels = channels
        self.elimination = elimination
        self.input = nn.Identity() if inputs in (None, channels) else nn.Linear(int(inputs or 0), channels)
        self.pos_z = nn.Parameter(torch.zeros(1, template_cells**2, channels))
        self.pos_x = nn.Parameter(torch.zeros(1, search_cells**2, channels))
        rates = [drop_path * number / max(1, depth - 1) for number in range(depth)]
        self.blocks = nn.ModuleList(EncoderBlock(channels, heads, drop_path=rate) for rate in rates)
        self.norm = nn.LayerNorm(channels, eps=EPS)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        for position in (self.pos_z, self.pos_x):
            nn.init.trunc_normal_(position, std=0.02)

    def template_tokens(self, features: Tensor) -> Tensor:
        """Map the template's (B, D, h, w) to (B, Z, C) tokens with their positions: all that depends on the template alone."""
        tokens: Tensor = self.input(features.flatten(2).transpose(1, 2)) + self.pos_z
        return tokens

    def forward(self, template: Tensor, features: Tensor, *, keep: float | None = None) -> Tensor:
        """Encode search and template together.

        Args:
            template: (B, Z, C) of `template_tokens`.
            features: (B, D, H, W) of the search crop.
            keep: Share of the tokens that stays at each elimination; 1 keeps all, None takes the encoder's own.

        Returns:
            (B, C, H, W), zeros where a token left.
        """
        joint = self.joint_tokens(template, features, keep=keep)
        cells = self.search_cells
        tokens = joint.search
        if tokens.shape[1] < cells**2:
            tokens = restore(tokens, joint.kept, cells**2)  # (B, N, C)
        return tokens.transpose(1, 2).reshape(-1, self.channels, cells, cells)

    def joint_tokens(self, template: Tensor, features: Tensor, *, keep: float | None = None) -> JointTokens:
        """Return all tokens after the last normalization, and which of the search tokens stayed; arguments as of `forward`."""
        search = self.input(features.flatten(2).transpose(1, 2)) + self.pos_x  # (B, N, C)
        count = template.shape[1]
        numbers = torch.arange(search.shape[1], device=search.device)
        kept = numbers.expand(search.shape[0], -1)  # (B, N)
        tokens = torch.cat([template.to(search.dtype), search], dim=1)  # (B, T, C)
        for number, block in enumerate(self.blocks):
            assert isinstance(block, EncoderBlock)
            staying = self._staying(number, tokens.shape[1] - count, keep)
            asking = None if staying is None else center_token(self.template_cells)
            tokens, attention = block.attend(tokens, asking)
            if staying is not None and attention is not None:
                search, index = keep_important(tokens[:, count:], attention[:, count:], staying)  # (B, K, C), (B, K)
                kept = kept.gather(1, index)
                tokens = torch.cat([tokens[:, :count], search], dim=1)
            tokens = block.transform(tokens)
        tokens = self.norm(tokens)
        return JointTokens(tokens[:, :count], tokens[:, count:], kept)

    def _staying(self, number: int, count: int, keep: float | None) -> int | None:
        """Return how many of `count` search tokens stay after the attention of block `number`; None where none leave."""
        if self.elimination is None or number not in self.elimination.blocks:
            return None
        staying = kept_count(count, self.elimination.keep if keep is None else keep)
        return staying if staying < count else None


__all__ = ["PATCH", "SIZES", "DropPath", "EncoderBlock", "JointEncoder", "JointTokens", "PatchEmbedding", "SelfAttention", "ViTSize"]
