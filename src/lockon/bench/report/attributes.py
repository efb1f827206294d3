"""Metrics over the sequences that have an attribute, such as "occlusion"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from lockon.bench.report.model import Report
from lockon.errors import LockonError


@dataclass(frozen=True, slots=True)
class AttributeScore:
    """All trackers on the sequences of one attribute.

    Attributes:
        attribute: Its name.
        sequences: How many have it.
        values: Tracker -> metric -> value; trackers without any are left out.
    """

    attribute: str
    sequences: int
    values: Mapping[str, Mapping[str, float]]


def has_attributes(report: Report) -> bool:
    """Return whether any sequence has an attribute."""
    return any(part.attributes for item in report.trackers for part in item.sequences)


def by_attribute(report: Report) -> list[AttributeScore]:
    """Return the metrics per attribute, by name; each sequence counts for all its attributes.

    Raises:
        LockonError: No sequence has any.
    """
    scores = report.sequences.values()
    counts = Counter(name for parts in scores for name in {name for part in parts.values() for name in part.attributes})
    if not counts:
        known = ", ".join(report.datasets)
        raise LockonError(f"no sequence of {known} has attributes; run it again with a dataset that lists them, or leave --attributes out")
    found = []
    for name in sorted(counts):
        parts = {item.label: [part for part in item.sequences if name in part.attributes] for item in report.trackers}
        values = {label: report.scoring.combine(chosen) for label, chosen in parts.items() if chosen}
        found.append(AttributeScore(name, counts[name], values))
    return found


def overall(report: Report) -> AttributeScore:
    """Combine all sequences, under the name "overall", to stand beside the attributes."""
    return AttributeScore("overall", len(report.sequences), {item.label: item.values for item in report.trackers})


__all__ = ["AttributeScore", "by_attribute", "has_attributes", "overall"]
