"""The real-time protocol of the VOT challenges since 2017: frames arrive at a fixed rate, whether the tracker is ready or not.

While the tracker is busy frames pass by, and its last box stands for them (M. Kristan et al., The Visual Object Tracking VOT2017
Challenge Results, ICCVW 2017, section 2.4: 20 frames per second). It goes around any other protocol: one pass, reset, anchors.

The reports leave open how a late answer is counted. Two readings, by `RealTime.late`, with t the seconds of one call and
T = 1 / fps:

- "vot", what the VOT toolkit does (0.9, found by running its real-time runtime on scripted times): the frame that was asked for gets
  its answer, however late. A call of t > T owes t - T; each following frame is dropped while more than T is owed, and takes T off.
  So ceil(t / T) - 2 frames are dropped: none up to 2 T. What is left over is forgiven.
- "strict", the text of the report: an answer that is not there before the next frame arrives comes too late for its own frame, and
  stands from the frame during which it arrives; ceil(t / T) - 1 frames are dropped.

Grace: the first `grace` late calls after each start, the start itself included, are forgiven wholly: their answer counts as if it had
been in time. (Each late call uses one up, however late it is; calls in time use none.) It covers what trackers do once, when they
start.

Times are measured, or given (`seconds`), which makes a run repeatable and independent of the machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, TypeVar

from lockon.bench.protocols.anchors import Anchors
from lockon.bench.protocols.one_pass import OnePass
from lockon.bench.protocols.plan import Protocol
from lockon.bench.protocols.reset import Reset
from lockon.bench.protocols.trajectory import Trajectory
from lockon.bench.record import Record, RunKey
from lockon.data.sequence import VideoSequence
from lockon.driver import Episode, Output
from lockon.errors import LockonError, unknown_name

R = TypeVar("R")
Late = Literal["vot", "strict"]
LATE: tuple[Late, ...] = ("vot", "strict")


@dataclass(frozen=True, slots=True, kw_only=True)
class Auto:
    """The benchmark's own protocol: anchors where the sequence has some, reset where it has polygons, else one pass."""

    def of(self, sequence: VideoSequence) -> Protocol:
        """Return the protocol of a sequence."""
        if sequence.anchors is not None:
            return Anchors()
        return OnePass() if sequence.polygons is None else Reset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RealTime(Protocol):
    """A clock around another protocol.

    Attributes:
        base: What the clock goes around.
        fps: Frames per second that arrive.
        grace: Late calls that are forgiven after each start.
        seconds: What each call takes by the simulated clock, `start_seconds` what a start takes (default: the same); None: as measured.
        late: How late answers count, see above.

    Raises:
        LockonError: A value out of range.
    """

    name: ClassVar[str] = "realtime"
    text: ClassVar[str] = "real time"
    base: Auto | OnePass | Reset | Anchors = field(default_factory=Auto)
    fps: float = 20.0
    grace: int = 3
    seconds: float | None = None
    start_seconds: float | None = None
    late: Late = "vot"

    def __post_init__(self) -> None:
        Protocol.__post_init__(self)
        given = [value for value in (self.seconds, self.start_seconds) if value is not None]
        if (
            not (math.isfinite(self.fps) and self.fps > 0)
            or self.grace < 0
            or any(not math.isfinite(value) or value < 0 for value in given)
        ):
            raise LockonError(
                f"fps={self.fps}, grace={self.grace}, seconds={self.seconds}, start_seconds={self.start_seconds}; "
                "expected fps above 0, the others 0 or more"
            )
        if self.start_seconds is not None and self.seconds is None:
            raise LockonError("start_seconds is given and seconds is not: give the seconds of every frame, or neither")
        if self.late not in LATE:
            raise unknown_name("rule for late answers", self.late, LATE)

    @classmethod
    def rule_fields(cls) -> dict[str, str]:
        """Return its own, and those of what the clock may go around."""
        base = {rule: f"base.{name}" for kind in (Reset, Anchors) for rule, name in kind.rule_fields().items()}
        return {**base, **{item.name: item.name for item in fields(cls) if item.name != "repetitions"}}

    @classmethod
    def scored_as(cls, record: Record) -> str:
        """Return the scoring of what the clock went around."""
        if record.anchor is not None:
            return Anchors.scoring
        return OnePass.scoring if record.run.events is None else Reset.scoring

    @classmethod
    def describe(cls, base: type[Protocol]) -> str:
        """Return what the base is with a clock around it."""
        return base.in_real_time

    @property
    def is_timed(self) -> bool:
        """Tell whether times are measured."""
        return self.seconds is None

    def base_of(self, sequence: VideoSequence) -> Protocol:
        """Return the protocol without the clock."""
        return self.base.of(sequence) if isinstance(self.base, Auto) else self.base

    def starts(self, sequence: VideoSequence) -> Sequence[int | None]:
        """List those of the base."""
        return self.base_of(sequence).starts(sequence)

    def frames(self, sequence: VideoSequence, run_key: RunKey) -> range:
        """Return those of the base."""
        return self.base_of(sequence).frames(sequence, run_key)

    def rules(self, sequence: VideoSequence) -> dict[str, Any]:
        """Return the base's name and rules, and its own."""
        base = self.base_of(sequence)
        own = Protocol.rules(self, sequence)
        return {"base": base.name, **base.rules(sequence), **{name: value for name, value in own.items() if name != "base"}}

    def episode(self, sequence: VideoSequence, run_key: RunKey) -> Episode[Trajectory]:
        """Return `real_time` around the base's episode."""
        return real_time(self.base_of(sequence).episode(sequence, run_key), self)

    def spent(self, answer: Output, *, start: bool) -> float:
        """Return the seconds that a call took, by this clock."""
        if self.seconds is None:
            return answer.seconds
        return self.start_seconds if start and self.start_seconds is not None else self.seconds


def real_time(episode: Episode[R], rules: RealTime | None = None) -> Episode[R]:
    """Return the course as it goes when its frames arrive in real time; dropped frames are not read, and their seconds are NaN.

    Raises:
        LockonError: Whatever the course raises.
    """
    rules = rules or RealTime()
    interval = 1 / rules.fps
    grace, drop = 0, 0
    shown: Output | None = None  # what stands for the frames that pass by
    coming: Output | None = None  # what stands for the last of them
    call = next(episode)
    while True:
        if call.box is None and drop and shown is not None and coming is not None:
            drop -= 1
            answer = replace(shown if drop else coming, seconds=math.nan)
        else:
            start = call.box is not None
            asked = yield call
            grace = rules.grace if start else grace
            periods = math.ceil(round(rules.spent(asked, start=start) / interval, 9))  # frames that arrive until it is ready
            if periods > 1 and grace:
                grace, periods = grace - 1, 1
            answer = asked
            if rules.late == "strict" and periods > 1 and not start and coming is not None:
                answer = replace(coming, seconds=asked.seconds)
            drop = max(periods - (2 if rules.late == "vot" else 1), 0)
            shown, coming = answer, asked
        try:
            call = episode.send(answer)
        except StopIteration as end:
            value: R = end.value
            return value


__all__ = ["LATE", "Auto", "Late", "RealTime", "real_time"]
