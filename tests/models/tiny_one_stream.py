"""A one-stream network of a few thousand weights."""

from __future__ import annotations

import torch

from lockon.models.backbones.vit import JointEncoder, PatchEmbedding, ViTSize
from lockon.models.choices import CandidateElimination
from lockon.models.heads.center import CenterHead
from lockon.models.one_stream import OneStreamModel
from lockon.ops.grid import Grid

TEMPLATE, SEARCH = 32, 64
CELLS = SEARCH // 16


def tiny_one_stream(elimination: CandidateElimination | None = None, *, drop_path: float = 0.0) -> OneStreamModel:
    torch.manual_seed(0)
    encoder = JointEncoder(ViTSize(24, 3, 2), TEMPLATE // 16, CELLS, elimination=elimination, drop_path=drop_path)
    head = CenterHead(24, Grid(CELLS, 16, offset=0), hidden=16)
    return OneStreamModel(backbone=PatchEmbedding(24), encoder=encoder, head=head, template_size=TEMPLATE, search_size=SEARCH)
