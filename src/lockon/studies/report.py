"""The page of a study: written from what is finished, by nobody's hand, whichever way it falls."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lockon._files import write_bytes
from lockon.bench.store import Store
from lockon.bench.tables.markdown import markdown
from lockon.bench.tables.model import Table, mean_spread, signed
from lockon.errors import LockonError
from lockon.studies.fit import fitted
from lockon.studies.grid import BASE
from lockon.studies.metrics import LOST, METRICS
from lockon.studies.refiner_page import before_refinement, trackers_with_refiner
from lockon.studies.relation import CAUSE, relation
from lockon.studies.settings import named
from lockon.studies.spec import StudySpec
from lockon.studies.summary import Comparison, RowScores, compare_rows, read_scores

_LOST = f"a target with an IoU of at most {LOST} counts as lost"
_RULE = (
    "A row counts as **better** or **worse** where all seeds agree in the sign of the difference and the 95 % interval over sequences "
    "(bootstrap, seeds averaged) excludes 0; everything else is **not told apart**. p is a sign-flip permutation test over sequences. No "
    "correction for the number of comparisons is made: of twenty equal pairs one may look different."
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
    extra = [before_refinement(out, rows, kind)] if kind.bases else []
    if results is not None:
        extra += trackers_with_refiner(results, kind)
    text = page(kind, rows, sequences, settings, _facts(out, rows, kind), extra=extra)
    for path in pages:
        write_bytes(path, text.encode())
    return list(pages)


def page(
    kind: StudySpec,
    rows: Sequence[RowScores],
    sequences: Sequence[str],
    settings: Mapping[str, Any],
    facts: Mapping[str, str],
    *,
    extra: Sequence[str] = (),
) -> str:
    """Return the page as Markdown.

    Args:
        kind: Of study.
        rows: Finished ones.
        sequences: Names.
        settings: Of study.json.
        facts: Further lines for the list of conditions, by name.
        extra: Further sections.
    """
    comparisons = compare_rows(rows, kind)
    parts = [
        f"# {kind.title}\n\n{kind.intro}",
        f"## Outcome\n\n{_outcome(comparisons, kind)}\n\n{_RULE}",
        f"## Conditions\n\n{_conditions(kind, rows, sequences, settings, facts)}",
        f"## Results\n\nMean ± standard deviation over seeds.\n\n{_results(rows, kind)}\n\n{_legend(kind)}",
        *([f"## Alignment and overlap\n\n{relation(rows, comparisons, kind)}"] if CAUSE in kind.metrics else []),
        f"## Differences\n\n{_DIFFERENCES}\n\n{_differences(comparisons, kind)}",
        *extra,
        f"## Sequences\n\n{kind.metrics[0]} of each sequence, mean over seeds.\n\n{_per_sequence(rows, sequences, kind)}",
        f"## The paper's metrics\n\n{_published(kind)}",
        f"## Repeat it\n\n```bash\n{_command(kind, rows, settings)}\n```\n\n{kind.scale}",
    ]
    return fitted("\n\n".join(part.strip() for part in parts) + "\n")


def _outcome(comparisons: Sequence[Comparison], kind: StudySpec) -> str:
    """Say one sentence per row against its baseline."""
    if not comparisons:
        return "Nothing can be compared yet: no row has finished beside its baseline."
    lines = []
    pairs = dict.fromkeys((item.row, item.other) for item in comparisons)
    for row, other in pairs:
        own = [item for item in comparisons if (item.row, item.other) == (row, other)]
        verdicts = {verdict: [item for item in own if item.verdict == verdict] for verdict in ("better", "worse", "not told apart")}
        told = "; ".join(
            f"**{verdict}** in {', '.join(f'{item.name} ({_mean(item)})' for item in items)}"
            for verdict, items in verdicts.items()
            if items
        )
        lines.append(f"- {row.tracker}, {kind.title_of(row)} against {kind.title_of(other)}: {told}.")
    return "\n".join(lines)


def _mean(item: Comparison) -> str:
    return signed(item.sequences.interval.mean, METRICS[item.name].digits)


def _conditions(
    kind: StudySpec, rows: Sequence[RowScores], sequences: Sequence[str], settings: Mapping[str, Any], facts: Mapping[str, str]
) -> str:
    seeds = sorted({seed for row in rows for seed in row.seeds})
    steps = settings.get("steps") or "the recipe's own number of"
    lines = [
        f"- {len(rows)} rows, seeds {', '.join(map(str, seeds))}, {sum(len(row.seeds) for row in rows)} runs of {steps} updates.",
        f"- {settings.get('samples')} different pairs per seed (`--cache {settings.get('cache')}`), the same for all rows with that seed.",
        f"- Judged on {len(sequences)} validation sequences, none of which was trained on, with preset `{settings.get('preset')}` for "
        "all: nothing was tuned on them.",
        *(f"- {name}: {value}." for name, value in facts.items()),
    ]
    if any(row.row.tracker in kind.grid for row in rows):
        lines.append(f"- Networks: {kind.networks}.")
    for tracker, budget in settings.get("budget", {}).items():
        kept = [f"`{name}={_bare(value)}`" for name, value in budget.items() if name not in settings.get("overrides", {})]
        lines += [f"- Settings of all runs of {tracker}: {', '.join(kept)}."] if tracker in {row.row.tracker for row in rows} else []
    if settings.get("overrides"):
        lines.append(f"- Settings of all runs: {', '.join(f'`{name}={_bare(value)}`' for name, value in settings['overrides'].items())}.")
    return "\n".join([*lines, *(f"- {text}." for text in kind.conditions)])


def _results(rows: Sequence[RowScores], kind: StudySpec) -> str:
    cells = []
    for row in rows:
        metrics = [mean_spread(row.by_seed(name), METRICS[name].digits) for name in kind.metrics]
        cells.append([row.row.tracker, kind.title_of(row.row), *metrics, str(len(row.seeds))])
    return _table(["tracker", kind.column, *kind.metrics, "seeds"], cells, left=2)


def _legend(kind: StudySpec) -> str:
    metrics = {name: METRICS[name] for name in kind.metrics}
    return "\n".join(f"- {name}: {metric.meaning}; {'higher' if metric.rising else 'lower'} is better." for name, metric in metrics.items())


def _differences(comparisons: Sequence[Comparison], kind: StudySpec) -> str:
    if not comparisons:
        return "None yet."
    head = ["metric", "seeds", "mean", "95 % interval", "p", "sequences +/-", "verdict"]
    tables = []
    for row, other in dict.fromkeys((item.row, item.other) for item in comparisons):
        lines = []
        for item in comparisons:
            if (item.row, item.other) != (row, other):
                continue
            paired, digits = item.sequences, METRICS[item.name].digits
            by_seed = " ".join(signed(value, digits) for value in item.by_seed)
            interval = f"{signed(paired.interval.low, digits)} to {signed(paired.interval.high, digits)}"
            cells = [by_seed, _mean(item), interval, f"{paired.p_value:.2f}", f"{paired.better}/{paired.worse}"]
            lines.append([item.name, *cells, item.verdict])
        tables.append(f"**{row.tracker}: {kind.title_of(row)}, less {kind.title_of(other)}**\n\n{_table(head, lines, left=2)}")
    return "\n\n".join(tables)


def _per_sequence(rows: Sequence[RowScores], sequences: Sequence[str], kind: StudySpec) -> str:
    means = [row.values[kind.metrics[0]].mean(0) for row in rows]
    lines = [[name, *(f"{mean[index]:.3f}" if np.isfinite(mean[index]) else "" for mean in means)] for index, name in enumerate(sequences)]
    return _table(["sequence", *(f"{row.row.tracker} {kind.title_of(row.row)}" for row in rows)], lines)


def _published(kind: StudySpec) -> str:
    paper = kind.published
    lines = []
    for variant, values in paper.values.items():
        pairs = zip(values, paper.values[BASE], strict=True)
        cells = (f"{value:.{paper.digits}f} ({value - base:+.{paper.digits}f})" for value, base in pairs)
        lines.append([kind.variants[variant].title, *cells])
    return f"{paper.text}\n\n{_table([kind.column, *paper.columns], lines)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    return markdown([Table.of_texts(head, rows, left)]).strip()


def _command(kind: StudySpec, rows: Sequence[RowScores], settings: Mapping[str, Any]) -> str:
    words = [f"lockon study {kind.name} --data-root data --out runs/{kind.name} --jobs 2"]
    trackers = list(dict.fromkeys(row.row.tracker for row in rows))
    named_ones = trackers if set(trackers) - set(kind.grid) else []
    words += [f"--trackers {tracker}" for tracker in named_ones]
    if {row.row for row in rows} - set(kind.rows(named_ones)):
        words += [f"--only {row.row.name}" for row in rows]
    words += [f"--seeds {','.join(str(seed) for seed in sorted({seed for row in rows for seed in row.seeds}))}"]
    words += [f"--steps {settings['steps']}"] if settings.get("steps") else []
    words += [f"--samples {settings.get('samples')} --cache {settings.get('cache')}"]
    words += [f'--set "{name}={_bare(value)}"' for name, value in settings.get("overrides", {}).items()]
    return " \\\n    ".join(words)


def _bare(value: Any) -> str:
    """Return a setting without the folders of a machine."""
    text = str(value)
    return text.rpartition("/")[2] if "/" in text else text


def _settings(out: Path, kind: StudySpec) -> dict[str, Any]:
    path = out / "study.json"
    try:
        found = named(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LockonError(f"{out} holds no study ({path.name}: {reason}); run it first without --report") from None
    if found["study"] != kind.name:
        raise LockonError(f"{out} holds the study {found['study']}; give lockon study {found['study']}, or another --out")
    return found


def _facts(out: Path, rows: Sequence[RowScores], kind: StudySpec) -> dict[str, str]:
    """Return the machine, and what a run took on it."""
    label = f"{rows[0].row.name}.s{rows[0].seeds[0]}"
    records = Store(out / "base").records(kind.bases[0]) if kind.bases else Store(out / "bench").records(label)
    machine = records[0].setup.get("machine", {}) if records else {}
    facts = {}
    if machine:
        facts["Machine"] = f"{machine.get('processor', 'unknown')}, {machine.get('cores', '?')} cores"
    frames = sum(len(record.truth) for record in records)
    judged = f"with the boxes of {' and of '.join(kind.bases)}" if kind.bases else f"in one pass; {_LOST}"
    facts["Frames"] = f"{frames} per run {judged}"
    seconds = [value for row in rows for seed in row.seeds if (value := _seconds(out / "runs" / f"{row.row.name}.s{seed}")) is not None]
    if seconds:
        facts["Training"] = f"{np.mean(seconds) / 60:.1f} minutes per run (from {min(seconds) / 60:.1f} to {max(seconds) / 60:.1f})"
    return facts


def _seconds(run: Path) -> float | None:
    """Return how long a run trained, by its last checkpoint."""
    states = sorted(run.glob("checkpoints/step-*/state.json"))
    return float(json.loads(states[-1].read_text(encoding="utf-8"))["seconds"]) if states else None


__all__ = ["page", "write_report"]
