"""What score voting makes of a frame: the box of the best candidate, those that have the largest votes, and the voted box.

DuML (Zhou et al., Higher Performance Visual Tracking with Dual-Modal Localization, Appendix F, Fig. 10) draws them beside each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lockon.analysis.searched import SearchedFrame
from lockon.errors import LockonError
from lockon.localizers.vote import ScoreVote
from lockon.ops.boxes import cxcywh_to_xyxy, iou_xyxy
from lockon.types import FloatArray

TOP = 10  # boxes with the largest votes that the paper draws


@dataclass(frozen=True, slots=True)
class VotedBox:
    """The vote on one frame; boxes are x1, y1, x2, y2 in pixels of the search crop, before their size is smoothed.

    Attributes:
        searched: The frame.
        direct: (4,) box of the best candidate.
        voters: (K, 4) boxes with the largest votes, the largest first.
        shares: (K,) their shares of all votes.
        voted: (4,) voted box; the direct one where no box has a vote.
        count: Number of the candidates that have a vote of at least a thousandth of the largest one.
    """

    searched: SearchedFrame
    direct: FloatArray
    voters: FloatArray
    shares: FloatArray
    voted: FloatArray
    count: int

    def row(self) -> dict[str, Any]:
        """Return a row of a table: sequence, frame, IoU of both boxes with the truth and each other, and how many boxes vote."""
        iou_direct, iou_voted = self.searched.overlap(self.direct), self.searched.overlap(self.voted)
        return {
            "sequence": self.searched.sequence,
            "frame": self.searched.frame,
            "iou_direct": iou_direct,
            "iou_voted": iou_voted,
            "gain": iou_voted - iou_direct,
            "iou_both": float(iou_xyxy(self.direct, self.voted)),
            "voters": self.count,
            "top_share": float(self.shares.sum()),
        }


def voted_box(searched: SearchedFrame, vote: ScoreVote, top: int = TOP) -> VotedBox:
    """Let the candidates of a frame vote, whatever box rule its tracker has.

    Args:
        searched: Of a tracker that shows its candidates.
        vote: How they vote.
        top: Number of voters that are kept at most.

    Raises:
        LockonError: A tracker that shows none.
    """
    if searched.seen is None:
        raise LockonError("this tracker shows no candidates that could vote; give one with a dense head, such as lockon-s")
    localization = searched.seen.localization
    ranked, best = localization.ranked, localization.best
    shares = vote.shares(ranked, best)[0]  # (N,)
    boxes = np.asarray(ranked.boxes[0], dtype=np.float64)  # (N, 4)
    order = np.argsort(-shares, kind="stable")[:top]
    order = order[shares[order] > 0]
    return VotedBox(
        searched=searched,
        direct=boxes[best[0]],
        voters=boxes[order],
        shares=shares[order],
        voted=searched.window.to_crop(cxcywh_to_xyxy(vote(ranked, best)[0])),
        count=int((shares > shares.max() / 1000).sum()),
    )


__all__ = ["TOP", "ScoreVote", "VotedBox", "voted_box"]
