"""The page of the study of RBO: written from what is finished, by nobody's hand, whichever way it falls."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence as Items
from pathlib import Path
from typing import Any

import numpy as np

from lockon._files import write_bytes
from lockon.bench.store import Store
from lockon.errors import LockonError
from lockon.studies.grid import BASE, COMPACT, VARIANTS
from lockon.studies.summary import FIGURES, LOST, Comparison, Name, RowScores, compare, read_scores
from lockon.types import FloatArray

# AUC on TC128, NFS30 and UAV123 together, in percent: Table 4 of the paper.
PUBLISHED = {
    "SiamRPN++": {BASE: 57.93, "cr": 60.63, "cr-igr-ori": 60.87, "cr-igr": 62.08},
    "SiamBAN": {BASE: 59.61, "cr": 61.15, "cr-igr-ori": 60.92, "cr-igr": 62.24},
}
_INTRO = """# Do ranking losses make a Siamese tracker better?

This page was written by `lockon study rbo`. RBO (Tang and Ling, *Ranking-Based Siamese Visual Tracking*, CVPR 2022, Table 4) reports
gains from two losses that are added to a tracker's own: a classification ranking loss (CR, Eq. 6-8) and an IoU-guided ranking loss
(IGR, Eq. 9-10; IGR-ori is the form of RankDetNet). Users of the released code could not repeat the gains. Here the rows of that table are
trained side by side with everything else equal: data, samples, initial weights per seed, number of steps, inference parameters.
"""
_RULE = (
    "A row counts as **better** or **worse** where all seeds agree in the sign of the difference and the 95 % interval over sequences "
    "(bootstrap, seeds averaged) excludes 0; everything else is **not told apart**. p is a sign-flip permutation test over sequences. No "
    "correction for the number of comparisons is made: of twenty equal pairs one may look different."
)


def write_report(out: Path, pages: Items[Path]) -> list[Path]:
    """Writes the page of the study in `out` to each of `pages`; returns them.

    Raises:
        LockonError: no study, no finished run, or a page that cannot be written.
    """
    store, settings = Store(out / "bench"), _settings(out)
    rows, sequences = read_scores(store)
    text = page(rows, sequences, settings, _facts(out, rows, store))
    for path in pages:
        write_bytes(path, text.encode())
    return list(pages)


def page(rows: Items[RowScores], sequences: Items[str], settings: Mapping[str, Any], facts: Mapping[str, str]) -> str:
    """The page as Markdown.

    Args:
        rows: finished ones. sequences: names. settings: of study.json. facts: further lines for the list of conditions, by name.
    """
    comparisons = compare(list(rows))
    parts = [
        _INTRO,
        f"## Outcome\n\n{_outcome(comparisons)}\n\n{_RULE}",
        f"## Conditions\n\n{_conditions(rows, sequences, settings, facts)}",
        f"## Results\n\nMean ± standard deviation over seeds.\n\n{_results(rows)}\n\n{_legend()}",
        f"## Differences\n\nFirst row less second; seed by seed on the left.\n\n{_differences(comparisons)}",
        f"## Sequences\n\nAUC of each sequence, mean over seeds.\n\n{_per_sequence(rows, sequences)}",
        f"## The paper's figures\n\n{_published()}",
        f"## Repeat it\n\n```bash\n{_command(rows, settings)}\n```\n\n{_SCALE}",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


_SCALE = (
    "The same command takes the full trackers in the paper's setting: `--trackers siamban-r50 --trackers siamrpnpp-r50 --cache none "
    "--device cuda`, with a data root that holds the papers' datasets and validation videos, and `--steps` left out for the recipes' own "
    "20 epochs. `--only two-stage` adds the two-stage cross entropy of Sec. 4.2."
)


def _outcome(comparisons: Items[Comparison]) -> str:
    """One sentence per row against its baseline."""
    if not comparisons:
        return "Nothing can be compared yet: no row has finished beside its baseline."
    lines = []
    pairs = dict.fromkeys((item.row, item.other) for item in comparisons)
    for row, other in pairs:
        own = [item for item in comparisons if (item.row, item.other) == (row, other)]
        verdicts = {verdict: [item for item in own if item.verdict == verdict] for verdict in ("better", "worse", "not told apart")}
        told = "; ".join(
            f"**{verdict}** in {', '.join(f'{item.name} ({_signed(item.sequences.interval.mean, item.name)})' for item in items)}"
            for verdict, items in verdicts.items()
            if items
        )
        lines.append(f"- {row.tracker}, {VARIANTS[row.variant].title} against {VARIANTS[other.variant].title}: {told}.")
    return "\n".join(lines)


def _conditions(rows: Items[RowScores], sequences: Items[str], settings: Mapping[str, Any], facts: Mapping[str, str]) -> str:
    seeds = sorted({seed for row in rows for seed in row.seeds})
    compact = any(row.row.tracker.startswith(COMPACT) for row in rows)
    steps = settings.get("steps") or "the recipe's own number of"
    lines = [
        f"- {len(rows)} rows, seeds {', '.join(map(str, seeds))}, {sum(len(row.seeds) for row in rows)} runs of {steps} updates.",
        f"- {settings.get('samples')} different pairs per seed (`--cache {settings.get('cache')}`), the same for all rows with that seed.",
        f"- Judged on {len(sequences)} validation sequences, none of which was trained on, with preset `{settings.get('preset')}` for "
        "all: nothing was tuned on them.",
        *(f"- {name}: {value}." for name, value in facts.items()),
    ]
    if compact:
        lines.append(
            "- Networks: the frozen backbone of lockon-s (EfficientNet-Lite0, ImageNet weights, stride 16, crops of 112 and 224 pixels) "
            "with the padded heads of SiamBAN, SiamRPN++ and SiamPW at 128 channels, one level. These are small networks after short "
            "training: the page tells what the losses do there, not what they do to a ResNet-50 after 20 epochs."
        )
    if settings.get("overrides"):
        lines.append(f"- Settings of all runs: {', '.join(f'`{name}={_bare(value)}`' for name, value in settings['overrides'].items())}.")
    lines.append(
        "- Ranking losses: weights 0.5 (CR) and 0.25 (each term of IGR), alpha 0.5, beta 4, gamma 3, in the form of the released code."
    )
    return "\n".join(lines)


def _results(rows: Items[RowScores]) -> str:
    table = [["tracker", "losses", *FIGURES, "seeds"]]
    for row in rows:
        cells = [_spread(row.by_seed(name), FIGURES[name].digits) for name in FIGURES]
        table.append([row.row.tracker, VARIANTS[row.row.variant].title, *cells, str(len(row.seeds))])
    return _markdown(table, left=2)


def _legend() -> str:
    return "\n".join(f"- {name}: {figure.text}; {'higher' if figure.rising else 'lower'} is better." for name, figure in FIGURES.items())


def _differences(comparisons: Items[Comparison]) -> str:
    if not comparisons:
        return "None yet."
    table = [["tracker", "row", "less", "figure", "seeds", "mean", "95 % interval", "p", "sequences +/-", "verdict"]]
    for item in comparisons:
        paired, name = item.sequences, item.name
        by_seed = " ".join(_signed(value, name) for value in item.by_seed)
        interval = f"{_signed(paired.interval.low, name)} to {_signed(paired.interval.high, name)}"
        cells = [by_seed, _signed(paired.interval.mean, name), interval, f"{paired.p_value:.2f}", f"{paired.better}/{paired.worse}"]
        titles = [VARIANTS[row.variant].title for row in (item.row, item.other)]
        table.append([item.row.tracker, *titles, name, *cells, item.verdict])
    return _markdown(table, left=5)


def _per_sequence(rows: Items[RowScores], sequences: Items[str]) -> str:
    table = [["sequence", *(f"{row.row.tracker} {VARIANTS[row.row.variant].title}" for row in rows)]]
    means = [row.values["AUC"].mean(0) for row in rows]
    table += [[name, *(f"{mean[index]:.3f}" for mean in means)] for index, name in enumerate(sequences)]
    return _markdown(table, left=1)


def _published() -> str:
    table = [["losses", *PUBLISHED]]
    for variant in PUBLISHED["SiamBAN"]:
        cells = (f"{values[variant]:.2f} ({values[variant] - values[BASE]:+.2f})" for values in PUBLISHED.values())
        table.append([VARIANTS[variant].title, *cells])
    return f"AUC in percent on TC128, NFS30 and UAV123 together (Table 4), and the gain over the baseline.\n\n{_markdown(table, left=1)}"


def _command(rows: Items[RowScores], settings: Mapping[str, Any]) -> str:
    words = ["lockon study rbo --data-root data --out runs/rbo --jobs 2"]
    if any(not row.row.tracker.startswith(COMPACT) for row in rows):
        words += [f"--trackers {tracker}" for tracker in dict.fromkeys(row.row.tracker for row in rows)]
    words += [f"--seeds {','.join(str(seed) for seed in sorted({seed for row in rows for seed in row.seeds}))}"]
    words += [f"--steps {settings['steps']}"] if settings.get("steps") else []
    words += [f"--samples {settings.get('samples')} --cache {settings.get('cache')}"]
    words += [f'--set "{name}={_bare(value)}"' for name, value in settings.get("overrides", {}).items()]
    return " \\\n    ".join(words)


def _bare(value: Any) -> str:
    """A setting without the folders of a machine."""
    text = str(value)
    return text.rpartition("/")[2] if "/" in text else text


def _spread(values: FloatArray, digits: int) -> str:
    deviation = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{deviation}"


def _signed(value: float, name: Name) -> str:
    return f"{value:+.{FIGURES[name].digits}f}"


def _markdown(table: Items[Items[str]], left: int) -> str:
    """The first `left` columns are texts, the others numbers."""
    rule = ["---"] * left + ["--:"] * (len(table[0]) - left)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (table[0], rule, *table[1:]))


def _settings(out: Path) -> dict[str, Any]:
    path = out / "study.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LockonError(f"{out} holds no study ({path.name}: {reason}); run it first without --report") from None
    return found


def _facts(out: Path, rows: Items[RowScores], store: Store) -> dict[str, str]:
    """The machine, and what a run took on it."""
    records = store.records(f"{rows[0].row.name}.s{rows[0].seeds[0]}")
    machine = records[0].setup.get("machine", {}) if records else {}
    facts = {}
    if machine:
        facts["Machine"] = f"{machine.get('processor', 'unknown')}, {machine.get('cores', '?')} cores"
    frames = sum(len(record.truth) for record in records)
    facts["Frames"] = f"{frames} per run in one pass; a target with an IoU of at most {LOST} counts as lost"
    seconds = [value for row in rows for seed in row.seeds if (value := _seconds(out / "runs" / f"{row.row.name}.s{seed}")) is not None]
    if seconds:
        facts["Training"] = f"{np.mean(seconds) / 60:.1f} minutes per run (from {min(seconds) / 60:.1f} to {max(seconds) / 60:.1f})"
    return facts


def _seconds(run: Path) -> float | None:
    """How long a run trained, by its last checkpoint."""
    states = sorted(run.glob("checkpoints/step-*/state.json"))
    return float(json.loads(states[-1].read_text(encoding="utf-8"))["seconds"]) if states else None


__all__ = ["page", "write_report"]
