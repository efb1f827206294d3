"""`Parameter`: one inference parameter with its range or choices; a space is several of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lockon.errors import LockonError

Value = bool | int | float | str
LEVELS = 100  # values that a range without a step has at least: more digits than that are noise
DIGITS = 4  # of a value on a logarithmic range


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a search: a range, or choices.

    Attributes:
        name: dotted, as `lockon.load` takes it.
        low, high: ends of the range, both included. step: distance of its values; None for a fine one that is chosen here.
        log: values are spread evenly over the logarithm. whole: whole numbers only.
        choices: values to choose from, instead of a range.
        default: the tracker's own value, or None where it is not known.

    Raises:
        LockonError: an empty or reversed range, a step that is not positive, a logarithm of 0, or fewer than two choices.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    log: bool = False
    whole: bool = False
    choices: tuple[Value, ...] = ()
    default: Value | None = None

    def __post_init__(self) -> None:
        if self.choices:
            if len(set(map(repr, self.choices))) < 2:
                raise LockonError(f"{self.name}: one choice {self.choices[0]!r}; give two or more, or --fixed {self.name}=VALUE")
            return
        given = f"{self.name}={self.low:g}:{self.high:g}"
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise LockonError(f"{given} is no range; expected LOW below HIGH, for example {self.name}=0.1:0.5")
        if self.log and (self.low <= 0 or self.step is not None):
            raise LockonError(f"{given}:log needs a LOW above 0 and no step; for example {self.name}=0.001:0.1:log")
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise LockonError(f"{given}:{self.step:g}; expected a step above 0 and at most HIGH - LOW")
        if self.whole and any(value != round(value) for value in (self.low, self.high, self.step or 1)):
            raise LockonError(f"{given} is a whole number in this tracker; give whole LOW, HIGH and step")

    @property
    def spacing(self) -> float:
        """Distance of the values of a range that is not logarithmic: `step`, or a power of ten that leaves `LEVELS` or more."""
        if self.step is not None:
            return self.step
        return 1.0 if self.whole else float(10 ** math.floor(math.log10((self.high - self.low) / LEVELS) + 1e-9))

    @property
    def top(self) -> float:
        """The largest value that is a number of steps above `low`."""
        if self.log:
            return self.high
        return self._tidy(self.low + math.floor((self.high - self.low) / self.spacing + 1e-9) * self.spacing)

    def clean(self, value: Value) -> Value:
        """A suggested value as it is tried and written down: inside, without the noise of floating point."""
        if self.choices or isinstance(value, (bool, str)):
            return value
        number = min(max(self._tidy(float(value)), self.low), self.high)
        return round(number) if self.whole else number

    def contains(self, value: object) -> bool:
        """Whether the search could have suggested a value."""
        if self.choices:
            return any(value == choice and type(value) is type(choice) for choice in self.choices)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not self.low <= value <= self.top:
            return False
        steps = (value - self.low) / self.spacing
        return self.log or abs(steps - round(steps)) < 1e-6

    def points(self, count: int) -> list[Value]:
        """Values of a grid: all where they are choices, have a step, or are at most `count` whole numbers; else `count` of them."""
        if self.choices:
            return list(self.choices)
        number = math.floor((self.top - self.low) / self.spacing + 1e-9) + 1
        if self.step is not None or (self.whole and number <= count and not self.log):
            return [self.clean(self.low + index * self.spacing) for index in range(number)]
        parts = [index / (count - 1) for index in range(count)]
        if self.log:
            values = [self.low * (self.high / self.low) ** part for part in parts]
        else:
            values = [self.low + round(part * (number - 1)) * self.spacing for part in parts]
        return list(dict.fromkeys(self.clean(value) for value in values))

    def as_json(self) -> dict[str, Any]:
        """JSON values that decide what is searched."""
        if self.choices:
            return {"choices": list(self.choices)}
        return {"low": self.low, "high": self.high, "step": self.step, "log": self.log, "whole": self.whole}

    def _tidy(self, value: float) -> float:
        return float(f"{value:.{DIGITS}g}") if self.log else round(value, 10)


def space_json(space: Sequence[Parameter]) -> dict[str, Any]:
    """The space as JSON values by name."""
    return {parameter.name: parameter.as_json() for parameter in space}


__all__ = ["Parameter", "Value", "space_json"]
