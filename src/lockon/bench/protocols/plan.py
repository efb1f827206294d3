"""`Protocol`: which runs a sequence needs, the episode of each, and the record that is kept of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar

from lockon.bench.protocols.trajectory import Trajectory
from lockon.bench.record import MaskTexts, Record, RunKey
from lockon.config import apply_overrides, as_json
from lockon.data.sequence import VideoSequence
from lockon.driver import Episode
from lockon.errors import LockonError, unknown_name

P = TypeVar("P", bound="Protocol")


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol(ABC):
    """How trackers are run over sequences: a value. Each protocol is a subclass in a file of its own; its fields are its rules.

    Attributes:
        name: Name of `lockon bench run --protocol`, of stored results and of folders.
        text: What it is, for the notes below a table.
        in_real_time: What it is with a clock around it; empty for protocols that no clock goes around.
        scoring: Which scoring of `lockon.bench.report` its records take: "one-pass", "reset" or "anchors".
        gives_truth: Whether trackers are moved onto the truth, so that they need `move` and a refiner can run alone.
        repetitions: Number of runs with other seeds; a tracker that answers the same twice is not asked a third time.

    Raises:
        LockonError: `repetitions` below 1.
    """

    name: ClassVar[str]
    text: ClassVar[str]
    in_real_time: ClassVar[str] = ""
    scoring: ClassVar[str] = "one-pass"
    gives_truth: ClassVar[bool] = False
    repetitions: int = 1

    def __post_init__(self) -> None:
        if self.repetitions < 1:
            raise LockonError(f"repetitions={self.repetitions}; expected 1 or more")

    @classmethod
    def from_rules(cls: type[P], rules: Mapping[str, Any], repetitions: int = 1) -> P:
        """Return the protocol whose `rules` a record keeps.

        Raises:
            LockonError: Rules of another version of lockon.
        """
        known = cls.rule_fields()
        for rule in rules:
            if rule not in known:
                raise unknown_name(f"rule of the protocol {cls.name}", rule, known)
        return apply_overrides(cls(repetitions=repetitions), {known[rule]: value for rule, value in rules.items()})

    @classmethod
    def rule_fields(cls) -> dict[str, str]:
        """Return the dotted name of the field that each rule of a record sets."""
        return {item.name: item.name for item in fields(cls) if item.name != "repetitions"}

    @classmethod
    def scored_as(cls, record: Record) -> str:
        """Return the name of the scoring that a record of this protocol takes."""
        return cls.scoring

    @classmethod
    def describe(cls, base: type[Protocol]) -> str:
        """Return what results are that are scored as those of `base`."""
        return cls.text

    @property
    def is_timed(self) -> bool:
        """Tell whether results depend on how long the tracker takes on this machine."""
        return False

    def starts(self, sequence: VideoSequence) -> Sequence[int | None]:
        """List the anchor frames that runs start on; one None for the sequence's own beginning.

        Raises:
            LockonError: As `anchors_of`.
        """
        return [None]

    def runs(self, sequence: VideoSequence) -> list[list[RunKey]]:
        """List the runs of a sequence: per start the repetitions in their order.

        Raises:
            LockonError: As `starts`.
        """
        numbers = range(1, self.repetitions + 1)
        return [[RunKey(self.name, number, start) for number in numbers] for start in self.starts(sequence)]

    def rules(self, sequence: VideoSequence) -> dict[str, Any]:
        """Return the settings that decide the result as JSON values."""
        return {item.name: as_json(getattr(self, item.name)) for item in fields(self) if item.name != "repetitions"}

    @abstractmethod
    def episode(self, sequence: VideoSequence, run_key: RunKey) -> Episode[Trajectory]:
        """Return the episode of one of the `runs`.

        Raises:
            LockonError: Whatever the protocol raises.
        """

    def frames(self, sequence: VideoSequence, run_key: RunKey) -> range:
        """Return the frames of a run in the order in which they are tracked."""
        return range(len(sequence))

    def record(self, sequence: VideoSequence, run_key: RunKey, run: Trajectory, setup: Mapping[str, Any], masks: MaskTexts) -> Record:
        """Return what is kept of a run, with the truth of the frames that it went through, in its order."""
        return Record.of(sequence, self.frames(sequence, run_key), run, setup, masks=masks, run_key=run_key, rules=self.rules(sequence))


__all__ = ["Protocol"]
