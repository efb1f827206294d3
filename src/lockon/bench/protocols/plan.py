"""`Protocol`: which runs a sequence needs, the course of each, and the record that is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar

from lockon.bench.protocols.anchors import SPACING, Anchor, anchors_of, from_anchor
from lockon.bench.protocols.one_pass import one_pass
from lockon.bench.protocols.oracle import WHEN, When, oracle
from lockon.bench.protocols.realtime import RealTime, real_time
from lockon.bench.protocols.reset import ResetRules, reset
from lockon.bench.protocols.trajectory import Trajectory
from lockon.bench.record import PROTOCOLS, ProtocolName, Record, RunKey
from lockon.config import apply_overrides, as_json
from lockon.data.sequence import VideoSequence
from lockon.data.vot_rle import encode_vot_mask
from lockon.driver import Episode
from lockon.errors import LockonError, unknown_name

R = TypeVar("R", ResetRules, RealTime)
Base = Literal["one-pass", "reset", "anchors"]
BASES: tuple[str, ...] = ("auto", "one-pass", "reset", "anchors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How trackers are run over sequences.

    Attributes:
        name: "one-pass", "reset", "realtime", "anchors" or "oracle".
        repetitions: of each run, with other seeds; a tracker that answers the same twice is not asked a third time.
        reset: settings of the reset protocol. realtime: of the real-time one.
        base: what the real-time protocol goes around; "auto" is the benchmark's own: anchors where the sequence has some, reset
            where it has polygons, else one pass.
        spacing: frames between the anchors of sequences that bring none.
        when: whose frame's true centre the oracle protocol gives: that of the frame "before" it is tracked, or of the one tracked last
            ("after").

    Raises:
        LockonError: unknown names, or repetitions or spacing below 1.
    """

    name: ProtocolName = "one-pass"
    repetitions: int = 1
    reset: ResetRules = field(default_factory=ResetRules)
    realtime: RealTime = field(default_factory=RealTime)
    base: Literal["auto", "one-pass", "reset", "anchors"] = "auto"
    spacing: int = SPACING
    when: When = "before"

    def __post_init__(self) -> None:
        if self.name not in PROTOCOLS:
            raise unknown_name("protocol", self.name, PROTOCOLS)
        if self.base not in BASES:
            raise unknown_name("base of the real-time protocol", self.base, BASES)
        if self.when not in WHEN:
            raise unknown_name("time of the oracle protocol", self.when, WHEN)
        if self.repetitions < 1 or self.spacing < 1:
            raise LockonError(f"repetitions={self.repetitions}, spacing={self.spacing}; expected 1 or more")

    @classmethod
    def from_rules(cls, name: ProtocolName, rules: Mapping[str, Any], repetitions: int = 1) -> Protocol:
        """The protocol whose `rules` a record keeps.

        Raises:
            LockonError: rules of another version of lockon.
        """

        def part(kind: type[R]) -> R:
            names = {item.name for item in fields(kind)}  # type: ignore[arg-type]  # both kinds are dataclasses
            return apply_overrides(kind(), {key: value for key, value in rules.items() if key in names})

        known = {item.name for kind in (ResetRules, RealTime) for item in fields(kind)} | {"base", "spacing", "when"}
        for rule in rules:
            if rule not in known:
                raise unknown_name(f"rule of the protocol {name}", rule, known)
        own = {key: rules[key] for key in ("base", "spacing", "when") if key in rules}
        return cls(name=name, repetitions=repetitions, reset=part(ResetRules), realtime=part(RealTime), **own)

    def base_of(self, sequence: VideoSequence) -> Base:
        """The protocol without clock and oracle."""
        if self.name == "oracle":
            return "one-pass"
        if self.name != "realtime":
            return self.name
        if self.base != "auto":
            return self.base
        if sequence.anchors is not None:
            return "anchors"
        return "one-pass" if sequence.polygons is None else "reset"

    def groups(self, sequence: VideoSequence) -> list[list[RunKey]]:
        """The runs of a sequence: per anchor (or once) the repetitions in their order.

        Raises:
            LockonError: as `anchors_of`.
        """
        anchors = [one.frame for one in anchors_of(sequence, self.spacing)] if self.base_of(sequence) == "anchors" else [None]
        return [[RunKey(self.name, repetition, anchor) for repetition in range(1, self.repetitions + 1)] for anchor in anchors]

    def rules(self, sequence: VideoSequence) -> dict[str, Any]:
        """JSON values of the settings that decide the result; nothing for one pass."""
        base = self.base_of(sequence)
        rules: dict[str, Any] = {"when": self.when} if self.name == "oracle" else {}
        if base == "reset":
            rules = as_json(self.reset)
        elif base == "anchors" and sequence.anchors is None:
            rules = {"spacing": self.spacing}
        return rules if self.name != "realtime" else {"base": base, **rules, **as_json(self.realtime)}

    def episode(self, sequence: VideoSequence, run_key: RunKey) -> Episode[Trajectory]:
        """The course of one of the `groups`' runs.

        Raises:
            LockonError: whatever the protocol raises.
        """
        if self.name == "oracle":
            return oracle(sequence, self.when)
        base = self.base_of(sequence)
        if base == "anchors":
            episode = from_anchor(sequence, self.anchor(sequence, run_key))
        else:
            episode = reset(sequence, self.reset) if base == "reset" else one_pass(sequence)
        return real_time(episode, self.realtime) if self.name == "realtime" else episode

    def anchor(self, sequence: VideoSequence, run_key: RunKey) -> Anchor:
        """The anchor of a place.

        Raises:
            LockonError: there is none on that frame.
        """
        for one in anchors_of(sequence, self.spacing):
            if one.frame == run_key.anchor:
                return one
        raise LockonError(f"sequence {sequence.name} has no anchor on frame {run_key.anchor}")

    def record(self, sequence: VideoSequence, run_key: RunKey, run: Trajectory, setup: Mapping[str, Any], masks: MaskTexts) -> Record:
        """What is kept of a run, with the truth of the frames that it went through, in its order."""
        anchor = None if run_key.anchor is None else self.anchor(sequence, run_key)
        frames = list(range(len(sequence)) if anchor is None else anchor.frames(len(sequence)))
        return Record(
            sequence.name,
            sequence.dataset,
            run,
            sequence.boxes[frames],
            None if sequence.visible is None else sequence.visible[frames],
            setup,
            polygons=None if sequence.polygons is None else sequence.polygons[frames],
            truth_masks=None if run.masks is None or sequence.masks is None else masks.texts(sequence, frames),
            attributes=tuple(sorted(sequence.attributes)),
            repetition=run_key.repetition,
            protocol=self.name,
            rules=self.rules(sequence),
            anchor=run_key.anchor,
            backward=anchor is not None and anchor.backward,
        )


class MaskTexts:
    """True masks as text, each read once, because the runs from the anchors of one sequence share them."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], dict[int, str]] = {}

    def texts(self, sequence: VideoSequence, frames: list[int]) -> tuple[str | None, ...]:
        """The masks of some frames of a sequence that has masks."""
        kept = self._kept.setdefault((sequence.dataset, sequence.name), {})
        for frame in frames:
            if frame not in kept and sequence.masks is not None:
                kept[frame] = encode_vot_mask(sequence.masks[frame])
        return tuple(kept.get(frame) for frame in frames)


__all__ = ["BASES", "Base", "MaskTexts", "Protocol"]
