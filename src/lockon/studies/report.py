"""The page of a study: written from what is finished, by nobody's hand, whichever way it falls."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from lockon._documents import read_json_object
from lockon._files import write_bytes
from lockon.bench.metrics import bootstrap_interval
from lockon.bench.store import Store
from lockon.bench.tables.markdown import text_table
from lockon.bench.tables.model import mean_spread, signed
from lockon.errors import LockonError
from lockon.studies.curve import curve_section, read_curves
from lockon.studies.fit import fitted
from lockon.studies.metrics import LOST, METRICS
from lockon.studies.refiner_page import before_refinement, machine_of, trackers_with_refiner
from lockon.studies.relation import CAUSE, relation
from lockon.studies.spec import BASE, StudySpec
from lockon.studies.summary import Comparison, RowScores, compare_rows, read_scores

_RULE = (
    "A row counts as **better** or **worse** where all seeds agree in the sign of the difference and the 95 % interval over sequences "
    "(bootstrap, seeds averaged) excludes 0; everything else is **not told apart**. p is a sign-flip permutation test over sequences. No "
    "correction for the number of comparisons is made: of twenty equal pairs one may look different."
)
_INTERVALS = "95 % intervals of the means over sequences (bootstrap, seeds averaged): how much depends on which videos there are."
_CURVE = (
    "The averaged weights after a part of the run, judged by tracking the same sequences. In the last column: pairs until the mean over "
    "seeds first reaches that of the baseline at its end, in brackets as a share of the baseline's whole run. Below each table: what the "
    "last part of the run changed."
)
_DIFFERENCES = "Each table shows one row less another. The column `seeds` has the difference seed by seed."


def write_report(out: Path, kind: StudySpec, pages: Sequence[Path], results: Path | None = None) -> list[Path]:
    """Write the page of the study in `out` to each of `pages`; return them.

    Args:
        out: Folder of the study.
        kind: Of study.
        pages: Files to write.
        results: Folder of `lockon bench run`, whose tables of pairs the page of a study of refiners has, too.

    Raises:
        LockonError: No study, another one, no finished run, results that cannot be used, or a page that cannot be written.
    """
    settings = _settings(out, kind)
    rows, sequences = read_scores(out, kind)
    comparisons = compare_rows(rows, kind)
    conditions = "\n".join(f"- {text}." for text in _conditions(out, kind, rows, sequences, settings))
    parts = [
        f"# {kind.title}\n\n{kind.intro}",
        f"## Outcome\n\n{_outcome(comparisons, kind)}\n\n{_RULE}",
        f"## Conditions\n\n{conditions}",
        f"## Results\n\nMean ± standard deviation over seeds.\n\n{_results(rows, kind)}",
        *([f"## Pairs seen\n\n{_CURVE}\n\n{curve_section(curves, kind)}"] if (curves := read_curves(out, rows, sequences)) else []),
        *([f"## Alignment and overlap\n\n{relation(rows, comparisons, kind)}"] if CAUSE in kind.metrics else []),
        f"## Differences\n\n{_DIFFERENCES}\n\n{_differences(comparisons, kind)}",
        *([before_refinement(out, rows, kind)] if kind.bases else []),
        *(trackers_with_refiner(results, kind) if results is not None else []),
        f"## Sequences\n\n{kind.metrics[0]} of each sequence, mean over seeds.\n\n{_per_sequence(rows, sequences, kind)}",
        f"## The paper's metrics\n\n{_published(kind)}",
        f"## Repeat it\n\n```bash\n{_command(kind, rows, settings)}\n```\n\n{kind.scale}",
    ]
    text = fitted("\n\n".join(part.strip() for part in parts) + "\n")
    for path in pages:
        write_bytes(path, text.encode())
    return list(pages)


def _settings(out: Path, kind: StudySpec) -> dict[str, Any]:
    path, advice = out / "study.json", "run it first without --report"
    if not path.is_file():
        raise LockonError(f"{out} holds no study; {advice}")
    found = read_json_object(path, advice)
    if found.get("study") != kind.name:
        raise LockonError(f"{out} holds the study {found.get('study')}; give lockon study {found.get('study')}, or another --out")
    return found


def _by_pair(comparisons: Sequence[Comparison], kind: StudySpec) -> Iterator[tuple[str, str, str, list[Comparison]]]:
    """Yield tracker, title of the row, title of the other one, and their comparisons."""
    for (row, other), items in groupby(comparisons, key=lambda item: (item.row, item.other)):
        yield row.tracker, kind.title_of(row), kind.title_of(other), list(items)


def _outcome(comparisons: Sequence[Comparison], kind: StudySpec) -> str:
    """Say one sentence per row against its baseline."""
    lines = []
    for tracker, row, other, items in _by_pair(comparisons, kind):
        verdicts: dict[str, list[str]] = {"better": [], "worse": [], "not told apart": []}
        for item in items:
            verdicts[item.verdict].append(f"{item.name} ({_mean(item)})")
        told = "; ".join(f"**{verdict}** in {', '.join(metrics)}" for verdict, metrics in verdicts.items() if metrics)
        lines.append(f"- {tracker}, {row} against {other}: {told}.")
    return "\n".join(lines) or "Nothing can be compared yet: no row has finished beside its baseline."


def _mean(item: Comparison) -> str:
    return signed(item.sequences.interval.mean, METRICS[item.name].digits)


def _conditions(
    out: Path, kind: StudySpec, rows: Sequence[RowScores], sequences: Sequence[str], settings: Mapping[str, Any]
) -> Iterator[str]:
    labels = [f"{row.row.name}.s{seed}" for row in rows for seed in row.seeds]
    seeds = sorted({seed for row in rows for seed in row.seeds})
    steps = settings.get("steps") or "the recipe's own number of"
    yield f"{len(rows)} rows, seeds {', '.join(map(str, seeds))}, {len(labels)} runs of {steps} updates"
    yield f"{settings.get('samples')} different pairs per seed (`--cache {settings.get('cache')}`), the same for all rows with that seed"
    yield (
        f"Judged on {len(sequences)} validation sequences, none of which was trained on, with preset `{settings.get('preset')}` for "
        "all: nothing was tuned on them"
    )
    records = Store(out / "base").records(kind.bases[0]) if kind.bases else Store(out / "bench").records(labels[0])
    if records and records[0].setup.get("machine"):
        yield f"Machine: {machine_of(records[0])}"
    lost = f"in one pass; a target with an IoU of at most {LOST} counts as lost"
    judged = f"with the boxes of {' and of '.join(kind.bases)}" if kind.bases else lost
    yield f"Frames: {sum(len(record.truth) for record in records)} per run {judged}"
    states = [sorted((out / "runs" / label).glob("checkpoints/step-*/state.json"))[-1:] for label in labels]
    minutes = [json.loads(path.read_text(encoding="utf-8"))["seconds"] / 60 for last in states for path in last]
    if minutes:
        yield f"Training: {np.mean(minutes):.1f} minutes per run (from {min(minutes):.1f} to {max(minutes):.1f})"
    trackers = {row.row.tracker for row in rows}
    if trackers & set(kind.grid):
        yield f"Networks: {kind.networks}"
    overrides = settings.get("overrides", {})
    groups = {f" of {tracker}": budget for tracker, budget in settings.get("budget", {}).items() if tracker in trackers}
    for whose, values in {**groups, "": overrides}.items():
        hidden = {*overrides, *(["train.steps"] if settings.get("steps") else [])} if whose else set()
        shown = [f"`{name}={_bare(value)}`" for name, value in values.items() if name not in hidden]
        if shown:
            yield f"Settings of all runs{whose}: {', '.join(shown)}"
    yield from kind.conditions


def _results(rows: Sequence[RowScores], kind: StudySpec) -> str:
    cells = []
    for row in rows:
        metrics = [mean_spread(row.by_seed(name), METRICS[name].digits) for name in kind.metrics]
        cells.append([row.row.tracker, kind.title_of(row.row), *metrics, str(len(row.seeds))])
    counted = [METRICS[name] for name in kind.metrics]
    legend = [f"- {one.key}: {one.meaning}; {'higher' if one.rising else 'lower'} is better." for one in counted]
    table = text_table(["tracker", kind.column, *kind.metrics, "seeds"], cells, left=2)
    return "\n\n".join([table, "\n".join(legend), _INTERVALS, _intervals(rows, kind)])


def _intervals(rows: Sequence[RowScores], kind: StudySpec) -> str:
    cells = []
    for row in rows:
        known = [(name, row.values[name].mean(0)) for name in kind.metrics]
        found = [(name, bootstrap_interval(mean, weights=row.weights(name)) if np.isfinite(mean).any() else None) for name, mean in known]
        ends = [f"{one.low:.{METRICS[name].digits}f} to {one.high:.{METRICS[name].digits}f}" if one else "" for name, one in found]
        cells.append([row.row.tracker, kind.title_of(row.row), *ends])
    return text_table(["tracker", kind.column, *kind.metrics], cells, left=2)


def _differences(comparisons: Sequence[Comparison], kind: StudySpec) -> str:
    head = ["metric", "seeds", "mean", "95 % interval", "p", "sequences +/-", "verdict"]
    tables = []
    for tracker, row, other, items in _by_pair(comparisons, kind):
        lines = []
        for item in items:
            paired, digits = item.sequences, METRICS[item.name].digits
            by_seed = " ".join(signed(value, digits) for value in item.by_seed)
            interval = f"{signed(paired.interval.low, digits)} to {signed(paired.interval.high, digits)}"
            cells = [by_seed, _mean(item), interval, f"{paired.p_value:.2f}", f"{paired.better}/{paired.worse}"]
            lines.append([item.name, *cells, item.verdict])
        tables.append(f"**{tracker}: {row}, less {other}**\n\n{text_table(head, lines, left=2)}")
    return "\n\n".join(tables) or "None yet."


def _per_sequence(rows: Sequence[RowScores], sequences: Sequence[str], kind: StudySpec) -> str:
    means = [row.values[kind.metrics[0]].mean(0) for row in rows]
    lines = [[name, *(mean_spread(mean[[index]]) for mean in means)] for index, name in enumerate(sequences)]
    return text_table(["sequence", *(f"{row.row.tracker} {kind.title_of(row.row)}" for row in rows)], lines)


def _published(kind: StudySpec) -> str:
    paper = kind.published
    lines = []
    for variant, values in paper.values.items():
        pairs = zip(values, paper.values[BASE], strict=True)
        cells = (f"{value:.{paper.digits}f} ({signed(value - base, paper.digits)})" for value, base in pairs)
        lines.append([kind.variants[variant].title, *cells])
    return f"{paper.text}\n\n{text_table([kind.column, *paper.columns], lines)}"


def _command(kind: StudySpec, rows: Sequence[RowScores], settings: Mapping[str, Any]) -> str:
    words = [f"lockon study {kind.name} --data-root data --out runs/{kind.name} --jobs 2"]
    trackers = list(dict.fromkeys(row.row.tracker for row in rows))
    named = trackers if set(trackers) - set(kind.grid) else []
    words += [f"--trackers {tracker}" for tracker in named]
    if {row.row for row in rows} - set(kind.rows(named)):
        words += [f"--only {row.row.name}" for row in rows]
    words += [f"--seeds {','.join(str(seed) for seed in sorted({seed for row in rows for seed in row.seeds}))}"]
    words += [f"--steps {settings['steps']}"] if settings.get("steps") else []
    words += [f"--samples {settings.get('samples')} --cache {settings.get('cache')}"]
    words += [f'--set "{name}={_bare(value)}"' for name, value in settings.get("overrides", {}).items()]
    return " \\\n    ".join(words)


def _bare(value: Any) -> str:
    """Return a setting without the folders of a machine."""
    return str(value).rpartition("/")[2]


__all__ = ["write_report"]
