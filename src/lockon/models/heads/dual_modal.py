"""The head of DuML: scores of anchors, and boxes with a predicted IoU each, by depth-wise matching on every level.

Zhou et al., Higher Performance Visual Tracking with Dual-Modal Localization, Sec. 3.2 (Eq. 2) and 4: as SiamRPN++'s, but one score per
anchor, learned weights of the levels, and the IoU as a fifth slot of the boxes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lockon.errors import LockonError
from lockon.models.heads.blocks import LOG_LIMIT, DepthwiseBlock, level_weights, mean_of_levels
from lockon.ops.grid import AnchorGrid
from lockon.ops.torch.boxes import decode_deltas
from lockon.types import Candidates, Prediction

SLOTS = 5  # of a box: dx, dy, dw, dh, and the logit of its IoU


class DualModalHead(nn.Module):
    """Head from levels of template and search features to a `Prediction` of N = A S² boxes: anchor by anchor, then row by row.

    Args:
        levels: Number of levels.
        channels: C of each level.
        boxes: Anchors that boxes are predicted from, A per point; 5 whatever the scores are, as "all the other components besides the
            localization part are kept identical" (Table 2).
        scores: Anchors that scores stand for, A' per point of the same grid: A of them (OFC-5s), or one (OFC-1s; OFR, whose scores stand
            for the points alone) that counts for all boxes of its point; None: no scores (an online tracker's alone).
        padding: Maps keep the search map's size (for padded backbones); otherwise template 7 and search 31 cells give S = 25.

    Raises:
        LockonError: Another number of scores per point than one or A.
    """

    anchors: Tensor
    score_anchors: Tensor

    def __init__(self, levels: int, channels: int, boxes: AnchorGrid, scores: AnchorGrid | None, *, padding: bool = False) -> None:
        super().__init__()
        shapes = 0 if scores is None else scores.anchors
        if shapes not in (0, 1, boxes.anchors):
            raise LockonError(f"{shapes} scores for {boxes.anchors} boxes per point given, expected as many, or one for all")
        self.grid = boxes
        self.score_grid = scores
        self.extras = ("deltas", "localization") if shapes else ("deltas",)
        self.register_buffer("anchors", torch.from_numpy(boxes.boxes()), persistent=False)  # (N, 4) cx, cy, w, h
        blocks = (DepthwiseBlock(channels, SLOTS * boxes.anchors, padding=padding) for _ in range(levels))
        self.boxes = nn.ModuleList(blocks)
        self.box_weight = level_weights(levels, weighted=True)
        # the scores last: the same seed gives the same boxes with all of them
        self.scores = nn.ModuleList(DepthwiseBlock(channels, shapes, padding=padding) for _ in range(levels if shapes else 0))
        self.score_weight = level_weights(levels, weighted=True) if shapes else None
        if scores is not None:
            self.register_buffer("score_anchors", torch.from_numpy(scores.boxes()), persistent=False)  # (A' S S, 4)

    @property
    def candidates(self) -> Candidates:
        """Return where the boxes' anchors lie."""
        return Candidates(self.anchors[:, :2], self.anchors, self.grid.grid.stride)

    @property
    def score_candidates(self) -> Candidates | None:
        """Return where the anchors lie that the scores in ``extras["localization"]`` stand for; None without scores."""
        if self.score_grid is None:
            return None
        return Candidates(self.score_anchors[:, :2], self.score_anchors, self.score_grid.grid.stride)

    def maps(self, template: tuple[Tensor, ...], search: tuple[Tensor, ...]) -> tuple[Tensor | None, Tensor]:
        """Compute the network's raw output.

        Args:
            template: One (B, C, h, w) per level.
            search: One (B, C, H, W) per level.

        Returns:
            Scores (B, A', S, S), or None. Boxes (B, 5 A, S, S): dx of all anchors, then dy, dw, dh, and the logits of their IoU.
        """
        levels = list(zip(template, search, strict=True))
        boxes = mean_of_levels([block(z, x) for block, (z, x) in zip(self.boxes, levels, strict=True)], self.box_weight)
        if self.score_grid is None:
            return None, boxes
        return mean_of_levels([block(z, x) for block, (z, x) in zip(self.scores, levels, strict=True)], self.score_weight), boxes

    def forward(self, template: tuple[Tensor, ...], search: tuple[Tensor, ...]) -> Prediction:
        """Map levels as in `maps` to `Prediction`: boxes in the grid's coordinates, the IoU's logits as `quality`.

        Logits are 0 without scores. Extras: "deltas" (B, N, 4) dx, dy, dw, dh; "localization" (B, A' S S), the scores' logits as they are.
        """
        scores, boxes = self.maps(template, search)
        slots = boxes.reshape(boxes.shape[0], SLOTS, -1).float()  # (B, 5, N)
        deltas = slots[:, :4].transpose(1, 2)  # (B, N, 4)
        bounded = torch.cat([deltas[..., :2], deltas[..., 2:].clamp(max=LOG_LIMIT)], dim=-1)
        quality = slots[:, 4]  # (B, N)
        extras = {"deltas": deltas}
        logits = torch.zeros_like(quality)
        if scores is not None:
            logits = scores.flatten(2).expand(-1, self.grid.anchors, -1).flatten(1).float()  # (B, N): one score counts for all anchors
            extras["localization"] = scores.flatten(1).float()  # (B, A' S S)
        return Prediction(logits=logits, boxes=decode_deltas(self.anchors, bounded), quality=quality, extras=extras)


__all__ = ["SLOTS", "DualModalHead"]
