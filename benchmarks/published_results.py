"""Figures recomputed from published trackers' raw results, against the published ones: writes docs/results/published_results.md.

    python benchmarks/published_results.py --annotations ANNOTATIONS --results RESULTS --into docs/results/published_results.md

ANNOTATIONS holds ground truth as `lockon bench import` reads it without images (OTB100/NAME.txt, LaSOT/NAME.txt with absent/,
UAV123_10fps/NAME.txt, json/VOT2018.json, json/VOT2019*.json), RESULTS a folder per dataset with a folder per tracker. Takes minutes.
"""

from __future__ import annotations

import argparse
import logging
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lockon._files import write_bytes
from lockon.bench import metrics
from lockon.bench.formats.finding import find_results
from lockon.bench.formats.importing import TrackerFiles, read_tracker
from lockon.bench.formats.notes import summarise
from lockon.bench.store import Record
from lockon.data.datasets.registry import load_dataset

LIMIT = 0.1  # points; larger differences are looked into
WITHIN = 0.06  # points: the published figure, which has one digit
GROUND_TRUTH = {
    "OTB100": "OTB100",
    "LaSOT": "LaSOT",
    "UAV123_10fps": "UAV123_10fps",
    "VOT2018": "json/VOT2018.json",
    "VOT2019": "json/VOT2019*.json",
}
RBO = "Tang and Ling, Ranking-based Siamese Visual Tracking, CVPR 2022"
DUML = "Zhou et al., Higher Performance Visual Tracking with Dual-Modal Localization, 2021"
RAW = "given with the raw results"
# benchmark, tracker -> metric -> published figure in points, and where it stands.
PUBLISHED: dict[tuple[str, str], dict[str, tuple[float, str]]] = {
    ("OTB100", "SiamRPN++"): {"AUC": (69.6, "RBO table 1, DuML table 7")},
    ("OTB100", "Ocean"): {"AUC": (67.2, "RBO table 1")},
    ("OTB100", "ATOM"): {"AUC": (66.9, "DuML table 7")},
    ("OTB100", "SiamFC-3s"): {"AUC": (58.2, RAW)},
    ("LaSOT", "ATOM"): {"AUC": (51.5, RAW)},
    ("UAV123_10fps", "AutoTrack"): {"AUC": (47.7, RAW), "P20": (67.1, RAW)},
    ("VOT2019", "Ocean_VOT2019_0.323"): {"EAO": (32.3, "name of its folder")},
}
ONE_PASS, RESET = ("AUC", "P20", "NP"), ("EAO", "A", "R")

Scores = dict[str, float]


@dataclass(frozen=True)
class Scored:
    """One tracker on one benchmark: figures in points, those of variants by name, and what was odd about its files."""

    benchmark: str
    tracker: str
    figures: Scores
    variants: dict[str, Scores]
    read: TrackerFiles


def one_pass(
    records: list[Record], convention: str = "pysot", *, flags: bool = True, shown: Callable[[Record], Record] | None = None
) -> Scores:
    """Return AUC, P20 and NP in points, the mean over sequences.

    Args:
        records: Of one tracker.
        convention: See `lockon.bench.metrics`.
        flags: Whether frames that the benchmark marks as absent, or has no box for, are treated as absent.
        shown: Makes the record to score from each record.
    """
    rows = []
    for record in records:
        one = shown(record) if shown is not None else record
        start = one.run.start
        boxes, truth = one.run.boxes[start:], one.truth[start:]
        visible = one.visible[start:] if flags and one.visible is not None else None
        rows.append(
            (
                metrics.success_auc(boxes, truth, convention, visible),
                metrics.precision(boxes, truth, 20, convention, visible),
                metrics.normalized_precision(boxes, truth, 0.2, convention, visible),
            )
        )
    return dict(zip(ONE_PASS, (100 * np.nanmean(rows, axis=0)).tolist(), strict=True))


def reset(records: list[Record], benchmark: str, rule: str = "pysot") -> Scores:
    """Return EAO, accuracy and robustness (failures per 100 frames) in points."""
    runs = [
        metrics.reset_run(one.run.boxes, one.run.events, one.truth if one.polygons is None else one.polygons, one.run.frame_size, rule)
        for one in records
    ]
    both = metrics.accuracy_robustness(runs)
    eao = metrics.expected_average_overlap(runs, *metrics.EAO_RANGES[benchmark])
    return {"EAO": 100 * eao, "A": 100 * both.accuracy, "R": 100 * both.robustness}


def variants(records: list[Record], benchmark: str) -> dict[str, Scores]:
    """Score the same boxes in other ways; each is a trap that somebody fell into, or another toolkit."""
    if benchmark.startswith("VOT"):
        return {"exact overlap of the polygons": reset(records, benchmark, "exact")}
    found = {name: one_pass(records, name) for name in ("got10k-otb", "pytracking", "ostrack", "lorat") if name in metrics.CONVENTIONS}
    if benchmark == "OTB100":
        found["Tiger1's lines laid on its first frames"] = one_pass(records, shown=_not_aligned)
        found["Tiger1's first five frames as misses"] = one_pass(records, shown=_from_the_first_frame)
        found["without Tiger1"] = one_pass([one for one in records if one.sequence != "Tiger1"])
    if any(one.visible is not None for one in records):
        found["marks of absence not used"] = one_pass(records, flags=False)
    return found


def _not_aligned(record: Record) -> Record:
    """Return the record as if line 1 belonged to frame 1, with the frames at the end dropped."""
    start = record.run.start
    if start == 0:
        return record
    return replace(record, run=replace(record.run, boxes=record.run.boxes[start:], start=0), truth=record.truth[:-start])


def _from_the_first_frame(record: Record) -> Record:
    return replace(record, run=replace(record.run, start=0))


def score(benchmark: str, annotations: Path, results: Path) -> list[Scored]:
    """Score all trackers of one benchmark."""
    (truth,) = annotations.glob(GROUND_TRUTH[benchmark])
    sequences = load_dataset(f"{benchmark}:{truth}", frames="optional")
    found = find_results(results, dataset=benchmark)
    logging.info("%s: %s", benchmark, found.summary())
    scored = []
    for tracker in sorted({file.tracker for file in found.files}):
        read = read_tracker(found, tracker, sequences)
        records = list(read.records)
        figures = reset(records, benchmark) if benchmark.startswith("VOT") else one_pass(records)
        tried = variants(records, benchmark) if (benchmark, tracker) in PUBLISHED else {}
        scored.append(Scored(benchmark, tracker, figures, tried, read))
        other = {note.where for note in read.notes if note.trap == "off target"}
        if other:  # results of another version of a sequence say nothing about the tracker
            rest = [one for one in records if one.sequence not in other]
            scored.append(
                Scored(f"{benchmark} without {', '.join(sorted(other))}", tracker, reset(rest, benchmark), {}, replace(read, notes=()))
            )
        logging.info("%s %s %s", benchmark, tracker, {name: round(value, 2) for name, value in figures.items()})
    return scored


def page(scored: list[Scored]) -> str:
    """Return the Markdown page."""
    parts = [
        HEAD,
        _table(_rows(scored), ["tracker", "benchmark", "published", "recomputed", "difference", "convention"]),
        DIFFERENCES_HEAD,
    ]
    parts += [_explain(one) for one in scored if one.variants]
    parts += [NOTES] if any(one.benchmark == "VOT2018" for one in scored) else []
    parts += [TRAPS_HEAD, _traps(scored), FOOT]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _rows(scored: list[Scored]) -> list[list[str]]:
    rows = []
    for one in scored:
        sourced = PUBLISHED.get((one.benchmark, one.tracker), {})
        for metric in ("EAO", "A", "R") if one.benchmark.startswith("VOT") else ("AUC", "P20"):
            value = one.figures[metric]
            published = f"{sourced[metric][0]:.1f} ({sourced[metric][1]})" if metric in sourced else "-"
            difference = f"{value - sourced[metric][0]:+.2f}" if metric in sourced else "-"
            convention = "pysot, rasterised" if one.benchmark.startswith("VOT") else "pysot"
            partial = f" ({len(one.read.missing)} sequences missing)" if one.read.missing else ""
            rows.append([one.tracker, f"{one.benchmark} {metric}{partial}", published, f"{value:.2f}", difference, convention])
    return rows


def _explain(one: Scored) -> str:
    """Say for each published figure what every variant gives, and what follows."""
    lines = []
    for metric, (value, source) in PUBLISHED[one.benchmark, one.tracker].items():
        difference = one.figures[metric] - value
        fitting = [name for name, scores in one.variants.items() if abs(scores[metric] - value) <= WITHIN]
        verdict = "agrees" if abs(difference) <= WITHIN else f"within {LIMIT}"
        if round(abs(difference), 2) > LIMIT:
            verdict = f"explained: {' or '.join(fitting)}" if fitting else "unexplained: no variant below gives the published number"
        text = f"**{one.tracker}, {one.benchmark} {metric}** (published {value:.1f}, {source}): {difference:+.2f} points; {verdict}."
        lines.append(f"{_wrapped(text)}\n")
        rows = [["pysot, as in the table above", f"{one.figures[metric]:.2f}", f"{difference:+.2f}"]]
        rows += [[name, f"{scores[metric]:.2f}", f"{scores[metric] - value:+.2f}"] for name, scores in one.variants.items()]
        lines.append(_table(rows, ["scored", "recomputed", "difference"]))
    return "\n".join(lines)


def _traps(scored: list[Scored]) -> str:
    """Say what was odd, once for all trackers that have it."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for one in scored:
        for line in summarise(one.read.notes):
            if not line.startswith("other name"):
                groups.setdefault((one.benchmark, line.lower()), []).append((one.tracker, line))
    items = [f"- **{benchmark}, {', '.join(name for name, _ in group)}**: {group[0][1]}" for (benchmark, _), group in groups.items()]
    return "\n".join(_wrapped(item, "  ") for item in items) + "\n"


def _wrapped(text: str, indent: str = "") -> str:
    """Return a paragraph or a list item in lines of at most 120 characters."""
    return textwrap.fill(text, 120, subsequent_indent=indent, break_on_hyphens=False)


def _table(rows: list[list[str]], head: list[str]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]) + "\n"


HEAD = f"""# Published results, recomputed

This page shows that the metrics of lockon give the numbers that were published for known trackers, and explains where
they do not. Raw results of the trackers were read by `lockon bench import` and scored by `lockon.bench.metrics`; no
tracker was run.

All numbers are in points (hundredths); R is failures per 100 frames. `-` means that no published number with a source
is at hand. The sources, which also cite other authors' numbers in the tables named below:

- RBO: {RBO}
- DuML: {DUML}
"""
NOTES = """**Ocean, VOT2018**: no published number is known to belong to this run. The SiamLA paper (Learning Localization-aware
Target Confidence for Siamese Visual Tracking), table II, cites 46.7 EAO, 59.8 A and 16.9 R for Ocean; the run here
has more failures, and its file of fish1 belongs to another version of that sequence.
"""
DIFFERENCES_HEAD = """## Differences

These tables show what other conventions, and known mistakes, make of the same boxes. "Marks of absence not used"
means that frames in which the target is absent are scored like all others; where they have no true box they are
misses for AUC and hits for P20, as in the MATLAB toolkits of OTB and UAV123.
"""
TRAPS_HEAD = """## Oddities of the files

These are the remarks of `lockon bench import`. Files that were read as they are have none, and other spellings of
sequence names (skating2_1 for Skating2-1) are left out.
"""
FOOT = """## How to repeat it

```bash
python benchmarks/published_results.py --annotations ANNOTATIONS --results RESULTS \\
    --into docs/results/published_results.md
```
"""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", type=Path, required=True, help="ground truth without images")
    parser.add_argument("--results", type=Path, required=True, help="a folder per dataset with a folder per tracker")
    parser.add_argument("--into", type=Path, required=True, help="Markdown file to write")
    parser.add_argument("--benchmarks", nargs="*", default=list(GROUND_TRUTH), choices=list(GROUND_TRUTH), help="default: all")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    scored = [one for name in arguments.benchmarks for one in score(name, arguments.annotations, arguments.results)]
    write_bytes(arguments.into, page(scored).encode())


if __name__ == "__main__":
    main()
