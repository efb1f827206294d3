"""Sections of a page that studies of refiners alone have: the boxes before refinement, and what a refiner does behind whole trackers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lockon.analysis.pairs import ORACLE, REFINER, Pair, Question, pair_markdown, pairs_of
from lockon.bench.store import Record, Store
from lockon.bench.tables.markdown import text_table
from lockon.bench.tables.model import mean_spread
from lockon.errors import LockonError
from lockon.studies.measured import COUNTED, measured_file, overlap_metrics, read_measured
from lockon.studies.spec import StudySpec
from lockon.studies.summary import RowScores, mean_over_sequences

_BEHIND = (
    "Whole trackers without and with the refiner behind them, whose boxes go back into the tracker where it can be moved. The paper's "
    "Table 2 has gains in AUC on LaSOT from +1.6 (DiMPsuper) to +19.1 percent points (RT-MDNet)."
)
_ORACLE = (
    "The search begins around the true centre in every frame, so that the size alone is the tracker's own; a refiner in the list works "
    "without a tracker, around the true centre with its own last size. The paper's Table 1 has AUC on LaSOT of 0.682 (SiamRPN++), 0.580 "
    "(ATOM), 0.693 (DiMPsuper), 0.496 (ECO) and 0.762 (Alpha-Refine)."
)


_SECTIONS = (
    ("## Behind trackers", _BEHIND, REFINER, "lockon bench run"),
    ("## With the true centre", _ORACLE, ORACLE, "lockon bench run --protocol one-pass oracle"),
)


def before_refinement(out: Path, rows: Sequence[RowScores], kind: StudySpec) -> str:
    """Return the section on the boxes that all runs of the study in `out` were given."""
    label = f"{rows[0].row.name}.s{rows[0].seeds[0]}"
    given = [one["IoU"] for one in read_measured(measured_file(out, label), {"IoU": "given"}).values()]
    lines = [["truth after jitter", _mean(given), ""]]
    for name in kind.bases:
        metrics = [overlap_metrics(record) for record in Store(out / "base").records(name)]
        lines.append([name, *(_mean([one[key] for one in metrics]) for key in COUNTED)])
    table = text_table(["boxes", "mean IoU", "SR75"], lines)
    return f"## Before refinement\n\nThe same boxes for all runs, mean over sequences.\n\n{table}"


def _mean(values: Sequence[float]) -> str:
    return mean_spread(mean_over_sequences([values], np.ones(len(values))))


def trackers_with_refiner(results: Path, kind: StudySpec) -> list[str]:
    """Return the sections on whole trackers: from the results of `lockon bench run` in a folder.

    Raises:
        LockonError: A study of trackers; the folder holds no results, or neither a tracker with and without refiner nor an oracle run.
    """
    if not kind.bases:
        raise LockonError(f"results {results} given, but the study {kind.name} has no refiner; leave --results out")
    store, sections = Store(results), []
    for title, intro, question, command in _SECTIONS:
        if pairs := pairs_of(results, question):
            labels = list(dict.fromkeys(label for pair in pairs for label in (pair.base, pair.other)))
            parts = (title, intro, _where(store, question, pairs), pair_markdown(pairs, question), commands_of(store, command, labels))
            sections.append("\n\n".join(part.strip() for part in parts))
    if not sections:
        raise LockonError(f"{results} has no tracker that ran without and with a refiner, and no oracle run; make them with lockon bench")
    return sections


def _where(store: Store, question: Question, pairs: Collection[Pair]) -> str:
    """Return what pairs were run on, and on which machines: all results that they stand on."""
    scored = {(pair.base, pair.other) for pair in pairs}
    sequences, machines = set[tuple[str, str]](), set[str]()
    for first, second, _ in question.find(store):
        if (first.label, second.label) in scored:
            both = [store.records(side.label, side.protocol) for side in (first, second)]
            base, other = ({(one.dataset, one.sequence) for one in records} for records in both)
            common = (base & other) or other  # as pairs are scored
            sequences |= common
            records = [one for side in both for one in side if (one.dataset, one.sequence) in common]
            machines |= {f"{machine_of(one)}, {one.setup.get('threads', '?')} thread(s)" for one in records}
    counts = Counter(dataset for dataset, _ in sorted(sequences))
    data = ", ".join(f"{name} ({count} sequences)" for name, count in counts.items())
    return f"Data: {data}. Machine: {'; '.join(sorted(machines))}."


def machine_of(record: Record) -> str:
    """Return the machine that a result was made on."""
    machine = record.setup.get("machine", {})
    return f"{machine.get('processor', 'unknown')}, {machine.get('cores', '?')} cores"


def commands_of(store: Store, command: str, labels: Sequence[str]) -> str:
    """Return the commands that made results, by the trackers' configurations: one for all that ran in the same way."""
    groups: dict[str, list[str]] = {}
    for label in labels:
        configuration = store.describe(label)["configuration"]
        groups.setdefault(_options(label, configuration), []).append(label.partition("+")[0])
    lines = (f"{command} --trackers {' '.join(names)} --data NAME:ROOT --out DIR{options}" for options, names in groups.items())
    return "\n".join(["```bash", *lines, "```", "", "Weights that are not in the package were given by `--weights`."])


def _options(label: str, configuration: Mapping[str, Any]) -> str:
    """Return what a command has beside trackers, data and folder."""
    device, refiner, own = configuration.get("device", "auto"), configuration.get("refiner"), label.rpartition("+")[2]
    found = [f" --device {device}"] if device != "auto" else []
    if refiner:
        name, preset = refiner["name"], refiner["preset"]
        text = name if preset == "default" else f"{name}:{preset}"
        found.append(f" --refine {text}" if own in (name, f"{name}-{preset}") else f" --refine {own}={text}")
    return "".join([*found, *(f" --set {key}={value}" for key, value in configuration.get("overrides", {}).items())])


__all__ = ["before_refinement", "commands_of", "machine_of", "trackers_with_refiner"]
