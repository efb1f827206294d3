"""From a stored result back to the run that made it: what it was made with, what is installed now, and whether it comes out again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lockon._documents import MALFORMED, read_json
from lockon.bench.external import is_external
from lockon.bench.machine import machine, versions
from lockon.bench.protocols.plan import Protocol
from lockon.bench.protocols.table import PROTOCOLS, protocol_of
from lockon.bench.record import Record, load_record
from lockon.bench.report import Options, evaluate_all
from lockon.bench.spec import COMPANIONS, CompanionSpec, TrackerSpec
from lockon.bench.store import Store
from lockon.config import differences
from lockon.errors import LockonError, unknown_name


@dataclass(frozen=True, slots=True)
class Claim:
    """One tracker's stored results under one protocol, and the metrics that somebody made of them.

    Attributes:
        store: Where they are.
        label: The tracker's name in it.
        configuration: Of the tracker, as tracker.json has it.
        protocol: Name.
        records: The results, at least one.
        metrics: Metric by key, from a report; None for those that the results give now.
        convention: Of the metrics; None for the usual.
    """

    store: Store
    label: str
    configuration: Mapping[str, Any]
    protocol: str
    records: tuple[Record, ...]
    metrics: Mapping[str, float] | None = None
    convention: str | None = None

    def setup(self, key: str) -> list[Any]:
        """Return the different values that the records' setups have for a key."""
        found = [record.setup.get(key) for record in self.records]
        return [value for index, value in enumerate(found) if value is not None and value not in found[:index]]

    def protocols(self) -> list[tuple[Protocol, list[Record]]]:
        """Return the protocol with its settings, once for all records with the same rules.

        Raises:
            LockonError: Rules of another version of lockon.
        """
        groups: dict[str, list[Record]] = {}
        for record in self.records:
            groups.setdefault(json.dumps(record.rules, sort_keys=True), []).append(record)
        return [
            (protocol_of(self.protocol, group[0].rules, max(record.repetition for record in group)), group) for group in groups.values()
        ]

    def spec(
        self, weights: Path | None, companions: Mapping[str, Path | None] | None = None, *, allowed: Collection[str] = ()
    ) -> TrackerSpec:
        """Return the tracker; its files and source are the caller's business.

        Args:
            weights: Its weights; None for those that the records name, where they still are, or for its own.
            companions: The same of what works with it, by the names in `COMPANIONS`.
            allowed: MODULE:FACTORY names whose code may run: a folder of results may be anybody's and name any code.

        Raises:
            LockonError: Nothing here made these results: they were imported. Or they name code that is not allowed, or are damaged.
        """
        missing = {"name", "preset", "overrides", "weights"} - set(self.configuration)
        if missing:
            raise LockonError(
                f"the results of {self.label} in {self.store.folder} were imported from result files, so nothing says how to run it; "
                "score them with `lockon bench report`, or run the tracker itself with `lockon bench run`"
            )
        values, name = self.configuration, str(self.configuration["name"])
        if is_external(name) and name not in allowed:
            raise LockonError(
                f"the results of {self.label} in {self.store.folder} name code, {name}, which would run with your rights; "
                f"if you trust it, add --allow {shlex.quote(name)}"
            )
        device = str(next(iter(self.setup("device")), values.get("device", "auto")))
        try:
            path = self._weights("weights", weights)
            others: dict[str, CompanionSpec] = {}
            for key in COMPANIONS:
                if key in values:
                    found = self._weights(f"{key}_weights", (companions or {}).get(key))
                    others[key] = CompanionSpec(str(values[key]["name"]), found, str(values[key]["preset"]))
            overrides = {str(key): value for key, value in values["overrides"].items()}
            int(values.get("seed", 0))
            digests = (values["weights"], values.get("source", {}), *(values.get(key, {}).get("weights", {}) for key in COMPANIONS))
            if not all(isinstance(group, dict) for group in digests):
                raise TypeError("digests")
        except MALFORMED:
            raise LockonError(f"tracker.json of {self.label} in {self.store.folder} is damaged; give results whose file is whole") from None
        spec = TrackerSpec(self.label, name, path, str(values["preset"]), device, overrides)
        for key, companion in others.items():
            spec = spec.with_companion(key, companion)
        return spec

    def _weights(self, key: str, given: Path | None) -> Path | None:
        known = [Path(text) for text in self.setup(key)]
        return given if given is not None else next((path for path in known if path.exists()), None)


@dataclass(frozen=True, slots=True)
class Difference:
    """One record against the same run made again.

    Attributes:
        name: Of the sequence, with anchor and repetition where there are any.
        frames: Number of rows.
        different: Rows whose box, event or mask differs.
        largest: Difference of a box's number, in pixels;
            NaN where a box is there on one side only.
    """

    name: str
    frames: int
    different: int
    largest: float


def find_claims(
    result: Path, results: Path | None = None, *, trackers: Sequence[str] = (), protocol: str | None = None, sequences: Sequence[str] = ()
) -> list[Claim]:
    """Find what a path stands for.

    Args:
        result: A folder of results, a tracker's folder in one, one result file, or a report (`lockon bench report --format json`).
        results: The folder that the report was made of.
        trackers: Only these; empty for all.
        protocol: Only results of it; None for all.
        sequences: Only these; empty for all.

    Raises:
        LockonError: Nothing of the kind is there.
    """
    if result.is_dir():
        claims = _of_folder(result)
    elif isinstance(content := _json(result), list):
        claims = _of_report(content, result, results)
    else:
        record = load_record(result)
        store, label = Store(result.parents[2]), result.parents[1].name
        claims = [Claim(store, label, store.describe(label)["configuration"], record.protocol, (record,))]
    for name in trackers:
        if name not in {claim.label for claim in claims}:
            raise unknown_name("tracker in these results", name, sorted({claim.label for claim in claims}))
    if protocol is not None and protocol not in PROTOCOLS:
        raise unknown_name("protocol", protocol, PROTOCOLS)
    chosen = [claim for claim in claims if (not trackers or claim.label in trackers) and protocol in (None, claim.protocol)]
    if sequences:
        chosen = [_only(claim, sequences) for claim in chosen]
    chosen = [claim for claim in chosen if claim.records]
    if not chosen:
        raise LockonError(f"{result} has no results of these trackers, sequences and protocol; see: lockon bench report {result}")
    return chosen


def _of_folder(folder: Path) -> list[Claim]:
    alone = (folder / "tracker.json").is_file()  # the folder of one tracker
    store = Store(folder.resolve().parent if alone else folder)
    return [
        Claim(store, label, store.describe(label)["configuration"], protocol, tuple(store.records(label, protocol)))
        for label in ([folder.resolve().name] if alone else store.trackers())
        for protocol in store.protocols(label)
    ]


def _of_report(content: list[Any], path: Path, results: Path | None) -> list[Claim]:
    if results is None:
        raise LockonError(f"{path} is a report; give the folder that it was made of as --results DIR")
    store, claims = Store(results), []
    for item in content:
        try:
            label, protocol = str(item["tracker"]), item.get("protocol", "one-pass")
            names = {(str(part["dataset"]), str(part["sequence"])) for part in item["sequences"]}
            metrics = {key: float(value) for key, value in item.items() if isinstance(value, float) and key != "fps"}
            convention = str(item["convention"])
        except (KeyError, TypeError, ValueError, AttributeError):
            raise LockonError(f"{path} is no report; expected what `lockon bench report --format json` writes") from None
        if label not in store.trackers():
            raise unknown_name(f"tracker in {results}", label, store.trackers())
        records = tuple(record for record in store.records(label, protocol) if (record.dataset, record.sequence) in names)
        lacking = names - {(record.dataset, record.sequence) for record in records}
        if lacking:
            raise LockonError(f"{results} lacks {len(lacking)} sequences that {path} reports of {label}, such as {min(lacking)[1]}")
        claims.append(Claim(store, label, store.describe(label)["configuration"], protocol, records, metrics, convention))
    return claims


def _only(claim: Claim, sequences: Sequence[str]) -> Claim:
    """Drop other sequences and the metrics: those over all sequences say nothing of a part of them."""
    return replace(claim, records=tuple(record for record in claim.records if record.sequence in sequences), metrics=None)


def _json(path: Path) -> Any:
    try:
        return read_json(path)
    except (OSError, ValueError):
        raise LockonError(f"{path} is missing, cut off or not JSON; give a folder of results, one result file or a report") from None


def changes(claim: Claim, spec: TrackerSpec) -> dict[str, list[str]]:
    """Find what is not as it was: tracker and weights ("configuration"), packages ("versions"), the machine ("machine").

    Raises:
        LockonError: Weights that cannot be read.
    """
    now = spec.configuration(int(claim.configuration.get("seed", 0)))
    found = {"configuration": differences(dict(claim.configuration), now)}
    for key, current in (("versions", versions()), ("machine", machine())):
        found[key] = list(dict.fromkeys(text for stored in claim.setup(key) for text in differences(dict(stored), current)))
    return found


def record_differences(stored: Sequence[Record], again: Sequence[Record]) -> list[Difference]:
    """Compare each stored record with the one of the same place.

    Raises:
        LockonError: One was not made again.
    """
    made = {(record.dataset, record.sequence, record.run_key): record for record in again}
    found = []
    for record in stored:
        other = made.get((record.dataset, record.sequence, record.run_key))
        if other is None:
            raise LockonError(f"{_name(record)} was not made again")
        found.append(_difference(record, other))
    return found


def _difference(record: Record, other: Record) -> Difference:
    ours, theirs = record.run, other.run
    distance = np.abs(ours.boxes - theirs.boxes).max(axis=1)
    here, there = np.isnan(ours.boxes).any(axis=1), np.isnan(theirs.boxes).any(axis=1)
    distance[here & there] = 0
    different = ~(distance == 0)
    for mine, its in ((ours.events, theirs.events), (ours.masks, theirs.masks)):
        if mine is not None or its is not None:
            different |= np.array([a != b for a, b in zip(_rows(mine, len(ours)), _rows(its, len(ours)), strict=True)])
    return Difference(_name(record), len(ours), int(different.sum()), float(distance.max()))


def _rows(values: Any, count: int) -> list[Any]:
    return [None] * count if values is None else list(values)


def _name(record: Record) -> str:
    anchor = "" if record.anchor is None else f" from frame {record.anchor}"
    return f"{record.sequence}{anchor}" + (f", repetition {record.repetition}" if record.repetition > 1 else "")


def metrics(store: Store, claim: Claim, convention: str | None) -> dict[str, tuple[str, dict[str, float]]]:
    """Return convention and metrics of a claim's tracker in a store, by the datasets that they are of; empty without ground truth.

    Raises:
        LockonError: An unknown convention.
    """
    if not any(record.has_truth for record in claim.records):
        return {}
    reports = evaluate_all(store, Options(convention, (claim.label,), protocol=claim.protocol))
    found: dict[str, tuple[str, dict[str, float]]] = {}
    for report in reports:
        name = ", ".join(report.datasets)
        found[f"{name}, {report.convention}" if name in found else name] = report.convention, dict(report.trackers[0].values)
    return found


__all__ = ["Claim", "Difference", "changes", "find_claims", "metrics", "record_differences"]
