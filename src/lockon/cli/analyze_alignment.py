"""`lockon analyze alignment`: does the score rise with how good the box is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lockon.cli._options import DataOptions, PlotFormat, RunOptions, TrackerOptions, option_groups
from lockon.cli._terminal import check_plots, decimal, end, phases, show, table, write_json
from lockon.cli._trackers import run_all

if TYPE_CHECKING:
    from lockon.analysis.alignment import Alignment
    from lockon.bench.run import Outcome
    from lockon.bench.spec import TrackerSpec
    from lockon.data.sequence import VideoSequence
    from lockon.session import Tracker

CORRELATIONS = {
    "pearson": "Pearson",
    "spearman": "Spearman",
    "ranking": "in a frame",
    "pearson_all": "Pearson, all",
    "spearman_all": "Spearman, all",
}
OVERLAPS = {"chosen": "IoU chosen", "best": "IoU best", "gap": "gap"}


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """Which scores and overlaps are compared."""

    answers: Annotated[
        bool, typer.Option("--answers", help="Judge the answers of whole runs also of trackers with a network, not all candidates.")
    ] = False
    every: Annotated[int, typer.Option(min=1, help="Look at every k-th annotated frame.")] = 5
    jitter: Annotated[
        float, typer.Option(min=0, help="Move and resize the box that is searched around by up to this part of its size.")
    ] = 0.0
    above: Annotated[float, typer.Option(min=0, max=0.99, help="IoU above which a box counts as on the target.")] = 0.5


@option_groups
def alignment(
    *,
    trackers: TrackerOptions,
    data: DataOptions,
    results: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Results of `lockon bench run` or `lockon bench import`; runs nothing.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for alignment.json and alignment.png, and for runs/ with --answers.")
    ] = None,
    which: ScoreOptions,
    how: RunOptions,
    plot_format: PlotFormat = "png",
) -> None:
    """Score against IoU, with Pearson's and Spearman's correlation (SiamLA, Fig. 12).

    A tracker takes the box with the highest score. Of a tracker with a network, all boxes of a frame are compared with the truth, searched
    around the true box of the frame before: the score that ranks them, before penalty and window. Of other trackers, with --answers, and
    of stored results (--results), the answers of whole runs are. Correlations are over boxes with an IoU above 0.5 (--above) and over all.

    [bold]Examples[/bold]

      lockon analyze alignment --trackers lockon-s --data pool:/data/validation

      lockon analyze alignment --trackers lockon-s siamban-r50 --weights siamban-r50=ban.safetensors --data OTB100:/data/OTB100 --out runs/a

      lockon analyze alignment --trackers lockon-s csrt --answers --data OTB100:/data/OTB100 --out runs/answers

      lockon analyze alignment --results runs/otb --out runs/otb-alignment
    """
    from lockon.analysis.plots.alignment import write_alignment_plot
    from lockon.errors import LockonError

    if bool(data.data) == (results is not None):
        given = "--data and --results are both given" if data.data else "neither --data nor --results is given"
        raise LockonError(f"{given}; type lockon analyze alignment --data NAME:ROOT ..., or --results DIR of `lockon bench run`")
    formats = [] if out is None else check_plots(out, plot_format)
    outcomes: list[Outcome] = []
    if results is not None:
        found = _stored(results, trackers.names, data.wanted, which.above, how.seed)
    else:
        specs = trackers.specs("lockon-s")
        found, outcomes = _measured(specs, data.load(), out, which, how)
    _show(found)
    paths: list[Path] = []
    if out is not None:
        source = {"results": str(results)} if results is not None else {"data": data.data, "every": which.every, "jitter": which.jitter}
        content = {**source, "seed": how.seed, "trackers": {label: item.metrics() for label, item in found.items()}}
        paths = [write_json(out / "alignment.json", content), *write_alignment_plot(found, out / "alignment", formats)]
    end(outcomes, paths)


def _stored(folder: Path, labels: list[str], wanted: list[str], above: float, seed: int) -> dict[str, Alignment]:
    """Measure the one-pass results of a folder, by tracker."""
    from lockon.analysis.alignment import answer_alignment
    from lockon.bench.store import Store
    from lockon.errors import LockonError, unknown_name

    store = Store(folder)
    known = store.trackers()
    for label in labels:
        if label not in known:
            raise unknown_name("tracker in these results", label, known)
    found = {}
    for label in labels or known:
        records = [record for record in store.records(label) if not wanted or record.sequence in wanted]
        if not records:
            raise LockonError(f"{folder} has no one-pass results of {label} on these sequences; choose others, or run lockon bench run")
        found[label] = answer_alignment(records, above=above, seed=seed)
    return found


def _measured(
    specs: list[TrackerSpec], data: tuple[list[VideoSequence], dict[str, str]], out: Path | None, which: ScoreOptions, how: RunOptions
) -> tuple[dict[str, Alignment], list[Outcome]]:
    """Measure trackers that are run now: candidates where there is a network, else answers. By tracker, in the order of `specs`."""
    from tempfile import TemporaryDirectory

    from lockon.analysis.alignment import alignment_frames, answer_alignment, candidate_alignment
    from lockon.bench.publish import KeptStore
    from lockon.tracker import CandidateTracker
    from lockon.zoo.specs import load_spec

    sequences, found = data[0], {}
    others: list[TrackerSpec] = []
    with phases() as phase:
        for spec in specs:
            tracker: Tracker = load_spec(spec.on_worker(0))
            if which.answers or not isinstance(tracker, CandidateTracker):
                others.append(spec)
                continue
            advance = phase(spec.label, alignment_frames(sequences, which.every))
            found[spec.label] = candidate_alignment(
                tracker, sequences, every=which.every, jitter=which.jitter, seed=how.seed, above=which.above, advance=advance
            )
    outcomes: list[Outcome] = []
    if others:
        with TemporaryDirectory() as temporary:
            folder = Path(temporary) if out is None else out / "runs"
            outcomes = run_all(others, data, folder, how, kept=out is not None)
            store = KeptStore(folder, {(sequence.dataset, sequence.name) for sequence in sequences})
            for spec in others:
                found[spec.label] = answer_alignment(store.records(spec.label), above=which.above, seed=how.seed)
    return {spec.label: found[spec.label] for spec in specs}, outcomes


def _show(found: dict[str, Alignment]) -> None:
    """Show two tables, narrow enough for a terminal, with one row per tracker: means over sequences."""
    above = next(iter(found.values())).above
    ranked = table(f"Score against IoU, boxes with IoU > {above:g} and all boxes", "tracker", *CORRELATIONS.values())
    chosen = table("Overlap", "tracker", "of", "frames", *OVERLAPS.values())
    for label, item in found.items():
        ranked.add_row(label, *(decimal(item.mean(key)) for key in CORRELATIONS))
        chosen.add_row(label, item.kind, str(sum(item.frames)), *(decimal(item.mean(key)) for key in OVERLAPS))
    lines = [
        f"{label}: its score is constant or missing, so that nothing can be said of it"
        for label, item in found.items()
        if math.isnan(item.mean("pearson_all"))
    ]
    if len({item.kind for item in found.values()}) > 1:
        lines.append("candidates and answers do not compare: give --answers to judge all trackers by their answers")
    show(ranked, chosen, "means over sequences", *lines)
