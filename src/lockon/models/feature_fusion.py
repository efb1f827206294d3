"""`FeatureFusion`: TransT's fusion of template and search tokens, (ECA, CFA) layers and a last CFA (Chen et al., CVPR 2021, Sec. 3.2).

Letters: B targets, C channels, K = h w template tokens, N = H W search tokens.
"""

from __future__ import annotations

from torch import Tensor, nn

from lockon.models.attention import CrossFeatureAugment, EgoContextAugment, sine_positions


class FusionLayer(nn.Module):
    """An ECA on each set of tokens, then a CFA from each to the other; both CFAs see what the ECAs gave.

    Args:
        channels: C.
        heads: Of each attention.
        hidden: Width between the linear layers of a CFA.
        dropout: In training.
    """

    def __init__(self, channels: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.template_ego = EgoContextAugment(channels, heads, dropout)
        self.search_ego = EgoContextAugment(channels, heads, dropout)
        self.template_cross = CrossFeatureAugment(channels, heads, hidden, dropout)
        self.search_cross = CrossFeatureAugment(channels, heads, hidden, dropout)

    def cross(self, template: Tensor, search: Tensor, template_position: Tensor, search_position: Tensor) -> tuple[Tensor, Tensor]:
        """Apply both CFAs to tokens (B, K, C) and (B, N, C) that the ECAs gave."""
        return (
            self.template_cross(template, template_position, search, search_position),
            self.search_cross(search, search_position, template, template_position),
        )

    def forward(self, template: Tensor, search: Tensor, template_position: Tensor, search_position: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, K, C) and (B, N, C) tokens with positions (1, K, C) and (1, N, C) to tokens of the same shapes."""
        template = self.template_ego(template, template_position)
        search = self.search_ego(search, search_position)
        return self.cross(template, search, template_position, search_position)


class FeatureFusion(nn.Module):
    """Fuses template and search features of the same width by attention; `prepare` does once what depends on the template alone.

    Args:
        channels: C, a multiple of 4 and of `heads`.
        template_cells: Cells per side of the template's map.
        search_cells: Cells per side of the search map.
        layers: Number of `FusionLayer`s, at least 1.
        heads: Of each attention.
        hidden: Width between the linear layers of a CFA.
        dropout: In training.
    """

    template_position: Tensor
    search_position: Tensor

    def __init__(
        self,
        channels: int,
        *,
        template_cells: int,
        search_cells: int,
        layers: int,
        heads: int = 8,
        hidden: int = 2048,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.search_cells = search_cells
        self.layers = nn.ModuleList(FusionLayer(channels, heads, hidden, dropout) for _ in range(layers))
        self.decoder = CrossFeatureAugment(channels, heads, hidden, dropout)
        self.norm = nn.LayerNorm(channels)
        for name, cells in (("template_position", template_cells), ("search_position", search_cells)):
            self.register_buffer(name, sine_positions(cells, cells, channels), persistent=False)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)

    def prepare(self, template: Tensor) -> Tensor:
        """Map (B, C, h, w) template features to (B, K, C) tokens behind the first ECA, the last that has not seen the search crop."""
        tokens: Tensor = self.first.template_ego(_tokens(template), self.template_position)
        return tokens

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        """Map (B, K, C) prepared template tokens and (B, C, H, W) search features to (B, C, H, W)."""
        positions = (self.template_position, self.search_position)
        tokens = self.first.search_ego(_tokens(search), self.search_position)  # (B, N, C)
        template, tokens = self.first.cross(template, tokens, *positions)
        for layer in self.layers[1:]:
            template, tokens = layer(template, tokens, *positions)
        fused = self.norm(self.decoder(tokens, self.search_position, template, self.template_position))  # (B, N, C)
        out: Tensor = fused.transpose(1, 2).unflatten(2, (self.search_cells, self.search_cells))
        return out

    @property
    def first(self) -> FusionLayer:
        """The first layer."""
        layer = self.layers[0]
        assert isinstance(layer, FusionLayer)
        return layer


def _tokens(features: Tensor) -> Tensor:
    """Map (B, C, H, W) to (B, H W, C), row by row."""
    return features.flatten(2).transpose(1, 2)


__all__ = ["FeatureFusion", "FusionLayer"]
