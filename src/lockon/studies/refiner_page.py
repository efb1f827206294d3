"""Sections of a page that studies of refiners alone have: the boxes before refinement, and what a refiner does behind whole trackers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lockon.analysis.pairs import ORACLE, REFINER, Question, pair_markdown, pairs_of
from lockon.bench.store import Record, Store
from lockon.bench.tables.markdown import markdown
from lockon.bench.tables.model import Table
from lockon.errors import LockonError
from lockon.studies.measured import read_measured, refinement_file
from lockon.studies.refinement import COUNTED, overlap_metrics
from lockon.studies.spec import StudySpec
from lockon.studies.summary import RowScores

_BEHIND = (
    "Whole trackers without and with the refiner behind them, whose boxes go back into the tracker where it can be moved. The paper's "
    "Table 2 has gains in AUC on LaSOT from +1.6 (DiMPsuper) to +19.1 percent points (RT-MDNet)."
)
_ORACLE = (
    "The search begins around the true centre in every frame, so that the size alone is the tracker's own; a refiner in the list works "
    "without a tracker, around the true centre with its own last size. The paper's Table 1 has AUC on LaSOT of 0.682 (SiamRPN++), 0.580 "
    "(ATOM), 0.693 (DiMPsuper), 0.496 (ECO) and 0.762 (Alpha-Refine)."
)


def before_refinement(out: Path, rows: Sequence[RowScores], kind: StudySpec) -> str:
    """Return the section on the boxes that all runs of the study in `out` were given."""
    run = refinement_file(out, f"{rows[0].row.name}.s{rows[0].seeds[0]}")
    given = [one["IoU"] for one in read_measured(run, {"IoU": "given"}).values()]
    lines = [["truth after jitter", _mean(given, 3), ""]]
    store = Store(out / "base")
    for name in kind.bases:
        metrics = [overlap_metrics(record) for record in store.records(name)]
        lines.append([name, *(_mean([one[key] for one in metrics], 3) for key in COUNTED)])
    text = markdown([Table.of_texts(["boxes", "mean IoU", "SR75"], lines)])
    return f"## Before refinement\n\nThe same boxes for all runs, mean over sequences.\n\n{text.strip()}"


def _mean(values: Sequence[float | None], digits: int) -> str:
    known = [value for value in values if value is not None and np.isfinite(value)]
    return f"{np.mean(known):.{digits}f}" if known else ""


def trackers_with_refiner(results: Path, kind: StudySpec) -> list[str]:
    """Return the sections on whole trackers: from the results of `lockon bench run` in a folder.

    Raises:
        LockonError: A study of trackers; the folder holds no results, or neither a tracker with and without refiner nor an oracle run.
    """
    if not kind.bases:
        raise LockonError(f"results {results} given, but the study {kind.name} has no refiner; leave --results out")
    sections = [
        *_section("Behind trackers", _BEHIND, results, REFINER, "lockon bench run"),
        *_section("With the true centre", _ORACLE, results, ORACLE, "lockon bench run --protocol one-pass oracle"),
    ]
    if not sections:
        raise LockonError(f"{results} has no tracker that ran without and with a refiner, and no oracle run; make them with lockon bench")
    return sections


def _section(title: str, intro: str, results: Path, question: Question, command: str) -> list[str]:
    """Write the section on one kind of pairs; none where the folder has none."""
    pairs, store = pairs_of(results, question), Store(results)
    if not pairs:
        return []
    labels = list(dict.fromkeys(label for pair in pairs for label in (pair.base, pair.other)))
    parts = [intro, _where(store, labels), pair_markdown(pairs, question).strip(), commands_of(store, command, labels)]
    return ["## " + title + "\n\n" + "\n\n".join(parts)]


def _where(store: Store, labels: Sequence[str]) -> str:
    """Return what was run on, and on which machine, by the results of the first label."""
    records = [record for protocol in store.protocols(labels[0]) for record in store.records(labels[0], protocol)]
    machines = dict.fromkeys(_machine(record) for record in records)
    names = sorted({record.dataset for record in records})
    counts = [len({record.sequence for record in records if record.dataset == name}) for name in names]
    data = ", ".join(f"{name} ({count} sequences)" for name, count in zip(names, counts, strict=True))
    return f"Data: {data}. Machine: {'; '.join(machines)}."


def _machine(record: Record) -> str:
    machine = record.setup.get("machine", {})
    return f"{machine.get('processor', 'unknown')}, {machine.get('cores', '?')} cores, {record.setup.get('threads', '?')} thread(s)"


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
    found = ""
    if configuration.get("device", "auto") != "auto":
        found += f" --device {configuration['device']}"
    if "refiner" in configuration:
        name, preset = configuration["refiner"]["name"], configuration["refiner"]["preset"]
        text = name if preset == "default" else f"{name}:{preset}"
        own = label.rpartition("+")[2]
        found += f" --refine {text}" if own in (name, f"{name}-{preset}") else f" --refine {own}={text}"
    return found + "".join(f" --set {key}={value}" for key, value in configuration.get("overrides", {}).items())


__all__ = ["before_refinement", "commands_of", "trackers_with_refiner"]
