"""From a folder of results to reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from lockon.bench.protocols.table import PROTOCOLS, protocol_class
from lockon.bench.report.anchors import AnchorsScoring
from lockon.bench.report.coverage import coverage, listed_sequence
from lockon.bench.report.model import Report, SequenceScore, TrackerScore
from lockon.bench.report.one_pass import OnePassScoring
from lockon.bench.report.reset import ResetScoring
from lockon.bench.report.scoring import Scoring
from lockon.bench.report.vot import VotScoring
from lockon.bench.store import Record, Store
from lockon.errors import LockonError, unknown_name

SCORINGS: dict[str, type[Scoring]] = {"one-pass": OnePassScoring, "reset": ResetScoring, "anchors": AnchorsScoring}


@dataclass(frozen=True, slots=True)
class Options:
    """What is scored, and how.

    Attributes:
        convention: See `lockon.bench.metrics`; None for the protocol's own ("pysot" for one-pass).
        trackers: Labels, empty for all.
        datasets: Names, empty for all.
        protocol: "one-pass", "realtime", "reset" or "anchors".
        apart: One report per dataset also where metrics of several can be averaged.
        lengths: First and last sequence length that count for EAO; None for those of the benchmark.
    """

    convention: str | None = None
    trackers: Sequence[str] = ()
    datasets: Sequence[str] = ()
    protocol: str = "one-pass"
    apart: bool = False
    lengths: tuple[int, int] | None = None


def evaluate(store: Store, convention: str | None = None, trackers: Sequence[str] | None = None, protocol: str = "one-pass") -> Report:
    """Score the results of a folder, all datasets together.

    Args:
        store: A folder of results.
        convention: See `lockon.bench.metrics`; None for the protocol's own ("pysot" for one-pass).
        trackers: Labels to score, default all.
        protocol: "one-pass", "realtime", "reset" or "anchors".

    Raises:
        LockonError: No such results, unknown convention, tracker or protocol; several datasets under a protocol whose metrics
            belong to one (use `evaluate_all`).
    """
    reports = evaluate_all(store, Options(convention, tuple(trackers or ()), protocol=protocol))
    if len(reports) > 1:
        names = list(dict.fromkeys(name for report in reports for name in report.datasets))
        kinds = ", ".join(names) if len(names) > 1 else f"sequences of {names[0]} under {len(reports)} of them"
        what = "one dataset" if len(names) > 1 else "one scoring"
        raise LockonError(f"metrics of {protocol} belong to {what}, and {store.folder} has {kinds}; use evaluate_all, or choose one")
    return reports[0]


def evaluate_all(store: Store, options: Options) -> list[Report]:
    """Make one report, or one per dataset where the protocol's metrics belong to one dataset.

    Raises:
        LockonError: No such results, unknown convention, tracker, protocol or dataset.
    """
    return _evaluate(store, options)


def _evaluate(store: Store, options: Options, *, own: bool = False) -> list[Report]:
    """Do `evaluate_all`; with `own`, scorings that do not have the convention take theirs."""
    protocol_class(options.protocol)  # an unknown name is an error now
    known = store.trackers()
    for label in options.trackers:
        if label not in known:
            raise unknown_name("tracker in these results", label, known)
    stored = {label: store.records(label, options.protocol) for label in dict.fromkeys(options.trackers or known)}
    found = {label: [record for record in records if _scorable(record)] for label, records in stored.items()}
    hidden = {(*_part_of(record), record.sequence) for records in stored.values() for record in records if not _scorable(record)}
    parts = {_part_of(record) for records in found.values() for record in records}
    for name in options.datasets:
        if name not in dict(parts):
            raise unknown_name(f"dataset in these results of {options.protocol}", name, dict(parts))
    if not parts:
        raise LockonError(_nothing(store, options, len(hidden)))
    reports = []
    for scoring, members in _groups([part for part in parts if not options.datasets or part[0] in options.datasets], options, own):
        chosen = {label: [record for record in records if _part_of(record) in members] for label, records in found.items()}
        without = sum((dataset, base) in members for dataset, base, _ in hidden)
        mixed = sorted(dataset for dataset, base in members if any(part[0] == dataset and part[1] != base for part in parts))
        report = _report(store, scoring, {label: records for label, records in chosen.items() if records}, without)
        reports.append(replace(report, notes=(*report.notes, *(_mixed(dataset) for dataset in mixed))))
    return reports


def _part_of(record: Record) -> tuple[str, str]:
    """Return the dataset and the scoring of a record: sequences of one dataset may need several, where a clock goes around their own."""
    return record.dataset, base_of(record)


def _mixed(dataset: str) -> str:
    return f"**{dataset} has sequences of several protocols: this table has those of one, the others have a table of their own.**"


def _scorable(record: Record) -> bool:
    """Return whether any frame after the start is annotated, if there is one; sequences of servers have the first box alone."""
    return record.has_truth or len(record.truth) == record.run.start + 1


def evaluate_each(store: Store, options: Options, protocols: Sequence[str] = ()) -> list[Report]:
    """Apply `evaluate_all` under several protocols; those that have nothing of the chosen trackers and datasets are left out.

    Args:
        store: A folder of results.
        options: Its protocol is ignored; its convention goes to the protocols that have it, the others
            take their own.
        protocols: Default all that the folder has results of.

    Raises:
        LockonError: As `evaluate_all`, of the first protocol if none has anything; a convention that no protocol has.
    """
    wanted = list(protocols or stored_protocols(store)) or ["one-pass"]
    conventions = {name for scoring in SCORINGS.values() for name in scoring.conventions}
    if options.convention is not None and options.convention not in conventions:
        raise unknown_name("convention", options.convention, conventions)
    reports = []
    for name in wanted:
        records = [record for label in options.trackers or store.trackers() for record in _records(store, label, name)]
        datasets = dict.fromkeys(record.dataset for record in records if not options.datasets or record.dataset in options.datasets)
        if datasets:
            reports += _evaluate(store, replace(options, protocol=name, datasets=tuple(datasets)), own=True)
    return reports or evaluate_all(store, replace(options, protocol=wanted[0]))


def _records(store: Store, label: str, protocol: str) -> list[Record]:
    return store.records(label, protocol) if protocol in store.protocols(label) else []


def base_of(record: Record) -> str:
    """Return the name of the scoring of a record: "one-pass", "reset" or "anchors"."""
    return protocol_class(record.protocol).scored_as(record)


def stored_protocols(store: Store) -> list[str]:
    """Return the protocols that a folder holds results of, in the order of `PROTOCOLS`."""
    found = {protocol for label in store.trackers() for protocol in store.protocols(label)}
    return [protocol for protocol in PROTOCOLS if protocol in found]


def _groups(parts: Sequence[tuple[str, str]], options: Options, own: bool) -> list[tuple[Scoring, list[tuple[str, str]]]]:
    """Return the scoring of each report, and its parts: datasets with the name of their scoring."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, base in sorted(parts, key=lambda part: (SCORINGS[part[1]].per_dataset, *part)):
        groups.setdefault((base, name if options.apart or SCORINGS[base].per_dataset else ""), []).append((name, base))
    return [(_scoring(base, members[0][0], options, own), members) for (base, _), members in groups.items()]


def scoring_of(options: Options, dataset: str) -> Scoring:
    """Return how results of a protocol on a dataset are scored.

    Raises:
        LockonError: An unknown protocol or convention.
    """
    return _scoring(protocol_class(options.protocol).scoring, dataset, options, own=False)


def _scoring(base: str, dataset: str, options: Options, own: bool) -> Scoring:
    kind = SCORINGS[base]
    convention = None if own and options.convention not in kind.conventions else options.convention
    if issubclass(kind, VotScoring):
        return kind(dataset, convention, options.protocol, options.lengths)
    return OnePassScoring(convention or "pysot", options.protocol)


def _nothing(store: Store, options: Options, hidden: int) -> str:
    if hidden:
        return f"{store.folder} has {hidden} sequences without ground truth after the first frame; pack them for the benchmark's server"
    others = [name for name in stored_protocols(store) if name != options.protocol]
    if others:
        return f"{store.folder} has no results of the protocol {options.protocol}, but of {', '.join(others)}; give --protocol {others[0]}"
    labels = ", ".join(options.trackers or store.trackers())
    return f"{store.folder} has no finished sequence of {labels}; run the same `lockon bench run` again"


def _report(store: Store, scoring: Scoring, found: dict[str, list[Record]], without: int) -> Report:
    parts = {label: _sequences(scoring, records) for label, records in found.items()}
    every = {(part.dataset, part.sequence) for scores in parts.values() for part in scores}
    scored = []
    for label, scores in parts.items():
        missing = every - {(part.dataset, part.sequence) for part in scores}
        setups = {_setup(record) for record in found[label] if np.isfinite(record.run.times).any()}
        repetitions = max(max(len(part.repetitions), 1) for part in scores)
        scored.append(
            TrackerScore(
                label=label,
                values=scoring.combine(scores),
                curves=scoring.curves(scores),
                size=store.size(label),
                sequences=tuple(scores),
                missing=tuple(sorted(name for _, name in missing)),
                setups=tuple(sorted(setups)),
                repetitions=repetitions,
                spread=_spread(scores, scoring, repetitions) if repetitions > 1 else {},
            )
        )
    part = coverage(record for records in found.values() for record in records)
    notes = [f"**{without} sequences have no ground truth after the first frame and are not scored.**"] if without else []
    report = Report(tuple(sorted(scored, key=lambda item: item.label)), scoring, part, (*notes, *_missing_runs(found)))
    return replace(report, trackers=report.ranked(scoring.metrics[0].key))


def _missing_runs(found: dict[str, list[Record]]) -> list[str]:
    """Return a warning for each tracker that lacks runs from anchors of its sequences."""
    runs = {label: {(record.dataset, record.sequence, record.anchor) for record in records} for label, records in found.items()}
    notes = []
    for label, own in runs.items():
        sequences = {run[:2] for run in own}
        count = len({run for others in runs.values() for run in others if run[:2] in sequences} - own)
        if count:
            notes.append(f"**{label} lacks {count} runs from anchors that others have: its metrics do not compare.**")
    return notes


def _sequences(scoring: Scoring, records: Sequence[Record]) -> list[SequenceScore]:
    """Score each sequence; its repetitions, or its runs from several anchors, lie side by side."""

    def name(record: Record) -> tuple[str, str]:
        return record.dataset, record.sequence

    ordered = sorted(map(_with_attributes, records), key=name)
    return [scoring.score(list(group)) for _, group in groupby(ordered, key=name)]


def _with_attributes(record: Record) -> Record:
    """Take the attributes from the benchmark's list where the results were stored without any."""
    listed = None if record.attributes else listed_sequence(record)
    return record if listed is None else replace(record, attributes=tuple(sorted(listed.attributes)))


def _spread(scores: list[SequenceScore], scoring: Scoring, repetitions: int) -> dict[str, float]:
    """Return the standard deviation of each metric over the repetitions; a sequence with fewer of them gives what it has."""
    rounds = [
        scoring.combine([part.repetitions[k % len(part.repetitions)] if part.repetitions else part for part in scores])
        for k in range(repetitions)
    ]
    return {metric.key: float(np.std([values[metric.key] for values in rounds], ddof=1)) for metric in scoring.metrics}


def _setup(record: Record) -> str:
    machine = record.setup.get("machine", {})
    threads, workers = record.setup.get("threads"), record.setup.get("workers")
    batch = record.setup.get("batch")
    many = f", {workers} processes side by side" if isinstance(workers, int) and workers > 1 else ""
    many += f", shared by batches of {batch} videos" if isinstance(batch, int) and batch > 1 else ""
    return f"{machine.get('processor', 'unknown processor')}, {threads} thread{'' if threads == 1 else 's'} per tracker{many}"


__all__ = ["SCORINGS", "Options", "base_of", "evaluate", "evaluate_all", "evaluate_each", "stored_protocols"]
