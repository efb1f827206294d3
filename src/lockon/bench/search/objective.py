"""What is maximised: a metric of `lockon bench report`, computed the same way from the same kind of run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lockon.bench.metrics import ResetRun
from lockon.bench.protocols.table import protocol_of
from lockon.bench.record import MaskTexts, RunKey
from lockon.bench.report.model import SequenceScore
from lockon.bench.report.one_pass import KEYS as ONE_PASS, OnePassScoring
from lockon.bench.report.reset import ResetScoring
from lockon.bench.report.scoring import Scoring
from lockon.data.sequence import VideoSequence
from lockon.driver import drive
from lockon.errors import LockonError, unknown_name
from lockon.session import Tracker

EAO = "EAO"
ACCURACY = "A"
RESET = (EAO, ACCURACY)  # metrics that run the protocol with resets
METRICS = (*ONE_PASS, *RESET)
_DECIMALS = 6  # of the overlaps of a run with resets, in memory as in the journal
_RUN = {"overlaps": np.float64, "failures": np.int64, "starts": np.int64, "eao_overlaps": np.float64}  # of such a run


@dataclass(frozen=True, slots=True)
class Objective:
    """One metric under a named convention: of one pass, or for EAO and A of the reset protocol.

    Attributes:
        metric: One of `METRICS`. A rises with failures, as each start is a good one: alone it is no aim of a search.
        convention: As in `lockon bench report`; None for its default.
        dataset: Name of the benchmark, which decides the sequence lengths that count for EAO.
        lengths: The lengths that count, in frames, instead of the benchmark's.

    Raises:
        LockonError: The metric or the convention is unknown, or the lengths are no range or not for the reset protocol.
    """

    metric: str = "AO"
    convention: str | None = None
    dataset: str = ""
    lengths: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise unknown_name("metric", self.metric, METRICS)
        if self.lengths is not None and self.metric not in RESET:
            raise LockonError(f"lengths {self.lengths} given for {self.metric}; only EAO has them")
        self.scoring()

    def of(self, sequences: Sequence[VideoSequence]) -> Objective:
        """Return the objective on these sequences.

        Raises:
            LockonError: EAO is wanted on several datasets, or on one whose lengths are not known.
        """
        names = sorted({sequence.dataset for sequence in sequences})
        if self.metric != EAO:
            return replace(self, dataset=names[0]) if self.metric == ACCURACY and len(names) == 1 else self
        if self.lengths is None and len(names) > 1:
            raise LockonError(f"EAO has other lengths on each of {', '.join(names)}; search on one dataset, or give --lengths LOW HIGH")
        objective = replace(self, dataset=names[0])
        if objective.scoring().lengths is None:
            raise LockonError(f"no range of lengths is known for EAO on {names[0]}; give --lengths LOW HIGH, in frames")
        return objective

    def scoring(self) -> Scoring:
        """Return how the metric is made of results."""
        if self.metric in RESET:
            return ResetScoring(self.dataset, self.convention, given=self.lengths)
        return OnePassScoring(self.convention or "pysot")

    def measure(self, tracker: Tracker, sequence: VideoSequence) -> SequenceScore:
        """Compute all metrics of a tracker on one sequence, without curves and times.

        Raises:
            LockonError: There is no usable box, a frame cannot be read, or the tracker raises it.
        """
        protocol = protocol_of("reset" if self.metric in RESET else "one-pass", {})
        run_key = RunKey(protocol.name)
        run = drive(tracker, protocol.episode(sequence, run_key))
        score = self.scoring().score([protocol.record(sequence, run_key, run, {}, MaskTexts())])
        return replace(score, curves={}, times=np.zeros(0), runs=tuple(map(_slim, score.runs)))

    def value(self, scores: Iterable[SequenceScore]) -> float:
        """Compute the metric over several sequences; NaN where no frame counts."""
        return float(self.scoring().combine(list(scores))[self.metric])


def _slim(run: ResetRun) -> ResetRun:
    """Return a run with as many digits as the journal keeps, so that a resumed search has the same values."""
    bounded = None if run.eao_overlaps is None else np.round(run.eao_overlaps, _DECIMALS)
    return ResetRun(np.round(run.overlaps, _DECIMALS), run.failures, run.starts, bounded)


def score_json(score: SequenceScore) -> dict[str, Any]:
    """Return the score of one sequence as JSON values; NaN is left in."""
    content = {"frames": score.frames, "values": score.values, "weights": dict(score.weights)}
    return content | {"runs": [{name: _listed(getattr(run, name)) for name in _RUN} for run in score.runs]}


def _listed(values: Any) -> list[float] | None:
    return None if values is None else values.tolist()


def score_from_json(name: str, content: Mapping[str, Any]) -> SequenceScore:
    """Return the score that `score_json` wrote; null is NaN.

    Raises:
        KeyError: A key is missing.
        TypeError: A value is of another type.
        ValueError: A value is no number.
    """
    runs = [
        ResetRun(*(None if run[name] is None else np.array(run[name], kind) for name, kind in _RUN.items()))  # type: ignore[arg-type]
        for run in content["runs"]
    ]
    values = {key: float(np.float64(value)) for key, value in content["values"].items()}
    return SequenceScore(name, "", int(content["frames"]), values, {}, np.zeros(0), content["weights"], runs=tuple(runs))


__all__ = ["ACCURACY", "EAO", "METRICS", "RESET", "Objective", "score_from_json", "score_json"]
