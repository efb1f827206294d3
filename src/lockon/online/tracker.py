"""`OnlineTracker`: a tracker that learns a filter for its target while it tracks (ATOM, DiMP, PrDiMP).

One step: crop, features, the filter's response, the decision whether this is the target, the ascent of its box on the box network's score,
a state, and what the frame teaches. All state lives in `OnlineTarget` values, none in the network or the learner.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.localizers.peaks import Peaks
from lockon.localizers.verdict import Verdict
from lockon.online.config import OnlineConfig
from lockon.online.learner import Learned, Learner, Observation, Responses, first_samples
from lockon.online.network import OnlineFeatures, OnlineNetwork, joined_vectors
from lockon.online.target import OnlineTarget, extent_of, learned_of
from lockon.online.views import Picture, RandomSource
from lockon.online.windows import first_patches, first_window
from lockon.ops.boxes import cxcywh_to_xyxy, xywh_to_cxcywh, xywh_to_xyxy, xyxy_to_cxcywh, xyxy_to_xywh
from lockon.ops.crop import Crop
from lockon.ops.pixels import to_rgb
from lockon.ops.score_map import ScoreMap
from lockon.ops.windows import hann
from lockon.session import Session
from lockon.target import warn_unanswered
from lockon.tracker import check_frame_size
from lockon.types import FloatArray, Frame, Template

# Seed of the start and number of the frame (0 for the first) -> what that frame's random numbers are drawn from.
Draws = Callable[[int, int], RandomSource]


def seeded_draws(seed: int, frame: int) -> RandomSource:
    """Return the generator of one frame: the same alone, in a batch, and after a resume."""
    return np.random.default_rng((seed, frame))


class OnlineSearch(NamedTuple):
    """What a step saw before it became the next state of B targets.

    Attributes:
        windows: By which places in the B crops are mapped to the frame.
        features: Of the network.
        responses: Of the filters, as the localization takes them; 0 where they are no numbers.
        peaks: What the localization found.
        answered: (B,) whether the responses are numbers.
    """

    windows: Crop
    features: OnlineFeatures
    responses: Responses
    peaks: Peaks
    answered: NDArray[np.bool_]


class OnlineTracker(Session[OnlineTarget]):
    """Tracks one or n targets with one batched forward pass per frame.

    Args:
        network: Features, and the box network.
        config: Inference parameters.
        draws: Source of random numbers.

    Attributes:
        search_size: Side of the crops in pixels.
        keep_scores: Keep every target's response map, for `score_maps`; False at first.
    """

    def __init__(self, network: OnlineNetwork, config: OnlineConfig, draws: Draws = seeded_draws) -> None:
        super().__init__()
        self.network = network
        self.config = config
        self.draws = draws
        self.search_size = config.search_size or network.search_size
        self.keep_scores = False

    def with_config(self, config: OnlineConfig) -> OnlineTracker:
        """Return a tracker of the same network with other inference parameters."""
        return OnlineTracker(self.network, config, self.draws)

    @property
    def learner(self) -> Learner:
        """The learner of the configuration."""
        return self.config.learner

    @property
    def score_maps(self) -> tuple[ScoreMap, ...]:
        """One response map per target, calibrated, of the last `track` call; empty before it and where `keep_scores` is off."""
        return tuple(target.scores for target in self.targets if target.scores is not None)

    def moved(self, target: OnlineTarget, box_xywh: FloatArray) -> OnlineTarget:
        """Return the target put on a finite box (4,) x, y, w, h, kept in the frame as those of `step` are; what was learnt stays."""
        box = self.config.states.inside(xywh_to_cxcywh(box_xywh), target.size)
        trusted = box if np.array_equal(target.trusted, target.box) else target.trusted
        return replace(target, box=box, trusted=trusted, extent=extent_of(box))

    def placed(self, target: OnlineTarget, frame: Frame, box_xywh: FloatArray) -> OnlineTarget:
        """Return the target as if it had last been seen in the box (4,) x, y, w, h of the video that `frame` (H, W, 3) belongs to."""
        box, size = xywh_to_cxcywh(box_xywh), (frame.shape[1], frame.shape[0])
        color = self.config.search_crop.border.color(frame)
        return replace(target, box=box, trusted=box, extent=extent_of(box), border_color=color, size=size)

    def start(self, frame: Frame, boxes: ArrayLike, *, seed: int = 0) -> list[OnlineTarget]:
        """Return one `OnlineTarget` per x, y, w, h box; the targets are learnt in one batch.

        Raises:
            LockonError: A box that is malformed, empty or outside the frame; features that are no numbers. A box partly outside is clipped
                with a warning.
        """
        frame, c, size = to_rgb(frame), self.config, self.search_size
        height, width = frame.shape[:2]
        rows = c.start(boxes, width, height)  # (n, 4)
        patches = first_patches(c.search_crop, c.placement, rows, (size, c.views.patch_size(size)))
        targets_xyxy = first_window(c.search_crop, rows, size).to_crop(cxcywh_to_xyxy(rows))  # (n, 4) in crop pixels
        color = c.search_crop.border.color(frame)
        samples, modulations = [], []
        for number, box in enumerate(targets_xyxy):
            rng = self.draws(seed, 0)  # of each target its own, so that it does not matter which others there are
            views = c.views.views(self._cut(patches[number], frame, color), size, rng)
            features = self.network.features(views.images).classification  # (V, C, h, w)
            boxes_xyxy = box + np.tile(views.shifts, 2)  # (V, 4)
            samples.append(first_samples(c.views, features, boxes_xyxy, rng))
            modulations.append(self.network.modulation(views.images[:1], boxes_xyxy[:1]))
        learned = self.learner.start(self.network, samples)
        return [
            OnlineTarget(box, box, Template(modulation), color, (width, height), seed=seed, learned=one, extent=extent_of(box))
            for box, modulation, one in zip(rows, modulations, learned, strict=True)
        ]

    def step(self, frames: Sequence[Frame], targets: Sequence[OnlineTarget]) -> list[OnlineTarget]:
        """Return the next value of each target, given its next frame, see `SteppedTracker.step`.

        Raises:
            LockonError: A frame of another size than the target's first one.
        """
        seen = self.respond(frames, targets)
        refined = self._refined(seen, targets)  # (B, 4) cx, cy, w, h in image pixels, NaN where there is no answer
        scores = self.config.calibration(seen.peaks.scores)
        answered = seen.answered & np.isfinite(refined).all(axis=1)
        found = zip(targets, refined, scores, seen.peaks.verdicts, answered, strict=True)
        moved = [
            self._state(target, box, float(score), verdict) if is_number else self.config.states.held(target)
            for target, box, score, verdict, is_number in found
        ]
        if not answered.all():
            warn_unanswered(moved)
        taught = self.taught(seen, targets, refined, answered)
        moved = [replace(target, learned=learned) for target, learned in zip(moved, taught, strict=True)]
        if self.keep_scores:
            maps = self._score_maps(seen)
            moved = [replace(target, scores=score_map) for target, score_map in zip(moved, maps, strict=True)]
        return moved

    def respond(self, frames: Sequence[Frame], targets: Sequence[OnlineTarget]) -> OnlineSearch:
        """Return the responses around the targets' boxes and where the targets are: what `step` makes the next states of.

        Args:
            frames: One (H, W, 3) uint8 RGB frame per target.
            targets: States of any videos.

        Raises:
            LockonError: A frame of another size than the target's first one.
        """
        c = self.config
        for frame, target in zip(frames, targets, strict=True):
            check_frame_size(frame, target)
        growth = np.array([c.states.growth(target) for target in targets])  # (B,)
        extents = np.array([target.extent for target in targets])
        boxes = np.array([[*target.box[:2], target.extent, target.extent] for target in targets])  # (B, 4)
        crops = c.search_crop(boxes, self.search_size, growth, np.array([target.size for target in targets]))
        pairs = enumerate(zip(frames, targets, strict=True))
        images = np.stack([self._cut(crops[i], frame, target.border_color) for i, (frame, target) in pairs])
        features = self.network.features(images)
        windows = c.placement(crops, boxes, c.search_crop.factor * extents * growth)
        responses = self.learner.score(self.network, [learned_of(target) for target in targets], features.classification)
        answered = np.asarray(np.isfinite(responses.maps).all(axis=(1, 2)))  # (B,)
        maps = c.response(np.where(answered[:, None, None], responses.maps, 0))
        if c.window:
            maps = maps * hann(maps.shape[-1]).reshape(1, *maps.shape[1:])
        cells = windows.scale / responses.cell  # (B, 2) cells per image pixel
        sides = np.array([target.box[2:] for target in targets])
        last = (np.array([target.box[:2] for target in targets]) - windows.center) * cells
        return OnlineSearch(windows, features, Responses(maps, responses.cell), c.localization(maps, sides * cells, last), answered)

    def _cut(self, crop: Crop, frame: Frame, color: FloatArray | None) -> Picture:
        """Return the (S, S, 3) pixels of one window."""
        return crop.extract(frame.astype(np.float32) if self.config.exact_pixels else frame, color)  # type: ignore[arg-type]  # or float32

    def peak_centers(self, seen: OnlineSearch) -> FloatArray:
        """Return the (B, 2) x, y of the peaks in image pixels."""
        middle = self.search_size / 2 + seen.peaks.displacements * seen.responses.cell  # (B, 2)
        return np.asarray(seen.windows.to_image(np.tile(middle, 2))[:, :2])

    def _located(self, seen: OnlineSearch, targets: Sequence[OnlineTarget]) -> FloatArray:
        """Return (B, 4) cx, cy, w, h in image pixels: the targets' last sizes where the peaks are, partly in the frame."""
        centers = self.peak_centers(seen)
        sides = np.array([target.box[2:] for target in targets])
        margin = (0.5 - self.config.inside) * sides
        sizes = np.array([target.size for target in targets])
        centers = np.clip(centers, 0.5 - margin, sizes + 0.5 + margin)  # half a pixel: published positions count pixels from their middles
        return np.concatenate([centers, sides], axis=1)

    def _refined(self, seen: OnlineSearch, targets: Sequence[OnlineTarget]) -> FloatArray:
        """Return (B, 4) cx, cy, w, h in image pixels; the last box where the target was not found, NaN where there is no number."""
        located = self._located(seen, targets)
        refined = np.where(seen.answered[:, None], [target.box for target in targets], np.nan)
        rows = [i for i in range(len(targets)) if seen.answered[i] and seen.peaks.verdicts[i] != "not_found"]
        if not rows:
            return refined
        c = self.config.refinement
        if c is None:
            refined[rows] = located[rows]
            return refined
        windows = seen.windows[rows]  # type: ignore[index]  # a list of rows is an index of NumPy
        decoded = replace(windows, middle=(windows.size - 1) / 2) if c.pixel_centers else windows
        starts = xyxy_to_xywh(windows.to_crop(cxcywh_to_xyxy(located[rows])))  # (R, 4)
        numbers = np.stack([c.start.draw(self.draws(targets[i].seed, targets[i].frame + 1)) for i in rows])
        features = tuple(level[rows] for level in seen.features.boxes)
        modulation = joined_vectors(targets[i].template.features for i in rows)
        with np.errstate(all="ignore"):  # what is no number is met by `step`
            risen = c.ascent(partial(self.network.overlap, features, modulation), c.start(starts, numbers))
        for row, (i, boxes, scores) in enumerate(zip(rows, risen.boxes, risen.scores, strict=True)):
            best = c.choice(boxes, scores)
            if best is not None:
                refined[i] = xyxy_to_cxcywh(decoded[row].to_image(xywh_to_xyxy(best[0])))
            elif np.isfinite(scores).all():  # numbers, but no shape that a target has: the located place with the last size
                refined[i] = located[i]
            else:
                refined[i] = np.nan
        return refined

    def _state(self, target: OnlineTarget, box: FloatArray, score: float, verdict: Verdict) -> OnlineTarget:
        """Return the next state; the next window's size follows the refined box."""
        moved = self.config.states.update(target, box, score, verdict)
        kept = verdict == "not_found" or (verdict == "uncertain" and not self.config.scale_when_uncertain)
        return moved if kept else replace(moved, extent=extent_of(moved.box))

    def taught(
        self, seen: OnlineSearch, targets: Sequence[OnlineTarget], refined: FloatArray, answered: NDArray[np.bool_]
    ) -> list[Learned]:
        """Return what is known of each target after the frame.

        Args:
            seen: What `respond` returned.
            targets: That it was given.
            refined: (B, 4) cx, cy, w, h of the targets in image pixels.
            answered: (B,) whose frame can be learnt; the others stay as they are.
        """
        learned = [learned_of(target) for target in targets]
        rows = np.flatnonzero(answered).tolist()
        if not rows:
            return learned
        places = refined if self.config.learn_refined else np.concatenate([self._located(seen, targets)[:, :2], refined[:, 2:]], axis=1)
        boxes = seen.windows.to_crop(cxcywh_to_xyxy(places))  # (B, 4)
        observations = [
            Observation(learned[i], seen.features.classification[i], boxes[i], seen.peaks.verdicts[i], targets[i].frame + 1) for i in rows
        ]
        for i, after in zip(rows, self.learner.update(self.network, observations), strict=True):
            learned[i] = after
        return learned

    def _score_maps(self, seen: OnlineSearch) -> list[ScoreMap]:
        """Return the calibrated map of each target."""
        maps = self.config.calibration(seen.responses.maps)
        return [ScoreMap(seen.windows[i], row, seen.responses.cell) for i, row in enumerate(maps)]


__all__ = ["Draws", "OnlineSearch", "OnlineTracker", "seeded_draws"]
