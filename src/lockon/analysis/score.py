"""Does a tracker's score mean something: AUROC for overlap and for presence, calibration, and the thresholds of the states.

The score is the calibrated logit of the chosen candidate, or the calibrated response of a filter that is learnt online.
Everything is measured with the tracker's own boxes on videos
that it was not trained on; the calibration is Platt's, with isotonic regression beside it as the most that a rising
function could do. Metrics of a fitted calibration are of samples that it was not fitted on (one video left out at a time).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockon.analysis.absence import Advance, Search, search_swapped
from lockon.analysis.calibration import (
    EVENT,
    TRACKED_PER_ABSENT,
    ScoreSamples,
    absent_samples,
    calibrated,
    fit_config,
    held_out,
    join,
    track_samples,
)
from lockon.analysis.composites import AbsenceClip, make_composites, run_composites
from lockon.bench.metrics.calibration import (
    Reliability,
    auroc,
    expected_calibration_error,
    fit_isotonic,
    fit_platt,
    reliability_curve,
)
from lockon.bench.tables.records import nulls
from lockon.config import as_json
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError
from lockon.session import CalibratedTracker
from lockon.tracker import Calibration
from lockon.types import FloatArray

Phase = Callable[[str, int], Advance]  # told what comes next and its number of frames; returns what to tell of those done

RESAMPLES = 500  # of the videos, for intervals


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What `analyze_score` found.

    Attributes:
        metrics: All numbers, as JSON values.
        config: The tracker's inference parameters with the new calibration and thresholds.
        before: Reliability of the calibration that the tracker came with.
        after: Reliability of Platt's calibration, on videos left out.
        isotonic: Reliability of an isotonic calibration, on videos left out.
    """

    metrics: dict[str, Any]
    config: Any
    before: Reliability
    after: Reliability
    isotonic: Reliability


def analyze_score(tracker: CalibratedTracker[Any], sequences: Sequence[VideoSequence], seed: int, phase: Phase) -> ScoreReport:
    """Measure and calibrate the score of `tracker`, and choose its thresholds.

    Args:
        tracker: With any calibration. Samples are taken with the `lost` policy off, so that they do not depend on it; the composites
            are tracked with the new calibration and thresholds.
        sequences: Annotated, of at least three videos; those with masks serve for composites.
        seed: Of all choices.
        phase: For a progress bar.

    Raises:
        LockonError: Too few videos, a score that does not rise with overlap, or whatever the tracker raises.
    """
    if len({sequence.frames.paths[0] for sequence in sequences}) < 3:
        raise LockonError("judging a score, one video left out at a time, needs at least three videos; give more, for example pool:ROOT")
    plain = replace(tracker.config, calibration=Calibration(), states=replace(tracker.config.states, lost=0.0))
    raw = tracker.with_config(plain)
    tracked = track_samples(raw, sequences, phase("tracking", sum(map(len, sequences))))
    counts = [max(1, round(int((tracked.templates == sequence.name).sum()) / TRACKED_PER_ABSENT)) for sequence in sequences]
    searches = search_swapped(raw, sequences, counts, seed, phase("searching in other videos", 2 * sum(counts)))
    pool = join(tracked, absent_samples(searches))
    config = fit_config(tracker.config, pool)
    composites = make_composites(sequences, seed)
    clips = run_composites(
        tracker.with_config(config), composites, phase("leaving and returning", sum(len(c.schedule) - 1 for c in composites))
    )
    before, platt, isotonic = calibrated(tracker.config.calibration, pool), held_out(pool, fit_platt), held_out(pool, fit_isotonic)
    metrics = {
        "seed": seed,
        "sequences": [sequence.name for sequence in sequences],
        "parameters": as_json(tracker.config),
        "overlap": overlap_metrics(tracked, seed),
        "absence": {"swapped": swapped_metrics(searches, seed), "composites": composite_metrics(clips, seed)},
        "calibration": {
            "event": f"IoU > {EVENT}",
            "samples": {"tracked": int((~pool.absent).sum()), "absent": int(pool.absent.sum()), "hits": int(pool.hits.sum())},
            "before": as_json(tracker.config.calibration) | _errors(before, pool),
            "uncalibrated": as_json(Calibration()) | _errors(calibrated(Calibration(), pool), pool),
            "platt": as_json(config.calibration) | _errors(platt, pool),
            "isotonic": _errors(isotonic, pool),
        },
        "thresholds": {"tracked": config.states.tracked, "lost": config.states.lost, "frames": _shares(config, pool)},
    }
    curves = [reliability_curve(values, pool.hits) for values in (before, platt, isotonic)]
    return ScoreReport(metrics, config, *curves)


def overlap_metrics(tracked: ScoreSamples, seed: int) -> dict[str, Any]:
    """Return the AUROC of the score for the event on tracked frames, and per sequence the frames, hits and mean overlap."""
    per_sequence = {}
    for name in dict.fromkeys(tracked.templates.tolist()):
        own = tracked.templates == name
        per_sequence[name] = {
            "frames": int(own.sum()),
            "hits": int(tracked.hits[own].sum()),
            "mean_overlap": float(tracked.overlaps[own].mean()),
            "auroc": nulls(auroc(tracked.logits[own], tracked.hits[own])),
        }
    ranking = _ranking(tracked.logits, tracked.hits, tracked.templates, seed)
    return {"frames": len(tracked.hits), "hits": int(tracked.hits.sum()), **ranking, "per_sequence": per_sequence}


def swapped_metrics(searches: Sequence[Search], seed: int) -> dict[str, Any]:
    """Return the AUROC of the score for "present"."""
    present = np.array([search.present for search in searches])
    scores = np.array([search.score for search in searches])
    names = np.array([search.template for search in searches])
    return {"present": int(present.sum()), "absent": int((~present).sum()), **_ranking(scores, present, names, seed)}


def composite_metrics(clips: Sequence[AbsenceClip], seed: int) -> dict[str, Any] | None:
    """Return the AUROC of the score for "present", what the states said, and how often and how soon the target was found again."""
    if not clips:
        return None
    scores, overlaps, present, absent = (
        np.concatenate([getattr(clip, name) for clip in clips]) for name in ("scores", "overlaps", "present", "absent")
    )
    names = np.concatenate([np.full(len(clip.scores), clip.target) for clip in clips])
    states = np.array([state for clip in clips for state in clip.states])
    judged = present | absent
    fair = [clip for clip in clips if clip.on_target_before]
    waits = [clip.frames_to_return for clip in fair]
    found = [wait for wait in waits if wait is not None]
    return {
        "videos": len(clips),
        "present": int(present.sum()),
        "absent": int(absent.sum()),
        **_ranking(scores[judged], present[judged], names[judged], seed),
        "ece": expected_calibration_error(scores, overlaps > EVENT),
        "states": {
            kind: {state: float(np.mean(states[mask] == state)) for state in ("tracked", "uncertain", "lost")}
            for kind, mask in (("present", present), ("absent", absent))
        },
        "on_target_before_leaving": len(fair),
        "found_again": len(found),
        "median_frames_to_return": float(np.median(found)) if found else None,
        "per_video": [
            {"target": clip.target, "scene": clip.scene, "on_target_before": clip.on_target_before}
            | {"frames_to_return": clip.frames_to_return}
            for clip in clips
        ],
    }


def _ranking(scores: FloatArray, labels: NDArray[np.bool_], groups: NDArray[np.str_], seed: int) -> dict[str, Any]:
    """Return the AUROC, and the middle 95 % of those of videos drawn with replacement."""
    rows = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    rng = np.random.default_rng(seed)
    draws = (np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))]) for _ in range(RESAMPLES))
    values = np.array([auroc(scores[draw], labels[draw]) for draw in draws])
    values = values[np.isfinite(values)]
    interval = [float(value) for value in np.percentile(values, [2.5, 97.5])] if len(values) and len(rows) > 1 else None
    return {"auroc": nulls(auroc(scores, labels)), "auroc_95": interval}


def _errors(probabilities: FloatArray, pool: ScoreSamples) -> dict[str, float]:
    """Return the expected calibration error of all samples and of the tracked frames alone, and mean squared error (Brier score)."""
    tracked = ~pool.absent
    return {
        "ece": expected_calibration_error(probabilities, pool.hits),
        "ece_tracked": expected_calibration_error(probabilities[tracked], pool.hits[tracked]),
        "brier": float(np.mean((probabilities - pool.hits) ** 2)),
    }


def _shares(config: Any, pool: ScoreSamples) -> dict[str, dict[str, float | None]]:
    """Return, of the hits, the misses and the absent targets, the parts with a score of either side of the two thresholds."""
    scores = calibrated(config.calibration, pool)
    kinds = {"hits": pool.hits, "misses": ~pool.hits & ~pool.absent, "absent": pool.absent}
    return {
        kind: {
            "at_or_above_tracked": float(np.mean(scores[mask] >= config.states.tracked)) if mask.any() else None,
            "below_lost": float(np.mean(scores[mask] < config.states.lost)) if mask.any() else None,
        }
        for kind, mask in kinds.items()
    }


__all__ = ["Phase", "ScoreReport", "analyze_score", "composite_metrics", "overlap_metrics", "swapped_metrics"]
