"""Does the score that ranks the boxes rise with how good the boxes are?

SiamLA (Learning Localization-aware Target Confidence for Siamese Visual Tracking, Sec. IV, Fig. 12) plots the confidence of predicted
boxes against their IoU with the truth: a tracker takes the box of the highest score, so a score that says nothing of the box costs
accuracy. Of a tracker with a network all candidates of a frame are seen, searched around the true box of the frame before, so that the
metrics do not depend on where the tracker would have drifted. Of any other tracker, and of stored results, only the answers are known.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lockon.analysis.absence import BATCH, GAP, Advance, usable_frames
from lockon.bench.metrics.agreement import METRICS, Agreement, agreement, frame_metrics
from lockon.bench.record import Record
from lockon.bench.report.overlaps import frame_overlaps
from lockon.bench.tables.records import nulls
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError
from lockon.ops.boxes import cxcywh_to_xywh, iou_xyxy, xywh_to_cxcywh, xywh_to_xyxy
from lockon.tracker import CandidateTracker
from lockon.types import FloatArray

ABOVE = 0.5  # IoU of the candidates that count as being on the target: the score's event of `lockon analyze score`
KEPT = 20_000  # candidates of each sequence that are kept for pooled metrics and plots


@dataclass(frozen=True, slots=True)
class Alignment:
    """What `candidate_alignment` and `answer_alignment` found, for S sequences.

    Attributes:
        kind: "candidates" of a network, or "answers" of any tracker.
        names: Of the sequences.
        frames: Frames that were looked at, one number per sequence.
        sequences: Metrics of each.
        pooled: Of the kept pairs of all sequences together (`chosen`, `best`, `ranking`: of all frames).
        scores: (K,) of the kept pairs, at most `KEPT` of each sequence, drawn at random.
        overlaps: (K,) of the same pairs.
        above: The IoU threshold.
    """

    kind: Literal["candidates", "answers"]
    names: tuple[str, ...]
    frames: tuple[int, ...]
    sequences: tuple[Agreement, ...]
    pooled: Agreement
    scores: FloatArray
    overlaps: FloatArray
    above: float

    def per_sequence(self, metric: str) -> FloatArray:
        """Return one of `METRICS` of each sequence (S,), such as "spearman"; NaN where a sequence has none."""
        return np.array([item.values()[metric] for item in self.sequences], dtype=np.float64)

    def mean(self, metric: str) -> float:
        """Return the mean of a metric over the sequences that have it; NaN where none has."""
        values = self.per_sequence(metric)
        known = values[~np.isnan(values)]
        return float(known.mean()) if len(known) else math.nan

    def metrics(self) -> dict[str, Any]:
        """Return everything but the pairs, as JSON values; None for NaN."""
        rows = zip(self.names, self.frames, self.sequences, strict=True)
        content = {
            "kind": self.kind,
            "above": self.above,
            "frames": sum(self.frames),
            "mean": {name: self.mean(name) for name in METRICS},
            "pooled": self.pooled.values(),
            "sequences": {name: {"frames": count, **item.values()} for name, count, item in rows},
        }
        return dict(nulls(content))


@dataclass(frozen=True, slots=True)
class _Part:
    """One sequence.

    Attributes:
        agreement: Its metrics.
        scores: (K,) of the pairs that are kept.
        overlaps: (K,) of the same pairs.
        frames: (F, 3) as `frame_metrics`.
    """

    name: str
    agreement: Agreement
    scores: FloatArray
    overlaps: FloatArray
    frames: FloatArray


def candidate_alignment(
    tracker: CandidateTracker[Any],
    sequences: Sequence[VideoSequence],
    *,
    every: int = 5,
    jitter: float = 0.0,
    seed: int = 0,
    above: float = ABOVE,
    advance: Advance | None = None,
) -> Alignment:
    """Score and IoU of all candidates of a network, on annotated frames of sequences.

    The template is made of the first annotated frame. Each frame is searched around the true box of the annotated frame before it, at
    most three frames earlier. Scores are those that the localizer ranks by, before penalty and window.

    Args:
        tracker: Its own targets stay as they are.
        sequences: Annotated; those without two neighbouring annotated frames give no metrics.
        every: Takes every k-th of these frames.
        jitter: Moves the box that is searched around by up to this part of its sqrt(w h) along each axis, and changes its size by up to
            exp(jitter): a tracker's own boxes are not exact. 0 for the true box.
        seed: Of the jitter, and of the pairs that are kept; each sequence has its own numbers, whatever the others are.
        above: IoU above which candidates count for the first two correlations.
        advance: Told the number of frames that were just done, for a progress bar; their total is `alignment_frames`.

    Raises:
        LockonError: A number out of range, or no sequence with two neighbouring annotated frames.
    """
    if every < 1 or jitter < 0 or not 0 <= above < 1:
        raise LockonError(f"every={every}, jitter={jitter:g}, above={above:g}; expected every >= 1, jitter >= 0 and above in [0, 1)")
    parts = []
    names = _names([(sequence.dataset, sequence.name) for sequence in sequences])
    for name, sequence in zip(names, sequences, strict=True):
        pairs, rng = _neighbours(sequence)[::every], _generator(seed, name)
        seen = list(_search_around(tracker, sequence, pairs, jitter=jitter, rng=rng, advance=advance)) or [(np.zeros((0, 1)),) * 2]
        scores, overlaps = (np.concatenate(column) for column in zip(*seen, strict=True))  # (F, N) each
        parts.append(_part(name, scores, overlaps, above, rng))
    if not any(len(part.frames) for part in parts):
        raise LockonError(f"none of {len(parts)} sequences has annotated frames at most {GAP} apart; give sequences with more annotation")
    return _alignment("candidates", parts, above)


def alignment_frames(sequences: Sequence[VideoSequence], every: int = 5) -> int:
    """Return the number of frames that `candidate_alignment` looks at."""
    return sum(len(_neighbours(sequence)[::every]) for sequence in sequences)


def answer_alignment(records: Iterable[Record], *, above: float = ABOVE, seed: int = 0) -> Alignment:
    """Score and IoU of a tracker's answers, from the results of `lockon bench run`: any tracker, without its network.

    Args:
        records: Of one tracker; frames without a target, and the start, do not count. Repetitions of a sequence are put together.
        above: IoU above which answers count, as for `candidate_alignment`.
        seed: Of the pairs that are kept, as for `candidate_alignment`.

    Raises:
        LockonError: No frame with an answer and a target.
    """
    rows: dict[tuple[str, str], list[tuple[FloatArray, FloatArray]]] = {}
    for record in records:
        overlaps = frame_overlaps(record)
        overlaps[record.run.start] = math.nan
        known = ~np.isnan(overlaps)
        rows.setdefault((record.dataset, record.sequence), []).append((record.run.scores[known], overlaps[known]))
    parts = []
    for name, pairs in zip(_names(list(rows)), rows.values(), strict=True):
        scores, overlaps = (np.concatenate(column)[:, None] for column in zip(*pairs, strict=True))  # (F, 1): one candidate per frame
        part = _part(name, scores, overlaps, above, _generator(seed, name))
        parts.append(replace(part, agreement=replace(part.agreement, ranking=math.nan, best=math.nan)))
    if not any(len(part.frames) for part in parts):
        raise LockonError(f"none of {len(parts)} results has a frame with a target after the start; give results of annotated sequences")
    found = _alignment("answers", parts, above)
    return replace(found, pooled=replace(found.pooled, ranking=math.nan, best=math.nan))


def _names(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return the names of (dataset, sequence) pairs: of the sequence, after the dataset where two have the same one."""
    count = Counter(name for _, name in pairs)
    return [f"{dataset}/{name}" if count[name] > 1 else name for dataset, name in pairs]


def _generator(seed: int, name: str) -> Generator:
    """Return the random numbers of a sequence, whatever other sequences there are."""
    return np.random.default_rng((seed, zlib.crc32(name.encode())))


def _neighbours(sequence: VideoSequence) -> NDArray[np.intp]:
    """Return the (F, 2) annotated frames that have another one at most `GAP` before them, and that one."""
    known = usable_frames(sequence)
    pairs = np.stack([known[1:], known[:-1]], axis=1)
    return pairs[pairs[:, 0] - pairs[:, 1] <= GAP]


def _search_around(
    tracker: CandidateTracker[Any],
    sequence: VideoSequence,
    pairs: NDArray[np.intp],
    *,
    jitter: float,
    rng: Generator,
    advance: Advance | None,
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield scores and overlaps (B, N) of the candidates, batch by batch."""
    if not len(pairs):
        return
    first = usable_frames(sequence)[0]
    (target,) = tracker.start(sequence.frames[first], sequence.boxes[first])
    for begin in range(0, len(pairs), BATCH):
        batch = pairs[begin : begin + BATCH]
        frames = [sequence.frames[int(frame)] for frame, _ in batch]
        around = _jittered(sequence.boxes[batch[:, 1]], jitter, rng)  # (B, 4)
        targets = [tracker.placed(target, frame, box) for frame, box in zip(frames, around, strict=True)]
        seen = tracker.search(frames, targets)
        boxes = seen.crops.expand().to_image(seen.prediction.boxes)  # (B, N, 4) xyxy, image pixels
        yield np.asarray(seen.localization.scores), iou_xyxy(boxes, xywh_to_xyxy(sequence.boxes[batch[:, 0]])[:, None])
        if advance is not None:
            advance(len(batch))


def _jittered(boxes_xywh: FloatArray, jitter: float, rng: Generator) -> FloatArray:
    """Return the (B, 4) boxes moved and resized at random; the same numbers are drawn whatever `jitter` is."""
    drawn = rng.uniform(-1, 1, (len(boxes_xywh), 3)) * jitter
    boxes = xywh_to_cxcywh(boxes_xywh)
    centers = boxes[:, :2] + drawn[:, :2] * np.sqrt(boxes[:, 2:].prod(axis=1, keepdims=True))
    return cxcywh_to_xywh(np.concatenate([centers, boxes[:, 2:] * np.exp(drawn[:, 2:])], axis=1))


def _part(name: str, scores: FloatArray, overlaps: FloatArray, above: float, rng: Generator) -> _Part:
    """Return the metrics of one sequence from (F, N) scores and overlaps; F may be 0."""
    frames = frame_metrics(scores, overlaps, above)
    everything = scores.ravel(), overlaps.ravel()
    kept = np.arange(scores.size)
    if scores.size > KEPT:
        kept = np.sort(rng.choice(scores.size, KEPT, replace=False))
    return _Part(name, agreement(*everything, frames, above), everything[0][kept], everything[1][kept], frames)


def _alignment(kind: Literal["candidates", "answers"], parts: Sequence[_Part], above: float) -> Alignment:
    scores, overlaps, frames = (
        np.concatenate(column) for column in zip(*((part.scores, part.overlaps, part.frames) for part in parts), strict=True)
    )
    return Alignment(
        kind=kind,
        names=tuple(part.name for part in parts),
        frames=tuple(len(part.frames) for part in parts),
        sequences=tuple(part.agreement for part in parts),
        pooled=agreement(scores, overlaps, frames, above),
        scores=scores,
        overlaps=overlaps,
        above=above,
    )


__all__ = ["ABOVE", "METRICS", "Agreement", "Alignment", "alignment_frames", "answer_alignment", "candidate_alignment"]
